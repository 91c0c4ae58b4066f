//! The address of a webhook: `/api/v1/{tenant}/executions/webhook/{namespace}/{flow}/{key}`, or without a tenant.

use std::borrow::Cow;

use http::Uri;
use windhover_proto::problem::{Code, Problem};

const PREFIX: &str = "/api/v1/";
const WEBHOOK: &str = "executions/webhook/";

/// The tenant of addresses that name none.
const MAIN: &str = "main";

/// Where a delivery wants to go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The tenant.
    pub(crate) tenant: Cow<'a, str>,
    /// Namespace and flow, with a slash between them.
    pub(crate) flow: Cow<'a, str>,
    /// The key, decoded once.
    pub(crate) key: Cow<'a, str>,
    /// Whether the address ends after the key.
    pub(crate) end: End,
}

/// What stands after the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing.
    Here,
    /// A slash, or more segments: no trigger answers there.
    Beyond,
}

impl<'a> Target<'a> {
    /// Reads an address.
    ///
    /// # Errors
    /// 400 for escapes that are none, 404 for addresses of another shape.
    pub(crate) fn parse(uri: &'a Uri) -> Result<Self, Problem> {
        check_escapes("query", uri.query().unwrap_or_default())?;
        let path = uri.path();
        check_escapes("path", path)?;
        let (tenant, rest) = split_tenant(path).ok_or_else(not_found)?;
        let (namespace, rest) = rest.split_once('/').ok_or_else(not_found)?;
        let (flow, rest) = rest.split_once('/').ok_or_else(not_found)?;
        let (key, end) = rest.split_once('/').map_or((rest, End::Here), |(key, _)| (key, End::Beyond));
        let flow = &path[path.len() - rest.len() - flow.len() - namespace.len() - 2..path.len() - rest.len() - 1];
        Ok(Self { tenant: decode(tenant)?, flow: decode(flow)?, key: decode(key)?, end })
    }
}

fn not_found() -> Problem {
    Code::NotFound
        .because("Not Found: a webhook is called at /api/v1/{tenant}/executions/webhook/{namespace}/{flow}/{key}")
}

fn split_tenant(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix(PREFIX)?;
    if let Some(rest) = rest.strip_prefix(WEBHOOK) {
        return Some((MAIN, rest));
    }
    let (tenant, rest) = rest.split_once('/')?;
    Some((tenant, rest.strip_prefix(WEBHOOK)?))
}

/// Refuses a `%` without two hexadecimal digits, and bytes that a URI cannot hold.
pub(crate) fn check_escapes(place: &str, text: &str) -> Result<(), Problem> {
    let bytes = text.as_bytes();
    if !bytes.is_ascii() {
        return Err(Code::Malformed.because(format!("the {place} holds raw bytes over 127; escape them with %")));
    }
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let digits = rest.get(at + 1..at + 3).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        if !digits {
            return Err(
                Code::Malformed.because(format!("a `%` in the {place} is not followed by two hexadecimal digits"))
            );
        }
        rest = &rest[at + 3..];
    }
    Ok(())
}

/// Decodes escapes once, as UTF-8.
pub(crate) fn decode(text: &str) -> Result<Cow<'_, str>, Problem> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escape = (*byte == b'%').then(|| after.split_at_checked(2)).flatten();
        let (decoded, after) = escape.map_or((*byte, after), |(pair, after)| (from_hex(pair), after));
        bytes.push(decoded);
        rest = after;
    }
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| Code::Malformed.because("the escapes in the address are not UTF-8 text"))
}

fn from_hex(pair: &[u8]) -> u8 {
    pair.iter().fold(0, |value, digit| value * 16 + char::from(*digit).to_digit(16).map_or(0, |digit| digit as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Result<(String, String, String, End), u16> {
        let uri: Uri = path.parse().unwrap();
        match Target::parse(&uri) {
            Ok(target) => {
                Ok((target.tenant.into_owned(), target.flow.into_owned(), target.key.into_owned(), target.end))
            }
            Err(problem) => Err(problem.code.status()),
        }
    }

    fn target(tenant: &str, flow: &str, key: &str, end: End) -> Result<(String, String, String, End), u16> {
        Ok((tenant.to_owned(), flow.to_owned(), key.to_owned(), end))
    }

    #[test]
    fn an_address_without_a_tenant_is_that_of_main() {
        let expected = target("main", "a.b/f", "k", End::Here);
        assert_eq!(parse("/api/v1/executions/webhook/a.b/f/k"), expected);
        assert_eq!(parse("/api/v1/main/executions/webhook/a.b/f/k?x=1"), expected);
        assert_eq!(parse("/api/v1/other/executions/webhook/a.b/f/k"), target("other", "a.b/f", "k", End::Here));
    }

    #[test]
    fn a_key_is_decoded_once_and_a_plus_is_no_blank() {
        assert_eq!(parse("/api/v1/executions/webhook/a/f/a%2Fb"), target("main", "a/f", "a/b", End::Here));
        assert_eq!(parse("/api/v1/executions/webhook/a/f/a%252Fb"), target("main", "a/f", "a%2Fb", End::Here));
        assert_eq!(parse("/api/v1/executions/webhook/a/f/%C3%BC+"), target("main", "a/f", "\u{fc}+", End::Here));
    }

    #[test]
    fn an_address_that_goes_on_after_the_key_is_marked() {
        assert_eq!(parse("/api/v1/executions/webhook/a/f/k/"), target("main", "a/f", "k", End::Beyond));
        assert_eq!(parse("/api/v1/main/executions/webhook/a/f/k/x/y"), target("main", "a/f", "k", End::Beyond));
    }

    #[test]
    fn other_shapes_are_not_found_and_bad_escapes_are_malformed() {
        assert_eq!(parse("/api/v1/executions/webhook/a/f"), Err(404));
        assert_eq!(parse("/api/v1/x/y/executions/webhook/a/f/k"), Err(404));
        assert_eq!(parse("/api/v1/executions/webhook/a/f/%zz"), Err(400));
        assert_eq!(parse("/api/v1/executions/webhook/a/f/k%2"), Err(400));
        assert_eq!(parse("/api/v1/executions/webhook/a/f/k?x=%"), Err(400));
        assert_eq!(parse("/api/v1/executions/webhook/a/f/%ff"), Err(400));
    }
}
