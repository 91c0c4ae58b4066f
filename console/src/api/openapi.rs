//! The OpenAPI document: written from the operations that the routers are built from.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::Value;
use windhover_proto::api::{Address::OfServer, Method, Operation, document};

use super::route::{Route, json};
use crate::Parts;

/// What operations name as `#/components/schemas/…`.
const SCHEMAS: &str = include_str!("schemas.json");

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(OPENAPI, openapi)]
}

const OPENAPI: Operation = Operation {
    id: "openapi",
    tag: "server",
    method: Method::Get,
    path: OfServer("/openapi.json"),
    summary: "This document.",
    parameters: &[],
    body: None,
    answers: &[json("The OpenAPI 3.1 document.", r#"{"type": "object"}"#)],
};

async fn openapi(State(parts): State<Arc<Parts>>) -> Response {
    Json(written(parts.options.operations)).into_response()
}

/// The document of the console's operations and of these others.
pub(crate) fn written(others: &[Operation]) -> Value {
    let own = super::routes().into_iter().map(|route| route.operation);
    let operations: Vec<_> = others.iter().copied().chain(own).collect();
    document(&operations, SCHEMAS)
}
