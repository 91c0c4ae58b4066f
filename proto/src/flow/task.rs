//! Tasks: what a flow does.

use std::{str::FromStr, time::Duration};

use crate::{
    expr::{Template, Templated},
    id::TaskId,
    state::State,
};

use super::{http::HttpRequest, retry::Retry};

/// One step of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Unique in the whole flow, nested tasks included.
    pub id: TaskId,
    /// The type as the document writes it, for `{{ task.type }}` and for the API.
    pub type_name: String,
    /// What it does.
    pub kind: TaskKind,
    /// For people only.
    pub description: Option<String>,
    /// A disabled task gets no task run.
    pub disabled: bool,
    /// Turns FAILED into WARNING, and the flow goes on.
    pub allow_failure: bool,
    /// `runIf`, or `when` of our extension: falsy gives SKIPPED, a failing expression fails the task. Absent: it runs.
    pub run_if: Option<Template>,
    /// How long one attempt may take. Only on tasks that call out ([`TaskKind::HttpRequest`]).
    pub timeout: Option<Dynamic<Duration>>,
    /// What happens after a failed attempt. Absent: nothing.
    pub retry: Option<Retry>,
    /// The lowest level of log lines that are kept. Absent: all.
    pub log_level: Option<LogLevel>,
}

/// What a task does. Only what runs: a type that is known but does not run yet is refused when a flow is read.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskKind {
    /// `debug.Return`: outputs `value`, the rendered `format`; without one there is no output.
    Return {
        /// The text to return.
        format: Option<Template>,
    },
    /// `log.Log` and the 1.x `debug.Echo`: writes log lines.
    Log {
        /// What to write.
        message: LogMessage,
        /// At which level; INFO when the document says nothing.
        level: Dynamic<LogLevel>,
    },
    /// `output.OutputValues`: outputs `values`, the rendered map; null members are left out.
    OutputValues {
        /// The map to output; absent gives no values.
        values: Option<Templated>,
    },
    /// `execution.Fail`: logs the message as ERROR and fails, unless a condition is given and falsy.
    Fail {
        /// Fail only when this is truthy. Absent: always.
        condition: Option<Template>,
        /// The message; `Task failure` when the document says nothing.
        error_message: Template,
    },
    /// `execution.Exit`: ends the execution now.
    Exit {
        /// How it ends; SUCCESS when the document says nothing.
        state: Dynamic<ExitState>,
    },
    /// `http.Request`: one HTTP call.
    HttpRequest(Box<HttpRequest>),
    /// `flow.Sleep`: a durable timer.
    Sleep {
        /// How long: an ISO 8601 duration.
        duration: Dynamic<Duration>,
    },
}

/// The message of a `log.Log` task.
#[derive(Clone, Debug, PartialEq)]
pub enum LogMessage {
    /// One line of the log (which may hold line breaks).
    One(Template),
    /// One line of the log per text.
    Many(Vec<Template>),
}

/// Levels of log lines, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// The finest.
    Trace,
    /// For those who look for a fault.
    Debug,
    /// What happened.
    Info,
    /// What may be wrong.
    Warn,
    /// What failed.
    Error,
}

impl LogLevel {
    /// The spelling of documents and of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            LogLevel::Trace => "TRACE",
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warn => "WARN",
            LogLevel::Error => "ERROR",
        }
    }
}

impl std::fmt::Display for LogLevel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for LogLevel {
    type Err = NotThatKind;

    fn from_str(text: &str) -> Result<LogLevel, NotThatKind> {
        Ok(match text {
            "TRACE" => LogLevel::Trace,
            "DEBUG" => LogLevel::Debug,
            "INFO" => LogLevel::Info,
            "WARN" => LogLevel::Warn,
            "ERROR" => LogLevel::Error,
            other => return Err(NotThatKind::new(other, "one of [ERROR, WARN, INFO, DEBUG, TRACE]")),
        })
    }
}

/// States in which `execution.Exit` can end an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitState {
    /// Ended well.
    Success,
    /// Ended with a warning.
    Warning,
    /// Stopped.
    Killed,
    /// Ended badly.
    Failed,
    /// Ended before it could do its work.
    Cancelled,
}

impl From<ExitState> for State {
    fn from(state: ExitState) -> State {
        match state {
            ExitState::Success => State::Success,
            ExitState::Warning => State::Warning,
            ExitState::Killed => State::Killed,
            ExitState::Failed => State::Failed,
            ExitState::Cancelled => State::Cancelled,
        }
    }
}

/// A property that is either fixed in the document, and then has been checked, or rendered when it is needed.
#[derive(Clone, Debug, PartialEq)]
pub enum Dynamic<T> {
    /// Written in the document.
    Fixed(T),
    /// An expression; what it renders to is read with [`FromDocument::from_document`].
    Rendered(Template),
}

/// A text that is not of the kind its property has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not {wanted}")]
pub struct NotThatKind {
    /// What was given, cut to 60 characters.
    pub text: String,
    /// What is wanted.
    pub wanted: &'static str,
}

impl NotThatKind {
    pub(crate) fn new(text: &str, wanted: &'static str) -> NotThatKind {
        NotThatKind { text: text.chars().take(60).collect(), wanted }
    }
}

/// A kind of property that can also be rendered: how its text is read, at deployment and at run time alike.
pub trait FromDocument: Sized {
    /// Reads the text of the property.
    ///
    /// # Errors
    /// When the text is not of this kind.
    fn from_document(text: &str) -> Result<Self, NotThatKind>;
}

impl FromDocument for LogLevel {
    fn from_document(text: &str) -> Result<LogLevel, NotThatKind> {
        text.trim().parse()
    }
}

impl FromDocument for ExitState {
    fn from_document(text: &str) -> Result<ExitState, NotThatKind> {
        Ok(match text.trim() {
            "SUCCESS" => ExitState::Success,
            "WARNING" => ExitState::Warning,
            "KILLED" => ExitState::Killed,
            "FAILED" => ExitState::Failed,
            "CANCELLED" => ExitState::Cancelled,
            other => return Err(NotThatKind::new(other, "one of [SUCCESS, WARNING, KILLED, FAILED, CANCELLED]")),
        })
    }
}

impl FromDocument for bool {
    fn from_document(text: &str) -> Result<bool, NotThatKind> {
        match text.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(NotThatKind::new(other, "a boolean: only \"true\" or \"false\" recognized")),
        }
    }
}

impl FromDocument for Duration {
    fn from_document(text: &str) -> Result<Duration, NotThatKind> {
        super::duration::parse(text.trim())
    }
}

impl FromDocument for u16 {
    fn from_document(text: &str) -> Result<u16, NotThatKind> {
        text.trim().parse().map_err(|_| NotThatKind::new(text, "an HTTP status"))
    }
}

impl FromDocument for u32 {
    fn from_document(text: &str) -> Result<u32, NotThatKind> {
        text.trim().parse().map_err(|_| NotThatKind::new(text, "a whole number of 0 or above"))
    }
}
