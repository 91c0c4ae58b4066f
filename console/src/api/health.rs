//! Whether the process lives, and whether it can do its work.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use windhover_proto::api::{Address::OfServer, Answer, Content, Method, Operation};

use super::route::{self, Route};
use crate::Parts;

const STATUS: &str = r#"{"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}"#;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(HEALTH, health), Route::new(READY, ready)]
}

const HEALTH: Operation = Operation {
    id: "health",
    tag: "server",
    method: Method::Get,
    path: OfServer("/health"),
    summary: "The process lives.",
    parameters: &[],
    body: None,
    answers: &[route::json("It lives.", STATUS)],
};

/// Tells how often sled spoiled the views, so that a failing disk is noticed.
async fn health(State(parts): State<Arc<Parts>>) -> Response {
    Json(json!({"status": "UP", "viewsMadeAgain": parts.views.made_again()})).into_response()
}

const READY: Operation = Operation {
    id: "ready",
    tag: "server",
    method: Method::Get,
    path: OfServer("/ready"),
    summary: "Everything works.",
    parameters: &[],
    body: None,
    answers: &[
        route::json("It works.", STATUS),
        Answer {
            status: 503,
            about: "It does not work, and why.",
            content: Some(Content { types: &["application/json"], schema: STATUS }),
        },
    ],
};

async fn ready(State(parts): State<Arc<Parts>>) -> Response {
    let reason = (parts.options.not_ready)().or_else(|| parts.views.not_ready());
    match reason {
        None => Json(json!({"status": "READY"})).into_response(),
        Some(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "NOT_READY", "reason": reason}))).into_response()
        }
    }
}
