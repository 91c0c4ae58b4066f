//! A value with its place and its path: what every reader of a property gets, and how it says what is wrong.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
};

use super::defaults::{self, PluginDefault};
use crate::{
    expr::{Template, Templated, Value},
    flow::{
        error::{FlowError, Position},
        limits::FINDINGS_MAX,
        task::{Dynamic, FromDocument},
        yaml::{Content, Entry, Node, Scalar},
    },
};

/// What was found wrong so far, for one document.
pub(super) struct Findings<'a> {
    /// The whole source, to place what stands inside a text.
    source: &'a str,
    errors: RefCell<Vec<FlowError>>,
    /// What tasks and triggers get that do not say it themselves.
    pub(super) defaults: OnceCell<Vec<PluginDefault>>,
    /// Task ids so far, nested ones included, with the line of each.
    task_ids: RefCell<HashMap<String, usize>>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(source: &'a str) -> Findings<'a> {
        Findings { source, errors: RefCell::default(), defaults: OnceCell::new(), task_ids: RefCell::default() }
    }

    pub(super) fn into_errors(self) -> Vec<FlowError> {
        self.errors.into_inner()
    }

    /// Remembers a task id; answers the line of an earlier task with the same one.
    pub(super) fn remember_task(&self, id: &str, line: usize) -> Option<usize> {
        let mut ids = self.task_ids.borrow_mut();
        match ids.get(id) {
            Some(first) => Some(*first),
            None => {
                ids.insert(id.to_owned(), line);
                None
            }
        }
    }

    /// Whether a task with this id was seen.
    pub(super) fn knows_task(&self, id: &str) -> bool {
        self.task_ids.borrow().contains_key(id)
    }

    /// Whether another finding would be dropped, so that nobody need look for its place.
    pub(super) fn is_full(&self) -> bool {
        self.errors.borrow().len() >= FINDINGS_MAX
    }

    pub(super) fn push(&self, error: FlowError) {
        if !self.is_full() {
            self.errors.borrow_mut().push(error);
        }
    }
}

/// A value, where it stands, and how it is reached.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) findings: &'a Findings<'a>,
    pub(super) node: &'a Node,
    pub(super) path: String,
}

