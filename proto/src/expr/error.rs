//! What can go wrong with an expression: at deployment ([`SyntaxError`]) and while it is rendered ([`RenderError`]).

use std::fmt;

use super::value::Text;
use crate::seal::MASK;
use crate::sight::{HIDDEN_REASON, shown_text};

/// Why a template cannot be used, found before anything is rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message} at line {line}, column {column}", path_prefix(path))]
pub struct SyntaxError {
    /// What is wrong, without the place.
    pub message: String,
    /// 1-based line in the source text.
    pub line: usize,
    /// 1-based column in the source text, in characters.
    pub column: usize,
    /// Where in a tree of templates the text stands, such as `headers.X-Token`; empty for a single template.
    pub path: String,
    /// Whether Kestra names a line of the source text at all.
    told: ToldLine,
}

/// Which line the text of an error names. People are shown the true one beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ToldLine {
    /// The one where the error is.
    #[default]
    True,
    /// 0: Kestra gives the filters of a `filter` tag no line.
    Zero,
}

impl ToldLine {
    fn of(self, line: usize) -> usize {
        match self {
            ToldLine::True => line,
            ToldLine::Zero => 0,
        }
    }
}

fn path_prefix(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("`{path}`: ") }
}

impl SyntaxError {
    /// An error at a byte of `source`.
    pub(crate) fn at(source: &str, at: usize, message: impl Into<String>) -> SyntaxError {
        let (line, column) = line_and_column(source, at);
        SyntaxError { message: message.into(), line, column, path: String::new(), told: ToldLine::True }
    }

    /// The same error, of the name of a filter in a `filter` tag.
    pub(crate) fn of_filter_tag(mut self) -> SyntaxError {
        self.told = ToldLine::Zero;
        self
    }

    /// The same error, one level deeper in a tree.
    pub(crate) fn below(mut self, key: &str) -> SyntaxError {
        self.path = match self.path.as_str() {
            "" => key.to_owned(),
            rest if rest.starts_with('[') => format!("{key}{rest}"),
            rest => format!("{key}.{rest}"),
        };
        self
    }
}

