//! ISO 8601 durations as Kestra writes them: `PT1H30M`, `P1DT0.5S`. Days have 24 hours; months and years do not exist.

use std::time::Duration;

use super::task::NotThatKind;

const WANTED: &str = "an ISO 8601 duration such as PT10S, PT1M30S or P1D";

/// Reads a duration that is not negative.
///
/// # Errors
/// When the text is anything else.
pub fn parse(text: &str) -> Result<Duration, NotThatKind> {
    let wrong = || NotThatKind::new(text, WANTED);
    let upper = text.to_ascii_uppercase();
    let rest = upper.strip_prefix('P').ok_or_else(wrong)?;
    let (days, times) = rest.split_once('T').unwrap_or((rest, ""));
    if rest.ends_with('T') || rest.is_empty() {
        return Err(wrong());
    }
    let mut total = Some(Duration::ZERO);
    let days_left = take_unit(days, 'D', 86_400, &mut total).ok_or_else(wrong)?;
    let mut left = times;
    for (unit, seconds) in [('H', 3_600), ('M', 60), ('S', 1)] {
        left = take_unit(left, unit, seconds, &mut total).ok_or_else(wrong)?;
    }
    if days_left.is_empty() && left.is_empty() { total.ok_or_else(wrong) } else { Err(wrong()) }
}

/// Adds `123D` from the front of the text, when it stands there, and answers the rest. Only seconds may have a fraction.
fn take_unit<'a>(text: &'a str, unit: char, seconds: u64, total: &mut Option<Duration>) -> Option<&'a str> {
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.' && character != ',');
    let Some(end) = digits else { return text.is_empty().then_some(text) };
    let (number, rest) = text.split_at(end);
    let Some(rest) = rest.strip_prefix(unit) else { return Some(text) };
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    if !fraction.is_empty() && unit != 'S' || whole.is_empty() {
        return None;
    }
    let part = Duration::from_secs(whole.parse::<u64>().ok()?.checked_mul(seconds)?);
    *total = total.and_then(|sum| sum.checked_add(part)).and_then(|sum| sum.checked_add(nanos(fraction)?));
    Some(rest)
}

/// The nanoseconds of up to nine digits after the point.
fn nanos(fraction: &str) -> Option<Duration> {
    if fraction.len() > 9 {
        return None;
    }
    let number: u64 = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::from_nanos(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_kestra_are_read() {
        for (text, millis) in [
            ("PT0S", 0),
            ("PT1S", 1_000),
            ("PT0.5S", 500),
            ("PT1.250S", 1_250),
            ("pt2m", 120_000),
            ("PT1H30M", 5_400_000),
            ("P1D", 86_400_000),
            ("P1DT1S", 86_401_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_duration() {
        for text in [
            "",
            "P",
            "PT",
            "3s",
            "1 day",
            "PT1",
            "PT-1S",
            "P1M",
            "PT1S2M",
            "P1.5D",
            "PT.5S",
            "PT1S ",
            "PT99999999999999999999S",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
