//! Trees whose texts are templates: task properties, inputs, outputs.

use super::env::Env;
use super::error::{RenderError, SyntaxError};
use super::map::Map;
use super::surroundings::Variables;
use super::template::Template;
use super::value::Value;

/// A JSON-like tree whose texts and keys are templates. Lists and maps are rendered member by member.
#[derive(Clone, Debug, PartialEq)]
pub enum Templated {
    /// A text that may hold expressions.
    Text(Template),
    /// Members in order.
    List(Vec<Templated>),
    /// Entries in order; keys are templates too.
    Map(Vec<(Template, Templated)>),
    /// A number, a truth value, null: as it stands.
    Plain(Value),
}

impl Templated {
    /// Compiles every text of the tree.
    ///
    /// # Errors
    /// The first text that is no template, with its path.
    pub fn compile(value: &Value) -> Result<Templated, SyntaxError> {
        match value {
            Value::Text(text) => Ok(Templated::Text(Template::compile(text)?)),
            Value::List(list) => {
                let members = list.iter().enumerate().map(|(place, member)| {
                    Templated::compile(member).map_err(|error| error.below(&format!("[{place}]")))
                });
                Ok(Templated::List(members.collect::<Result<_, _>>()?))
            }
            Value::Map(map) => {
                let entries = map.iter().map(|(key, member)| {
                    let below = |error: SyntaxError| error.below(key);
                    Ok((Template::compile(key).map_err(below)?, Templated::compile(member).map_err(below)?))
                });
                Ok(Templated::Map(entries.collect::<Result<_, _>>()?))
            }
            other => Ok(Templated::Plain(other.clone())),
        }
    }

    /// The tree as it is written.
    pub fn written(&self) -> Value {
        match self {
            Templated::Text(template) => Value::from(template.source()),
            Templated::Plain(value) => value.clone(),
            Templated::List(members) => Value::list(members.iter().map(Templated::written)),
            Templated::Map(entries) => {
                let mut map = Map::with_capacity(entries.len());
                entries.iter().for_each(|(key, member)| map.insert(key.source(), member.written()));
                Value::Map(map.into())
            }
        }
    }

    /// Renders every text to text; all else stays as it is. A member of a map that renders to null is null.
    ///
    /// # Errors
    /// The first failure, in order.
    pub fn render(&self, variables: &dyn Variables, env: &mut Env<'_>) -> Result<Value, RenderError> {
        let rendered = self.each(&mut |template| match template.value(variables, env)? {
            Value::Null => Ok(Value::Null),
            value => Ok(Value::from(value.print())),
        })?;
        Ok(match (self, rendered) {
            (Templated::Text(_), Value::Null) => Value::from(""),
            (_, rendered) => rendered,
        })
    }

    /// As [`Templated::render`], but a text that is one expression keeps the kind of its value.
    ///
    /// # Errors
    /// The first failure, in order.
    pub fn value(&self, variables: &dyn Variables, env: &mut Env<'_>) -> Result<Value, RenderError> {
        self.each(&mut |template| template.value(variables, env))
    }

    fn each(&self, render: &mut dyn FnMut(&Template) -> Result<Value, RenderError>) -> Result<Value, RenderError> {
        match self {
            Templated::Text(template) => render(template),
            Templated::Plain(value) => Ok(value.clone()),
            Templated::List(members) => {
                let rendered = members.iter().map(|member| match (member, member.each(render)?) {
                    (Templated::Text(_), Value::Null) => Ok(Value::from("")),
                    (_, value) => Ok(value),
                });
                Ok(Value::from(rendered.collect::<Result<Vec<_>, RenderError>>()?))
            }
            Templated::Map(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for (key, member) in entries {
                    let key = if key.is_literal() { key.source().to_owned() } else { render(key)?.print() };
                    let member = member.each(render)?;
                    if !map.contains_key(&key) {
                        map.insert(key, member);
                    }
                }
                Ok(Value::from(map))
            }
        }
    }
}
