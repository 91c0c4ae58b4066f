//! Tables for people: columns as wide as their widest cell, and nothing after the last one.

use serde_json::Value;

use super::say::{self, shown};

/// Prints rows under headings; only the headings when there are no rows.
pub(crate) fn print<const COLUMNS: usize>(headings: [&str; COLUMNS], rows: &[[String; COLUMNS]]) {
    say::say(text(headings, rows).trim_end());
}

fn text<const COLUMNS: usize>(headings: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let headings = headings.map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&headings]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..COLUMNS).map(width).collect();
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    std::iter::once(&headings).chain(rows).map(line).collect()
}

/// A member as the text of a cell; a dash when there is none.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => shown(text).replace('\n', "\\n"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a.b".to_owned(), "1".to_owned()], ["company.team".to_owned(), "12".to_owned()]];
        assert_eq!(text(["NAMESPACE", "N"], &rows), "NAMESPACE     N\na.b           1\ncompany.team  12\n");
    }

    #[test]
    fn what_is_not_there_is_a_dash() {
        assert_eq!((cell(&Value::Null), cell(&"x".into()), cell(&3.into())), ("-".into(), "x".into(), "3".into()));
    }
}
