//! The `Idempotency-Key` header: what names a delivery whatever number of times it is sent.

use std::borrow::Cow;

use http::HeaderMap;
use windhover_proto::{
    delivery::{Key, KeySource},
    limit::CORRELATION_ID_BYTES_MAX,
    problem::{Code, Problem},
};

/// Name of the header.
const NAME: &str = "idempotency-key";

/// The key that the sender gave: quoted as the IETF draft has it, or bare, which is the same key. An empty one is none.
///
/// # Errors
/// 400 when it is too long, not printable, badly quoted, or given twice with different values.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<Key>, Problem> {
    let mut values = headers.get_all(NAME).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let first = text(first.as_bytes())?;
    for other in values {
        if text(other.as_bytes())? != first {
            return Err(malformed("it stands twice with different values; send it once"));
        }
    }
    if first.is_empty() {
        return Ok(None);
    }
    let id = first.parse().map_err(|_| {
        malformed(&format!(
            "it must have 1 to {CORRELATION_ID_BYTES_MAX} printable ASCII characters; send a shorter or a plainer one"
        ))
    })?;
    Ok(Some(Key { id, source: KeySource::Header }))
}

fn malformed(reason: &str) -> Problem {
    Code::KeyMalformed.because(format!("the Idempotency-Key cannot be used: {reason}"))
}

fn text(value: &[u8]) -> Result<Cow<'_, str>, Problem> {
    let text = std::str::from_utf8(value.trim_ascii())
        .map_err(|_| malformed("it holds bytes that are not printable ASCII"))?;
    let Some(quoted) = text.strip_prefix('"') else { return Ok(Cow::Borrowed(text)) };
    let quoted = quoted.strip_suffix('"').ok_or_else(|| malformed("its quotes are not closed"))?;
    if quoted.contains(['"', '\\']) { unescaped(quoted).map(Cow::Owned) } else { Ok(Cow::Borrowed(quoted)) }
}

/// Resolves `\"` and `\\`, the only escapes of a quoted header.
fn unescaped(quoted: &str) -> Result<String, Problem> {
    let mut text = String::with_capacity(quoted.len());
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        let kept = match letter {
            '\\' => letters.next().filter(|next| matches!(next, '"' | '\\')),
            '"' => None,
            other => Some(other),
        };
        text.push(kept.ok_or_else(|| malformed("a quote or a backslash inside its quotes is not escaped"))?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key_of(values: &[&[u8]]) -> Result<Option<String>, u16> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(NAME, HeaderValue::from_bytes(value).unwrap());
        }
        key(&headers).map(|key| key.map(|key| key.id.to_string())).map_err(|problem| problem.code.status())
    }

    #[test]
    fn quoted_and_bare_are_the_same_key() {
        assert_eq!(key_of(&[b"abc"]), Ok(Some("abc".to_owned())));
        assert_eq!(key_of(&[b"\"abc\""]), Ok(Some("abc".to_owned())));
        assert_eq!(key_of(&[b"  abc "]), Ok(Some("abc".to_owned())));
        assert_eq!(key_of(&[br#""a\"b\\c""#]), Ok(Some(r#"a"b\c"#.to_owned())));
        assert_eq!(key_of(&[b"abc", b"\"abc\""]), Ok(Some("abc".to_owned())));
    }

    #[test]
    fn an_absent_or_empty_value_is_no_key() {
        assert_eq!(key_of(&[]), Ok(None));
        assert_eq!(key_of(&[b""]), Ok(None));
        assert_eq!(key_of(&[b"\"\""]), Ok(None));
    }

    #[test]
    fn a_key_that_cannot_be_trusted_is_refused() {
        assert_eq!(key_of(&[&[b'a'; 255]]), Ok(Some("a".repeat(255))));
        assert_eq!(key_of(&[&[b'a'; 256]]), Err(400));
        assert_eq!(key_of(&["\u{fc}".as_bytes()]), Err(400));
        assert_eq!(key_of(&[b"a\tb"]), Err(400));
        assert_eq!(key_of(&[b"a", b"b"]), Err(400));
        assert_eq!(key_of(&[b"a", b""]), Err(400));
        assert_eq!(key_of(&[b"\"abc"]), Err(400));
        assert_eq!(key_of(&[br#""a"b""#]), Err(400));
    }
}
