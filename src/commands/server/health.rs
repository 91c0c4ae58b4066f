//! `/health` and `/ready` of a role that has no other routes for them.

use std::sync::Arc;

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;

/// Says why the process cannot do its work now; `None` when it can.
pub(super) type NotReady = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// What a role tells of itself besides, as members of both answers.
pub(super) type Details = Arc<dyn Fn() -> Value + Send + Sync>;

/// `GET /health`: the process lives. `GET /ready`: 200 when it can do its work, else 503 with the reason.
pub(super) fn router(not_ready: NotReady, details: Details) -> Router {
    let told = details.clone();
    let ready = move || std::future::ready(ready(&not_ready, &told));
    let health = move || std::future::ready(Json(with(details(), "UP", None)));
    Router::new().route("/health", get(health)).route("/ready", get(ready))
}

/// Nothing besides.
pub(super) fn no_details() -> Details {
    Arc::new(|| Value::Null)
}

fn ready(not_ready: &NotReady, details: &Details) -> Response {
    match not_ready() {
        None => Json(with(details(), "READY", None)).into_response(),
        Some(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(with(details(), "NOT_READY", Some(reason)))).into_response()
        }
    }
}

fn with(details: Value, status: &str, reason: Option<String>) -> Value {
    let mut answer = serde_json::Map::from_iter([("status".to_owned(), Value::from(status))]);
    answer.extend(reason.map(|reason| ("reason".to_owned(), Value::from(reason))));
    if let Value::Object(details) = details {
        answer.extend(details);
    }
    Value::Object(answer)
}
