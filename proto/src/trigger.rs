//! What a flow sees of a delivery: `trigger.body`, `trigger.headers`, `trigger.parameters`.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    charset::Charset,
    content::Coding,
    expr::{Map, Value},
    limit,
    request::{Body, HeaderValue, Request},
    seal::{MASK, SealKey},
};

/// The class name of the webhook trigger.
pub const WEBHOOK_TYPE: &str = "io.kestra.plugin.core.trigger.Webhook";

/// The variables of a delivery, and the texts in them that must not be shown.
#[derive(Clone, Debug)]
pub struct TriggerVariables {
    /// `body` (unless there is none), `headers`, `parameters`.
    pub map: Map,
    /// Sealed header values that were opened.
    pub secrets: Vec<String>,
}

/// How sensitive headers appear.
#[derive(Clone, Copy)]
pub enum Sensitive<'a> {
    /// Opened with the installation's key, to be rendered.
    Opened(Option<&'a SealKey>),
    /// Masked, to be shown.
    Masked,
}

/// The variables of a request. `blob` is the body's content when it is kept in the blob store.
pub fn variables(request: &Request, blob: Option<&[u8]>, sensitive: Sensitive<'_>) -> TriggerVariables {
    let mut map = Map::with_capacity(3);
    if let Some(body) = request.body.as_ref().and_then(|body| body_value(request, body, blob)) {
        map.insert("body", body);
    }
    let mut secrets = Vec::new();
    map.insert("headers", headers(request, sensitive, &mut secrets));
    map.insert("parameters", Value::Map(parameters(&request.query).into()));
    TriggerVariables { map, secrets }
}

/// A text body as Kestra reads it: one JSON object or list is parsed, everything else stays text. Binary is base64.
fn body_value(request: &Request, body: &Body, blob: Option<&[u8]>) -> Option<Value> {
    match body {
        Body::Text(text) => bytes_value(request, text.as_bytes()),
        Body::Bytes(bytes) => bytes_value(request, bytes),
        Body::Blob { .. } => blob.and_then(|bytes| bytes_value(request, bytes)),
    }
}

fn bytes_value(request: &Request, bytes: &[u8]) -> Option<Value> {
    if bytes.is_empty() {
        return None;
    }
    let decoded = coding(request).and_then(|coding| coding.decode(bytes, limit::BODY_DECODED_BYTES_MAX).ok());
    let bytes = decoded.as_deref().unwrap_or(bytes);
    let content_type = match request.header("content-type").next() {
        Some(HeaderValue::Text(text)) => text.as_str(),
        Some(HeaderValue::Sealed(_) | HeaderValue::NotKept) | None => "",
    };
    let is_text = content_type.is_empty() || is_text_type(content_type);
    Some(if is_text { text_value(&text_of(content_type, bytes)) } else { Value::text(STANDARD.encode(bytes)) })
}

/// The text of a body in the charset that its type declares; UTF-8 when it declares none, or one that is not known.
fn text_of<'a>(content_type: &str, bytes: &'a [u8]) -> Cow<'a, str> {
    charset(content_type).and_then(Charset::of).unwrap_or(Charset::Utf8).decode(bytes)
}

/// The charset that a content type of text declares and that nobody knows: the body cannot be read then.
pub fn unknown_charset(content_type: &str) -> Option<&str> {
    let is_text = content_type.is_empty() || is_text_type(content_type);
    charset(content_type).filter(|name| is_text && Charset::of(name).is_none())
}

/// The `charset` of a content type.
fn charset(content_type: &str) -> Option<&str> {
    let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let charset = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset")).last();
    charset.map(|(_, value)| value.trim().trim_matches('"'))
}

/// How the body was compressed for the way. The ingress has checked that it can be read.
fn coding(request: &Request) -> Option<Coding> {
    match (request.header("content-encoding").next(), &request.body) {
        (Some(HeaderValue::Text(text)), Some(_)) => Coding::of(text),
        (Some(_) | None, _) => None,
    }
}

fn text_value(text: &str) -> Value {
    let starts_as_container = matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['));
    let parsed = if starts_as_container { Value::from_json(text).ok() } else { None };
    parsed.unwrap_or_else(|| Value::text(text))
}

/// Whether a body of this content type is text (kestra.io's webhook trigger: text, JSON, XML, YAML, CSV and forms are).
fn is_text_type(content_type: &str) -> bool {
    let mime = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, subtype) = mime.split_once('/').unwrap_or((mime.as_str(), ""));
    kind == "text"
        || subtype.is_empty()
        || matches!(subtype, "json" | "xml" | "x-www-form-urlencoded" | "x-ndjson")
        || ["+json", "+xml"].iter().any(|suffix| subtype.ends_with(suffix))
        || ["yaml", "csv"].iter().any(|part| subtype.contains(part))
}

