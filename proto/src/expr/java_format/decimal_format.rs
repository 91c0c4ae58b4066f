//! Number patterns: `#,##0.00`, `0.###E0`, `#%`.

use num_traits::Zero as _;

use super::digits::{Digits, Rounding};
use crate::expr::decimal::Decimal;
use crate::expr::error::RenderError;

/// The pattern of numbers that are formatted without one.
pub(crate) const DEFAULT: &str = "#,##0.###";

/// Most digits that a pattern may ask for on either side of the point.
const PATTERN_DIGITS_MAX: usize = 340;

/// A pattern that was understood.
#[derive(Debug, Default)]
pub(crate) struct Pattern {
    prefix: String,
    suffix: String,
    negative: Option<(String, String)>,
    /// Power of ten that the number is multiplied with: 2 for `%`, 3 for `‰`.
    multiplier: i64,
    group: usize,
    whole_min: usize,
    whole_max: usize,
    fraction_min: usize,
    fraction_max: usize,
    /// Digits that an exponent has at least; without, there is no exponent.
    exponent_min: Option<usize>,
    point_always: bool,
}

fn malformed(what: &str, pattern: &str) -> RenderError {
    RenderError::kind(format!("java.lang.IllegalArgumentException: {what} in pattern \"{pattern}\""))
}

/// The digits part of a pattern, as it is read.
#[derive(Default)]
struct Counts {
    left: usize,
    zeros: usize,
    right: usize,
    group: Option<usize>,
    point: Option<usize>,
    exponent: Option<usize>,
}

/// Reads a pattern.
pub(crate) fn parse(text: &str) -> Result<Pattern, RenderError> {
    if text.is_empty() {
        // Nothing is said about digits; commas are where they are by default.
        return Ok(Pattern { group: 3, whole_max: usize::MAX, fraction_max: PATTERN_DIGITS_MAX, ..Pattern::default() });
    }
    let mut pattern = Pattern::default();
    let (positive, rest) = half(text, text)?;
    let (prefix, counts, suffix) = positive;
    pattern.multiplier = multiplier(&prefix.1).max(multiplier(&suffix.1));
    pattern.prefix = prefix.0;
    pattern.suffix = suffix.0;
    apply_counts(&mut pattern, counts, text)?;
    if let Some(rest) = rest {
        let ((prefix, _, suffix), third) = half(rest, text)?;
        if third.is_some() {
            return Err(malformed("Unquoted special character ';'", text));
        }
        let same = prefix.0 == pattern.prefix && suffix.0 == pattern.suffix;
        pattern.negative = if same { None } else { Some((prefix.0, suffix.0)) };
    }
    if [pattern.whole_min, pattern.fraction_max, pattern.fraction_min].iter().any(|count| *count > PATTERN_DIGITS_MAX) {
        return Err(malformed("More than 340 digits", text));
    }
    Ok(pattern)
}

/// An affix as it is printed, and the special characters in it that were not quoted.
type Affix = (String, String);

fn multiplier(specials: &str) -> i64 {
    match specials {
        text if text.contains('%') => 2,
        text if text.contains('\u{2030}') => 3,
        _ => 0,
    }
}

type Half = (Affix, Counts, Affix);

/// One half of a pattern and what stands behind the semicolon.
fn half<'t>(text: &'t str, whole: &str) -> Result<(Half, Option<&'t str>), RenderError> {
    let mut prefix = Affix::default();
    let mut suffix = Affix::default();
    let mut counts = Counts::default();
    let mut phase = 0;
    let mut quoted = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let affix = if phase == 0 { &mut prefix } else { &mut suffix };
        if char == '\'' {
            match chars.next_if(|(_, next)| *next == '\'') {
                Some(_) => affix.0.push('\''),
                None => quoted = !quoted,
            }
            continue;
        }
        if quoted {
            affix.0.push(char);
            continue;
        }
        match char {
            ';' => return Ok(((prefix, counts, suffix), Some(&text[at + 1..]))),
            '#' | '0' | ',' | '.' if phase < 2 => {
                phase = 1;
                counts.take(char, whole)?;
            }
            'E' if phase == 1 => {
                counts.exponent = Some(std::iter::from_fn(|| chars.next_if(|(_, next)| *next == '0')).count());
                if counts.exponent == Some(0) {
                    return Err(malformed("Malformed exponential pattern", whole));
                }
                phase = 2;
            }
            '#' | '0' | ',' | '.' => return Err(malformed(&format!("Unquoted special character '{char}'"), whole)),
            '%' | '\u{2030}' => {
                affix.0.push(char);
                affix.1.push(char);
                phase = if phase == 0 { 0 } else { 2 };
            }
            '\u{a4}' => {
                affix.0.push('$');
                phase = if phase == 0 { 0 } else { 2 };
            }
            other => {
                affix.0.push(other);
                phase = if phase == 0 { 0 } else { 2 };
            }
        }
    }
    match quoted {
        true => Err(malformed("Unclosed quote", whole)),
        false => Ok(((prefix, counts, suffix), None)),
    }
}

