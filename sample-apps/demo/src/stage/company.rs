//! What the company's backend does: it opens orders, reads what becomes of them, and mints tokens for its couriers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;

use super::{AUDIENCE, ISSUER, Stage};

impl Stage {
    /// The company's backend tells the gateway of its number and of an order of this stage's courier and customer.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn place_order(&self, order: &str, label: &str) -> anyhow::Result<()> {
        self.put_order(order, &self.courier, &self.customer, label).await
    }

    /// The same for any courier and customer.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn put_order(
        &self,
        order: &str,
        courier: &str,
        customer: &str,
        label: &str,
    ) -> anyhow::Result<()> {
        self.put_number().await?;
        let body = self.order_body(courier, customer, label);
        self.put(&format!("/v1/orders/{order}"), &body).await
    }

    /// From now on an order of this stage's courier gives it so long to answer, 5 to 600 s.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn set_ring_time(&self, order: &str, label: &str, ring_s: u32) -> anyhow::Result<()> {
        let mut body = self.order_body(&self.courier, &self.customer, label);
        body["ring_s"] = ring_s.into();
        self.put(&format!("/v1/orders/{order}"), &body).await
    }

    /// An order for the next hour, as the API takes it.
    pub fn order_body(&self, courier: &str, customer: &str, label: &str) -> serde_json::Value {
        json!({
            "courier": courier,
            "customer": customer,
            "label": label,
            "caller_id": self.company,
            "closes_at": time_text(SystemTime::now() + Duration::from_secs(3600)),
        })
    }

    /// The company's number joins the pool.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn put_number(&self) -> anyhow::Result<()> {
        self.put(&format!("/v1/numbers/{}", self.company), &json!({})).await
    }

    /// What the API answers to a GET: status and text.
    ///
    /// # Errors
    /// When the gateway cannot be reached.
    pub async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let request = self.http.get(format!("{}{path}", self.api)).bearer_auth(&self.api_key);
        let response = request.send().await.context("the gateway's API does not answer")?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// Sends a PUT to the API.
    ///
    /// # Errors
    /// When the gateway cannot be reached, or refuses.
    pub async fn put(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<()> {
        let (status, text) = self.try_put(path, body).await?;
        if !(200..300).contains(&status) {
            bail!("the gateway's API refuses PUT {path}: {status} {text}");
        }
        Ok(())
    }

    /// Sends a PUT to the API: status and text, whatever they are.
    ///
    /// # Errors
    /// When the gateway cannot be reached.
    pub async fn try_put(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<(u16, String)> {
        let request = self.http.put(format!("{}{path}", self.api)).bearer_auth(&self.api_key).json(body);
        let response = request.send().await.context("the gateway's API does not answer")?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// Sends a DELETE to the API.
    ///
    /// # Errors
    /// When the gateway cannot be reached, or refuses.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let request = self.http.delete(format!("{}{path}", self.api)).bearer_auth(&self.api_key);
        let response = request.send().await.context("the gateway's API does not answer")?;
        let status = response.status();
        if !status.is_success() {
            bail!("the gateway's API refuses DELETE {path}: {status} {}", response.text().await?);
        }
        Ok(())
    }

    /// Asks the API anything: its status, and its headers and body as they came.
    ///
    /// # Errors
    /// When the gateway cannot be reached.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> anyhow::Result<(u16, String)> {
        let mut request = self.http.request(method, format!("{}{path}", self.api)).bearer_auth(&self.api_key);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        whole(request.send().await.context("the gateway's API does not answer")?).await
    }

    /// Opens a stream of the API's events.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn stream(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let request = self.http.get(format!("{}{path}", self.api)).bearer_auth(&self.api_key);
        Ok(request.send().await.context("the gateway's API does not answer")?.error_for_status()?)
    }

    /// Asks for a WebSocket with this token, as an app would, where it is expected to be refused: status, headers, body.
    ///
    /// # Errors
    /// When the gateway cannot be reached.
    pub async fn upgrade(&self, token: &str) -> anyhow::Result<(u16, String)> {
        let request = self
            .http
            .get(format!("http://{}/ws", self.edge_addr()?))
            .bearer_auth(token)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", STANDARD.encode(rand::random::<[u8; 16]>()))
            .header("sec-websocket-protocol", "sip");
        whole(request.send().await.context("the gateway's edge does not answer")?).await
    }

    /// Asks for the courier's orders, as an app does: status, headers, body.
    ///
    /// # Errors
    /// When the gateway cannot be reached.
    pub async fn orders_of_courier(&self, token: &str) -> anyhow::Result<(u16, String)> {
        let request = self.http.get(format!("http://{}/orders", self.edge_addr()?)).bearer_auth(token);
        whole(request.send().await.context("the gateway's edge does not answer")?).await
    }

    /// A token for a courier, as the company's backend makes it.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, courier: &str, valid: Duration) -> anyhow::Result<String> {
        self.token_until(courier, SystemTime::now() + valid)
    }

    /// One that ends at this time, or has ended.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token_until(&self, courier: &str, end: SystemTime) -> anyhow::Result<String> {
        let expires = end.duration_since(UNIX_EPOCH)?;
        let claims = json!({"sub": courier, "iss": ISSUER, "aud": AUDIENCE, "exp": expires.as_secs()});
        let key = jsonwebtoken::EncodingKey::from_secret(self.jwt_secret.as_bytes());
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        jsonwebtoken::encode(&header, &claims, &key).context("the token cannot be signed")
    }
}

/// Headers and body, as one text to search.
async fn whole(response: reqwest::Response) -> anyhow::Result<(u16, String)> {
    let status = response.status().as_u16();
    let mut text = String::new();
    for (name, value) in response.headers() {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    text.push_str(&response.text().await?);
    Ok((status, text))
}

/// RFC 3339, UTC.
fn time_text(at: SystemTime) -> String {
    let at = time::OffsetDateTime::from(at);
    at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
