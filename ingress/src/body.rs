//! Reading the body of a delivery, within its limits, and throwing away what was refused.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use windhover_proto::{
    content::{Coding, NotDecoded},
    limit,
    problem::{Code, Problem},
};

use crate::{limits, server::BodyTooSlow};

/// Reads a whole body of at most `bytes_max`. A body in one piece is not copied.
///
/// # Errors
/// 413 over the limit, 408 when it came too slowly, 400 when it broke off.
pub(crate) async fn read(body: &mut Body, bytes_max: usize) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large(bytes_max));
    }
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(broken)?.into_data() else { continue };
        if first.len() + joined.len() + piece.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        if first.is_empty() && joined.is_empty() {
            first = piece;
            continue;
        }
        if joined.is_empty() {
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        joined.extend_from_slice(&piece);
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

fn too_large(bytes_max: usize) -> Problem {
    let detail = format!("the body is over the limit of {bytes_max} bytes; send less");
    Code::BodyTooLarge.because(detail).with("limitBytes", bytes_max.to_string())
}

/// Tells a body that came too slowly from one that broke off.
#[expect(clippy::needless_pass_by_value, reason = "used to map errors")]
fn broken(error: axum::Error) -> Problem {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if inner.is::<BodyTooSlow>() {
            return Code::BodyTooSlow.because(inner.to_string());
        }
        cause = inner.source();
    }
    Code::Malformed.because(format!("the body broke off: {error}"))
}

/// Checks that a body is compressed as its header says, and stays within the limit once it is not.
///
/// # Errors
/// 400 when it is not what it says, 413 over the limit.
pub(crate) fn check_coding(headers: &HeaderMap, bytes: &[u8], bytes_max: usize) -> Result<(), Problem> {
    let header = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let Some(coding) = header.and_then(Coding::of).filter(|_| !bytes.is_empty()) else { return Ok(()) };
    match coding.decode(bytes, bytes_max.min(limit::BODY_DECODED_BYTES_MAX)) {
        Ok(_) => Ok(()),
        Err(error @ NotDecoded::Damaged(_)) => Err(Code::Malformed.because(error.to_string())),
        Err(error @ NotDecoded::TooLarge { bytes_max }) => {
            Err(Code::BodyTooLarge.because(error.to_string()).with("limitBytes", bytes_max.to_string()))
        }
    }
}

/// Reads and throws away what is left of a refused body, so that its sender reads the answer instead of a reset.
///
/// A sender that waits for `100 Continue` has sent nothing, and is not asked to.
pub(crate) async fn throw_away(mut body: Body, headers: &HeaderMap) {
    if body.is_end_stream() || headers.contains_key(header::EXPECT) {
        return;
    }
    let _ = tokio::time::timeout(limits::DRAIN_MAX, drain(&mut body)).await;
}

async fn drain(body: &mut Body) {
    let mut left_bytes = limits::DRAIN_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let read_bytes = frame.data_ref().map_or(0, Bytes::len);
        match left_bytes.checked_sub(read_bytes) {
            Some(left) => left_bytes = left,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn body(pieces: &[&'static [u8]]) -> Body {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece))).collect();
        Body::from_stream(stream::iter(pieces))
    }

    #[tokio::test]
    async fn pieces_are_joined_in_order_up_to_the_limit() {
        assert_eq!(read(&mut body(&[b"ab", b"", b"cd", b"e"]), 5).await.unwrap(), "abcde");
        assert_eq!(read(&mut body(&[b"ab", b"cd", b"e"]), 4).await.unwrap_err().code, Code::BodyTooLarge);
        assert_eq!(read(&mut body(&[]), 4).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_malformed() {
        let pieces = [Ok(Bytes::from_static(b"a")), Err(std::io::Error::other("reset"))];
        let refused = read(&mut Body::from_stream(stream::iter(pieces)), 10).await.unwrap_err();
        assert_eq!(refused.code, Code::Malformed);
    }
}
