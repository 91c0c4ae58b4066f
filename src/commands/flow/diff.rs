//! What changes between two texts, line by line.

/// Unchanged lines that are shown around a change.
const CONTEXT: usize = 2;

/// Texts of more lines than this are shown whole, as removed and added: comparing costs the square.
const LINES_MAX: usize = 4000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Removed(&'a str),
    Added(&'a str),
}

/// The changed lines, `-` and `+`, with some lines around them; empty when the texts are equal.
pub(super) fn lines(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let compared = if old.len().max(new.len()) > LINES_MAX { replaced(&old, &new) } else { compare(&old, &new) };
    let near = |index: usize| {
        let from = index.saturating_sub(CONTEXT);
        compared.iter().skip(from).take(index - from + CONTEXT + 1).any(|line| !matches!(line, Line::Same(_)))
    };
    let mut text = String::new();
    let mut left_out = false;
    for (index, line) in compared.iter().enumerate() {
        if !near(index) {
            left_out = true;
            continue;
        }
        if std::mem::take(&mut left_out) {
            text.push_str("    …\n");
        }
        let (mark, line) = match line {
            Line::Same(line) => (' ', line),
            Line::Removed(line) => ('-', line),
            Line::Added(line) => ('+', line),
        };
        text.push_str(&format!("  {mark} {line}\n"));
    }
    text
}

fn replaced<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let removed = old.iter().map(|line| Line::Removed(line));
    removed.chain(new.iter().map(|line| Line::Added(line))).collect()
}

/// The longest common subsequence stays; what is not in it goes or comes.
fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let width = new.len() + 1;
    let mut common = vec![0u16; (old.len() + 1) * width];
    for row in (0..old.len()).rev() {
        for column in (0..new.len()).rev() {
            common[row * width + column] = if old[row] == new[column] {
                common[(row + 1) * width + column + 1] + 1
            } else {
                common[(row + 1) * width + column].max(common[row * width + column + 1])
            };
        }
    }
    let (mut row, mut column, mut lines) = (0, 0, Vec::new());
    while row < old.len() || column < new.len() {
        let both = row < old.len() && column < new.len();
        if both && old[row] == new[column] {
            lines.push(Line::Same(old[row]));
            (row, column) = (row + 1, column + 1);
        } else if column >= new.len()
            || (both && common[(row + 1) * width + column] >= common[row * width + column + 1])
        {
            lines.push(Line::Removed(old[row]));
            row += 1;
        } else {
            lines.push(Line::Added(new[column]));
            column += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_lines_are_shown_with_some_around_them() {
        let old = "a\nb\nc\nd\ne\nf\ng\n";
        let new = "a\nb\nc\nd\nE\nf\ng\nh\n";
        assert_eq!(lines(old, new), "    …\n    c\n    d\n  - e\n  + E\n    f\n    g\n  + h\n");
    }

    #[test]
    fn equal_texts_have_no_difference() {
        assert_eq!(lines("a\nb\n", "a\nb\n"), "");
    }

    #[test]
    fn a_new_text_is_all_added() {
        assert_eq!(lines("", "a\nb\n"), "  + a\n  + b\n");
    }
}