fn headers(request: &Request, sensitive: Sensitive<'_>, secrets: &mut Vec<String>) -> Value {
    let mut names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    // What described the compressed body does not describe the one that is shown.
    if coding(request).is_some() {
        names.retain(|name| !matches!(*name, "content-encoding" | "content-length"));
    }
    let mut map = Map::ignoring_case();
    for name in names {
        let values = request.header(name).map(|value| header_text(name, value, sensitive, secrets)).map(Value::text);
        map.insert(spelling(name), Value::list(values));
    }
    Value::Map(map.into())
}

fn header_text(name: &str, value: &HeaderValue, sensitive: Sensitive<'_>, secrets: &mut Vec<String>) -> String {
    match (value, sensitive) {
        (HeaderValue::Text(text), _) => text.clone(),
        (HeaderValue::NotKept, _) => "<not kept>".to_owned(),
        (HeaderValue::Sealed(_), Sensitive::Masked | Sensitive::Opened(None)) => MASK.to_owned(),
        (HeaderValue::Sealed(sealed), Sensitive::Opened(Some(key))) => {
            let Ok(bytes) = key.open(&header_context(name), sealed) else { return MASK.to_owned() };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            secrets.push(text.clone());
            text
        }
    }
}

/// The context under which a header is sealed; `name` in lower case.
pub fn header_context(name: &str) -> String {
    format!("header:{name}")
}

/// Header names that are not spelled by capitalising each part.
const SPELLINGS: [(&str, &str); 24] = [
    ("dnt", "DNT"),
    ("etag", "ETag"),
    ("te", "TE"),
    ("www-authenticate", "WWW-Authenticate"),
    ("x-github-delivery", "X-GitHub-Delivery"),
    ("x-github-enterprise-host", "X-GitHub-Enterprise-Host"),
    ("x-github-enterprise-version", "X-GitHub-Enterprise-Version"),
    ("x-github-event", "X-GitHub-Event"),
    ("x-github-hook-id", "X-GitHub-Hook-ID"),
    ("x-github-hook-installation-target-id", "X-GitHub-Hook-Installation-Target-ID"),
    ("x-github-hook-installation-target-type", "X-GitHub-Hook-Installation-Target-Type"),
    ("x-gitlab-event-uuid", "X-Gitlab-Event-UUID"),
    ("x-gitlab-webhook-uuid", "X-Gitlab-Webhook-UUID"),
    ("x-pagerduty-signature", "X-PagerDuty-Signature"),
    ("x-request-id", "X-Request-ID"),
    ("x-shopify-api-version", "X-Shopify-API-Version"),
    ("x-shopify-hmac-sha256", "X-Shopify-Hmac-SHA256"),
    ("x-b3-traceid", "X-B3-TraceId"),
    ("x-b3-spanid", "X-B3-SpanId"),
    ("x-ua-compatible", "X-UA-Compatible"),
    ("x-xss-protection", "X-XSS-Protection"),
    ("webhook-id", "webhook-id"),
    ("webhook-signature", "webhook-signature"),
    ("webhook-timestamp", "webhook-timestamp"),
];

/// The fixed spelling of a header name: HTTP libraries keep none.
pub fn spelling(name: &str) -> String {
    if let Some((_, known)) = SPELLINGS.iter().find(|(own, _)| *own == name) {
        return (*known).to_owned();
    }
    let mut spelled = String::with_capacity(name.len());
    let mut at_start = true;
    for letter in name.chars() {
        spelled.push(if at_start { letter.to_ascii_uppercase() } else { letter });
        at_start = letter == '-';
    }
    spelled
}

/// Query parameters: each name with all its values in order. `?flag` has one value that is null; a nameless one is dropped.
fn parameters(query: &str) -> Map {
    let mut map = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
        let name = decoded(name);
        if name.is_empty() {
            continue;
        }
        let value = value.map_or(Value::Null, |value| Value::text(decoded(value)));
        let before = map.get(&name).and_then(Value::as_list).unwrap_or_default().to_vec();
        map.insert(name, Value::list(before.into_iter().chain([value])));
    }
    map
}

