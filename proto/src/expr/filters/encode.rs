//! Filters that encode, decode and hash.

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use sha2::Digest as _;

use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::host::Host;
use super::super::value::Value;
use super::text::only_text;

type Outcome = Result<Value, RenderError>;

/// Accepts missing padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn base64encode(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    Ok(match input {
        Value::Null => Value::Null,
        Value::Host(host) if matches!(&**host, Host::Bytes(_)) => match &**host {
            Host::Bytes(bytes) => Value::from(STANDARD.encode(bytes)),
            _ => Value::Null,
        },
        other => Value::from(STANDARD.encode(other.host_text())),
    })
}

pub(super) fn base64decode(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    match input {
        Value::Null => Ok(Value::Null),
        Value::Text(text) => match LENIENT.decode(&**text) {
            Ok(bytes) => Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned())),
            Err(_) => Err(RenderError::engine(
                "Please provide a correctly Base64 encoded string containing an UTF-8 string\n",
            )),
        },
        _ => Err(RenderError::engine("This filter applies to String\n")),
    }
}

/// The text to hash; null stays null.
fn hashed(input: &Value, hash: impl FnOnce(&[u8]) -> Vec<u8>) -> Outcome {
    match input {
        Value::Null => Ok(Value::Null),
        Value::Text(text) => Ok(Value::from(hex(&hash(text.as_bytes())))),
        _ => Err(RenderError::engine("Need a string to hash\n")),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn md5(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    hashed(input, |bytes| md5::Md5::digest(bytes).to_vec())
}

pub(super) fn sha1(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    hashed(input, |bytes| sha1::Sha1::digest(bytes).to_vec())
}

pub(super) fn sha256(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    hashed(input, |bytes| sha2::Sha256::digest(bytes).to_vec())
}

pub(super) fn sha512(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    hashed(input, |bytes| sha2::Sha512::digest(bytes).to_vec())
}

pub(super) fn to_json(machine: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    let json = input.to_json();
    machine.env.spend_bytes(json.len())?;
    Ok(Value::from(json))
}

/// As HTML forms do: a blank becomes `+`, everything but letters, digits and `.-*_` becomes `%XX`.
pub(super) fn urlencode(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    let Some(text) = only_text(input)? else { return Ok(Value::Null) };
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'.' | b'-' | b'*' | b'_' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(Value::from(out))
}

pub(super) fn urldecode(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    let Some(text) = only_text(input)? else { return Ok(Value::Null) };
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => {
                out.push(hex_byte(bytes.get(at + 1..at + 3))?);
                at += 2;
            }
            other => out.push(other),
        }
        at += 1;
    }
    Ok(Value::from(String::from_utf8_lossy(&out).into_owned()))
}

fn hex_byte(digits: Option<&[u8]>) -> Result<u8, RenderError> {
    let wrong =
        |what| RenderError::kind(format!("java.lang.IllegalArgumentException: URLDecoder: {what} escape (%) pattern"));
    let digits = digits.ok_or_else(|| wrong("Incomplete trailing"))?;
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    text.and_then(|text| u8::from_str_radix(text, 16).ok()).ok_or_else(|| wrong("Illegal hex characters in"))
}

/// The YAML text; null is `null`.
pub(super) fn yaml(machine: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    let text = if input.is_null() { "null".to_owned() } else { super::super::yaml::write(input) };
    machine.env.spend_bytes(text.len())?;
    Ok(Value::from(text))
}

pub(super) fn to_ion(machine: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    let text = super::super::ion::write(input);
    machine.env.spend_bytes(text.len())?;
    Ok(Value::from(text))
}

/// The outputs of a jq program, always as a list.
pub(super) fn jq(machine: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    if args.given("expression").is_none() {
        return Err(RenderError::engine("The 'jq' filter expects an argument 'expression'."));
    }
    let Some(program) = args.text("expression")? else {
        return Err(RenderError::kind("java.lang.NullPointerException: `expression` is null"));
    };
    super::super::jq::run(machine, program, input).map(Value::from)
}
