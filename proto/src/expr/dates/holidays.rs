//! Public holidays of a few countries, nationwide ones only. Other countries are refused by name.

use jiff::civil::{Date, Weekday};

/// A rule for one holiday.
#[derive(Clone, Copy)]
enum Rule {
    /// Month and day.
    Fixed(i8, i8),
    /// Days after Easter Sunday of the western church.
    Easter(i64),
    /// The nth weekday of a month; -1 is the last one.
    Nth(i8, i8, Weekday),
    /// As `Fixed`, but a Saturday's holiday is kept on Friday and a Sunday's on Monday.
    Observed(i8, i8),
}

use Rule::{Easter, Fixed, Nth, Observed};
use Weekday::{Monday, Thursday};

/// Countries by their two letters, with their holidays.
const COUNTRIES: [(&str, &[Rule]); 12] = [
    (
        "FR",
        &[
            Fixed(1, 1),
            Easter(1),
            Fixed(5, 1),
            Fixed(5, 8),
            Easter(39),
            Easter(50),
            Fixed(7, 14),
            Fixed(8, 15),
            Fixed(11, 1),
            Fixed(11, 11),
            Fixed(12, 25),
        ],
    ),
    (
        "DE",
        &[
            Fixed(1, 1),
            Easter(-2),
            Easter(1),
            Fixed(5, 1),
            Easter(39),
            Easter(50),
            Fixed(10, 3),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    ),
    (
        "AT",
        &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(1),
            Fixed(5, 1),
            Easter(39),
            Easter(50),
            Easter(60),
            Fixed(8, 15),
            Fixed(10, 26),
            Fixed(11, 1),
            Fixed(12, 8),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    ),
    ("CH", &[Fixed(1, 1), Easter(39), Fixed(8, 1), Fixed(12, 25)]),
    (
        "BE",
        &[
            Fixed(1, 1),
            Easter(1),
            Fixed(5, 1),
            Easter(39),
            Easter(50),
            Fixed(7, 21),
            Fixed(8, 15),
            Fixed(11, 1),
            Fixed(11, 11),
            Fixed(12, 25),
        ],
    ),
    (
        "NL",
        &[
            Fixed(1, 1),
            Easter(0),
            Easter(1),
            Fixed(4, 27),
            Easter(39),
            Easter(49),
            Easter(50),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    ),
    (
        "ES",
        &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(-2),
            Fixed(5, 1),
            Fixed(8, 15),
            Fixed(10, 12),
            Fixed(11, 1),
            Fixed(12, 6),
            Fixed(12, 8),
            Fixed(12, 25),
        ],
    ),
    (
        "IT",
        &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(0),
            Easter(1),
            Fixed(4, 25),
            Fixed(5, 1),
            Fixed(6, 2),
            Fixed(8, 15),
            Fixed(11, 1),
            Fixed(12, 8),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    ),
    (
        "PL",
        &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(0),
            Easter(1),
            Fixed(5, 1),
            Fixed(5, 3),
            Easter(49),
            Easter(60),
            Fixed(8, 15),
            Fixed(11, 1),
            Fixed(11, 11),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    ),
    (
        "CZ",
        &[
            Fixed(1, 1),
            Easter(-2),
            Easter(1),
            Fixed(5, 1),
            Fixed(5, 8),
            Fixed(7, 5),
            Fixed(7, 6),
            Fixed(9, 28),
            Fixed(10, 28),
            Fixed(11, 17),
            Fixed(12, 24),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    ),
    ("GB", &[Fixed(1, 1), Easter(-2), Nth(5, 1, Monday), Nth(5, -1, Monday), Fixed(12, 25), Fixed(12, 26)]),
    (
        "US",
        &[
            Observed(1, 1),
            Nth(1, 3, Monday),
            Nth(2, 3, Monday),
            Nth(5, -1, Monday),
            Observed(6, 19),
            Observed(7, 4),
            Nth(9, 1, Monday),
            Nth(10, 2, Monday),
            Observed(11, 11),
            Nth(11, 4, Thursday),
            Observed(12, 25),
        ],
    ),
];

/// Whether the day is a holiday in the country; `None` for a country that is not in the table.
pub(crate) fn is_holiday(day: Date, country: &str) -> Option<bool> {
    let country = country.to_uppercase();
    let (_, rules) = COUNTRIES.iter().find(|(known, _)| *known == country)?;
    Some(rules.iter().any(|rule| holds(*rule, day)))
}

/// The countries that are known.
pub(crate) fn countries() -> String {
    COUNTRIES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn holds(rule: Rule, day: Date) -> bool {
    match rule {
        Fixed(month, of_month) => (day.month(), day.day()) == (month, of_month),
        Easter(days) => {
            easter(day.year()).and_then(|easter| easter.checked_add(jiff::Span::new().days(days)).ok()) == Some(day)
        }
        Nth(month, nth, weekday) => {
            day.month() == month && day.nth_weekday_of_month(nth, weekday).is_ok_and(|found| found == day)
        }
        Observed(month, of_month) => (-1..=1).any(|year| observed(day, day.year() + year, month, of_month)),
    }
}

fn observed(day: Date, year: i16, month: i8, of_month: i8) -> bool {
    let Ok(date) = Date::new(year, month, of_month) else { return false };
    let kept = match date.weekday() {
        Weekday::Saturday => date.yesterday(),
        Weekday::Sunday => date.tomorrow(),
        _ => Ok(date),
    };
    date == day || kept.is_ok_and(|kept| kept == day)
}

/// Easter Sunday (Butcher's method).
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Date::new(year, i8::try_from(n / 31).ok()?, i8::try_from(n % 31 + 1).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn moving_holidays_are_found() {
        assert_eq!(easter(2024), Some(date(2024, 3, 31)));
        assert_eq!(easter(2025), Some(date(2025, 4, 20)));
        assert_eq!(is_holiday(date(2024, 5, 9), "fr"), Some(true));
        assert_eq!(is_holiday(date(2024, 11, 28), "US"), Some(true));
        assert_eq!(is_holiday(date(2021, 12, 31), "US"), Some(true));
        assert_eq!(is_holiday(date(2024, 5, 6), "FR"), Some(false));
        assert_eq!(is_holiday(date(2024, 5, 6), "XX"), None);
    }
}
