//! Cuts a source into its documents.

/// One document of a source, as text.
pub(crate) struct Part<'a> {
    /// The text behind the separator.
    pub(crate) text: &'a str,
    /// The line of the source on which `text` begins.
    pub(crate) line: usize,
    /// The column at which it begins: 1, unless something follows `---` on its line.
    pub(crate) column: usize,
}

impl Part<'_> {
    /// Whether there is anything but blank lines, comments and document ends.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "...")
    }

    /// Its text without the rest of the separator's line.
    pub(crate) fn source(&self) -> String {
        self.text.trim_start_matches(['\r', '\n']).to_owned()
    }
}

/// The documents of a source. A line that begins with `---` separates them wherever it stands: YAML allows it inside no
/// text. A byte order mark at the front is not part of any.
pub(crate) fn split(source: &str) -> Vec<Part<'_>> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mut parts = Vec::new();
    let mut current = Part { text: source, line: 1, column: 1 };
    let mut start = 0;
    let mut at = 0;
    for (number, line) in source.split_inclusive('\n').enumerate() {
        if is_separator(line) {
            current.text = &source[start..at];
            parts.push(current);
            start = at + 3;
            current = Part { text: &source[start..], line: number + 1, column: 4 };
        }
        at += line.len();
    }
    parts.push(current);
    parts
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(source: &str) -> Vec<(&str, usize)> {
        split(source).iter().map(|part| (part.text, part.line)).collect()
    }

    #[test]
    fn documents_are_cut_at_separators() {
        assert_eq!(cut("a: 1\n"), [("a: 1\n", 1)]);
        assert_eq!(cut("a: 1\n---\nb: 2\n"), [("a: 1\n", 1), ("\nb: 2\n", 2)]);
        assert_eq!(cut("---\r\nb: 2"), [("", 1), ("\r\nb: 2", 1)]);
        assert_eq!(cut("a: |\n  ---\n  ----\nb: ---x\n----\n").len(), 1);
    }

    #[test]
    fn a_byte_order_mark_belongs_to_no_document() {
        assert_eq!(cut("\u{feff}a: 1"), [("a: 1", 1)]);
    }
}
