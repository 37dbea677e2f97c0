//! The API's own description, OpenAPI 3.1.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{calls, events, health, numbers, orders, problem};

/// The document that `/openapi.json` and `doorstep-gateway openapi` give.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Doorstep gateway",
        description = "Orders that let a courier and a customer talk without seeing each other's numbers, and the calls they make. \
                       Errors are RFC 9457 problem details."
    ),
    paths(
        orders::put_order, orders::read_order, orders::delete_order, orders::list_orders,
        calls::make_call, calls::list_calls, calls::read_call, calls::hang_up, events::call_events, events::all_events,
        numbers::put_number, numbers::read_number, numbers::delete_number, numbers::list_numbers,
        health::healthz, health::readyz, health::read_metrics,
    ),
    components(schemas(problem::Problem, problem::FieldError, events::TrunkView)),
    security(("api_key" = [])),
    modifiers(&ApiKey),
    tags(
        (name = "orders", description = "Who may talk to whom, and when"),
        (name = "calls", description = "Calls made and going on"),
        (name = "numbers", description = "The company's own numbers"),
        (name = "operation", description = "For load balancers and monitoring"),
    )
)]
struct Document;

struct ApiKey;

impl Modify for ApiKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key whose SHA-256 stands in the gateway's configuration (api.keys)."))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("api_key", SecurityScheme::Http(scheme));
    }
}
