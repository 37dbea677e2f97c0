//! The API's own description, OpenAPI 3.1.

use doorstep_service::http::{FieldError, Problem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{devices, health, wakes};

/// The document that `/openapi.json` and `doorstep-push openapi` give.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Doorstep push service",
        description = "Couriers' devices, and the wakes that bring their closed apps to a call. Errors are RFC 9457 problem details."
    ),
    paths(
        devices::put_device, devices::delete_device, devices::list_devices,
        wakes::post_wake, wakes::read_wake, wakes::delete_wake,
        health::healthz, health::readyz, health::read_metrics,
    ),
    components(schemas(Problem, FieldError)),
    security(("api_key" = [])),
    modifiers(&ApiKey),
    tags(
        (name = "devices", description = "Where couriers can be woken"),
        (name = "wakes", description = "Calls that wait for an app"),
        (name = "operation", description = "For load balancers and monitoring"),
    )
)]
struct Document;

struct ApiKey;

impl Modify for ApiKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key whose SHA-256 stands in the configuration (api.keys)."))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("api_key", SecurityScheme::Http(scheme));
    }
}