impl Counts {
    fn take(&mut self, char: char, pattern: &str) -> Result<(), RenderError> {
        match char {
            '#' if self.zeros > 0 => self.right += 1,
            '#' => self.left += 1,
            '0' if self.right > 0 => return Err(malformed("Unexpected '0'", pattern)),
            '0' => self.zeros += 1,
            ',' => self.group = Some(0),
            _ if self.point.is_some() => return Err(malformed("Multiple decimal separators", pattern)),
            _ => self.point = Some(self.left + self.zeros + self.right),
        }
        if char != ',' && char != '.' && self.point.is_none() {
            self.group = self.group.map(|count| count + 1);
        }
        Ok(())
    }

    /// Whether `#` stands only at the outer ends of the zeros, and no comma at the end.
    fn are_in_order(&self) -> bool {
        let zeros = self.left..=self.left + self.zeros;
        self.group != Some(0) && self.point.map_or(self.right == 0, |point| zeros.contains(&point))
    }
}

fn apply_counts(pattern: &mut Pattern, mut counts: Counts, text: &str) -> Result<(), RenderError> {
    if let (0, true, Some(point)) = (counts.zeros, counts.left > 0, counts.point) {
        let n = point.max(1);
        counts.right = counts.left - n;
        counts.left = n - 1;
        counts.zeros = 1;
    }
    if !counts.are_in_order() {
        return Err(malformed("Malformed digits", text));
    }
    let total = counts.left + counts.zeros + counts.right;
    let point = counts.point.unwrap_or(total);
    pattern.whole_min = point.saturating_sub(counts.left);
    pattern.whole_max = if counts.exponent.is_some() { counts.left + pattern.whole_min } else { usize::MAX };
    if counts.point.is_some() {
        pattern.fraction_max = total - point;
        pattern.fraction_min = (counts.left + counts.zeros).saturating_sub(point);
    }
    pattern.group = counts.group.unwrap_or(0);
    pattern.exponent_min = counts.exponent;
    pattern.point_always = counts.point.is_some_and(|point| point == 0 || point == total);
    Ok(())
}

impl Pattern {
    /// What a float is multiplied with, where it is.
    pub(crate) fn float_factor(&self) -> Option<f64> {
        (self.multiplier > 0).then(|| 10_f64.powi(self.multiplier as i32))
    }

    /// The same pattern for a number that was multiplied already.
    pub(crate) fn without_factor(mut self) -> Pattern {
        self.multiplier = 0;
        self
    }

    /// The text of a number; a zero may be negative.
    pub(crate) fn format(&self, number: &Digits, is_negative: bool) -> String {
        let scaled = number.clone().scaled(self.multiplier);
        let body = match self.exponent_min {
            Some(exponent_min) => self.scientific(&scaled, exponent_min),
            None => self.plain(&scaled),
        };
        self.affixed(&body, is_negative)
    }

    /// A text with what the pattern has around numbers.
    pub(crate) fn affixed(&self, body: &str, is_negative: bool) -> String {
        match (is_negative, &self.negative) {
            (true, Some((prefix, suffix))) => format!("{prefix}{body}{suffix}"),
            (true, None) => format!("-{}{body}{}", self.prefix, self.suffix),
            (false, _) => format!("{}{body}{}", self.prefix, self.suffix),
        }
    }

    fn plain(&self, number: &Digits) -> String {
        let rounded = number.rounded(self.fraction_max as i64, Rounding::HalfEven);
        let (whole, fraction) = parts(&rounded);
        let whole = whole.trim_start_matches('0');
        let fraction = trimmed_fraction(&fraction, self.fraction_min);
        let mut whole = format!("{whole:0>width$}", width = self.whole_min);
        if whole.is_empty() && fraction.is_empty() {
            whole.push('0');
        }
        let grouped = grouped(&whole, self.group);
        let point = if fraction.is_empty() && !(self.point_always && self.fraction_max == 0) { "" } else { "." };
        format!("{grouped}{point}{fraction}")
    }

