//! Values that must not be read in the log: sensitive headers, and whatever a secret was rendered into.
//!
//! Sealed with XChaCha20-Poly1305 before they are appended, opened only to render, verify or forward, masked in every view.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Bytes of the nonce that stands before the sealed bytes.
const NONCE_BYTES: usize = 24;

/// What a view shows instead of a sealed value.
pub const MASK: &str = "******";

/// The installation's key for sealed values: 32 bytes.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

/// A text that is no key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key for sealed values must be 32 bytes in base64 (44 characters); make one with `openssl rand -base64 32`"
)]
pub struct BadKey;

/// Why a sealed value could not be opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open with this key: it was sealed with another one, or it is damaged")]
pub struct CannotOpen;

impl SealKey {
    /// The key with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a key from base64; blanks around it are ignored.
    ///
    /// # Errors
    /// When the text is not base64 of exactly 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, BadKey> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| BadKey)?;
        bytes.try_into().map(Self).map_err(|_| BadKey)
    }

    /// A digest that tells two keys apart and gives neither away.
    pub fn fingerprint(&self) -> String {
        self.digest("fingerprint", &[])[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A digest of a value that only holders of the key can compute or check.
    pub fn digest(&self, purpose: &str, value: &[u8]) -> [u8; 32] {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).unwrap_or_else(|_| unreachable!("any key length"));
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(value);
        mac.finalize().into_bytes().into()
    }

    /// Seals `clear` for one place: it opens only under the same `context`. The nonce is derived from key, context and
    /// content, so the same turn decided twice seals to the same bytes, and no nonce serves two contents.
    pub fn seal(&self, context: &str, clear: &[u8]) -> Sealed {
        let mut message = (context.len() as u64).to_be_bytes().to_vec();
        message.extend_from_slice(context.as_bytes());
        message.extend_from_slice(clear);
        let digest = self.digest("nonce", &message);
        let mut bytes = digest[..NONCE_BYTES].to_vec();
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&digest[..NONCE_BYTES]);
        let payload = Payload { msg: clear, aad: context.as_bytes() };
        let boxed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        bytes.extend(boxed.unwrap_or_else(|_| unreachable!("the content fits into memory, so it fits into a box")));
        Sealed(bytes)
    }

    /// Opens what [`SealKey::seal`] made under the same context.
    ///
    /// # Errors
    /// When the key or the context is another one, or the bytes are damaged.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<Vec<u8>, CannotOpen> {
        let (nonce, boxed) = sealed.0.split_at_checked(NONCE_BYTES).ok_or(CannotOpen)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| CannotOpen)?;
        let payload = Payload { msg: boxed, aad: context.as_bytes() };
        self.cipher().decrypt(&XNonce::from(nonce), payload).map_err(|_| CannotOpen)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealKey([redacted])")
    }
}

/// Sealed bytes. Written as base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sealed({} bytes)", self.0.len())
    }
}

impl Serialize for Sealed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SealKey {
        SealKey::from_bytes([byte; 32])
    }

    #[test]
    fn what_was_sealed_opens_only_with_the_key_and_in_its_place() {
        let sealed = key(1).seal("header", b"Bearer abc");
        assert_eq!(key(1).open("header", &sealed).as_deref(), Ok(b"Bearer abc".as_slice()));
        assert_eq!(key(2).open("header", &sealed), Err(CannotOpen));
        assert_eq!(key(1).open("output", &sealed), Err(CannotOpen));
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let mut sealed = key(1).seal("header", b"Bearer abc");
        for index in 0..sealed.0.len() {
            sealed.0[index] ^= 1;
            assert_eq!(key(1).open("header", &sealed), Err(CannotOpen));
            sealed.0[index] ^= 1;
        }
    }

    #[test]
    fn neither_key_nor_content_can_be_read_from_what_is_printed() {
        let sealed = key(7).seal("header", b"hunter2");
        let printed = format!("{:?} {:?} {}", key(7), sealed, serde_json::to_string(&sealed).unwrap());
        assert!(!printed.contains("hunter2") && !printed.contains("07, 07"));
    }

    #[test]
    fn a_key_is_32_bytes_of_base64() {
        assert!(SealKey::from_base64(&format!(" {}\n", STANDARD.encode([3; 32]))).is_ok());
        assert_eq!(SealKey::from_base64("c2hvcnQ=").err(), Some(BadKey));
    }
}
