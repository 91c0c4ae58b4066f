//! How texts are compared in filters.

use windhover_proto::problem::{Code, Problem};

use super::parameters::{FilterParameter, unsupported};

/// How a text is compared.
#[derive(Debug)]
pub(super) enum Match {
    OneOf(Vec<String>),
    NoneOf(Vec<String>),
    /// Itself, or below it: `a` is above `a.b`.
    Path(String),
    Start(String),
    End(String),
    Part(String),
}

impl Match {
    pub(super) fn exactly(value: &str) -> Self {
        Match::OneOf(vec![value.to_owned()])
    }

    pub(super) fn parse(operator: &str, value: &str) -> Option<Self> {
        let list = || value.split(',').map(|part| part.trim().to_owned()).collect();
        Some(match operator {
            "EQUALS" => Match::exactly(value),
            "NOT_EQUALS" => Match::NoneOf(vec![value.to_owned()]),
            "IN" => Match::OneOf(list()),
            "NOT_IN" => Match::NoneOf(list()),
            "PREFIX" => Match::Path(value.to_owned()),
            "STARTS_WITH" => Match::Start(value.to_owned()),
            "ENDS_WITH" => Match::End(value.to_owned()),
            "CONTAINS" => Match::Part(value.to_owned()),
            _ => return None,
        })
    }

    pub(super) fn holds(&self, text: &str) -> bool {
        match self {
            Match::OneOf(all) => all.iter().any(|one| one == text),
            Match::NoneOf(all) => all.iter().all(|one| one != text),
            Match::Path(path) => {
                text.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
            Match::Start(start) => text.starts_with(start),
            Match::End(end) => text.ends_with(end),
            Match::Part(part) => text.contains(part),
        }
    }
}

/// A label that must be there with a value that matches; with a refusing match it may be missing.
#[derive(Debug)]
pub(super) struct LabelMatch {
    key: String,
    value: Match,
}

impl LabelMatch {
    /// `key:value`, as 1.3 writes it.
    pub(super) fn pair(text: &str) -> Result<Self, Problem> {
        let bad = || Code::Unprocessable.because(format!("`labels` is `{text}`, but must be `key:value`"));
        let (key, value) = text.split_once(':').filter(|(key, _)| !key.is_empty()).ok_or_else(bad)?;
        Ok(Self { key: key.to_owned(), value: Match::exactly(value) })
    }

    /// `filters[labels][OPERATOR][key]`
    pub(super) fn filter(filter: &FilterParameter, supported: &[&str]) -> Result<Self, Problem> {
        let FilterParameter { operator, key, value, .. } = filter;
        match (key, Match::parse(operator, value)) {
            (Some(key), Some(value @ (Match::OneOf(_) | Match::NoneOf(_)))) => Ok(Self { key: key.clone(), value }),
            _ => Err(unsupported(&filter.name, supported)),
        }
    }

    pub(super) fn holds<'a>(&self, mut labels: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
        match labels.find(|(key, _)| *key == self.key) {
            Some((_, own)) => self.value.holds(own),
            None => matches!(self.value, Match::NoneOf(_)),
        }
    }
}

/// A text anywhere in one of the others, in any case; `*` holds for all.
#[derive(Debug)]
pub(super) struct Anywhere {
    text: String,
    lower: String,
}

impl Anywhere {
    pub(super) fn new(text: &str) -> Self {
        let text = text.trim_matches('*');
        Self { text: text.to_owned(), lower: text.to_lowercase() }
    }

    /// The text as it was asked for.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn holds<'a>(&self, mut texts: impl Iterator<Item = &'a str>) -> bool {
        self.lower.is_empty() || texts.any(|text| text.to_lowercase().contains(&self.lower))
    }
}
