//! Durations as Kestra's JSON has them: ISO 8601, hours, minutes and seconds.

/// Writes a duration, such as `PT1H2M3.5S`.
pub(crate) fn iso(millis: i64) -> String {
    let millis = millis.max(0);
    let (hours, minutes, seconds, rest) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60, millis % 1000);
    let mut text = "PT".to_owned();
    if hours > 0 {
        text += &format!("{hours}H");
    }
    if minutes > 0 {
        text += &format!("{minutes}M");
    }
    if rest > 0 {
        text += format!("{seconds}.{rest:03}").trim_end_matches('0');
        text += "S";
    } else if seconds > 0 || text == "PT" {
        text += &format!("{seconds}S");
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_print_as_kestra_prints_them() {
        let cases = [(0, "PT0S"), (2, "PT0.002S"), (1_500, "PT1.5S"), (60_000, "PT1M"), (3_723_004, "PT1H2M3.004S")];
        for (millis, text) in cases {
            assert_eq!(super::iso(millis), text);
        }
    }
}
