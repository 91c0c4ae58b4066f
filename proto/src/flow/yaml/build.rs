//! Reads one document into a tree.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde::de::{Deserialize, IgnoredAny};

use super::{
    node::{Content, Entry, Layout, Node, Scalar},
    scalar::resolve,
    split::Part,
};
use crate::{
    expr::Value,
    flow::{
        error::{FlowError, Position},
        limits::{YAML_BRACKETS_EXPLAINED_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX},
    },
};

/// The tree of one document; `None` of a document without any value.
///
/// # Errors
/// The syntax error, a repeated key, or what of YAML we do not take.
pub(crate) fn document(part: &Part<'_>) -> Result<Option<Node>, FlowError> {
    let mut builder = Builder {
        events: Parser::new_from_str(part.text),
        part,
        anchors: HashMap::new(),
        nodes_left: YAML_NODES_MAX,
        is_broken: false,
    };
    match (builder.document(), builder.is_broken) {
        // The tree is there, so nesting is bounded; now the stricter reader of the two has its say.
        (Ok(node), _) => explained(part).map_or(Ok(node), Err),
        (Err(error), true) if is_quick_to_explain(part.text) => Err(explained(part).unwrap_or(error)),
        (Err(error), _) => Err(error),
    }
}

/// What a text of YAML says; nothing is null.
///
/// # Errors
/// As [`document`].
pub(crate) fn value(text: &str) -> Result<Value, FlowError> {
    let node = document(&Part { text, line: 1, column: 1 })?;
    Ok(node.map_or(Value::Null, |node| node.to_value()))
}

/// The time that `serde_yaml` takes grows with the square of open brackets.
fn is_quick_to_explain(text: &str) -> bool {
    text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() <= YAML_BRACKETS_EXPLAINED_MAX
}

/// The syntax error that `serde_yaml` finds, in its words, which are those that people know from Kestra.
fn explained(part: &Part<'_>) -> Option<FlowError> {
    syntax_error(part.text)?;
    // Read once more with the lines before it, so that every place in the message counts from the start of the source.
    let padded = "\n".repeat(part.line - 1) + &" ".repeat(part.column - 1) + part.text;
    let error = syntax_error(&padded)?;
    let at = error
        .location()
        .map_or(Position { line: part.line, column: 1 }, |at| Position { line: at.line(), column: at.column() });
    let place = format!(" at line {} column {}", at.line, at.column);
    let message = error.to_string().replacen(&place, "", 1);
    Some(syntax(at.min(end_of(&padded)), &message))
}

/// Behind the last character: a reader that misses something at the end says that it misses it on the next line.
fn end_of(text: &str) -> Position {
    let last = text.rsplit('\n').next().unwrap_or_default();
    Position { line: text.matches('\n').count() + 1, column: last.chars().count() + 1 }
}

fn syntax_error(text: &str) -> Option<serde_yaml::Error> {
    serde_yaml::Deserializer::from_str(text).find_map(|document| IgnoredAny::deserialize(document).err())
}

fn syntax(position: Position, message: &str) -> FlowError {
    let message = format!("Illegal Flow source: YAML parsing error: {message}");
    FlowError { message, path: String::new(), position, suggestion: None }
}

struct Builder<'a, 'p> {
    events: Parser<'a, StrInput<'a>>,
    part: &'p Part<'a>,
    /// Finished values that an alias may name.
    anchors: HashMap<usize, (Node, usize)>,
    nodes_left: usize,
    /// Whether the text is no YAML, in contrast to what we do not take of YAML.
    is_broken: bool,
}

