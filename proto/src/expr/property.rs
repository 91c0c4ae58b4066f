//! Dynamic properties of tasks: an expression whose rendered text is read as a type.

use super::env::Env;
use super::error::RenderError;
use super::surroundings::Variables;
use super::template::Template;
use super::value::Value;

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

/// Reads a property given as an expression. `None` is an absent value: null or empty text.
///
/// # Errors
/// When the text is no expression, fails, or does not render to the type.
pub fn read_expression(
    text: &str,
    kind: &str,
    variables: &dyn Variables,
    env: &mut Env<'_>,
) -> Result<Option<Value>, PropertyError> {
    if !(text.contains("{{") || text.contains("{%")) {
        return Err(PropertyError::NoExpression);
    }
    let template = Template::compile(text).map_err(|error| RenderError::syntax(text, &error))?;
    let rendered = template.render(variables, env)?;
    Ok(Some(Value::from(rendered)))
}

/// Reads a property given as YAML.
///
/// # Errors
/// As [`read_expression`].
pub fn read_yaml(
    text: &str,
    kind: &str,
    variables: &dyn Variables,
    env: &mut Env<'_>,
) -> Result<Option<Value>, PropertyError> {
    read_expression(text, kind, variables, env)
}
