//! From an HTTP request to what the log keeps of it: every header, sensitive ones sealed, and the body as it came.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header};
use windhover_proto::{
    id::Fingerprint,
    request::{Body, HeaderValue, Request},
    seal::SealKey,
    trigger,
};

use crate::limits;

/// Headers that prove or carry an identity, besides those of HTTP itself: tokens and signatures of providers. In lower case.
const SENSITIVE: [&str; 26] = [
    "authorization",
    "cookie",
    "linear-signature",
    "paypal-transmission-sig",
    "proxy-authorization",
    "stripe-signature",
    "svix-signature",
    "telnyx-signature-ed25519",
    "twitch-eventsub-message-signature",
    "typeform-signature",
    "webhook-signature",
    "x-api-key",
    "x-gitlab-token",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-hubspot-signature",
    "x-hubspot-signature-v3",
    "x-pagerduty-signature",
    "x-shopify-hmac-sha256",
    "x-signature-ed25519",
    "x-slack-signature",
    "x-square-hmacsha256-signature",
    "x-telegram-bot-api-secret-token",
    "x-twilio-signature",
    "x-zendesk-webhook-signature",
    "x-zm-signature",
];

/// Whether a header must not be readable in the log.
fn is_sensitive(name: &HeaderName) -> bool {
    SENSITIVE.binary_search(&name.as_str()).is_ok()
}

/// What the log keeps of a request.
pub(crate) fn kept(
    method: &Method,
    query: &str,
    headers: &HeaderMap,
    body: Option<Body>,
    seal: Option<&SealKey>,
) -> Request {
    let value = |name: &HeaderName, value: &header::HeaderValue| {
        let kept = match (is_sensitive(name), seal) {
            (false, _) => HeaderValue::Text(text(value.as_bytes())),
            (true, Some(key)) => {
                HeaderValue::Sealed(key.seal(&trigger::header_context(name.as_str()), value.as_bytes()))
            }
            (true, None) => HeaderValue::NotKept,
        };
        (name.as_str().to_owned(), kept)
    };
    Request {
        method: method.as_str().to_owned(),
        query: query.to_owned(),
        headers: headers.iter().map(|(name, own)| value(name, own)).collect(),
        body,
    }
}

/// The text of a header value; bytes over 127 are read as Latin-1, so none is lost.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.to_owned(),
        Ok(_) | Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Where a body is kept.
pub(crate) enum Place {
    /// In the record.
    Record(Option<Body>),
    /// Beside the log, under its fingerprint.
    Object(Bytes),
}

impl Place {
    /// The place for a body of this size. An empty body is none.
    pub(crate) fn of(body: Bytes) -> Self {
        match body.len() {
            0 => Place::Record(None),
            small if small <= limits::BODY_IN_RECORD_BYTES_MAX => Place::Record(Some(Body::from(Vec::from(body)))),
            _ => Place::Object(body),
        }
    }
}

/// The body that names an object.
pub(crate) fn blob(fingerprint: Fingerprint, bytes: &Bytes) -> Body {
    Body::Blob { fingerprint, size_bytes: bytes.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        let value = |bytes| header::HeaderValue::from_bytes(bytes).unwrap();
        pairs.iter().map(|(name, bytes)| (HeaderName::from_static(name), value(bytes))).collect()
    }

    #[test]
    fn the_table_of_sensitive_headers_is_sorted() {
        assert!(SENSITIVE.is_sorted());
    }

    #[test]
    fn a_sensitive_header_is_sealed_or_not_kept_and_all_others_are_in_clear() {
        let sent = headers(&[("authorization", b"Bearer t"), ("x-a", b"1"), ("x-b", b"caf\xe9")]);
        let key = SealKey::from_bytes([1; 32]);
        let request = kept(&Method::POST, "", &sent, None, Some(&key));
        assert!(matches!(request.header("authorization").next(), Some(HeaderValue::Sealed(_))));
        assert_eq!(request.header("x-a").next(), Some(&HeaderValue::Text("1".to_owned())));
        assert_eq!(request.header("x-b").next(), Some(&HeaderValue::Text("caf\u{e9}".to_owned())));
        let request = kept(&Method::POST, "", &sent, None, None);
        assert_eq!(request.header("authorization").next(), Some(&HeaderValue::NotKept));
    }

    #[test]
    fn only_a_large_body_leaves_the_record() {
        assert!(matches!(Place::of(Bytes::new()), Place::Record(None)));
        assert!(matches!(Place::of(Bytes::from(vec![b'a'; 65_536])), Place::Record(Some(_))));
        assert!(matches!(Place::of(Bytes::from(vec![b'a'; 65_537])), Place::Object(_)));
    }
}
