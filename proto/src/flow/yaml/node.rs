//! The tree of a document, with places.

use crate::{
    expr::{Map, Value},
    flow::error::Position,
};

/// One value of a document.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its first character.
    pub(crate) at: Position,
    pub(crate) content: Content,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the document, keys unique.
    Map(Vec<Entry>),
}

impl Content {
    pub(crate) fn is_empty_list(&self) -> bool {
        matches!(self, Content::List(members) if members.is_empty())
    }
}

/// One entry of a map.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Position,
    pub(crate) node: Node,
}

/// A value that is no list and no map.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    /// The text, as it is written (escapes resolved).
    pub(crate) text: String,
    /// What it stands for.
    pub(crate) value: Value,
    /// Where the characters of the text stand in the document.
    pub(crate) layout: Layout,
}

/// Where the characters of a scalar stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// This many characters behind the start (1 behind a quote), if nothing is folded or escaped.
    Behind(usize),
    /// Below each other from the start on, each line at the same column.
    Block,
    /// Folded: only the start is known.
    Lost,
}

impl Scalar {
    /// The place in the source of a place in the text (both 1-based); the start of the text when it cannot be told.
    pub(crate) fn locate(&self, source: &str, start: Position, line: usize, column: usize) -> Position {
        match self.layout {
            Layout::Block => Position { line: start.line + line - 1, column: start.column + column - 1 },
            Layout::Behind(offset) if line == 1 && self.stands_at(source, start, offset) => {
                Position { column: start.column + offset + column - 1, ..start }
            }
            Layout::Behind(_) | Layout::Lost => start,
        }
    }

    /// Whether the text stands there as it is, without escapes and on one line.
    fn stands_at(&self, source: &str, start: Position, offset: usize) -> bool {
        let Some(line) = source.lines().nth(start.line - 1) else { return false };
        let before = line.char_indices().nth(start.column - 1 + offset).map(|(at, _)| at);
        before.is_some_and(|at| line[at..].starts_with(&self.text))
    }
}

impl Node {
    /// The value without its places.
    pub(crate) fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar(scalar) => scalar.value.clone(),
            Content::List(members) => Value::list(members.iter().map(Node::to_value)),
            Content::Map(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for entry in entries {
                    map.insert(entry.key.as_str(), entry.node.to_value());
                }
                Value::from(map)
            }
        }
    }

    /// How Kestra's messages call this kind of value.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.content {
            Content::List(_) => "Array value",
            Content::Map(_) => "Object value",
            Content::Scalar(scalar) => match &scalar.value {
                Value::Null => "Null value",
                Value::Bool(_) => "Boolean value",
                Value::Int(_) | Value::Long(_) | Value::Big(_) => "Integer value",
                Value::Float(_) | Value::Double(_) | Value::Decimal(_) | Value::Exact(_) => "Floating-point value",
                Value::Text(_) | Value::List(_) | Value::Map(_) | Value::Host(_) => "String value",
            },
        }
    }

    /// The member with this key, when this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            Content::List(_) | Content::Scalar(_) => None,
        }
    }
}
