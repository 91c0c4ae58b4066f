//! Whether the process lives, and whether it can do its work.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::Parts;

/// `GET /health`: the process lives. Tells how often sled spoiled the views, so that a failing disk is noticed.
pub(super) async fn health(State(parts): State<Arc<Parts>>) -> Response {
    Json(json!({"status": "UP", "viewsMadeAgain": parts.views.made_again()})).into_response()
}

/// `GET /ready`: 200 when everything works, else 503 with the reason.
pub(super) async fn ready(State(parts): State<Arc<Parts>>) -> Response {
    let reason = (parts.options.not_ready)().or_else(|| parts.views.not_ready());
    match reason {
        None => Json(json!({"status": "READY"})).into_response(),
        Some(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "NOT_READY", "reason": reason}))).into_response()
        }
    }
}
