//! From YAML to typed documents: reads every property, collects everything that is wrong, and only then answers.

mod at;
mod check;
mod circle;
mod condition;
mod dashes;
mod defaults;
mod fields;
mod http;
mod input;
mod known;
mod labels;
mod names;
mod output;
mod retry;
mod shape;
mod task;
mod top;
mod trigger;

use super::{
    document::{Flow, ParsedDocument},
    error::{FlowError, FlowErrors, Position},
    limits::YAML_DOCUMENTS_MAX,
    yaml::{self, Node, Part},
};
use crate::limit::FLOW_SOURCE_BYTES_MAX;
use at::{At, Findings};

/// Reads a source that holds one document.
pub(super) fn one(source: &str) -> Result<Flow, FlowErrors> {
    let mut documents = all(source);
    match documents.pop() {
        Some(only) if documents.is_empty() => only.flow,
        Some(last) => {
            let position = Position { line: last.line, column: 1 };
            Err(alone("there is more than one flow here: one is wanted", position))
        }
        None => Err(alone("there is no flow here", Position::START)),
    }
}

fn alone(message: &str, position: Position) -> FlowErrors {
    let message = message.to_owned();
    FlowErrors::new(vec![FlowError { message, path: String::new(), position, suggestion: None }])
}

/// Reads every document of a source.
pub(super) fn all(source: &str) -> Vec<ParsedDocument> {
    if source.len() > FLOW_SOURCE_BYTES_MAX {
        let message = format!("the source has {} bytes; the limit is {FLOW_SOURCE_BYTES_MAX}", source.len());
        return vec![refused(String::new(), 1, alone(&message, Position::START))];
    }
    let mut parts = yaml::split(source);
    match parts.iter().any(|part| !part.is_blank()) {
        true => parts.retain(|part| !part.is_blank()),
        false => parts.truncate(1),
    }
    if parts.len() > YAML_DOCUMENTS_MAX {
        let message = format!("the source has {} documents; the limit is {YAML_DOCUMENTS_MAX}", parts.len());
        return vec![refused(String::new(), 1, alone(&message, Position::START))];
    }
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    parts.iter().map(|part| read_part(source, part)).collect()
}

fn refused(source: String, line: usize, errors: FlowErrors) -> ParsedDocument {
    ParsedDocument { source, line, id: None, namespace: None, flow: Err(errors) }
}

fn read_part(source: &str, part: &Part<'_>) -> ParsedDocument {
    let text = part.source();
    let line = part.line + part.text[..part.text.len() - text.len()].matches('\n').count();
    match yaml::document(part) {
        Ok(Some(node)) => {
            let named = |key| node.get(key).and_then(scalar_text);
            let (id, namespace) = (named("id"), named("namespace"));
            ParsedDocument { source: text, line, id, namespace, flow: read_document(source, &node) }
        }
        Ok(None) => {
            let at = Position { line, column: 1 };
            let words = "Illegal Flow source: YAML parsing error: No content to map due to end-of-input";
            refused(text, line, alone(words, at))
        }
        Err(error) => refused(text, line, FlowErrors::new(vec![error])),
    }
}

fn scalar_text(node: &Node) -> Option<String> {
    match &node.content {
        yaml::Content::Scalar(scalar) if !scalar.value.is_null() => Some(scalar.text.clone()),
        yaml::Content::Scalar(_) | yaml::Content::List(_) | yaml::Content::Map(_) => None,
    }
}

fn read_document(source: &str, node: &Node) -> Result<Flow, FlowErrors> {
    let findings = Findings::new(source);
    let flow = top::flow(&At { findings: &findings, node, path: String::new() });
    let errors = findings.into_errors();
    match flow {
        Some(flow) if errors.is_empty() => Ok(flow),
        Some(_) | None => Err(FlowErrors::new(errors)),
    }
}
