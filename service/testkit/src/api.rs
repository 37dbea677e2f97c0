use reqwest::{Client, Method, Response};
use serde_json::Value;

/// A server's HTTP API, with its key.
#[derive(Debug, Clone)]
pub struct ApiClient {
    /// `http://ADDRESS`.
    pub base: String,
    key: String,
    http: Client,
}

impl ApiClient {
    /// `http` decides whose certificates are trusted.
    pub fn new(base: impl Into<String>, key: impl Into<String>, http: Client) -> Self {
        Self { base: base.into(), key: key.into(), http }
    }

    /// A request as the server answers it.
    ///
    /// # Errors
    /// When it does not: it may be killed meanwhile.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::Result<Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await
    }

    /// Status and body; a body that is no JSON comes as a string.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn attempt(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<(u16, Value)> {
        let response = self.send(method, path, body).await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// The same of a server that answers; so with those below.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.attempt(method, path, body).await.unwrap()
    }

    /// GET.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.request(Method::GET, path, None).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.request(Method::PUT, path, Some(body)).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.request(Method::POST, path, Some(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        self.request(Method::DELETE, path, None).await
    }

    /// The counters.
    pub async fn metrics(&self) -> String {
        self.send(Method::GET, "/metrics", None).await.unwrap().text().await.unwrap()
    }
}
