//! A delivery as it came over HTTP: bytes kept raw, so that a replay can verify its signature again.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};

use crate::{id::Fingerprint, seal::Sealed};

/// What a provider sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// `GET`, `POST` or `PUT`.
    pub method: String,
    /// The query without its `?`, as sent; empty when there was none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Names (lower case, as HTTP libraries keep them) and values, in wire order.
    pub headers: Vec<(String, HeaderValue)>,
    /// The body; absent when the request had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

impl Request {
    /// The values of a header, in wire order; `name` in lower case.
    pub fn header(&self, name: &str) -> impl Iterator<Item = &HeaderValue> {
        self.headers.iter().filter(move |(own, _)| own == name).map(|(_, value)| value)
    }
}

/// One header value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderValue {
    /// In clear; bytes above 127 read as Latin-1, so none is lost.
    Text(String),
    /// A sensitive header, sealed under the context `header:<name>`.
    Sealed(Sealed),
    /// A sensitive header that arrived while there was no key to seal it with.
    NotKept,
}

impl Serialize for HeaderValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            HeaderValue::Text(text) => serializer.serialize_str(text),
            HeaderValue::Sealed(sealed) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("sealed", sealed)?;
                map.end()
            }
            HeaderValue::NotKept => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for HeaderValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = HeaderValue;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a text, `{\"sealed\": …}` or null")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<HeaderValue, E> {
                Ok(HeaderValue::Text(text.to_owned()))
            }

            fn visit_unit<E: de::Error>(self) -> Result<HeaderValue, E> {
                Ok(HeaderValue::NotKept)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<HeaderValue, A::Error> {
                let entry = map.next_entry::<String, Sealed>()?;
                let (_, sealed) = entry.ok_or_else(|| de::Error::missing_field("sealed"))?;
                Ok(HeaderValue::Sealed(sealed))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The bytes of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// UTF-8, kept as it is.
    Text(String),
    /// Anything else.
    Bytes(Vec<u8>),
    /// Too large for a record: kept in the blob store under its fingerprint.
    Blob {
        /// SHA-256 of the bytes, which is the blob's name.
        fingerprint: Fingerprint,
        /// Size.
        size_bytes: u64,
    },
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Body::Bytes(error.into_bytes()), Body::Text)
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Body::Text(text) => serializer.serialize_str(text),
            Body::Bytes(bytes) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("base64", &STANDARD.encode(bytes))?;
                map.end()
            }
            Body::Blob { fingerprint, size_bytes } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("blob", fingerprint)?;
                map.serialize_entry("size_bytes", size_bytes)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Body;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a text, `{\"base64\": …}` or `{\"blob\": …, \"size_bytes\": …}`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Body, E> {
                Ok(Body::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Body, E> {
                Ok(Body::Text(text))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Body, A::Error> {
                let parts = Parts::deserialize(de::value::MapAccessDeserializer::new(map))?;
                match (parts.base64, parts.blob) {
                    (Some(text), None) => STANDARD.decode(text).map(Body::Bytes).map_err(de::Error::custom),
                    (None, Some(fingerprint)) => Ok(Body::Blob { fingerprint, size_bytes: parts.size_bytes }),
                    (None, None) | (Some(_), Some(_)) => Err(de::Error::custom("a body is `base64` or a `blob`")),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[derive(Deserialize)]
struct Parts {
    base64: Option<String>,
    blob: Option<Fingerprint>,
    #[serde(default)]
    size_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_request_survives_the_log() {
        let sealed = crate::seal::SealKey::from_bytes([1; 32]).seal("header:authorization", b"x");
        let bodies = [
            None,
            Some(Body::from(b"{\"a\": \"\\u0000 \xc3\xbc\"}\n".to_vec())),
            Some(Body::from(vec![0, 255, 13, 10])),
            Some(Body::Blob { fingerprint: Fingerprint::of(b"x"), size_bytes: 1 }),
        ];
        for body in bodies {
            let headers = vec![
                ("x-a".to_owned(), HeaderValue::Text("caf\u{e9}".to_owned())),
                ("authorization".to_owned(), HeaderValue::Sealed(sealed.clone())),
                ("cookie".to_owned(), HeaderValue::NotKept),
            ];
            let request = Request { method: "POST".to_owned(), query: "a=1&a=2".to_owned(), headers, body };
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request, "{text}");
        }
    }
}