/// The 1-based line and column (in characters) of a byte of `source`.
pub(crate) fn line_and_column(source: &str, at: usize) -> (usize, usize) {
    let before = &source.as_bytes()[..at.min(source.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

/// Names that are compared with a missing one.
const KNOWN_NAMES_MAX: usize = 64;

/// What kind of failure a rendering ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A variable or member does not exist.
    Missing,
    /// The engine refused: an operator, a filter or a function got what it cannot use.
    Engine,
    /// A value has a kind that is not accepted here.
    Kind,
    /// A text that was rendered as a template is none.
    Syntax,
    /// A limit was reached.
    Limit,
}

/// Why a rendering failed. `Display` gives Kestra's text, then line, column and the nearest known name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    class: Class,
    message: String,
    variable: Option<String>,
    nearest: Option<String>,
    /// Names among which the missing one was looked for; they are compared only when the error is shown to somebody.
    known: Vec<Text>,
    at: Option<u32>,
    told: ToldLine,
    place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    template: String,
    line: usize,
    column: usize,
    told: ToldLine,
}

impl RenderError {
    fn new(class: Class, message: impl Into<String>) -> RenderError {
        let message = message.into();
        RenderError(Box::new(Inner {
            class,
            message,
            variable: None,
            nearest: None,
            known: Vec::new(),
            at: None,
            told: ToldLine::True,
            place: None,
        }))
    }

    pub(crate) fn engine(message: impl Into<String>) -> RenderError {
        RenderError::new(Class::Engine, message)
    }

    pub(crate) fn kind(message: impl Into<String>) -> RenderError {
        RenderError::new(Class::Kind, message)
    }

    pub(crate) fn limit(message: impl Into<String>) -> RenderError {
        RenderError::new(Class::Limit, message)
    }

    pub(crate) fn missing(variable: impl Into<String>) -> RenderError {
        let mut error = RenderError::new(Class::Missing, "");
        error.0.variable = Some(variable.into());
        error
    }

    pub(crate) fn syntax(template: &str, error: &SyntaxError) -> RenderError {
        let mut made = RenderError::new(Class::Syntax, error.message.clone());
        let SyntaxError { line, column, told, .. } = *error;
        made.0.place = Some(Place { template: template.to_owned(), line, column, told });
        made
    }

    /// The failure of a template inside of a template: not to be caught as a missing name out there.
    pub(crate) fn nested(self) -> RenderError {
        if self.0.class == Class::Limit {
            return self;
        }
        let mut made = RenderError::new(Class::Kind, self.kestra_text());
        made.0.place = self.0.place.clone();
        made
    }

    /// Remembers the names among which the missing one was looked for.
    pub(crate) fn among<'a>(mut self, known: impl Iterator<Item = &'a Text>) -> RenderError {
        self.0.known = known.take(KNOWN_NAMES_MAX).cloned().collect();
        self
    }

    /// Adds the byte of the template, unless a deeper place is known.
    pub(crate) fn at(mut self, at: u32) -> RenderError {
        self.0.at.get_or_insert(at);
        self
    }

    /// The same error, of a filter in a `filter` tag, unless it comes from an argument, which has a place of its own.
    pub(crate) fn of_filter_tag(mut self) -> RenderError {
        if self.0.at.is_none() {
            self.0.told = ToldLine::Zero;
        }
        self
    }

    /// Turns the byte into line and column, and finds the nearest name, unless an inner template has done so. A name that was
    /// looked for nowhere else is a top-level variable.
    pub(crate) fn within(mut self, template: &str, top_level: impl FnOnce() -> Vec<String>) -> RenderError {
        if let (Some(name), None, None) = (&self.0.variable, &self.0.place, &self.0.nearest) {
            self.0.nearest = match self.0.known.is_empty() {
                true => nearest(name, top_level().iter().map(String::as_str)),
                false => nearest(name, self.0.known.iter().map(|known| &**known)),
            };
            self.0.known.clear();
        }
        if self.0.place.is_none() {
            let (line, column) = line_and_column(template, self.0.at.unwrap_or(0) as usize);
            self.0.place = Some(Place { template: template.to_owned(), line, column, told: self.0.told });
        }
        self
    }

    /// The failure as everyone may read it, which a rendering with secrets in its reach ended with; `blind` is what it ended
    /// with without sight of them. The template stays: a document says it.
    pub(crate) fn shown(mut self, blind: Option<&RenderError>) -> RenderError {
        let blind = blind.filter(|blind| blind.0.class == self.0.class).map(|blind| &*blind.0);
        let message = shown_text(&self.0.message, blind.map(|blind| blind.message.as_str()));
        self.0.message = message.unwrap_or(HIDDEN_REASON).to_owned();
        if let Some(name) = &mut self.0.variable {
            let shown = shown_text(name, blind.and_then(|blind| blind.variable.as_deref()));
            *name = shown.unwrap_or(MASK).to_owned();
        }
        self.0.nearest = blind.and_then(|blind| blind.nearest.clone());
        self
    }

    /// What kind of failure this is.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// The missing name, when a variable or member is missing.
    pub fn variable(&self) -> Option<&str> {
        self.0.variable.as_deref()
    }

    /// The known name that is most like the missing one, when one is near.
    pub fn nearest(&self) -> Option<&str> {
        self.0.nearest.as_deref()
    }

    /// The 1-based line in the template.
    pub fn line(&self) -> usize {
        self.0.place.as_ref().map_or(1, |place| place.line)
    }

    /// The 1-based column in the template, in characters.
    pub fn column(&self) -> usize {
        self.0.place.as_ref().map_or(1, |place| place.column)
    }

    /// The line that Kestra's text names: [`RenderError::line`], but 0 for a filter of a `filter` tag.
    pub fn kestra_line(&self) -> usize {
        self.0.place.as_ref().map_or(1, |place| place.told.of(place.line))
    }

    /// Kestra's text alone.
    pub fn kestra_text(&self) -> String {
        let template = self.0.place.as_ref().map_or("?", |place| place.template.as_str());
        let line = self.kestra_line();
        match (self.0.class, &self.0.variable) {
            (Class::Missing, Some(name)) => {
                format!("Unable to find `{name}` used in the expression `{template}` at line {line}")
            }
            (Class::Missing | Class::Engine | Class::Syntax, _) => format!("{} ({template}:{line})", self.0.message),
            (Class::Kind | Class::Limit, _) => self.0.message.clone(),
        }
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [line {}, column {}]", self.kestra_text(), self.line(), self.column())?;
        match &self.0.nearest {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RenderError {}

/// The known name most like `name`, when at least two thirds of it agree.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let likeness = |other: &str| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    let best = known.map(|other| (likeness(other), other)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= 0.6).then(|| best.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_name_reads_as_in_kestra_and_adds_the_place_and_the_nearest_name() {
        let known: [Text; 2] = ["headers".into(), "body".into()];
        let error = RenderError::missing("boddy").among(known.iter()).at(3).within("{{ trigger.boddy }}", Vec::new);
        assert_eq!(
            error.kestra_text(),
            "Unable to find `boddy` used in the expression `{{ trigger.boddy }}` at line 1"
        );
        assert!(error.to_string().ends_with("at line 1 [line 1, column 4]; did you mean `body`?"), "{error}");
    }

    #[test]
    fn a_filter_of_a_filter_tag_is_told_at_line_0_and_shown_where_it_stands() {
        let error = RenderError::engine("no").of_filter_tag().at(2).within("a\nb", Vec::new);
        assert_eq!(error.to_string(), "no (a\nb:0) [line 2, column 1]");
        let of_an_argument = RenderError::missing("x").at(2).of_filter_tag().within("a\nb", Vec::new);
        assert_eq!((of_an_argument.line(), of_an_argument.kestra_line()), (2, 2));
    }

    #[test]
    fn an_inner_place_wins_over_an_outer_one() {
        let error = RenderError::engine("no").at(2).within("a\nb", Vec::new).within("other", Vec::new);
        assert_eq!((error.line(), error.column()), (2, 1));
        assert_eq!(error.kestra_text(), "no (a\nb:2)");
    }
}
