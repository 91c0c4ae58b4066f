//! Values that are kept encrypted: `{"type": "io.kestra.datatype:aes_encrypted", "value": base64}`.

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::aes::Aes192;
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::map::Map;
use super::surroundings::Surroundings;
use super::value::Value;

type Aes192Gcm = AesGcm<Aes192, aes_gcm::aead::consts::U12>;

/// The mark of an encrypted value.
const SEALED_TYPE: &str = "io.kestra.datatype:aes_encrypted";

/// Bytes of the nonce in front of the encrypted text.
const NONCE_BYTES: usize = 12;

/// Shows encrypted values below `inputs`, `outputs` and `trigger`, through maps but not into lists. What cannot be
/// decrypted stays as it is.
pub fn unseal(variables: &Map, surroundings: &dyn Surroundings) -> Map {
    let Some(key) = surroundings.encryption_key() else { return variables.clone() };
    let shown = variables.iter().map(|(name, value)| match &**name {
        "inputs" | "outputs" | "trigger" => (name.clone(), shown(value, &key)),
        _ => (name.clone(), value.clone()),
    });
    shown.collect()
}

fn shown(value: &Value, key: &str) -> Value {
    let Value::Map(map) = value else { return value.clone() };
    if map.get("type").and_then(Value::as_text) == Some(SEALED_TYPE) {
        let opened = map.get("value").and_then(Value::as_text).and_then(|sealed| decrypt(key, sealed));
        return opened.map_or_else(|| value.clone(), Value::from);
    }
    Value::from(map.iter().map(|(name, value)| (name.clone(), shown(value, key))).collect::<Map>())
}

/// Decrypts base64 of nonce and AES-GCM text; `None` when the key or the text is wrong.
pub(crate) fn decrypt(key: &str, sealed: &str) -> Option<String> {
    let (key, bytes) = (STANDARD.decode(key).ok()?, STANDARD.decode(sealed).ok()?);
    let (nonce, text) = bytes.split_at_checked(NONCE_BYTES)?;
    let nonce = Nonce::try_from(nonce).ok()?;
    let opened = match key.len() {
        16 => Aes128Gcm::new_from_slice(&key).ok()?.decrypt(&nonce, text),
        24 => Aes192Gcm::new_from_slice(&key).ok()?.decrypt(&nonce, text),
        _ => Aes256Gcm::new_from_slice(&key).ok()?.decrypt(&nonce, text),
    };
    String::from_utf8(opened.ok()?).ok()
}

/// Encrypts with the given nonce; `None` when the key has no length that AES knows.
pub(crate) fn encrypt(key: &str, text: &str, nonce: [u8; NONCE_BYTES]) -> Option<String> {
    let key = STANDARD.decode(key).ok()?;
    let sealed = match key.len() {
        16 => Aes128Gcm::new_from_slice(&key).ok()?.encrypt(&nonce.into(), text.as_bytes()),
        24 => Aes192Gcm::new_from_slice(&key).ok()?.encrypt(&nonce.into(), text.as_bytes()),
        _ => Aes256Gcm::new_from_slice(&key).ok()?.encrypt(&nonce.into(), text.as_bytes()),
    };
    let mut bytes = nonce.to_vec();
    bytes.extend(sealed.ok()?);
    Some(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "I6EGNzRESu3X3pKZidrqCGOHQFUFC0yK";

    #[test]
    fn what_is_sealed_opens_with_the_same_key_only() {
        let sealed = encrypt(KEY, "secret", [7; NONCE_BYTES]).unwrap();
        assert_eq!(decrypt(KEY, &sealed).as_deref(), Some("secret"));
        assert_eq!(decrypt("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &sealed), None);
        assert_eq!(decrypt(KEY, "AAAA"), None);
    }
}
