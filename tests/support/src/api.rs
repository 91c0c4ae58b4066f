//! The HTTP API as a sender and an operator use it.

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::Value;

use crate::eventually;

/// States in which an execution stays.
const ENDED: [&str; 7] = ["SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED"];

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    http: reqwest::Client,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The `id` in the body.
    ///
    /// # Panics
    /// When there is none.
    pub fn id(&self) -> String {
        let json = self.json();
        json["id"].as_str().unwrap_or_else(|| panic!("no id in {json}")).to_owned()
    }
}

impl Api {
    /// A client of the server at this address.
    ///
    /// # Panics
    /// When the system gives no client.
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(crate::PATIENCE).build().expect("a client");
        Self { base: base.to_owned(), http }
    }

    /// `http://host:port`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A call of a webhook of the main tenant, to be completed and sent.
    pub fn webhook(&self, namespace: &str, flow: &str, key: &str) -> Webhook {
        self.webhook_at(Method::POST, &format!("/api/v1/main/executions/webhook/{namespace}/{flow}/{key}"))
    }

    /// A call of any method and path, to be completed and sent.
    pub fn webhook_at(&self, method: Method, path: &str) -> Webhook {
        Webhook(self.http.request(method, format!("{}{path}", self.base)))
    }

    /// Reads a path.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Answer {
        self.webhook_at(Method::GET, path).send().await
    }

    /// Reads an execution of the main tenant.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn execution(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/v1/main/executions/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Reads an execution once it has ended.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn ended(&self, id: &str) -> Value {
        eventually("the end of the execution", async || {
            let execution = self.execution(id).await;
            let state = execution["state"]["current"].as_str().unwrap_or_default().to_owned();
            ENDED.contains(&state.as_str()).then_some(execution)
        })
        .await
    }

    /// Searches executions of the main tenant; `query` as in a URL.
    ///
    /// # Panics
    /// When the answer is not 200.
    pub async fn search(&self, query: &str) -> Value {
        let answer = self.get(&format!("/api/v1/main/executions/search?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

/// A call that is being made up.
#[derive(Debug)]
pub struct Webhook(RequestBuilder);

impl Webhook {
    /// Adds a header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Adds an `Idempotency-Key`.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// Sends JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        Self(self.0.header("Content-Type", "application/json").body(body.to_string()))
    }

    /// Sends bytes.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self(self.0.body(body.into()))
    }

    /// Sends it.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(self) -> Answer {
        self.try_send().await.expect("an answer")
    }

    /// Sends it; an error when no whole answer came.
    ///
    /// # Errors
    /// When the connection broke, or nobody listens.
    pub async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await? })
    }
}
