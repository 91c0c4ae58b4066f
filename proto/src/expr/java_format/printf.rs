//! `%` formats: `%05d`, `%.2f`, `%-10s`, `%2$s`.

use num_bigint::{BigInt, Sign};
use num_traits::Signed as _;

use super::decimal_format::grouped;
use super::digits::{Digits, Rounding};
use crate::expr::error::RenderError;
use crate::expr::host::Host;
use crate::expr::kinds::class_name;
use crate::expr::print::double_text;
use crate::expr::utf16;
use crate::expr::value::Value;

/// Widest field and most decimals that a format may ask for.
const WIDTH_MAX: usize = 10_000;

#[derive(Debug, Default)]
struct Spec {
    index: Option<usize>,
    flags: String,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

impl Spec {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }
}

fn failed(class: &str, message: impl std::fmt::Display) -> RenderError {
    RenderError::kind(format!("java.util.{class}: {message}"))
}

/// Fills the specifiers of a format with the arguments.
pub(crate) fn format(format: &str, args: &[Value]) -> Result<String, RenderError> {
    let mut out = String::new();
    let mut rest = format;
    let mut next = 0;
    let mut last = None;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (spec, after) = read_spec(&rest[at + 1..])?;
        rest = after;
        match spec.conversion {
            'n' => out.push('\n'),
            '%' => out.push_str(&padded("%".into(), &spec)),
            _ => {
                let place = match spec.index {
                    Some(index) => index,
                    None if spec.has('<') => last.unwrap_or(usize::MAX),
                    None => {
                        next += 1;
                        next - 1
                    }
                };
                let missing =
                    || failed("MissingFormatArgumentException", format!("Format specifier '%{}'", spec.conversion));
                let value = args.get(place).ok_or_else(missing)?;
                last = Some(place);
                out.push_str(&converted(value, &spec)?);
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn read_spec(text: &str) -> Result<(Spec, &str), RenderError> {
    let mut spec = Spec::default();
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mut rest = text;
    let first = digits(rest);
    if first > 0 && rest[first..].starts_with('$') {
        let place = rest[..first].parse::<usize>().ok().and_then(|index| index.checked_sub(1));
        let none = || failed("IllegalFormatArgumentIndexException", format!("Illegal format argument index = {rest}"));
        spec.index = Some(place.ok_or_else(none)?);
        rest = &rest[first + 1..];
    }
    let flags = rest.len() - rest.trim_start_matches(['-', '#', '+', ' ', '0', ',', '(', '<']).len();
    spec.flags = rest[..flags].to_owned();
    rest = &rest[flags..];
    let width = digits(rest);
    spec.width = limited(&rest[..width])?.unwrap_or(0);
    rest = &rest[width..];
    if let Some(after) = rest.strip_prefix('.') {
        let precision = digits(after);
        if precision == 0 {
            return Err(failed("UnknownFormatConversionException", "Conversion = '.'"));
        }
        spec.precision = limited(&after[..precision])?;
        rest = &after[precision..];
    }
    let unknown =
        || failed("UnknownFormatConversionException", format!("Conversion = '{}'", text.chars().next().unwrap_or('%')));
    spec.conversion = rest.chars().next().filter(|c| "bBhHsScCdoxXeEfgGaAn%".contains(*c)).ok_or_else(unknown)?;
    check(&spec)?;
    Ok((spec, &rest[1..]))
}

/// Refuses flags that mean nothing together, or nothing for the conversion.
fn check(spec: &Spec) -> Result<(), RenderError> {
    if (spec.has('-') && spec.has('0')) || (spec.has('+') && spec.has(' ')) {
        return Err(failed("IllegalFormatFlagsException", format!("Flags = '{}'", spec.flags)));
    }
    if spec.width == 0 && (spec.has('-') || spec.has('0')) {
        return Err(failed("MissingFormatWidthException", format!("%{}{}", spec.flags, spec.conversion)));
    }
    if spec.width > 0 && spec.conversion == 'n' {
        return Err(failed("IllegalFormatWidthException", spec.width));
    }
    let (refused, takes_precision) = match spec.conversion {
        'd' => ("#", false),
        'o' | 'x' | 'X' => (",", false),
        'c' | 'C' | '%' => ("#+ 0,(", false),
        'n' => ("-#+ 0,(", false),
        'e' | 'E' => (",", true),
        'g' | 'G' => ("#", true),
        'a' | 'A' => (",(", true),
        's' | 'S' | 'b' | 'B' | 'h' | 'H' => ("#+ 0,(", true),
        _ => ("", true),
    };
    if let Some(flag) = refused.chars().find(|flag| spec.has(*flag)) {
        let message = format!("Conversion = {}, Flags = {flag}", spec.conversion);
        return Err(failed("FormatFlagsConversionMismatchException", message));
    }
    match spec.precision.filter(|_| !takes_precision) {
        Some(precision) => Err(failed("IllegalFormatPrecisionException", precision)),
        None => Ok(()),
    }
}

fn limited(digits: &str) -> Result<Option<usize>, RenderError> {
    if digits.is_empty() {
        return Ok(None);
    }
    match digits.parse::<usize>().ok().filter(|number| *number <= WIDTH_MAX) {
        Some(number) => Ok(Some(number)),
        None => Err(RenderError::limit(format!("a format asks for a width of {digits}; the limit is {WIDTH_MAX}"))),
    }
}

fn padded(text: String, spec: &Spec) -> String {
    let missing = spec.width.saturating_sub(utf16::length(&text));
    if spec.has('-') { text + &" ".repeat(missing) } else { " ".repeat(missing) + &text }
}

fn converted(value: &Value, spec: &Spec) -> Result<String, RenderError> {
    let text = match spec.conversion {
        's' | 'S' => cut(value.host_text(), spec),
        'b' | 'B' => cut(value.as_bool().unwrap_or(!value.is_null()).to_string(), spec),
        _ if value.is_null() => cut("null".into(), spec),
        'c' | 'C' => character(value, spec)?,
        'd' => return decimal(value, spec),
        'o' | 'x' | 'X' => radix(value, spec)?,
        'h' | 'H' => cut(format!("{:x}", hash(value).ok_or_else(|| mismatch(value, spec))?), spec),
        _ => return float(value, spec),
    };
    let text = if spec.conversion.is_ascii_uppercase() { text.to_uppercase() } else { text };
    Ok(padded(text, spec))
}

fn cut(text: String, spec: &Spec) -> String {
    match spec.precision {
        Some(most) => utf16::slice(&text, 0, most),
        None => text,
    }
}

fn mismatch(value: &Value, spec: &Spec) -> RenderError {
    failed("IllegalFormatConversionException", format!("{} != {}", spec.conversion, class_name(value)))
}

fn character(value: &Value, spec: &Spec) -> Result<String, RenderError> {
    match value {
        Value::Int(code) => {
            u32::try_from(*code).ok().and_then(char::from_u32).map(String::from).ok_or_else(|| mismatch(value, spec))
        }
        Value::Host(host) => match &**host {
            Host::Char(char) => Ok(char.to_string()),
            _ => Err(mismatch(value, spec)),
        },
        _ => Err(mismatch(value, spec)),
    }
}

/// The bits of what is not a number, of which the host has only one kind.
const NAN_BITS: u64 = 0x7ff8_0000_0000_0000;

/// The hash code of a big number: its 32-bit digits, the highest first.
fn big_hash(number: &BigInt) -> u32 {
    let digits = number.magnitude().iter_u32_digits().rev();
    let hash = digits.fold(0_u32, |hash, digit| hash.wrapping_mul(31).wrapping_add(digit));
    if number.is_negative() { hash.wrapping_neg() } else { hash }
}

fn list_hash(list: &[Value]) -> Option<u32> {
    list.iter().try_fold(1_u32, |all, one| Some(all.wrapping_mul(31).wrapping_add(hash(one)?)))
}

/// The host's hash code of a plain value.
fn hash(value: &Value) -> Option<u32> {
    // Both halves of the bits, one laid over the other.
    let folded = |bits: u64| (bits ^ (bits >> 32)) as u32;
    Some(match value {
        Value::Int(number) => *number as u32,
        Value::Long(number) => folded(*number as u64),
        Value::Double(number) => folded(if number.is_nan() { NAN_BITS } else { number.to_bits() }),
        Value::Float(number) => number.to_bits(),
        Value::Bool(true) => 1231,
        Value::Bool(false) => 1237,
        Value::Null => 0,
        Value::Big(number) => big_hash(number),
        Value::List(list) => list_hash(list)?,
        Value::Text(text) => {
            text.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
        }
        _ => return None,
    })
}

fn whole(value: &Value, spec: &Spec) -> Result<BigInt, RenderError> {
    match value {
        Value::Big(number) => Ok((**number).clone()),
        other => other.as_i64().map(BigInt::from).ok_or_else(|| mismatch(value, spec)),
    }
}

fn decimal(value: &Value, spec: &Spec) -> Result<String, RenderError> {
    let number = whole(value, spec)?;
    let digits = number.magnitude().to_string();
    let digits = if spec.has(',') { grouped(&digits, 3) } else { digits };
    Ok(signed(number.sign() == Sign::Minus, &digits, spec))
}

/// Two's complement for negative numbers of known width.
fn radix(value: &Value, spec: &Spec) -> Result<String, RenderError> {
    let number = whole(value, spec)?;
    if !matches!(value, Value::Big(_)) && ['+', ' ', '('].iter().any(|flag| spec.has(*flag)) {
        let message = format!("Conversion = {}, Flags = {}", spec.conversion, spec.flags);
        return Err(failed("FormatFlagsConversionMismatchException", message));
    }
    let width = match value {
        Value::Int(_) => 32,
        Value::Long(_) => 64,
        _ => 0,
    };
    let unsigned = if number.is_negative() && width > 0 { number + (BigInt::from(1) << width) } else { number };
    let (radix, prefix) = if spec.conversion == 'o' { (8, "0") } else { (16, "0x") };
    let digits = unsigned.to_str_radix(radix);
    let prefix = if spec.has('#') { prefix } else { "" };
    let missing = if spec.has('0') { spec.width.saturating_sub(digits.len() + prefix.len()) } else { 0 };
    Ok(format!("{prefix}{}{digits}", "0".repeat(missing)))
}

/// The sign, zeros up to the width where they are asked for, and the digits.
fn signed(negative: bool, digits: &str, spec: &Spec) -> String {
    let (before, after) = match negative {
        true if spec.has('(') => ("(", ")"),
        true => ("-", ""),
        false if spec.has('+') => ("+", ""),
        false if spec.has(' ') => (" ", ""),
        false => ("", ""),
    };
    let missing = spec.width.saturating_sub(before.len() + after.len() + digits.len());
    let zeros = if spec.has('0') { "0".repeat(missing) } else { String::new() };
    padded(format!("{before}{zeros}{digits}{after}"), spec)
}

fn float(value: &Value, spec: &Spec) -> Result<String, RenderError> {
    if !matches!(value, Value::Double(_) | Value::Float(_) | Value::Decimal(_) | Value::Exact(_)) {
        return Err(mismatch(value, spec));
    }
    let Some(digits) = Digits::of(value) else { return Ok(endless(value, spec)) };
    let precision = spec.precision.unwrap_or(6);
    // The sign of a zero counts.
    let negative = value.as_f64().is_some_and(f64::is_sign_negative);
    let text = match spec.conversion {
        'a' | 'A' => hexadecimal(value, spec)?,
        'f' => fixed(&digits, precision, spec),
        'e' | 'E' => scientific(&digits, precision, spec),
        _ => general(&digits, precision.max(1), spec),
    };
    let text = if spec.conversion.is_ascii_uppercase() { text.to_uppercase() } else { text };
    Ok(signed(negative, &text, spec))
}

/// Infinity and what is not a number: with the flags of signs, and never with zeros before it.
fn endless(value: &Value, spec: &Spec) -> String {
    let number = value.as_f64().unwrap_or(f64::NAN);
    let text = double_text(number.abs());
    let text = if spec.conversion.is_ascii_uppercase() { text.to_uppercase() } else { text };
    let blanks = Spec { width: spec.width, flags: spec.flags.replace('0', ""), ..Spec::default() };
    match number.is_nan() {
        true => padded(text, spec),
        false => signed(number < 0.0, &text, &blanks),
    }
}

fn fixed(digits: &Digits, precision: usize, spec: &Spec) -> String {
    let rounded = digits.rounded(precision as i64, Rounding::HalfUp);
    let plain = rounded.plain();
    let plain = plain.trim_start_matches('-');
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let whole = if spec.has(',') { grouped(whole, 3) } else { whole.to_owned() };
    match precision {
        0 if spec.has('#') => whole + ".",
        0 => whole,
        _ => format!("{whole}.{fraction:0<precision$}"),
    }
}

fn scientific(digits: &Digits, precision: usize, spec: &Spec) -> String {
    let exponent = digits.exponent();
    let mut rounded = digits.rounded(precision as i64 - exponent, Rounding::HalfUp);
    let mut all = rounded.unscaled.magnitude().to_string();
    let shown = if all == "0" { 0 } else { all.len() as i64 - 1 - rounded.scale };
    if shown > exponent {
        rounded = digits.rounded(precision as i64 - shown, Rounding::HalfUp);
        all = rounded.unscaled.magnitude().to_string();
    }
    let all = format!("{all:0<width$}", width = precision + 1);
    let (first, rest) = all.split_at(1);
    let point = if precision == 0 && !spec.has('#') { "" } else { "." };
    let sign = if shown < 0 { '-' } else { '+' };
    format!("{first}{point}{}e{sign}{:02}", &rest[..precision], shown.abs())
}

/// `0x1.8p1`: the bits of a float.
fn hexadecimal(value: &Value, spec: &Spec) -> Result<String, RenderError> {
    let number = match value {
        Value::Double(number) if spec.precision.is_none() => number.abs(),
        _ => return Err(mismatch(value, spec)),
    };
    let (exponent, fraction) = ((number.to_bits() >> 52) as i64, number.to_bits() & ((1 << 52) - 1));
    let (first, exponent) = match (exponent, fraction) {
        (0, 0) => (0, 0),
        (0, _) => (0, -1022),
        _ => (1, exponent - 1023),
    };
    let digits = format!("{fraction:013x}");
    let digits = digits.trim_end_matches('0');
    Ok(format!("0x{first}.{}p{exponent}", if digits.is_empty() { "0" } else { digits }))
}

/// Without exponent from 0.0001 up to 10^precision, with exponent beyond.
fn general(digits: &Digits, precision: usize, spec: &Spec) -> String {
    let exponent = digits.exponent();
    if (-4..precision as i64).contains(&exponent) {
        return fixed(digits, (precision as i64 - 1 - exponent).max(0) as usize, spec);
    }
    scientific(digits, precision - 1, spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_fill_as_in_java() {
        for (text, args, wanted) in [
            (
                "%05d|%,d|%+d|%(d",
                vec![Value::Long(5), Value::Long(1_234_567), Value::Long(3), Value::Long(-3)],
                "00005|1,234,567|+3|(3)",
            ),
            (
                "%.2f|%8.1f|%e",
                vec![Value::Double(3.145), Value::Double(2.25), Value::Double(12345.678)],
                "3.15|     2.3|1.234568e+04",
            ),
            (
                "%x|%X|%o|%#x",
                vec![Value::Long(255), Value::Long(255), Value::Long(8), Value::Long(255)],
                "ff|FF|10|0xff",
            ),
            ("%2$s %1$s %-4s|", vec![Value::from("a"), Value::from("b")], "b a a   |"),
            (
                "%h %h %H",
                vec![Value::from("Hello"), Value::Long(-1_234_567), Value::Double(1.5)],
                "42628b2 12d686 3FF80000",
            ),
            ("%a %A", vec![Value::Double(0.1), Value::Double(-2.5)], "0x1.999999999999ap-4 -0X1.4P1"),
            ("%5s|%-5s|%.2s", vec![Value::from("🐎é"), Value::from("🐎"), Value::from("🐎é")], "  🐎é|🐎   |🐎"),
            (
                "%+.1f|%(,.2f|%E|%09f",
                vec![
                    Value::Double(f64::INFINITY),
                    Value::Double(f64::NEG_INFINITY),
                    Value::Double(f64::NAN),
                    Value::Double(f64::INFINITY),
                ],
                "+Infinity|(Infinity)|NAN| Infinity",
            ),
            ("%#.0f|%#.0e", vec![Value::Double(2.5), Value::Double(2.5)], "3.|3.e+00"),
            (
                "%h|%h",
                vec![
                    Value::long_or_big("12345678901234567890123".parse().unwrap()),
                    Value::from(vec![Value::Int(1), Value::Int(2)]),
                ],
                "855f9472|3e2",
            ),
            ("%s%%%n%b%c", vec![Value::Null, Value::Bool(true), Value::Int(65)], "null%\ntrueA"),
        ] {
            assert_eq!(format(text, &args).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn wrong_specifiers_are_refused() {
        for (text, args) in [
            ("%d", vec![Value::from("a")]),
            ("%s %s", vec![Value::Null]),
            ("%", vec![]),
            ("%y", vec![]),
            ("%99999s", vec![Value::Null]),
            ("%-05d", vec![Value::Long(1)]),
            ("%-d", vec![Value::Long(1)]),
            ("%.2d", vec![Value::Long(1)]),
            ("%#d", vec![Value::Long(1)]),
            ("%,x", vec![Value::Long(1)]),
            ("%+s", vec![Value::from("a")]),
            ("%+x", vec![Value::Long(1)]),
            ("%.d", vec![Value::Long(1)]),
            ("%5n%-9%", vec![]),
            ("%0$s", vec![Value::from("a")]),
        ] {
            assert!(format(text, &args).is_err(), "{text}");
        }
    }
}
