//! Bodies: text of a known content type, within a limit.

use axum::{extract::Request, http::header};
use windhover_proto::problem::{Code, Problem};

/// Reads a text. An empty one is none.
///
/// # Errors
/// 415 for other content types, 413 over the limit, 422 without a text.
pub(super) async fn text(request: Request, types: &[&str], bytes_max: usize) -> Result<String, Problem> {
    let (parts, body) = request.into_parts();
    let given = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !types.contains(&kind.as_str()) {
        let detail = format!("Content Type [{given}] not allowed. Allowed types: [{}]", types.join(", "));
        return Err(Code::UnsupportedMediaType.because(detail));
    }
    let too_large = || Code::BodyTooLarge.because(format!("the body is over the limit of {bytes_max} bytes"));
    let bytes = axum::body::to_bytes(body, bytes_max).await.map_err(|_| too_large())?;
    let text = String::from_utf8(bytes.into()).map_err(|_| Code::Malformed.because("the body is not text in UTF-8"))?;
    if text.is_empty() {
        return Err(Code::Unprocessable.because("Required Body not specified: the body is empty"));
    }
    Ok(text)
}
