//! Inputs: what a flow takes, and with which rules.

use std::{fmt, time::Duration};

use jiff::{Timestamp, civil};
use regex::Regex;

use crate::expr::{Template, Templated};

/// One input of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Unique among the inputs; dots nest (`a.b` is read as `inputs.a.b`).
    pub id: String,
    /// What it accepts.
    pub kind: InputKind,
    /// For people only.
    pub description: Option<String>,
    /// The name that people see.
    pub display_name: Option<String>,
    /// False: it may be missing.
    pub required: bool,
    /// The value when none is given; texts may be expressions.
    pub defaults: Option<Templated>,
    /// What a form is filled with; never applied by itself.
    pub prefill: Option<Templated>,
    /// When it is asked for at all.
    pub depends_on: Option<DependsOn>,
}

impl Input {
    /// Whether its value is kept sealed.
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, InputKind::Secret { .. })
    }

    /// Whether it takes the first of its values when none is given.
    pub fn selects_itself(&self) -> bool {
        self.kind.choice().is_some_and(|choice| choice.auto_select_first)
    }
}

impl InputKind {
    /// What may be chosen, when one chooses at all.
    pub(super) fn choice(&self) -> Option<&Choice> {
        match self {
            InputKind::Select(choice) | InputKind::MultiSelect(choice) => Some(choice),
            InputKind::String { .. }
            | InputKind::Secret { .. }
            | InputKind::Int { .. }
            | InputKind::Float { .. }
            | InputKind::Bool
            | InputKind::DateTime { .. }
            | InputKind::Date { .. }
            | InputKind::Time { .. }
            | InputKind::Duration { .. }
            | InputKind::Json
            | InputKind::Yaml
            | InputKind::Uri
            | InputKind::Email
            | InputKind::Array { .. }
            | InputKind::File => None,
        }
    }
}

/// When an input is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct DependsOn {
    /// Inputs that come first. They exist, and there is no circle.
    pub inputs: Vec<String>,
    /// Falsy: the input is left out. Absent: it is asked for.
    pub condition: Option<Template>,
}

/// What an input accepts.
#[derive(Clone, Debug, PartialEq)]
pub enum InputKind {
    /// Any text.
    String {
        /// The whole text must match.
        validator: Option<Pattern>,
    },
    /// A text that is kept sealed and shown masked.
    Secret {
        /// The whole text must match.
        validator: Option<Pattern>,
    },
    /// One of some texts (also the 1.x `ENUM`).
    Select(Choice),
    /// Some of some texts.
    MultiSelect(Choice),
    /// A whole number.
    Int {
        /// The smallest.
        min: Option<i64>,
        /// The largest.
        max: Option<i64>,
    },
    /// A number.
    Float {
        /// The smallest.
        min: Option<f64>,
        /// The largest.
        max: Option<f64>,
    },
    /// True or false (also the 1.x `BOOLEAN`).
    Bool,
    /// A point in time.
    DateTime {
        /// Later than this.
        after: Option<Timestamp>,
        /// Earlier than this.
        before: Option<Timestamp>,
    },
    /// A day.
    Date {
        /// Later than this.
        after: Option<civil::Date>,
        /// Earlier than this.
        before: Option<civil::Date>,
    },
    /// A time of the day.
    Time {
        /// Later than this.
        after: Option<civil::Time>,
        /// Earlier than this.
        before: Option<civil::Time>,
    },
    /// A span of time.
    Duration {
        /// The shortest.
        min: Option<Duration>,
        /// The longest.
        max: Option<Duration>,
    },
    /// A JSON text or any value.
    Json,
    /// A YAML text or any value.
    Yaml,
    /// An absolute address.
    Uri,
    /// A mail address.
    Email,
    /// A list.
    Array {
        /// What each member is.
        item: ValueType,
    },
    /// A file. There are none yet, so it is optional and any value is refused.
    File,
}

/// What may be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The texts to choose from.
    pub values: ChoiceValues,
    /// True: another text is accepted too.
    pub allow_custom_value: bool,
    /// True: without a value and a default, the first one is taken.
    pub auto_select_first: bool,
}

/// Where the texts to choose from come from.
#[derive(Clone, Debug, PartialEq)]
pub enum ChoiceValues {
    /// The document lists them.
    Listed(Vec<ChoiceValue>),
    /// An expression gives a list, or the text of a JSON list.
    Rendered(Template),
}

/// One text to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceValue {
    /// What people see.
    pub label: String,
    /// What the flow gets.
    pub value: String,
}

/// Types of outputs and of list members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// `STRING`
    String,
    /// `SELECT`, also 1.x `ENUM`
    Select,
    /// `INT`
    Int,
    /// `FLOAT`
    Float,
    /// `BOOL`, also 1.x `BOOLEAN`
    Bool,
    /// `DATETIME`
    DateTime,
    /// `DATE`
    Date,
    /// `TIME`
    Time,
    /// `DURATION`
    Duration,
    /// `JSON`
    Json,
    /// `YAML`
    Yaml,
    /// `URI`
    Uri,
    /// `EMAIL`
    Email,
    /// `ARRAY`
    Array,
    /// `MULTISELECT`
    MultiSelect,
}

impl ValueType {
    /// The spelling of 2.0 documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            ValueType::String => "STRING",
            ValueType::Select => "SELECT",
            ValueType::Int => "INT",
            ValueType::Float => "FLOAT",
            ValueType::Bool => "BOOL",
            ValueType::DateTime => "DATETIME",
            ValueType::Date => "DATE",
            ValueType::Time => "TIME",
            ValueType::Duration => "DURATION",
            ValueType::Json => "JSON",
            ValueType::Yaml => "YAML",
            ValueType::Uri => "URI",
            ValueType::Email => "EMAIL",
            ValueType::Array => "ARRAY",
            ValueType::MultiSelect => "MULTISELECT",
        }
    }
}

/// A regular expression that must match a whole text. Matching takes time linear in the text.
#[derive(Clone)]
pub struct Pattern {
    source: String,
    whole: Regex,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When it is no regular expression, or uses look-around or back-references, which cannot be matched in linear time.
    pub fn compile(source: &str) -> Result<Pattern, regex::Error> {
        Regex::new(source)?;
        let whole = Regex::new(&format!(r"\A(?:{source})\z"))?;
        Ok(Pattern { source: source.to_owned(), whole })
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}/", self.source)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.source == other.source
    }
}
