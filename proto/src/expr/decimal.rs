//! Decimals with exact digits, as Java's `BigDecimal` has them.

use num_bigint::{BigInt, Sign};
use num_traits::Zero as _;

/// `unscaled` × 10^-`scale`. Two decimals are equal only with the same scale: `10.1` and `10.10` are different values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// All digits, without the point.
    pub unscaled: BigInt,
    /// Digits after the point; negative for trailing zeros that are not written.
    pub scale: i64,
}

/// Largest exponent that a decimal is read with: what is beyond would only be a way to ask for gigabytes of zeros.
const EXPONENT_MAX: i64 = 10_000;

impl Decimal {
    /// Reads `-12.50`, `1E+3`; `None` for anything else and for exponents beyond 10 000.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].trim_start_matches('+').parse::<i64>().ok()?),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) || exponent.abs() > EXPONENT_MAX {
            return None;
        }
        let magnitude: BigInt = digits.parse().ok()?;
        let unscaled = if mantissa.starts_with('-') { -magnitude } else { magnitude };
        Some(Decimal { unscaled, scale: fraction.len() as i64 - exponent })
    }

    /// The nearest 64-bit float.
    pub fn to_f64(&self) -> f64 {
        format!("{}e{}", self.unscaled, -self.scale).parse().unwrap_or(f64::NAN)
    }

    /// The whole part, towards zero.
    pub fn truncated(&self) -> BigInt {
        if self.scale <= 0 { &self.unscaled * ten_to(-self.scale) } else { &self.unscaled / ten_to(self.scale) }
    }

    /// The same value without trailing zeros after the point; whole numbers get scale 0.
    pub fn stripped(&self) -> Decimal {
        let mut value = self.clone();
        let ten = BigInt::from(10);
        while value.scale > 0 && (&value.unscaled % &ten).is_zero() {
            value.unscaled /= &ten;
            value.scale -= 1;
        }
        if value.scale < 0 {
            value.unscaled *= ten_to(-value.scale);
            value.scale = 0;
        }
        value
    }

    /// Compares by value, whatever the scales.
    pub fn compare(&self, other: &Decimal) -> std::cmp::Ordering {
        let scale = self.scale.max(other.scale);
        self.at_scale(scale).cmp(&other.at_scale(scale))
    }

    /// All digits when written with `scale` digits after the point; `scale` must not be below the own one.
    pub fn at_scale(&self, scale: i64) -> BigInt {
        &self.unscaled * ten_to(scale - self.scale)
    }

    /// Without an exponent, whatever it costs in zeros.
    pub fn plain(&self) -> String {
        let digits = self.unscaled.magnitude().to_string();
        let sign = if self.unscaled.sign() == Sign::Minus { "-" } else { "" };
        if self.scale <= 0 {
            let zeros = if self.unscaled.is_zero() { 0 } else { -self.scale as usize };
            return format!("{sign}{digits}{}", "0".repeat(zeros));
        }
        let scale = self.scale as usize;
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        format!("{sign}{whole}.{fraction}")
    }
}

/// 10 to the given power; 1 for negative ones.
pub(crate) fn ten_to(power: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(power).unwrap_or(0))
}

impl std::fmt::Display for Decimal {
    /// As Java prints it: an exponent only for negative scales and for very small numbers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = self.unscaled.magnitude().to_string();
        let adjusted = digits.len() as i64 - 1 - self.scale;
        if self.scale >= 0 && adjusted >= -6 {
            return f.write_str(&self.plain());
        }
        let sign = if self.unscaled.sign() == Sign::Minus { "-" } else { "" };
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let plus = if adjusted > 0 { "+" } else { "" };
        match adjusted {
            0 => write!(f, "{sign}{first}{point}{rest}"),
            _ => write!(f, "{sign}{first}{point}{rest}E{plus}{adjusted}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_prints_as_it_was_written() {
        for text in ["10.10", "-0.5", "1E+3", "0", "1.5E-9", "0.000001", "123456789012345678901234567890.5"] {
            assert_eq!(Decimal::parse(text).map(|d| d.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in ["", ".", "1e", "1e99999", "0x1", "1.2.3", "--1", "NaN"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn decimals_compare_by_value() {
        let of = |text| Decimal::parse(text).unwrap();
        assert!(of("10.10").compare(&of("10.1")).is_eq());
        assert!(of("1E+3").compare(&of("999.9")).is_gt());
        assert_eq!(of("1E+3").stripped().to_string(), "1000");
    }
}
