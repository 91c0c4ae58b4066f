//! Decimal digits of numbers, and rounding them.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::{Signed as _, Zero as _};

use crate::expr::arithmetic::exact;
use crate::expr::decimal::{Decimal, ten_to};
use crate::expr::value::Value;

/// How a digit that falls away is rounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// To the even neighbour where both are equally near.
    HalfEven,
    /// Away from zero where both are equally near.
    HalfUp,
}

/// A finite number as decimal digits; for floats also what the shortest digits leave out.
#[derive(Clone, Debug)]
pub(crate) struct Digits {
    pub(crate) value: Decimal,
    /// How the exact value of a float lies to its shortest digits, away from zero being greater.
    beyond: Ordering,
}

impl Digits {
    /// The digits of a number; `None` for what is no number, and for infinities.
    pub(crate) fn of(value: &Value) -> Option<Digits> {
        match value {
            Value::Double(number) => Digits::of_float(*number, &format!("{number:e}")),
            Value::Float(number) => Digits::of_float(f64::from(*number), &format!("{:e}", f64::from(*number))),
            Value::Exact(_) => value.as_f64().and_then(|number| Digits::of_float(number, &format!("{number:e}"))),
            other => exact(other).map(Digits::exact),
        }
    }

    /// Exactly these digits.
    pub(crate) fn exact(value: Decimal) -> Digits {
        Digits { value, beyond: Ordering::Equal }
    }

    fn of_float(number: f64, shortest: &str) -> Option<Digits> {
        if !number.is_finite() {
            return None;
        }
        let value = Decimal::parse(shortest)?;
        let exact = exact_float(number);
        let beyond = if number < 0.0 { value.compare(&exact) } else { exact.compare(&value) };
        Some(Digits { value, beyond })
    }

    /// The number times a power of ten.
    pub(crate) fn scaled(mut self, power: i64) -> Digits {
        self.value.scale -= power;
        self
    }

    /// The digits with at most `decimals` after the point; negative ones round whole digits.
    pub(crate) fn rounded(&self, decimals: i64, rounding: Rounding) -> Decimal {
        if self.value.scale <= decimals {
            return self.value.clone();
        }
        let unit = ten_to(self.value.scale - decimals);
        let (mut kept, rest) = (&self.value.unscaled / &unit, &self.value.unscaled % &unit);
        let half = (rest.abs() * 2u32).cmp(&unit);
        let up = match (half, rounding) {
            (Ordering::Greater, _) => true,
            (Ordering::Less, _) => false,
            (Ordering::Equal, Rounding::HalfUp) => true,
            (Ordering::Equal, Rounding::HalfEven) => match self.beyond {
                Ordering::Greater => true,
                Ordering::Less => false,
                Ordering::Equal => !(&kept % 2u32).is_zero(),
            },
        };
        if up {
            kept += self.value.unscaled.signum();
        }
        Decimal { unscaled: kept, scale: decimals }
    }

    /// The power of ten of the first digit; 0 for zero.
    pub(crate) fn exponent(&self) -> i64 {
        if self.value.unscaled.is_zero() {
            return 0;
        }
        self.value.unscaled.magnitude().to_string().len() as i64 - 1 - self.value.scale
    }
}

/// The exact value of a float: mantissa times a power of two.
fn exact_float(number: f64) -> Decimal {
    let bits = number.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, power) = if exponent == 0 { (fraction, -1074) } else { (fraction | (1 << 52), exponent - 1075) };
    let signed = if number < 0.0 { -BigInt::from(mantissa) } else { BigInt::from(mantissa) };
    if power >= 0 {
        return Decimal { unscaled: signed << power, scale: 0 };
    }
    // 2^-n is 5^n / 10^n.
    let fives = BigInt::from(5).pow(u32::try_from(-power).unwrap_or(0));
    Decimal { unscaled: signed * fives, scale: -power }
}
