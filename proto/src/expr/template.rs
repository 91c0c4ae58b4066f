//! Templates: compiled once, rendered often.

use std::fmt;
use std::sync::Arc;

use super::ast::Node;
use super::env::Env;
use super::error::{RenderError, SyntaxError};
use super::eval::Machine;
use super::limits::TEMPLATE_BYTES_MAX;
use super::parse::{Parsed, parse};
use super::surroundings::Variables;
use super::value::{Text, Value};

/// A compiled template. Cloning is cheap; two templates are equal when their sources are.
#[derive(Clone)]
pub struct Template(Arc<Compiled>);

pub(crate) struct Compiled {
    pub(crate) source: Text,
    /// Absent for a text without any delimiter, which is its own result.
    pub(crate) parsed: Option<Parsed>,
}

impl Template {
    /// Reads a template. A text without `{` is a template that renders to itself.
    ///
    /// # Errors
    /// Syntax errors, unknown filters, functions, tests and tags, with their place.
    pub fn compile(source: &str) -> Result<Template, SyntaxError> {
        if source.len() > TEMPLATE_BYTES_MAX {
            let message = format!("the template has {} bytes; the limit is {TEMPLATE_BYTES_MAX}", source.len());
            return Err(SyntaxError::at(source, 0, message));
        }
        let parsed = if source.contains('{') { Some(parse(source)?) } else { None };
        Ok(Template(Arc::new(Compiled { source: source.into(), parsed })))
    }

    /// The text that was compiled.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The template with every operation in parentheses. It compiles to the same tree, save that a text may
    /// fall into two.
    pub fn canonical(&self) -> String {
        match &self.0.parsed {
            Some(parsed) => super::canonical::print(parsed),
            None => self.source().to_owned(),
        }
    }

    /// True when there is no expression and no tag inside.
    pub fn is_literal(&self) -> bool {
        match &self.0.parsed {
            Some(parsed) => parsed.nodes.iter().all(|node| matches!(node, Node::Text(_))),
            None => true,
        }
    }

    /// Renders to text.
    ///
    /// # Errors
    /// When a variable is missing, an operation fails or a limit is reached.
    pub fn render(&self, variables: &dyn Variables, env: &mut Env<'_>) -> Result<String, RenderError> {
        let Some(parsed) = &self.0.parsed else { return Ok(self.source().to_owned()) };
        let mut machine = Machine::new(&self.0.source, parsed, variables, env);
        machine.render().map_err(|error| error.within(self.source(), || variables.names()))
    }

    /// Renders to a value: a template that is one expression and nothing else keeps the kind of its value.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn value(&self, variables: &dyn Variables, env: &mut Env<'_>) -> Result<Value, RenderError> {
        let Some(parsed) = &self.0.parsed else { return Ok(Value::Text(self.0.source.clone())) };
        let mut machine = Machine::new(&self.0.source, parsed, variables, env);
        machine.value().map_err(|error| error.within(self.source(), || variables.names()))
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source()).finish()
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Template {}
