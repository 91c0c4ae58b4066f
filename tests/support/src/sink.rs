//! A service that flows call: it remembers every call and answers as it was told.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, response::IntoResponse};
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderValue},
};

/// One call as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The path and query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// When.
    pub at: Instant,
}

impl Received {
    /// A header, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    /// Statuses of the next answers; then 200.
    statuses: Mutex<Vec<u16>>,
    /// Time before an answer.
    delay: Duration,
}

/// A service on a free port of this machine, for as long as it lives.
#[derive(Debug)]
pub struct Sink {
    address: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Sink {
    /// Starts it.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        Self::start_slow(Duration::ZERO).await
    }

    /// Starts one that takes this long for every answer.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start_slow(delay: Duration) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared { delay, ..Shared::default() });
        let router = Router::new().fallback(receive).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
        Self { address, shared, task }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Answers the next calls with these statuses, in order; all others with 200.
    pub fn answer_with(&self, statuses: &[u16]) {
        *lock(&self.shared.statuses) = statuses.to_vec();
    }

    /// Every call so far, in the order of arrival.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    lock(&shared.received).push(Received { path, headers, body, at: Instant::now() });
    let status = {
        let mut statuses = lock(&shared.statuses);
        if statuses.is_empty() { 200 } else { statuses.remove(0) }
    };
    tokio::time::sleep(shared.delay).await;
    (StatusCode::from_u16(status).unwrap_or(StatusCode::OK), r#"{"seen":true}"#)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
