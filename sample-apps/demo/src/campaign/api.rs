//! What the company's backend and the courier's app may ask of the gateway by HTTP and do wrong, and what they hear.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::people::{self, Pair};
use crate::Stage;

/// The gateway's own limit is 64 KiB.
const TOO_LONG: usize = 70_000;

/// Hears all events of the gateway (SSE) and keeps them in a file.
pub(super) struct Listener {
    task: JoinHandle<anyhow::Result<()>>,
    file: PathBuf,
}

impl Listener {
    pub(super) async fn start(stage: &Stage, folder: &Path) -> anyhow::Result<Self> {
        let mut stream = stage.stream("/v1/events").await?;
        let path = folder.join("events.sse");
        let mut file = File::create(&path)?;
        let task = tokio::spawn(async move {
            while let Some(chunk) = stream.chunk().await? {
                file.write_all(&chunk)?;
            }
            Ok(())
        });
        Ok(Self { task, file: path })
    }

    /// After the gateway has stopped: what it told.
    pub(super) async fn end(self) -> anyhow::Result<PathBuf> {
        self.task.await?.context("the stream of events broke off")?;
        if !std::fs::read_to_string(&self.file)?.contains("event: ended") {
            bail!("the stream of events tells of no call");
        }
        Ok(self.file)
    }
}

/// Asks after a call of this order, as a backend does, and as a confused one does; then closes the order. All answers go
/// to the evidence.
pub(super) async fn ask(stage: &Stage, order: &str, pair: &mut Pair) -> anyhow::Result<()> {
    let (number, courier) = (pair.secrets.number.clone(), pair.secrets.courier.clone());
    let (status, orders) = stage.orders_of_courier(people::token(stage, &courier)?.expose()).await?;
    if status != 200 {
        bail!("the courier's orders were answered with {status} {orders}");
    }
    pair.evidence.add_answer("the courier's orders".to_owned(), orders);
    let escaped = number.replace('+', "%2B");
    let mut asked = Asked { stage, pair };
    let calls = asked.get(&format!("/v1/calls?order={order}"), 200).await?;
    for path in ["/v1/orders", "/v1/calls", "/v1/numbers", "/metrics", "/readyz", "/healthz", "/openapi.json"]
    {
        asked.get(path, 200).await?;
    }
    for path in [
        format!("/v1/orders?courier={courier}"),
        format!("/v1/calls?courier={courier}&active=true"),
        format!("/v1/numbers/{}", stage.company),
    ] {
        asked.get(&path, 200).await?;
    }
    if let Some(id) = newest_call(&calls) {
        asked.get(&format!("/v1/calls/{id}"), 200).await?;
        asked.get(&format!("/v1/calls/{id}/events"), 200).await?;
        asked.refused(Method::DELETE, &format!("/v1/calls/{id}"), None, 409).await?;
    }
    // Numbers and ids where they do not belong.
    asked.refused(Method::GET, &format!("/v1/orders/{escaped}"), None, 404).await?;
    asked.refused(Method::DELETE, &format!("/v1/orders/{escaped}"), None, 404).await?;
    asked.refused(Method::GET, &format!("/v1/calls/{courier}"), None, 404).await?;
    asked.refused(Method::GET, &format!("/v1/numbers/{escaped}"), None, 404).await?;
    asked.refused(Method::GET, &format!("/{escaped}/{courier}"), None, 404).await?;
    asked.refused(Method::POST, &format!("/v1/orders/{escaped}"), None, 405).await?;
    asked.refused(Method::GET, &format!("/v1/orders?limit={escaped}&courier={courier}"), None, 400).await?;
    asked.refused(Method::GET, &format!("/v1/calls?{escaped}={courier}"), None, 400).await?;
    let body = stage.order_body(&courier, &number, "x");
    let path = format!("/v1/orders/{order}-bad");
    for (wrong, status) in [
        // As it is written on paper: no E.164.
        (with(&body, "customer", json!(number.replacen("+49", "0", 1))), 422),
        (with(&body, "customer", json!(format!("{number} ext 5"))), 422),
        (with(&body, "customer", json!(number.trim_start_matches('+').parse::<u64>()?)), 422),
        (with(&body, "customer", json!({"number": number})), 422),
        (with(&body, "closes_at", json!(number)), 422),
        (with(&body, "grace", json!(courier)), 422),
        (with(&body, "otherwise", json!(number)), 422),
        (with(&body, "label", json!(format!("{number}\u{7}"))), 422),
        (with(&body, &number, json!(1)), 422),
        (with(&body, &courier, json!(1)), 422),
    ] {
        asked.refused(Method::PUT, &path, Some(wrong.to_string()), status).await?;
    }
    let cut = body.to_string();
    let cut = cut.get(..cut.len() - 3).unwrap_or_default();
    asked.refused(Method::PUT, &path, Some(cut.to_owned()), 400).await?;
    let long = format!("\"{}\"", number.repeat(TOO_LONG / number.len()));
    asked.refused(Method::PUT, &path, Some(long), 413).await?;
    let (status, _) = asked.any(Method::DELETE, &format!("/v1/orders/{order}"), None).await?;
    if status != 204 && status != 404 {
        bail!("closing an order was answered with {status}");
    }
    let call = Some(json!({"first": "customer"}).to_string());
    asked.refused(Method::POST, &format!("/v1/orders/{order}/calls"), call, 404).await
}

struct Asked<'a> {
    stage: &'a Stage,
    pair: &'a mut Pair,
}

impl Asked<'_> {
    async fn any(
        &mut self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> anyhow::Result<(u16, String)> {
        let (status, text) = self.stage.ask(method.clone(), path, body).await?;
        self.pair.evidence.add_answer(format!("the answer {status} to a {method}"), text.clone());
        Ok((status, text))
    }

    async fn get(&mut self, path: &str, expected: u16) -> anyhow::Result<String> {
        let (status, text) = self.any(Method::GET, path, None).await?;
        if status != expected {
            bail!("GET {path} was answered with {status} {text}");
        }
        Ok(text)
    }

    async fn refused(
        &mut self,
        method: Method,
        path: &str,
        body: Option<String>,
        expected: u16,
    ) -> anyhow::Result<()> {
        let (status, text) = self.any(method.clone(), path, body).await?;
        if status != expected {
            bail!("{method} {path} was answered with {status} {text} instead of {expected}");
        }
        Ok(())
    }
}

fn with(body: &Value, field: &str, value: Value) -> Value {
    let mut body = body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
    body
}

/// Its id, from the page of an order's calls, headers before it.
fn newest_call(page: &str) -> Option<String> {
    let json = page.find('{').and_then(|start| page.get(start..))?;
    let page: Value = serde_json::from_str(json).ok()?;
    let call = page.get("calls")?.as_array()?.first()?;
    call.get("ended_at")?;
    Some(call.get("id")?.as_str()?.to_owned())
}