    fn scientific(&self, number: &Digits, exponent_min: usize) -> String {
        if number.value.unscaled.is_zero() {
            let point = if self.fraction_min > 0 { "." } else { "" };
            let (whole, fraction) = ("0".repeat(self.whole_min.max(1)), "0".repeat(self.fraction_min));
            return format!("{whole}{point}{fraction}E{:0>exponent_min$}", 0);
        }
        let exponent = number.exponent();
        let decimals = self.significant_max() - 1 - exponent;
        let rounded = number.rounded(decimals, Rounding::HalfEven);
        let shown = self.shown_exponent(Digits::exact(rounded.clone()).exponent());
        let mantissa = Decimal { unscaled: rounded.unscaled.clone(), scale: rounded.scale + shown };
        let (whole, fraction) = parts(&mantissa);
        let fraction = trimmed_fraction(&fraction, self.fraction_min);
        let point = if fraction.is_empty() { "" } else { "." };
        let sign = if shown < 0 { "-" } else { "" };
        format!("{whole}{point}{fraction}E{sign}{:0>exponent_min$}", shown.abs())
    }

    /// Whether the exponent moves in steps of the whole digits, as in `##0.###E0`.
    fn steps_exponent(&self) -> bool {
        self.whole_max > 1 && self.whole_max > self.whole_min
    }

    /// Most digits that the mantissa shows.
    fn significant_max(&self) -> i64 {
        match self.steps_exponent() {
            true => self.whole_max as i64 + self.fraction_max as i64,
            false => self.whole_min.max(1) as i64 + self.fraction_max as i64,
        }
    }

    /// The exponent that is written for a number whose first digit has this power of ten.
    fn shown_exponent(&self, exponent: i64) -> i64 {
        match self.steps_exponent() {
            true => exponent.div_euclid(self.whole_max as i64) * self.whole_max as i64,
            false if self.whole_min > 0 || self.fraction_min > 0 => exponent + 1 - self.whole_min as i64,
            false => exponent,
        }
    }
}

/// The digits before and after the point, without the sign.
fn parts(number: &Decimal) -> (String, String) {
    let plain = number.plain();
    let plain = plain.trim_start_matches('-');
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    (whole.to_owned(), fraction.to_owned())
}

fn trimmed_fraction(fraction: &str, least: usize) -> String {
    let trimmed = fraction.trim_end_matches('0');
    format!("{trimmed:0<least$}")
}

/// A comma before every `size` digits, counted from the right.
pub(crate) fn grouped(digits: &str, size: usize) -> String {
    if size == 0 {
        return digits.to_owned();
    }
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(size) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::value::Value;

    fn formatted(number: f64, pattern: &str) -> String {
        parse(pattern).unwrap().format(&Digits::of(&Value::Double(number)).unwrap(), number.is_sign_negative())
    }

    #[test]
    fn patterns_format_as_in_java() {
        for (number, pattern, text) in [
            (1_234_567.891, "#,##0.00", "1,234,567.89"),
            (0.5, "#.##", "0.5"),
            (0.005, "#", "0"),
            (0.125, "0.00", "0.12"),
            (0.005, "0.00", "0.01"),
            (-1234.5, "#,##0.0;(#,##0.0)", "(1,234.5)"),
            (12_345.0, "##0.###E0", "12.345E3"),
            (0.000_123, "0.00E00", "1.23E-04"),
            (0.256, "#.#%", "25.6%"),
            (-0.4, "+0;-0", "-0"),
            (-0.0, "#.##", "-0"),
            (-0.4, "#,##0;(#,##0)", "(0)"),
            (0.0, "00.##E0", "00E0"),
            (0.0, "0.00E00", "0.00E00"),
            (12_345.678, "", "12,345.678"),
        ] {
            assert_eq!(formatted(number, pattern), text, "{number} {pattern}");
        }
    }

    #[test]
    fn infinity_stands_between_the_affixes() {
        assert_eq!(parse("$0.00 'each'").unwrap().affixed("∞", false), "$∞ each");
        assert_eq!(parse("0;(0)").unwrap().affixed("∞", true), "(∞)");
    }

    #[test]
    fn broken_patterns_are_refused() {
        for pattern in ["#.#.#", "0#0", "#E", "#0x#", "0;0;0", "0#", "#.#0", "0,", "'a"] {
            assert!(parse(pattern).is_err(), "{pattern}");
        }
    }
}
