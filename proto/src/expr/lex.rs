//! Cuts a template into tokens: text, delimiters, and what stands between them.

use super::ast::{INFIX, Span};
use super::error::SyntaxError;
use super::value::Text;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// Text outside of all delimiters.
    Data(Text),
    PrintStart,
    PrintEnd,
    TagStart,
    TagEnd,
    Name(Text),
    /// Digits.
    Whole(Text),
    /// Digits, a point, digits.
    Fraction(Text),
    Text(Text),
    /// The quote that opens text with `#{…}` in it, and the one that closes it.
    QuoteStart,
    QuoteEnd,
    /// `#{` and its `}`.
    HoleStart,
    HoleEnd,
    Operator(&'static str),
    Punctuation(char),
    End,
}

impl Token {
    /// How Kestra's messages name the kind of token.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Token::Data(_) => "TEXT",
            Token::PrintStart => "PRINT_START",
            Token::PrintEnd => "PRINT_END",
            Token::TagStart => "EXECUTE_START",
            Token::TagEnd => "EXECUTE_END",
            Token::Name(_) => "NAME",
            Token::Whole(_) | Token::Fraction(_) => "NUMBER",
            Token::Text(_) | Token::QuoteStart | Token::QuoteEnd => "STRING",
            Token::HoleStart => "STRING_INTERPOLATION_START",
            Token::HoleEnd => "STRING_INTERPOLATION_END",
            Token::Operator(_) => "OPERATOR",
            Token::Punctuation(_) => "PUNCTUATION",
            Token::End => "EOF",
        }
    }

    /// The token as it was written.
    pub(crate) fn spelling(&self) -> String {
        match self {
            Token::Data(text) | Token::Name(text) | Token::Whole(text) | Token::Fraction(text) | Token::Text(text) => {
                text.to_string()
            }
            Token::PrintStart => "{{".into(),
            Token::PrintEnd => "}}".into(),
            Token::TagStart => "{%".into(),
            Token::TagEnd => "%}".into(),
            Token::QuoteStart | Token::QuoteEnd => "\"".into(),
            Token::HoleStart => "#{".into(),
            Token::HoleEnd => "}".into(),
            Token::Operator(operator) => (*operator).into(),
            Token::Punctuation(char) => char.to_string(),
            Token::End => "null".into(),
        }
    }
}

/// A token and the bytes it stands on.
pub(crate) type Spanned = (Token, Span);

/// What ends the stretch that is being read.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Print,
    Tag,
    Hole,
}

impl Mode {
    fn close(self) -> &'static str {
        match self {
            Mode::Print => "}}",
            Mode::Tag => "%}",
            Mode::Hole => "}",
        }
    }
}

pub(crate) struct Lexer<'a> {
    source: &'a str,
    at: usize,
    tokens: Vec<Spanned>,
    /// Brackets that are open, each as the bracket that closes it.
    brackets: Vec<(char, usize)>,
    /// The next stretch of data loses its leading white space.
    trim_next: bool,
}

