//! Devices: registered, removed, listed. A token goes in and never comes out.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use doorstep_sensitive::Sensitive;
use doorstep_service::http::{JsonBody, Moment, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields;
use super::state::Shared;
use crate::clock::unix_ms;
use crate::provider::{Environment, ProviderKind};
use crate::store::Device;

/// A device as it is registered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceBody {
    /// Whose it is: the courier's id.
    user: String,
    /// Who reaches it.
    provider: ProviderKind,
    /// RFC 8599 pn-param: for apns TEAM.BUNDLE.voip, for fcm the project's id.
    param: String,
    /// RFC 8599 pn-prid: the token.
    #[schema(value_type = String)]
    token: Sensitive<String>,
    /// Apple's service: sandbox for apps that Xcode installed. Production when left out.
    environment: Option<Environment>,
}

/// A device as it is told.
#[derive(Serialize, ToSchema)]
pub(super) struct DeviceView {
    id: String,
    user: String,
    provider: ProviderKind,
    param: String,
    /// Always "[redacted]".
    token: &'static str,
    environment: Environment,
    registered_at: Moment,
}

/// A user's devices.
#[derive(Serialize, ToSchema)]
pub(super) struct DeviceList {
    devices: Vec<DeviceView>,
}

/// Registers or replaces a device. A token that another device had moves here: it belongs to one installation of the app.
#[utoipa::path(put, path = "/v1/devices/{id}", tag = "devices", request_body = DeviceBody,
    params(("id" = String, Path, description = "The app installation's id")),
    responses(
        (status = 200, description = "Replaced", body = DeviceView),
        (status = 201, description = "New", body = DeviceView),
        (status = 422, description = "A field is not valid", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn put_device(
    State(state): State<Shared>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<DeviceBody>,
) -> Result<Response, Problem> {
    let mut errors = Vec::new();
    fields::id("id", &id, &mut errors);
    fields::id("user", &body.user, &mut errors);
    fields::param("param", &body.param, &mut errors);
    fields::token("token", body.token.expose(), &mut errors);
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let device = Device {
        id,
        user: body.user,
        provider: body.provider,
        param: body.param,
        token: body.token,
        environment: body.environment.unwrap_or(Environment::Production),
        registered_at: unix_ms(),
    };
    let created = state.queue.put_device(device.clone()).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(view(device))).into_response())
}

/// Removes a device. What is on its way to it may still arrive.
#[utoipa::path(delete, path = "/v1/devices/{id}", tag = "devices",
    params(("id" = String, Path, description = "The app installation's id")),
    responses((status = 204, description = "It is not there (any more)")))]
pub(super) async fn delete_device(
    State(state): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    // Who asks twice gets the same answer: a retry must not look like a failure.
    state.queue.delete_device(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists a user's devices, the one registered last first.
#[utoipa::path(get, path = "/v1/users/{user}/devices", tag = "devices",
    params(("user" = String, Path, description = "The courier's id")),
    responses((status = 200, body = DeviceList)))]
pub(super) async fn list_devices(
    State(state): State<Shared>,
    Path(user): Path<String>,
) -> Result<Json<DeviceList>, Problem> {
    let devices = state.store.devices_of(&user).await?;
    Ok(Json(DeviceList { devices: devices.into_iter().map(view).collect() }))
}

fn view(device: Device) -> DeviceView {
    DeviceView {
        id: device.id,
        user: device.user,
        provider: device.provider,
        param: device.param,
        token: "[redacted]",
        environment: device.environment,
        registered_at: Moment(device.registered_at),
    }
}
