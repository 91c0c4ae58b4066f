//! Every answer names how firmly accepted deliveries are kept.

use axum::{Router, response::Response};
use http::{HeaderName, HeaderValue};
use tower::util::MapResponseLayer;
use windhover_eventlog::Durability;

/// The header that names it.
const DURABILITY: HeaderName = HeaderName::from_static("windhover-durability");

/// These routes, with a header on every answer that names how firmly the log keeps what it took; also on refusals and where
/// nothing stands.
pub fn naming_durability(routes: Router, durability: Durability) -> Router {
    let class = HeaderValue::from_str(&durability.to_string());
    let class = class.unwrap_or_else(|_| unreachable!("names of durability classes are plain text"));
    routes.layer(MapResponseLayer::new(move |mut response: Response| {
        response.headers_mut().insert(DURABILITY, class.clone());
        response
    }))
}