/// The tokens of a template, [`Token::End`] last.
pub(crate) fn lex(source: &str) -> Result<Vec<Spanned>, SyntaxError> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new(), brackets: Vec::new(), trim_next: false };
    while lexer.at < source.len() {
        lexer.data()?;
    }
    lexer.push(Token::End, lexer.at);
    Ok(lexer.tokens)
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::at(self.source, self.at, message)
    }

    fn push(&mut self, token: Token, start: usize) {
        self.tokens.push((token, Span { start: start as u32, end: self.at as u32 }));
    }

    /// Text up to the next delimiter, then what stands between the delimiters.
    fn data(&mut self) -> Result<(), SyntaxError> {
        let found = find_opening(self.rest());
        let Some((length, opening)) = found else {
            self.push_data(self.source.len(), Trim::No);
            return Ok(());
        };
        let open_at = self.at + length;
        if matches!(opening, Opening::Tag) && self.raw_tag(open_at) {
            return Ok(());
        }
        let after = open_at + 2;
        let trims = self.source[after..].starts_with('-') && self.source[after + 1..].starts_with(is_space);
        self.push_data(open_at, if trims { Trim::Yes } else { Trim::No });
        self.at = after + usize::from(trims);
        match opening {
            Opening::Comment => self.comment(),
            Opening::Print => {
                self.push(Token::PrintStart, open_at);
                self.code(Mode::Print)
            }
            Opening::Tag => match whole_tag(self.rest(), "verbatim") {
                Some(inside) => self.verbatim(self.source.len() - inside.len()),
                None => {
                    self.push(Token::TagStart, open_at);
                    self.code(Mode::Tag)
                }
            },
        }
    }

    fn push_data(&mut self, end: usize, trim: Trim) {
        let start = self.at;
        let mut text = &self.source[start..end];
        if std::mem::take(&mut self.trim_next) {
            text = text.trim_start_matches(is_space);
        }
        if trim == Trim::Yes {
            text = text.trim_end_matches(is_space);
        }
        let text = Text::from(text);
        self.at = end;
        if !text.is_empty() {
            self.push(Token::Data(text), start);
        }
    }

    fn comment(&mut self) -> Result<(), SyntaxError> {
        match self.rest().find("#}") {
            Some(length) => {
                // The dash counts only behind white space.
                let trimmed = self.rest()[..length].strip_suffix('-');
                self.trim_next = trimmed.is_some_and(|text| text.ends_with(is_space));
                self.at += length + 2;
                Ok(())
            }
            None => Err(self.error("Unclosed comment.")),
        }
    }

    /// `{% raw %}`: what follows is data up to `{% endraw %}`. Without that, it is a tag like any other, and an unknown one.
    fn raw_tag(&mut self, open_at: usize) -> bool {
        let source = self.source;
        let inside = whole_tag(source[open_at + 2..].trim_start_matches('-'), "raw");
        let Some((inside, (length, after))) = inside.and_then(|inside| Some((inside, find_closing(inside, "endraw")?)))
        else {
            return false;
        };
        self.push_data(open_at, Trim::No);
        self.at = source.len() - inside.len();
        self.trim_next = false;
        self.push_data(self.at + length, Trim::No);
        self.at = source.len() - after.len();
        true
    }

    fn verbatim(&mut self, start: usize) -> Result<(), SyntaxError> {
        let Some((length, after)) = find_closing(&self.source[start..], "endverbatim") else {
            return Err(self.error("Unclosed verbatim tag."));
        };
        let after = self.source.len() - after.len();
        let closing = &self.source[start + length..after];
        // White space behind the opening tag is never part of the text.
        self.at = start;
        self.trim_next = true;
        self.push_data(start + length, if closing.starts_with("{%-") { Trim::Yes } else { Trim::No });
        self.trim_next = closing.ends_with("-%}");
        self.at = after;
        Ok(())
    }

    /// Everything up to the closing delimiter of `mode`.
    fn code(&mut self, mode: Mode) -> Result<(), SyntaxError> {
        let outer = self.brackets.len();
        loop {
            if self.brackets.len() == outer && self.closed(mode) {
                return Ok(());
            }
            self.skip_space();
            if self.at == self.source.len() {
                return self.ended();
            }
            self.token()?;
        }
    }

    fn skip_space(&mut self) {
        let trimmed = self.rest().trim_start();
        self.at = self.source.len() - trimmed.len();
    }

    /// At the end of the source: an open bracket is named, everything else is the parser's to complain about.
    fn ended(&mut self) -> Result<(), SyntaxError> {
        match self.brackets.pop() {
            Some((close, at)) => Err(SyntaxError::at(self.source, at, format!("Unclosed \"{close}\""))),
            None => Ok(()),
        }
    }

    fn closed(&mut self, mode: Mode) -> bool {
        let rest = self.rest().trim_start();
        let (rest, trims) = match rest.strip_prefix('-') {
            Some(after) if mode != Mode::Hole && after.starts_with(mode.close()) => (after, true),
            _ => (rest, false),
        };
        let Some(after) = rest.strip_prefix(mode.close()) else { return false };
        let start = self.source.len() - rest.len();
        self.at = self.source.len() - after.len();
        self.trim_next = trims;
        let token = match mode {
            Mode::Print => Token::PrintEnd,
            Mode::Tag => Token::TagEnd,
            Mode::Hole => Token::HoleEnd,
        };
        self.push(token, start);
        true
    }

    fn token(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        let rest = &self.source[start..];
        if let Some(operator) = operator_at(rest) {
            self.at += operator.len();
            self.push(Token::Operator(operator), start);
            return Ok(());
        }
        let first = rest.chars().next().unwrap_or('\0');
        match first {
            _ if first == '_' || first.is_alphabetic() => self.name(),
            '0'..='9' => self.number(),
            '(' | ')' | '[' | ']' | '{' | '}' | '?' | ':' | '.' | ',' | '=' => return self.punctuation(first),
            '\'' => return self.plain_text(),
            '"' => return self.quoted(),
            _ => return Err(self.error(format!("Unexpected character [{first}]"))),
        }
        Ok(())
    }

    fn name(&mut self) {
        let start = self.at;
        let end = self.rest().find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(self.rest().len());
        self.at += end;
        self.push(Token::Name(self.source[start..self.at].into()), start);
    }

    fn number(&mut self) {
        let start = self.at;
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        self.at += digits(self.rest());
        let fraction = self.rest().strip_prefix('.').map_or(0, digits);
        if self.rest().starts_with('L') {
            self.push(Token::Whole(self.source[start..self.at].into()), start);
            self.at += 1;
        } else if fraction > 0 {
            self.at += 1 + fraction;
            self.push(Token::Fraction(self.source[start..self.at].into()), start);
        } else {
            self.push(Token::Whole(self.source[start..self.at].into()), start);
        }
    }

    fn punctuation(&mut self, char: char) -> Result<(), SyntaxError> {
        match char {
            '(' => self.brackets.push((')', self.at)),
            '[' => self.brackets.push((']', self.at)),
            '{' => self.brackets.push(('}', self.at)),
            ')' | ']' | '}' => self.close_bracket(char)?,
            _ => {}
        }
        let start = self.at;
        self.at += 1;
        self.push(Token::Punctuation(char), start);
        Ok(())
    }

    fn close_bracket(&mut self, char: char) -> Result<(), SyntaxError> {
        match self.brackets.pop() {
            None => Err(self.error(format!("Unexpected \"{char}\""))),
            Some((expected, _)) if expected != char => Err(self.error(format!("Unclosed \"{expected}\""))),
            Some(_) => Ok(()),
        }
    }

    /// Text without holes, with the own quote escaped by a backslash and no other escape.
    fn plain_text(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        let Some(length) = closing_quote(&self.rest()[1..], '\'') else {
            return Err(self.error("Unexpected character [']"));
        };
        let text = literal_text(&self.source[start + 1..start + 1 + length], '\'');
        self.at += length + 2;
        self.push(Token::Text(text), start);
        Ok(())
    }

    /// Text in double quotes, which may have holes.
    fn quoted(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        let end = closing_quote(&self.rest()[1..], '"');
        if let Some(length) = end.filter(|length| find_hole(&self.rest()[1..=*length]).is_none()) {
            let text = literal_text(&self.source[start + 1..start + 1 + length], '"');
            self.at += length + 2;
            self.push(Token::Text(text), start);
            return Ok(());
        }
        self.at += 1;
        self.push(Token::QuoteStart, start);
        self.brackets.push(('"', start));
        loop {
            if self.quoted_part()? {
                self.brackets.pop();
                return Ok(());
            }
        }
    }

    /// A stretch of text and the hole behind it; true at the closing quote.
    fn quoted_part(&mut self) -> Result<bool, SyntaxError> {
        let start = self.at;
        let hole = find_hole(self.rest());
        let quote = closing_quote(self.rest(), '"');
        let end = match (hole, quote) {
            (Some(hole), Some(quote)) => hole.min(quote),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return Err(self.error("Unclosed \"\"\"")),
        };
        self.at += end;
        if end > 0 {
            self.push(Token::Text(literal_text(&self.source[start..start + end], '"')), start);
        }
        let at = self.at;
        if self.rest().starts_with('"') {
            self.at += 1;
            self.push(Token::QuoteEnd, at);
            return Ok(true);
        }
        self.at += 2;
        self.push(Token::HoleStart, at);
        self.code(Mode::Hole)?;
        if self.at == self.source.len() {
            return Err(self.error("Unclosed \"\"\""));
        }
        Ok(false)
    }
}

