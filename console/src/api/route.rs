//! A route: the operation that is documented, and the handler that does it. The router is built from these and from nothing
//! else.

use std::sync::Arc;

use axum::{
    extract::Request,
    handler::Handler,
    http::header,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, delete, get, post, put},
};
use windhover_proto::{
    api::{Answer, Content, Method, Operation, Parameter, Place, Presence, Taken},
    problem::Code,
};

use super::Refused;
use crate::Parts;

/// One operation and what does it.
pub(super) struct Route {
    pub(super) operation: Operation,
    pub(super) handler: MethodRouter<Arc<Parts>>,
}

impl Route {
    pub(super) fn new<H, T>(operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Arc<Parts>>,
        T: 'static,
    {
        let handler = match operation.method {
            Method::Get => get(handler),
            Method::Post => post(handler).layer(middleware::from_fn(refuse_other_origins)),
            Method::Put => put(handler).layer(middleware::from_fn(refuse_other_origins)),
            Method::Delete => delete(handler).layer(middleware::from_fn(refuse_other_origins)),
        };
        Self { operation, handler }
    }
}

/// Pages of other sites must not change anything with the reach of whoever looks at them.
async fn refuse_other_origins(request: Request, next: Next) -> Response {
    match other_origin(&request) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

fn other_origin(request: &Request) -> Option<Refused> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let origin = text(header::ORIGIN)?;
    let same = host.is_some() && origin.split_once("://").map(|(_, rest)| rest) == host;
    let detail = format!("a page of {origin} may not change anything here: the request is from another origin");
    (!same).then(|| Refused(Code::Forbidden.because(detail)))
}

/// A parameter of the query that may be left out.
pub(super) const fn query(name: &'static str, schema: &'static str, about: &'static str) -> Parameter {
    Parameter { name, place: Place::Query, schema, about }
}

/// The schema of a text.
pub(super) const TEXT: &str = r#"{"type": "string"}"#;

/// The schema of a switch.
pub(super) const FLAG: &str = r#"{"type": "boolean", "default": false}"#;

/// 200 with JSON of this schema.
pub(super) const fn json(about: &'static str, schema: &'static str) -> Answer {
    Answer { status: 200, about, content: Some(Content { types: &["application/json"], schema }) }
}

/// An answer without a body.
pub(super) const fn empty(status: u16, about: &'static str) -> Answer {
    Answer { status, about, content: None }
}

/// A body that must be there.
pub(super) const fn takes(types: &'static [&'static str], schema: &'static str) -> Option<Taken> {
    Some(Taken { content: Content { types, schema }, presence: Presence::Required })
}

/// The schema of an event: what it says is in its data.
const EVENT: &str =
    r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "data": {"type": "string"}}}"#;

/// 200 with events.
pub(super) const fn events(about: &'static str) -> Answer {
    Answer { status: 200, about, content: Some(Content { types: &["text/event-stream"], schema: EVENT }) }
}

/// 200 with text.
pub(super) const fn text(about: &'static str) -> Answer {
    Answer { status: 200, about, content: Some(Content { types: &["text/plain"], schema: TEXT }) }
}
