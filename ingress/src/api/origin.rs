//! Pages of other sites must not change anything with the reach of whoever looks at them.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderValue, Uri, header};
use windhover_proto::problem::Code;

use crate::answer;

/// Refuses a request that a page of another origin makes.
pub(super) async fn refuse_others(request: Request, next: Next) -> Response {
    match foreign(request.headers(), request.uri()) {
        Some(origin) => {
            let detail = format!("a page of {origin} may not change anything here: the request is from another origin");
            answer::problem_response(&Code::Forbidden.because(detail))
        }
        None => next.run(request).await,
    }
}

/// The origin of a request, when it is not this server.
fn foreign(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(header::HOST).or_else(|| uri.authority().map(http::uri::Authority::as_str));
    let origin = text(header::ORIGIN)?;
    (origin.split_once("://").map(|(_, rest)| rest) != host).then(|| origin.to_owned())
}
