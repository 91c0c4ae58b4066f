//! What is wrong with a flow document: every finding with its place and, where one is known, the next step.

use std::fmt;

use serde::Serialize;

/// A place in a source text. Both numbers start at 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// Line, counted from the start of the file.
    pub line: usize,
    /// Column, counted in characters.
    pub column: usize,
}

impl Position {
    /// The first character of a text.
    pub const START: Position = Position { line: 1, column: 1 };
}

/// One thing that is wrong with a flow document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlowError {
    /// What is wrong; contains Kestra's words where Kestra refuses the same text.
    pub message: String,
    /// The property, such as `tasks[0].format`; empty for the document as a whole.
    pub path: String,
    /// Where it stands.
    #[serde(flatten)]
    pub position: Position,
    /// The nearest name that exists, or what to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl FlowError {
    /// 1-based line, counted from the start of the file.
    pub fn line(&self) -> usize {
        self.position.line
    }

    /// 1-based column, in characters.
    pub fn column(&self) -> usize {
        self.position.column
    }
}

impl fmt::Display for FlowError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)?;
        if let Some(suggestion) = &self.suggestion {
            write!(formatter, " ({suggestion})")?;
        }
        write!(formatter, " at line {}, column {}", self.position.line, self.position.column)
    }
}

/// Everything that is wrong with one flow document, in the order of the text. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FlowErrors(Vec<FlowError>);

impl FlowErrors {
    /// Sorts the findings by place and drops repetitions. An empty list becomes one error that says so: a document is
    /// refused only for a reason.
    pub(crate) fn new(mut errors: Vec<FlowError>) -> FlowErrors {
        if errors.is_empty() {
            let message = "the flow could not be read, and no reason was found: please report this text".to_owned();
            errors.push(FlowError { message, path: String::new(), position: Position::START, suggestion: None });
        }
        errors.sort_by_key(|error| error.position);
        errors.dedup();
        FlowErrors(errors)
    }

    /// The findings, in the order of the text.
    pub fn as_slice(&self) -> &[FlowError] {
        &self.0
    }

    /// The findings, in the order of the text.
    pub fn iter(&self) -> std::slice::Iter<'_, FlowError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a FlowErrors {
    type Item = &'a FlowError;
    type IntoIter = std::slice::Iter<'a, FlowError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for FlowErrors {
    /// One finding a line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.0.iter().enumerate() {
            if place > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FlowErrors {}
