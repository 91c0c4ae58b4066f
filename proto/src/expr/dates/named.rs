//! Formats by name: `iso`, `sql_milli`, `rfc_1123_date_time`, `full` and so on.

use super::format::Moment;
use super::names::{Names, Width};
use super::pattern;
use crate::expr::error::RenderError;
use crate::expr::print::{date_time_seconds_text, instant_text, offset_text, time_seconds_text};

/// The pattern of dates that are printed without a format.
const ISO: &str = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX";

/// The text of a moment by the name of a format or by a pattern.
pub(crate) fn format(moment: &Moment, format: Option<&str>, names: Names) -> Result<String, RenderError> {
    let name = format.unwrap_or("iso");
    if let Some(text) = computed(moment, name) {
        return Ok(text);
    }
    let pattern = match name {
        "iso" => ISO,
        "iso_milli" => "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "iso_sec" => "yyyy-MM-dd'T'HH:mm:ssXXX",
        "sql" => "yyyy-MM-dd HH:mm:ss.SSSSSS",
        "sql_milli" => "yyyy-MM-dd HH:mm:ss.SSS",
        "sql_sec" => "yyyy-MM-dd HH:mm:ss",
        "iso_date" => "yyyy-MM-ddXXXXX",
        "iso_local_date" => "yyyy-MM-dd",
        "iso_ordinal_date" => "yyyy-DDDXXXXX",
        "long" => "MMMM d, yyyy, h:mm:ss\u{202f}a z",
        "full" => "EEEE, MMMM d, yyyy, h:mm:ss\u{202f}a zzzz",
        "medium" => "MMM d, yyyy, h:mm:ss\u{202f}a",
        "short" => "M/d/yy, h:mm\u{202f}a",
        other => other,
    };
    super::format::format(moment, &pattern::parse(pattern)?, names)
}

/// Formats that no pattern can express.
fn computed(moment: &Moment, name: &str) -> Option<String> {
    let at = &moment.at;
    let offset = offset_text(at.offset());
    let zone = if moment.zone.name.starts_with(['+', '-']) || moment.zone.name == "Z" {
        String::new()
    } else {
        format!("[{}]", moment.zone.name)
    };
    Some(match name {
        "iso_instant" => instant_text(at.timestamp()),
        "iso_local_date_time" => date_time_seconds_text(at.datetime()),
        "iso_local_time" => time_seconds_text(at.time()),
        "iso_zoned_date_time" | "iso_date_time" => format!("{}{offset}{zone}", date_time_seconds_text(at.datetime())),
        "iso_time" => format!("{}{offset}", time_seconds_text(at.time())),
        "iso_week_date" => {
            let week = at.date().iso_week_date();
            let day = week.weekday().to_monday_one_offset();
            format!("{:04}-W{:02}-{day}{offset}", week.year(), week.week())
        }
        "rfc_1123_date_time" => {
            let english = Names::english();
            let day = english.weekday(at.weekday().to_monday_one_offset(), Width::Short);
            let offset = if at.offset().is_zero() { "GMT".to_owned() } else { offset.replace(':', "") };
            let time = at.time();
            let clock = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
            format!("{day}, {} {} {} {clock} {offset}", at.day(), english.month(at.month(), Width::Short), at.year())
        }
        _ => return None,
    })
}
