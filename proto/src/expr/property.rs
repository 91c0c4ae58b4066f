//! Dynamic properties of tasks: an expression whose rendered text is read as a type.

mod read;

use super::env::Env;
use super::error::RenderError;
use super::surroundings::Variables;
use super::template::Template;
use super::templated::Templated;
use super::value::Value;
use super::yaml;

pub use read::Kind;

/// Why a property has no value of its type.
#[derive(Debug, thiserror::Error)]
pub enum PropertyError {
    /// The expression failed.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The text is no expression at all.
    #[error("'expression' must be a valid Pebble expression")]
    NoExpression,
    /// The rendered text is not of the type.
    #[error("`{text}` cannot be read as {kind}")]
    Kind {
        /// The rendered text.
        text: String,
        /// The type that was asked for.
        kind: String,
    },
}

impl PropertyError {
    fn kind(text: impl Into<String>, kind: &str) -> PropertyError {
        PropertyError::Kind { text: text.into(), kind: kind.to_owned() }
    }
}

fn compiled(text: &str) -> Result<Template, RenderError> {
    Template::compile(text).map_err(|error| RenderError::syntax(text, &error))
}

/// Reads a property given as an expression. `None` is an absent value: null or empty text.
///
/// `kind` is the name of a type: `String`, `Integer`, `Duration`, …, `Map`, `List<T>` or `Map<T>`.
///
/// # Errors
/// When the text is no expression, fails, or does not render to the type.
pub fn read_expression(
    text: &str,
    kind: &str,
    variables: &dyn Variables,
    env: &mut Env<'_>,
) -> Result<Option<Value>, PropertyError> {
    if !text.contains('{') {
        return Err(PropertyError::NoExpression);
    }
    let written = text.trim_start();
    let is_collection = kind.starts_with("List<") || kind.starts_with("Map<");
    if is_collection && written.starts_with(['[', '{']) && !written.starts_with("{{") && !written.starts_with("{%") {
        // A collection is read as it is written, then rendered member by member.
        let tree = Value::from_json(text).map_err(|_| PropertyError::kind(text, kind))?;
        return members(&tree, kind, variables, env);
    }
    let rendered = compiled(text)?.render(variables, env)?;
    read::text(&rendered, kind)
}

/// Reads a property given as YAML: a scalar as its text, a list or map member by member.
///
/// # Errors
/// As [`read_expression`], and when the text is no YAML.
pub fn read_yaml(
    text: &str,
    kind: &str,
    variables: &dyn Variables,
    env: &mut Env<'_>,
) -> Result<Option<Value>, PropertyError> {
    let tree = yaml::read(text).map_err(|_| PropertyError::kind(text, "YAML"))?;
    let scalar = match &tree {
        Value::Null => return Ok(None),
        Value::List(_) | Value::Map(_) => return structured(&tree, kind, variables, env),
        Value::Text(text) => text.to_string(),
        _ => text.trim().to_owned(),
    };
    let rendered = compiled(&scalar)?.render(variables, env)?;
    read::text(&rendered, kind)
}

fn structured(
    tree: &Value,
    kind: &str,
    variables: &dyn Variables,
    env: &mut Env<'_>,
) -> Result<Option<Value>, PropertyError> {
    match kind {
        "String" | "Object" => {
            let rendered = templated(tree)?.render(variables, env)?;
            Ok(Some(Value::from(rendered.to_json())))
        }
        // The members of a list of texts stay what they are, lists and maps excepted.
        "List<String>" => {
            let rendered = templated(tree)?.render(variables, env)?;
            let plain = |list: &[Value]| !list.iter().any(|member| matches!(member, Value::List(_) | Value::Map(_)));
            match rendered.as_list().is_some_and(plain) {
                true => Ok(Some(rendered)),
                false => Err(PropertyError::kind(rendered.to_json(), kind)),
            }
        }
        _ => members(tree, kind, variables, env),
    }
}

fn templated(tree: &Value) -> Result<Templated, RenderError> {
    Templated::compile(tree).map_err(|error| RenderError::syntax(&tree.to_json(), &error))
}

/// Renders the members of a list or map and reads each as the type of members.
fn members(
    tree: &Value,
    kind: &str,
    variables: &dyn Variables,
    env: &mut Env<'_>,
) -> Result<Option<Value>, PropertyError> {
    let rendered = templated(tree)?.render(variables, env)?;
    read::value(&rendered, kind).map(Some)
}