impl<'a> Builder<'a, '_> {
    fn document(&mut self) -> Result<Option<Node>, FlowError> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                value if root.is_none() => root = Some(self.node(value, span, 0)?),
                _ => return Err(self.refuse(span, "a document ends here; the next one must begin with `---`")),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), FlowError> {
        match self.events.next_event() {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => {
                self.is_broken = true;
                let at = self.position(error.marker().line(), error.marker().col());
                Err(syntax(at, error.info()))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// Places of the parser count from the document and its columns from 0.
    fn position(&self, line: usize, column: usize) -> Position {
        let shift = if line <= 1 { self.part.column } else { 1 };
        Position { line: self.part.line + line.max(1) - 1, column: column + shift }
    }

    fn start(&self, span: Span) -> Position {
        self.position(span.start.line(), span.start.col())
    }

    fn refuse(&self, span: Span, message: &str) -> FlowError {
        syntax(self.start(span), message)
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, FlowError> {
        if depth > YAML_DEPTH_MAX {
            return Err(self.refuse(span, &format!("lists and maps are nested deeper than {YAML_DEPTH_MAX} levels")));
        }
        self.spend(1, span)?;
        let before = self.nodes_left;
        let (anchor, content) = match event {
            Event::Scalar(text, style, anchor, tag) => (anchor, self.scalar(text, style, tag, span)?),
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag, span)?;
                (anchor, self.list(depth)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag, span)?;
                (anchor, self.map(depth)?)
            }
            Event::Alias(id) => return self.alias(id, span),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(self.refuse(span, "a value is missing here")),
        };
        let node = Node { at: self.start(span), content };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), before - self.nodes_left + 1));
        }
        Ok(node)
    }

    fn spend(&mut self, nodes: usize, span: Span) -> Result<(), FlowError> {
        match self.nodes_left.checked_sub(nodes) {
            Some(left) => {
                self.nodes_left = left;
                Ok(())
            }
            None => Err(self.refuse(span, &format!("the document has more than {YAML_NODES_MAX} values"))),
        }
    }

    /// The value that an alias names, as if it stood there; its places stay those of the original.
    fn alias(&mut self, id: usize, span: Span) -> Result<Node, FlowError> {
        let Some((node, nodes)) = self.anchors.get(&id) else {
            return Err(self.refuse(span, "this alias stands inside the value that it names"));
        };
        let (node, nodes) = (node.clone(), *nodes);
        self.spend(nodes, span)?;
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Content, FlowError> {
        let mut members = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Content::List(members)),
                (event, span) => members.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Content, FlowError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys: HashSet<String> = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Content::Map(entries));
            }
            let Event::Scalar(key, ..) = event else {
                return Err(self.refuse(span, "a key must be a text"));
            };
            let key = key.into_owned();
            if !keys.insert(key.clone()) {
                return Err(self.refuse(span, &format!("Duplicate field '{key}'")));
            }
            let (event, value_span) = self.next()?;
            let node = self.node(event, value_span, depth + 1)?;
            entries.push(Entry { key, key_at: self.start(span), node });
        }
    }

    fn refuse_tag(&self, tag: Option<Cow<'_, Tag>>, span: Span) -> Result<(), FlowError> {
        match tag {
            None => Ok(()),
            Some(tag) if tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "seq" | "map") => Ok(()),
            Some(tag) => Err(self.refuse(span, &format!("the tag `{}` is not supported", tag.suffix))),
        }
    }

    fn scalar(
        &self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        tag: Option<Cow<'_, Tag>>,
        span: Span,
    ) -> Result<Content, FlowError> {
        let is_text = match tag {
            None => style != ScalarStyle::Plain,
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => true,
            Some(tag) => return Err(self.refuse(span, &format!("the tag `{}` is not supported", tag.suffix))),
        };
        let text = text.into_owned();
        let value = if is_text { Value::text(text.as_str()) } else { resolve(&text) };
        Ok(Content::Scalar(Scalar { text, value, layout: layout(style) }))
    }
}

const fn layout(style: ScalarStyle) -> Layout {
    match style {
        ScalarStyle::Literal => Layout::Block,
        ScalarStyle::Plain => Layout::Behind(0),
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Layout::Behind(1),
        ScalarStyle::Folded => Layout::Lost,
    }
}
