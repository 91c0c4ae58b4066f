//! What goes to the terminal.

use std::{
    fmt::Display,
    io::{ErrorKind, Write as _, stdout},
    process,
};

/// Prints a line. Whoever reads may have had enough (`| head`): then the program ends, and that is no fault.
pub(crate) fn say(line: impl Display) {
    if let Err(error) = writeln!(stdout(), "{line}") {
        let code = if error.kind() == ErrorKind::BrokenPipe { 0 } else { 1 };
        process::exit(code);
    }
}

/// A text that somebody else wrote, as it may be shown: what would move the cursor or colour the terminal is written out.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\t' => shown.push(letter),
            _ if letter.is_control() => shown.extend(letter.escape_default()),
            _ => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_sender_wrote_cannot_command_the_terminal() {
        assert_eq!(super::shown("a\u{1b}[31mb\r\nc\u{9b}d"), "a\\u{1b}[31mb\\r\nc\\u{9b}d");
    }
}