/// White space as the host language has it, which leaves out blanks that forbid a line break.
pub(super) fn is_space(char: char) -> bool {
    char.is_whitespace() && !matches!(char, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// The next `#{` that is not behind a backslash.
fn find_hole(text: &str) -> Option<usize> {
    text.match_indices("#{").map(|(at, _)| at).find(|at| !text[..*at].ends_with('\\'))
}

#[derive(Clone, Copy, PartialEq)]
enum Trim {
    Yes,
    No,
}

enum Opening {
    Print,
    Tag,
    Comment,
}

fn find_opening(text: &str) -> Option<(usize, Opening)> {
    let bytes = text.as_bytes();
    (0..bytes.len().saturating_sub(1)).filter(|at| bytes[*at] == b'{').find_map(|at| match bytes[at + 1] {
        b'{' => Some((at, Opening::Print)),
        b'%' => Some((at, Opening::Tag)),
        b'#' => Some((at, Opening::Comment)),
        _ => None,
    })
}

/// Reads `word %}` or `word -%}`, the text being what follows `{%`; answers the rest.
fn whole_tag<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let rest = text.trim_start().strip_prefix(word)?;
    rest.trim_start().trim_start_matches('-').strip_prefix("%}")
}

/// The next `{% word %}`: the bytes before it and the text after it.
fn find_closing<'t>(text: &'t str, word: &str) -> Option<(usize, &'t str)> {
    text.match_indices("{%").find_map(|(at, open)| {
        let inside = text[at + open.len()..].trim_start_matches('-');
        whole_tag(inside, word).map(|rest| (at, rest))
    })
}