/// The path of a member.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl<'a> At<'a> {
    /// Says what is wrong here.
    pub(super) fn wrong(&self, message: impl Into<String>) {
        self.report(self.node.at, message.into(), None);
    }

    /// Says what is wrong here and what to do.
    pub(super) fn wrong_but(&self, message: impl Into<String>, suggestion: impl Into<String>) {
        self.report(self.node.at, message.into(), Some(suggestion.into()));
    }

    pub(super) fn report(&self, position: Position, message: String, suggestion: Option<String>) {
        self.findings.push(FlowError { message, path: self.path.clone(), position, suggestion });
    }

    /// Says that this kind of value does not fit.
    pub(super) fn wrong_kind(&self, wanted: &str) {
        let shown = match &self.node.content {
            Content::Scalar(scalar) => format!(" \"{}\"", cut(&scalar.text)),
            Content::List(_) | Content::Map(_) => String::new(),
        };
        let found = self.node.kind_name();
        self.wrong(format!("Cannot deserialize value of type `{wanted}` from {found}{shown}"));
    }

    pub(super) fn scalar(&self) -> Option<&'a Scalar> {
        match &self.node.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// Whether the document says `null`, which counts as saying nothing.
    pub(super) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.value.is_null())
    }

    /// A text. Numbers and truth values count as the text they are written as.
    pub(super) fn text(&self) -> Option<&'a str> {
        let scalar = self.scalar().filter(|scalar| !scalar.value.is_null());
        if scalar.is_none() {
            self.wrong_kind("text");
        }
        scalar.map(|scalar| scalar.text.as_str())
    }

    /// True or false.
    pub(super) fn flag(&self) -> Option<bool> {
        let scalar = self.scalar();
        let found = scalar.and_then(|scalar| match scalar.text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => scalar.value.as_bool(),
        });
        match (found, scalar) {
            (Some(flag), _) => return Some(flag),
            (None, Some(scalar)) => self.wrong(format!(
                "Cannot deserialize value of type `boolean` from String \"{}\": only \"true\" or \"false\" recognized",
                cut(&scalar.text)
            )),
            (None, None) => self.wrong_kind("boolean"),
        }
        None
    }

    /// A whole number.
    pub(super) fn whole(&self) -> Option<i64> {
        let number = self.scalar().and_then(|scalar| match &scalar.value {
            Value::Text(text) => text.parse().ok(),
            value => value.as_i64(),
        });
        if number.is_none() {
            self.wrong_kind("integer");
        }
        number
    }

    /// A number.
    pub(super) fn number(&self) -> Option<f64> {
        let number = self.scalar().and_then(|scalar| match &scalar.value {
            Value::Text(text) => text.parse().ok(),
            value => value.as_f64(),
        });
        let number = number.filter(|number: &f64| number.is_finite());
        if number.is_none() {
            self.wrong_kind("number");
        }
        number
    }

    /// A text of some kind that is never rendered.
    pub(super) fn fixed<T: FromDocument>(&self) -> Option<T> {
        let text = self.text()?;
        T::from_document(text).map_err(|error| self.wrong(error.to_string())).ok()
    }

    /// A property that is fixed or rendered: an expression is compiled, anything else is checked now.
    pub(super) fn dynamic<T: FromDocument>(&self) -> Option<Dynamic<T>> {
        let template = self.template()?;
        if template.is_literal() {
            return T::from_document(template.source())
                .map(Dynamic::Fixed)
                .map_err(|error| self.wrong(error.to_string()))
                .ok();
        }
        Some(Dynamic::Rendered(template))
    }

    /// One of some words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!(
                "Cannot deserialize value from String \"{}\": not one of the values accepted for Enum class: [{}]",
                cut(text),
                names.join(", ")
            );
            self.report(self.node.at, message, nearest(text, names.iter().copied()));
        }
        found
    }

    /// A text that may hold expressions.
    pub(super) fn template(&self) -> Option<Template> {
        let text = self.text()?;
        self.compile(text)
    }

    fn compile(&self, text: &str) -> Option<Template> {
        Template::compile(text)
            .map_err(|error| {
                if self.findings.is_full() {
                    return;
                }
                let start = self.node.at;
                let position = self
                    .scalar()
                    .map_or(start, |scalar| scalar.locate(self.findings.source, start, error.line, error.column));
                self.report(position, error.message, None);
            })
            .ok()
    }

    /// A tree whose texts may hold expressions. Each wrong expression is a finding of its own.
    pub(super) fn templated(&self) -> Option<Templated> {
        match &self.node.content {
            Content::Scalar(scalar) => match &scalar.value {
                Value::Text(text) => self.compile(text).map(Templated::Text),
                other => Some(Templated::Plain(other.clone())),
            },
            Content::List(_) => {
                let members: Vec<_> = self.list()?.iter().map(At::templated).collect();
                members.into_iter().collect::<Option<_>>().map(Templated::List)
            }
            Content::Map(_) => {
                let entries: Vec<_> =
                    self.entries()?.iter().map(|(key, at)| Some((at.key(key)?, at.templated()?))).collect();
                entries.into_iter().collect::<Option<_>>().map(Templated::Map)
            }
        }
    }

    /// A key that may hold expressions.
    pub(super) fn key(&self, entry: &Entry) -> Option<Template> {
        Template::compile(&entry.key).map_err(|error| self.report(entry.key_at, error.message, None)).ok()
    }

    /// The members of a list.
    pub(super) fn list(&self) -> Option<Vec<At<'a>>> {
        let Content::List(members) = &self.node.content else {
            self.wrong_kind("list");
            return None;
        };
        let member = |(place, node)| At { findings: self.findings, node, path: format!("{}[{place}]", self.path) };
        Some(members.iter().enumerate().map(member).collect())
    }

    /// The task or trigger with the defaults of its type; none when there are none for it.
    pub(super) fn with_defaults(&self) -> Option<Node> {
        defaults::merged(self.node, self.findings.defaults.get()?)
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> Option<Vec<(&'a Entry, At<'a>)>> {
        let Content::Map(entries) = &self.node.content else {
            self.wrong_kind("map");
            return None;
        };
        let member = |entry: &'a Entry| {
            (entry, At { findings: self.findings, node: &entry.node, path: join(&self.path, &entry.key) })
        };
        Some(entries.iter().map(member).collect())
    }

    /// Texts of a list.
    pub(super) fn texts(&self) -> Option<Vec<&'a str>> {
        let texts: Vec<_> = self.list()?.iter().map(At::text).collect();
        texts.into_iter().collect()
    }
}

/// The front of a text, for a message.
pub(super) fn cut(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 80;
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_CHARS_MAX).chain(['…']).collect()
}

/// `did you mean …?` when one of the names is close to what was written.
pub(super) fn nearest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    const SIMILARITY_MIN: f64 = 0.75;
    let lower = written.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| format!("did you mean `{name}`?"))
}
