//! Inputs as a form gives them: multipart, as Kestra's clients send them, or URL-encoded.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, header};
use windhover_proto::{
    expr::{Map, Text, Value},
    problem::{Code, Problem},
};

use super::{Call, query};
use crate::body;

/// The fields of a form by name; of a name that comes twice the last one counts.
///
/// # Errors
/// 415 for another content type, 422 for a form that cannot be read or that holds files.
pub(super) async fn read(call: &Call, body: &mut Body) -> Result<Map, Problem> {
    let kind = Kind::of(&call.parts.headers)?;
    let bytes_max = call.service().body_bytes_max;
    let bytes = body::read(body, bytes_max).await?;
    let fields = match kind {
        Kind::Encoded => {
            let text = std::str::from_utf8(&bytes).map_err(|_| unreadable("it is not UTF-8 text"))?;
            query::pairs(text)?
        }
        Kind::Multipart { boundary } => multipart(bytes, boundary).await?,
    };
    Ok(fields.into_iter().map(|(name, value)| (Text::from(name), Value::from(value))).collect())
}

/// How the fields are written.
enum Kind {
    Encoded,
    Multipart { boundary: String },
}

impl Kind {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let given = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let given = given.unwrap_or_default();
        let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "" | "application/x-www-form-urlencoded" => Ok(Kind::Encoded),
            "multipart/form-data" => {
                let boundary = multer::parse_boundary(given.as_ref());
                boundary.map(|boundary| Kind::Multipart { boundary }).map_err(|error| unreadable(&error.to_string()))
            }
            other => Err(Code::UnsupportedMediaType.because(format!(
                "Content Type [{other}] not allowed; send inputs as multipart/form-data or application/x-www-form-urlencoded"
            ))),
        }
    }
}

async fn multipart(bytes: Bytes, boundary: String) -> Result<Vec<(String, String)>, Problem> {
    let broken = |error: multer::Error| unreadable(&error.to_string());
    let mut fields = Vec::new();
    // A form without any field is only its end.
    if bytes.trim_ascii() == format!("--{boundary}--").as_bytes() {
        return Ok(fields);
    }
    let mut parts = multer::Multipart::new(stream::iter([Ok::<_, std::io::Error>(bytes)]), boundary);
    while let Some(field) = parts.next_field().await.map_err(broken)? {
        if let Some(file) = field.file_name() {
            let detail = format!("the file `{file}` cannot be taken: files are not supported yet");
            return Err(Code::InputsInvalid.because(detail));
        }
        let name = field.name().ok_or_else(|| unreadable("a field has no name"))?.to_owned();
        fields.push((name, field.text().await.map_err(broken)?));
    }
    Ok(fields)
}

fn unreadable(reason: &str) -> Problem {
    Code::Unprocessable.because(format!("the form cannot be read: {reason}"))
}
