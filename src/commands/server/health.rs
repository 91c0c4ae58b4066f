//! `/health` and `/ready` of a role that has no other routes for them.

use std::sync::Arc;

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};

/// Says why the process cannot do its work now; `None` when it can.
pub(super) type NotReady = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// `GET /health`: the process lives. `GET /ready`: 200 when it can do its work, else 503 with the reason.
pub(super) fn router(not_ready: NotReady) -> Router {
    let ready = move || std::future::ready(ready(&not_ready));
    Router::new()
        .route("/health", get(|| async { Json(serde_json::json!({"status": "UP"})) }))
        .route("/ready", get(ready))
}

fn ready(not_ready: &NotReady) -> Response {
    match not_ready() {
        None => Json(serde_json::json!({"status": "READY"})).into_response(),
        Some(reason) => {
            let body = serde_json::json!({"status": "NOT_READY", "reason": reason});
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}