fn operator_at(text: &str) -> Option<&'static str> {
    let spelled = INFIX.iter().map(|(operator, _, _)| *operator).chain(["not"]);
    let is_word = |operator: &str| operator.ends_with(|c: char| c.is_ascii_alphabetic());
    spelled
        .filter(|operator| text.starts_with(operator))
        .find(|operator| !is_word(operator) || !text[operator.len()..].starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Bytes up to the quote that is not behind a backslash.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, char)| {
        let closes = char == quote && !escaped;
        escaped = char == '\\' && !escaped;
        closes.then_some(at)
    })
}

/// Takes out the backslashes before quotes, and the tags of `raw`, which act even inside of a text.
fn literal_text(written: &str, quote: char) -> Text {
    let without_raw = if written.contains("{%") { without_raw(written) } else { written.to_owned() };
    if !without_raw.contains('\\') {
        return without_raw.into();
    }
    without_raw.replace(&format!("\\{quote}"), &quote.to_string()).into()
}

fn without_raw(text: &str) -> String {
    let opening = text.match_indices("{%").find_map(|(at, open)| {
        let inside = whole_tag(text[at + open.len()..].trim_start_matches('-'), "raw")?;
        find_closing(inside, "endraw").map(|(length, after)| (at, &inside[..length], after))
    });
    match opening {
        Some((at, inside, after)) => format!("{}{inside}{}", &text[..at], without_raw(after)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(source: &str) -> Vec<String> {
        lex(source).unwrap().iter().map(|(token, _)| token.spelling()).collect()
    }

    #[test]
    fn words_of_operators_need_a_boundary() {
        assert_eq!(spelled("{{ notx orx or x }}"), ["{{", "notx", "orx", "or", "x", "}}", "null"]);
        assert_eq!(spelled("{{ a is not null }}")[2], "is not");
    }

    #[test]
    fn a_dash_takes_the_white_space_on_its_side_only_before_a_blank() {
        assert_eq!(spelled("a  {{- i -}}  b"), ["a", "{{", "i", "}}", "b", "null"]);
        assert_eq!(spelled("a {{--i}} b"), ["a ", "{{", "-", "-", "i", "}}", " b", "null"]);
    }

    #[test]
    fn holes_are_read_in_double_quotes_only() {
        assert_eq!(
            spelled(r##"{{ "a#{b}c" ~ '#{d}' }}"##),
            ["{{", "\"", "a", "#{", "b", "}", "c", "\"", "~", "#{d}", "}}", "null"]
        );
    }

    #[test]
    fn raw_and_verbatim_are_data() {
        assert_eq!(spelled("{% raw %}{{ x }}\n{% endraw %}!"), ["{{ x }}\n", "!", "null"]);
        assert_eq!(spelled("{% verbatim %}\n{{ x }} {% endverbatim %} y"), ["{{ x }} ", " y", "null"]);
        assert_eq!(spelled("x {%- verbatim %} {{ x }} {%- endverbatim -%} y"), ["x", "{{ x }}", "y", "null"]);
    }

    #[test]
    fn every_span_stands_on_its_token() {
        let source = "ä {{ föö + 12.5 }}";
        for (token, span) in lex(source).unwrap() {
            if token != Token::End {
                assert_eq!(&source[span.start as usize..span.end as usize], token.spelling());
            }
        }
    }
}
