//! The API: Kestra's routes, read from the views.

mod executions;
mod flows;
mod health;
mod logs;
mod parameters;
mod search;
mod tenant;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use windhover_proto::problem::{CONTENT_TYPE, Code, Problem};

use crate::{Parts, view::ViewError};

pub(crate) fn router(parts: Arc<Parts>) -> Router {
    let api = |prefix: &str| {
        Router::new()
            .route(&format!("{prefix}/executions"), get(search::of_flow))
            .route(&format!("{prefix}/executions/search"), get(search::search))
            .route(&format!("{prefix}/executions/{{id}}"), get(executions::execution))
            .route(&format!("{prefix}/logs/{{id}}"), get(logs::logs))
            .route(&format!("{prefix}/logs/{{id}}/download"), get(logs::download))
            .route(&format!("{prefix}/flows/{{namespace}}/{{flow}}"), get(flows::flow))
    };
    Router::new()
        .merge(api("/api/v1/{tenant}"))
        .merge(api("/api/v1"))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .fallback(unknown)
        .with_state(parts)
}

async fn unknown(uri: Uri) -> Refused {
    Refused(Code::NotFound.because(format!("nothing stands at {}", uri.path())))
}

/// A problem as an answer.
pub(crate) struct Refused(pub(crate) Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<ViewError> for Refused {
    fn from(error: ViewError) -> Self {
        tracing::warn!(%error, "a request could not be answered from the views");
        Self(match error {
            ViewError::Making | ViewError::Store(_) => Code::Unavailable
                .because("the views are being made again from the log; nothing is lost, try again soon"),
            ViewError::Log(_) => Code::Unavailable.because("the log cannot be read now"),
            ViewError::Decode(_) => Code::Internal.because("a commit cannot be read; the server's log says which"),
        })
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(Body::from(self.0.to_json()));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = self.0.code.retry_after_s() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
