//! Answers: what went well as JSON, what did not as a problem.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};
use windhover_proto::problem::{self, Code, Problem};

/// Says that the verdict on a keyed delivery was not known in time.
pub(crate) const VERDICT: &str = "windhover-verdict";

/// Says that the delivery was sent before, and that this is what became of the first one.
pub(crate) const REPLAYED: &str = "idempotent-replayed";

/// The methods that a webhook takes.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT");

/// Why a delivery was not accepted: nothing was stored, or nobody knows.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A problem to tell.
    Problem(Problem),
    /// The trigger's condition does not hold: 204, and no more.
    NotWanted,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Refusal::Problem(problem)
    }
}

impl Refusal {
    /// The answer.
    pub(crate) fn into_response(self) -> Response {
        match self {
            Refusal::Problem(problem) => problem_response(&problem),
            Refusal::NotWanted => empty(StatusCode::NO_CONTENT),
        }
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// The answer that tells a problem.
pub(crate) fn problem_response(problem: &Problem) -> Response {
    let mut response = Response::new(Body::from(problem.to_json()));
    *response.status_mut() = StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE));
    if let Some(seconds) = problem.code.retry_after_s() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.code == Code::MethodNotAllowed {
        headers.insert(header::ALLOW, METHODS);
    }
    response
}

/// An answer with a body of this type.
pub(crate) fn with_body(status: StatusCode, content_type: HeaderValue, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
