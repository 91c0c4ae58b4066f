//! The API: Kestra's routes, read from the views, and flows, kept in the definitions log.

mod body;
mod call;
mod evaluate;
pub(crate) mod executions;
mod flows;
mod follow;
mod health;
mod logs;
mod logs_search;
mod matching;
mod namespaces;
mod openapi;
mod outputs;
mod page;
mod parameters;
mod route;
mod search;
mod search_query;
mod triggers;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use windhover_proto::problem::{CONTENT_TYPE, Code, Problem};

pub(crate) use follow::STREAMS_MAX;

use self::route::Route;
use crate::{Parts, view::ViewError};

/// Every route.
fn routes() -> Vec<Route> {
    let all = [
        executions::routes(),
        search::routes(),
        follow::routes(),
        evaluate::routes(),
        outputs::routes(),
        logs::routes(),
        logs_search::routes(),
        flows::routes(),
        triggers::routes(),
        namespaces::routes(),
        health::routes(),
        openapi::routes(),
    ];
    all.into_iter().flatten().collect()
}

pub(crate) fn router(parts: Arc<Parts>) -> Router {
    let mut router = Router::new();
    for Route { operation, handler } in routes() {
        for path in operation.path.routes() {
            // Kestra takes a slash at the end of every address but a webhook's.
            router = router.route(&path, handler.clone()).route(&format!("{path}/"), handler.clone());
        }
    }
    router.fallback(unknown).method_not_allowed_fallback(method_not_allowed).with_state(parts)
}

async fn unknown(uri: Uri) -> Refused {
    Refused(Code::NotFound.because(format!("Not Found: nothing stands at {}", uri.path())))
}

/// The answer to a method that an address does not take; the `Allow` header is the router's.
pub async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    Refused(Code::MethodNotAllowed.because(format!("Method [{method}] not allowed for URI [{}]", uri.path())))
        .into_response()
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
            ViewError::Unanswered => Code::Undecided.because(
                "no engine answers, so a delivery that was accepted may not be decided yet; it is kept, ask again when an engine runs",
            ),
            ViewError::Late => Code::Undecided
                .because("a delivery that was accepted may not be decided yet: the engines or the views are behind; ask again soon"),
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
