//! Functions whose answers are drawn from the seed of the turn, and encryption.

use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::limits::OUTPUT_BYTES_MAX;
use super::super::sealed;
use super::super::value::Value;

type Outcome = Result<Value, RenderError>;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Letters of a nano id unless others are given.
const NANO_ALPHABET: &str = "_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Letters of a nano id unless another length is given.
const NANO_LENGTH: i64 = 21;

/// Longest nano id.
const NANO_LENGTH_MAX: i64 = 10_000;

/// The moment that KSUIDs count seconds from.
const KSUID_EPOCH: i64 = 1_400_000_000;

/// Ports that are free for anybody.
const PORTS: std::ops::Range<u64> = 1024..65_536;

/// A number in base 62, filled with zeros up to `width`.
fn base62(mut number: num_bigint::BigUint, width: usize) -> String {
    let mut digits = Vec::with_capacity(width);
    let radix = num_bigint::BigUint::from(62u32);
    while digits.len() < width {
        let digit = (&number % &radix).iter_u32_digits().next().unwrap_or(0);
        digits.push(char::from(BASE62[digit as usize]));
        number /= &radix;
    }
    digits.iter().rev().collect()
}

/// A version 7 UUID: the turn's milliseconds, then random bits.
pub(super) fn uuid(machine: &mut Machine<'_, '_>, _: &Arguments) -> Outcome {
    let millis = machine.env.now.as_millisecond().max(0) as u128;
    let random = u128::from_be_bytes(machine.env.random_bytes());
    let bits = (millis << 80) | (random & ((1 << 80) - 1));
    let bits = (bits & !(0xf_u128 << 76)) | (0x7_u128 << 76);
    let bits = (bits & !(0x3_u128 << 62)) | (0x2_u128 << 62);
    let hex = format!("{bits:032x}");
    Ok(Value::from(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])))
}

/// 128 random bits in base 62.
pub(super) fn id(machine: &mut Machine<'_, '_>, _: &Arguments) -> Outcome {
    let random = u128::from_be_bytes(machine.env.random_bytes());
    Ok(Value::from(base62(random.into(), 22)))
}

/// Seconds of the turn and 128 random bits, which sort by time.
pub(super) fn ksuid(machine: &mut Machine<'_, '_>, _: &Arguments) -> Outcome {
    let seconds = u32::try_from(machine.env.now.as_second() - KSUID_EPOCH).unwrap_or(0);
    let random = u128::from_be_bytes(machine.env.random_bytes());
    let number = (num_bigint::BigUint::from(seconds) << 128) + random;
    Ok(Value::from(base62(number, 27)))
}

pub(super) fn nano_id(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let length = match args.get("length") {
        Value::Null => NANO_LENGTH,
        other => other.as_i64().unwrap_or(NANO_LENGTH),
    };
    if length <= 0 {
        return Err(RenderError::engine("The 'nanoId()' function field 'length' must be greater than: 0"));
    }
    if length > NANO_LENGTH_MAX {
        return Err(RenderError::limit(format!("the length of a nano id is limited to {NANO_LENGTH_MAX}")));
    }
    let alphabet: Vec<char> = args.text("alphabet")?.unwrap_or(NANO_ALPHABET).chars().collect();
    if alphabet.is_empty() {
        return Err(RenderError::engine("The 'nanoId()' function field 'alphabet' must not be empty"));
    }
    let letters = (0..length).map(|_| alphabet[machine.env.random_below(alphabet.len() as u64) as usize]);
    Ok(Value::from(letters.collect::<String>()))
}

/// A whole number from `lower` up to, and without, `upper`.
pub(super) fn random_int(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let bound = |name: &str| match args.given(name) {
        Some(Value::Long(number)) => Ok(*number),
        Some(Value::Int(number)) => Ok(i64::from(*number)),
        Some(_) => {
            Err(RenderError::engine(format!("The 'randomIn()' function expects an argument {name} of type Long.")))
        }
        None => Err(RenderError::engine(format!("The 'randomIn()' function expects an argument {name}"))),
    };
    let (lower, upper) = (bound("lower")?, bound("upper")?);
    if upper < lower {
        return Err(RenderError::engine("In 'randomIn()' upper is less than lower"));
    }
    let width = upper.abs_diff(lower).max(1);
    Ok(Value::integer(lower.wrapping_add_unsigned(machine.env.random_below(width))))
}

pub(super) fn random_port(machine: &mut Machine<'_, '_>, _: &Arguments) -> Outcome {
    let port = PORTS.start + machine.env.random_below(PORTS.end - PORTS.start);
    Ok(Value::integer(port as i64))
}

/// Two texts, the second of which may be null.
fn key_and<'a>(args: &'a Arguments, name: &str, function: &str) -> Result<(&'a str, Option<&'a str>), RenderError> {
    if args.given("key").is_none() || args.given(name).is_none() {
        let message = format!("The '{function}' function expects two arguments 'key' and '{name}'.");
        return Err(RenderError::engine(message));
    }
    let text = args.text(name)?;
    let key = args.text("key")?.ok_or_else(|| RenderError::kind("java.lang.NullPointerException: `key` is null"))?;
    Ok((key, text))
}

pub(super) fn encrypt(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let (key, text) = key_and(args, "plaintext", "encrypt")?;
    let Some(text) = text else { return Ok(Value::Null) };
    if text.len() > OUTPUT_BYTES_MAX / 2 {
        return Err(RenderError::limit("the text to encrypt is too long"));
    }
    let nonce = machine.env.random_bytes();
    let sealed = sealed::encrypt(key, text, nonce);
    sealed
        .map(Value::from)
        .ok_or_else(|| RenderError::engine("Invalid AES key length: 16, 24 or 32 bytes in base64 are needed"))
}

pub(super) fn decrypt(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let (key, text) = key_and(args, "encrypted", "decrypt")?;
    let Some(text) = text else { return Ok(Value::Null) };
    let opened = sealed::decrypt(key, text);
    opened.map(Value::from).ok_or_else(|| RenderError::engine("the text was not encrypted with this key"))
}