/// Percent-decoding; `+` is a blank. What is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escape = (*byte == b'%').then(|| hex_pair(bytes.get(at + 1), bytes.get(at + 2))).flatten();
        out.push(escape.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex_pair(high: Option<&u8>, low: Option<&u8>) -> Option<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)], query: &str, body: Option<&[u8]>) -> Request {
        Request {
            method: "POST".to_owned(),
            query: query.to_owned(),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), HeaderValue::Text((*v).to_owned()))).collect(),
            body: body.map(|bytes| Body::from(bytes.to_vec())),
        }
    }

    fn shown(request: &Request) -> String {
        Value::Map(variables(request, None, Sensitive::Masked).map.into()).to_json()
    }

    #[test]
    fn an_object_or_list_is_parsed_and_everything_else_stays_text() {
        let body = |text: &str| shown(&request(&[], "", Some(text.as_bytes())));
        assert_eq!(body(r#"{"a": null}"#), r#"{"body":{"a":null},"headers":{},"parameters":{}}"#);
        assert_eq!(body("[1.10]"), r#"{"body":[1.1],"headers":{},"parameters":{}}"#);
        assert_eq!(body("123"), r#"{"body":"123","headers":{},"parameters":{}}"#);
        assert_eq!(body(r#"{"a":1}x"#), r#"{"body":"{\"a\":1}x","headers":{},"parameters":{}}"#);
    }

    #[test]
    fn no_body_and_an_empty_body_are_absent() {
        assert_eq!(shown(&request(&[], "", None)), r#"{"headers":{},"parameters":{}}"#);
        assert_eq!(shown(&request(&[], "", Some(b""))), r#"{"headers":{},"parameters":{}}"#);
    }

    #[test]
    fn headers_have_one_spelling_and_all_their_values() {
        let shown = shown(&request(&[("x-github-event", "push"), ("accept", "a"), ("accept", "b")], "", None));
        assert_eq!(shown, r#"{"headers":{"Accept":["a","b"],"X-GitHub-Event":["push"]},"parameters":{}}"#);
    }

    #[test]
    fn parameters_are_lists_and_a_flag_has_no_value() {
        let shown = shown(&request(&[], "a=1&b=x+y%20z&a=2&flag&e=&=v", None));
        let expected = r#"{"headers":{},"parameters":{"a":["1","2"],"b":["x y z"],"flag":[null],"e":[""]}}"#;
        assert_eq!(shown, expected);
    }

    #[test]
    fn binary_is_base64() {
        let shown = shown(&request(&[("content-type", "application/octet-stream")], "", Some(&[0, 255])));
        assert!(shown.starts_with(r#"{"body":"AP8=""#), "{shown}");
    }

    #[test]
    fn a_compressed_body_is_seen_as_it_was_meant() {
        let gzip = STANDARD.decode("H4sIAAAAAAACA6tWSlSyMqwFAK+sG1YHAAAA").unwrap();
        let headers = [("content-encoding", "gzip"), ("content-length", "27"), ("x-a", "1")];
        let shown = shown(&request(&headers, "", Some(&gzip)));
        assert_eq!(shown, r#"{"body":{"a":1},"headers":{"X-A":["1"]},"parameters":{}}"#);
    }

    #[test]
    fn text_is_read_in_the_charset_that_its_type_declares() {
        let shown = |content_type: &str, body: &[u8]| {
            let seen = variables(&request(&[("content-type", content_type)], "", Some(body)), None, Sensitive::Masked);
            seen.map.get("body").map(Value::print)
        };
        assert_eq!(shown("text/plain; charset=ISO-8859-1", b"caf\xe9").as_deref(), Some("caf\u{e9}"));
        assert_eq!(shown("text/plain; Charset=\"utf-16be\"", b"\0a\0b").as_deref(), Some("ab"));
        assert_eq!(shown("text/plain; charset=nope", "\u{e9}".as_bytes()).as_deref(), Some("\u{e9}"));
        assert_eq!(shown("text/plain", b"a\xff").as_deref(), Some("a\u{fffd}"));
    }

    #[test]
    fn a_charset_that_nobody_knows_is_told() {
        assert_eq!(unknown_charset("text/plain; charset=nope"), Some("nope"));
        assert_eq!(unknown_charset("application/json;charset="), Some(""));
        assert_eq!(unknown_charset("application/json; charset=\"UTF-8\""), None);
        assert_eq!(unknown_charset("image/png; charset=nope"), None);
    }

    #[test]
    fn a_sensitive_header_is_masked_unless_it_is_rendered() {
        let key = SealKey::from_bytes([1; 32]);
        let mut request = request(&[], "", None);
        let sealed = key.seal(&header_context("authorization"), b"Bearer t");
        request.headers.push(("authorization".to_owned(), HeaderValue::Sealed(sealed)));
        assert!(shown(&request).contains(MASK));
        let opened = variables(&request, None, Sensitive::Opened(Some(&key)));
        assert_eq!(opened.secrets, ["Bearer t"]);
        assert!(Value::Map(opened.map.into()).to_json().contains("Bearer t"));
    }
}
