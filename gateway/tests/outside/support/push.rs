//! A stand-in for push-service: its API on loopback, its answers as the test wants them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// The key that it takes.
pub(crate) const PUSH_KEY: &str = "a key of the gateway's at push-service";

/// See the [module](self).
pub(crate) struct FakePush {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<Known>,
    changed: Notify,
}

#[derive(Default)]
struct Known {
    devices: BTreeMap<String, Value>,
    wakes: BTreeMap<String, Value>,
    cancelled: BTreeSet<String>,
    /// What wakes are told to have come to: device and state.
    results: Vec<(String, String)>,
    refuse_with: Option<u16>,
    refuse_labels: bool,
}

impl FakePush {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut fake = Self { address, shared: Arc::default(), server: None };
        fake.serve(listener);
        fake
    }

    fn serve(&mut self, listener: TcpListener) {
        let (stop, stopped) = oneshot::channel();
        let server = axum::serve(listener, router(Arc::clone(&self.shared)));
        let task = tokio::spawn(async move {
            // Connections that stand are cut: it is as if killed.
            tokio::select! {
                served = server => served.unwrap(),
                _ = stopped => {}
            }
        });
        self.server = Some((stop, task));
    }

    /// As by kill -9.
    pub(crate) async fn stop(&mut self) {
        let (stop, task) = self.server.take().unwrap();
        stop.send(()).unwrap();
        task.await.unwrap();
    }

    pub(crate) async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until something has been asked for.
    pub(crate) async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    fn known<T>(&self, read: impl FnOnce(&mut Known) -> T) -> T {
        read(&mut self.shared.state.lock().unwrap())
    }

    pub(crate) fn devices(&self) -> BTreeMap<String, Value> {
        self.known(|known| known.devices.clone())
    }

    pub(crate) fn wakes(&self) -> BTreeMap<String, Value> {
        self.known(|known| known.wakes.clone())
    }

    pub(crate) fn cancelled(&self, call: &str) -> bool {
        self.known(|known| known.cancelled.contains(call))
    }

    pub(crate) fn forget(&self) {
        self.known(|known| known.devices.clear());
    }

    /// As when a provider has called its token dead.
    pub(crate) fn forget_device(&self, device: &str) {
        self.known(|known| known.devices.remove(device));
    }

    pub(crate) fn set_devices(&self, devices: &[(&str, &str)]) {
        let results = devices.iter().map(|(device, state)| ((*device).to_owned(), (*state).to_owned()));
        self.known(|known| known.results = results.collect());
    }

    pub(crate) fn answer_wakes_with(&self, status: u16) {
        self.known(|known| known.refuse_with = Some(status));
    }

    /// As push-service does with a telephone number in a label.
    pub(crate) fn refuse_labels(&self) {
        self.known(|known| (known.refuse_labels, known.refuse_with) = (true, None));
    }
}

type Fake = State<Arc<Shared>>;

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/devices/{id}", put(put_device).delete(delete_device))
        .route("/v1/users/{user}/devices", get(list_devices))
        .route("/v1/wakes", post(wake))
        .route("/v1/wakes/{call}", get(read_wake).delete(cancel))
        .layer(from_fn(require_key))
        .with_state(shared)
}

async fn require_key(request: Request, next: Next) -> Response {
    let shown = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if shown == Some(&format!("Bearer {PUSH_KEY}")) {
        next.run(request).await
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

async fn put_device(State(fake): Fake, Path(id): Path<String>, Json(body): Json<Value>) -> StatusCode {
    let before = fake.state.lock().unwrap().devices.insert(id, body);
    fake.changed.notify_one();
    if before.is_none() { StatusCode::CREATED } else { StatusCode::OK }
}

async fn delete_device(State(fake): Fake, Path(id): Path<String>) -> StatusCode {
    let before = fake.state.lock().unwrap().devices.remove(&id);
    fake.changed.notify_one();
    if before.is_none() { StatusCode::NOT_FOUND } else { StatusCode::NO_CONTENT }
}

async fn list_devices(State(fake): Fake, Path(user): Path<String>) -> Json<Value> {
    let known = fake.state.lock().unwrap();
    let own = known.devices.iter().filter(|(_, device)| device["user"] == *user);
    let devices: Vec<Value> = own.map(|(id, _)| json!({ "id": id, "token": "[redacted]" })).collect();
    Json(json!({ "devices": devices }))
}

async fn wake(State(fake): Fake, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let mut known = fake.state.lock().unwrap();
    if let Some(status) = known.refuse_with {
        return (StatusCode::from_u16(status).unwrap(), Json(json!({})));
    }
    if known.refuse_labels && body.get("label").is_some() {
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "errors": [{ "field": "label" }] })));
    }
    let fields = ["call", "user", "order", "label", "expires_at"];
    if body.as_object().unwrap().keys().any(|field| !fields.contains(&field.as_str())) {
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "errors": [] })));
    }
    known.wakes.insert(body["call"].as_str().unwrap().to_owned(), body.clone());
    drop(known);
    fake.changed.notify_one();
    (StatusCode::ACCEPTED, Json(body))
}

/// Answers as soon as all is final, or after the time that the gateway gives.
async fn read_wake(
    State(fake): Fake,
    Path(call): Path<String>,
    Query(query): Query<BTreeMap<String, u64>>,
) -> Result<Json<Value>, StatusCode> {
    let end = tokio::time::Instant::now() + Duration::from_secs(query.get("wait_s").copied().unwrap_or(0));
    loop {
        let results = {
            let known = fake.state.lock().unwrap();
            if !known.wakes.contains_key(&call) {
                return Err(StatusCode::NOT_FOUND);
            }
            known.results.clone()
        };
        if results.iter().all(|(_, state)| state != "queued") || tokio::time::Instant::now() >= end {
            let devices: Vec<Value> =
                results.iter().map(|(device, state)| json!({ "device": device, "state": state })).collect();
            return Ok(Json(json!({ "call": call, "devices": devices })));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn cancel(State(fake): Fake, Path(call): Path<String>) -> StatusCode {
    let known = {
        let mut known = fake.state.lock().unwrap();
        known.cancelled.insert(call.clone());
        known.wakes.contains_key(&call)
    };
    fake.changed.notify_one();
    if known { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
