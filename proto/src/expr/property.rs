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
    let written = text.trim();
    let is_collection = kind.starts_with("List<") || kind.starts_with("Map<");
    if is_collection && !(written.starts_with("{{") && written.ends_with("}}")) {
        // A collection is read as it is written, then rendered member by member.
        let tree = read::json(text).ok_or_else(|| PropertyError::kind(text, kind))?;
        return members(&tree, kind, variables, env).map(Some);
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
        _ => members(tree, kind, variables, env).map(Some),
    }
}

fn templated(tree: &Value) -> Result<Templated, RenderError> {
    Templated::compile(tree).map_err(|error| RenderError::syntax(&tree.to_json(), &error))
}

/// Renders the members of a list and reads each as the type of members; a map is rendered, then read as a whole.
fn members(tree: &Value, kind: &str, variables: &dyn Variables, env: &mut Env<'_>) -> Result<Value, PropertyError> {
    let of = kind.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
    let (Some(of), Value::List(list)) = (of, tree) else {
        return read::value(&templated(tree)?.render(variables, env)?, kind);
    };
    let read = list.iter().map(|member| {
        let rendered = templated(member)?.render(variables, env)?;
        match (member, &rendered) {
            (Value::Text(_), Value::Text(text)) => Ok(read::text(text, of)?.unwrap_or_default()),
            (Value::Map(_), _) => read::value(&rendered, of),
            // What holds no template of its own stays what it is.
            _ => Ok(rendered),
        }
    });
    Ok(Value::from(read.collect::<Result<Vec<_>, PropertyError>>()?))
}

#[cfg(test)]
mod tests {
    use super::super::{Map, NoSurroundings};
    use super::*;

    /// The type and text of a property whose expression is `{{ x }}`, with `x` being the value.
    fn read(x: Value, kind: &str) -> Result<Option<String>, String> {
        expression("{{ x }}", x, kind)
    }

    fn expression(text: &str, x: Value, kind: &str) -> Result<Option<String>, String> {
        let variables = Map::from_iter([("x", x)]);
        let mut env = Env::new(&NoSurroundings, "2024-05-06T07:08:09Z".parse().unwrap(), 7);
        let read = read_expression(text, kind, &variables, &mut env).map_err(|error| error.to_string())?;
        Ok(read.map(|value| value.to_json()))
    }

    #[test]
    fn blank_and_null_texts_are_absent_where_a_type_can_be() {
        for kind in ["Integer", "Long", "Double", "Boolean", "Duration", "Instant", "LocalDate"] {
            for absent in ["", "  ", "null"] {
                assert_eq!(read(absent.into(), kind), Ok(None), "{kind} of `{absent}`");
            }
        }
        assert_eq!(read("".into(), "URI"), Ok(Some("\"\"".into())));
        assert!(read("".into(), "Map").is_err());
        assert!(read("".into(), "State").is_err());
    }

    #[test]
    fn a_text_is_read_as_the_type_and_then_as_json() {
        for (x, kind, value) in [
            ("42 and more", "Integer", "42"),
            ("1e3", "Integer", "1000"),
            ("12345678901", "Boolean", "true"),
            ("0", "Boolean", "false"),
            ("1.5d", "Double", "1.5"),
            ("42", "ZonedDateTime", "\"1970-01-01T00:00:42.000000Z\""),
            ("1", "LocalDate", "\"1970-01-02\""),
            ("2024-05-06T07:08:09", "LocalTime", "\"07:08:09\""),
            ("mailto:a@b.c", "URI", "\"mailto:a@b.c\""),
            ("[\"1\",2.5]", "List<Integer>", "[1,2]"),
        ] {
            assert_eq!(read(x.into(), kind), Ok(Some(value.into())), "{kind} of `{x}`");
        }
        for (x, kind) in [
            ("1e300", "Long"),
            ("1.5", "Boolean"),
            ("inf", "Double"),
            ("2024-05-06T07:08:09Z", "LocalTime"),
            ("a<b", "URI"),
            ("2024:05", "URI"),
            ("50%", "URI"),
            ("[\"2.5\"]", "List<Integer>"),
            ("{\"a\":\"2.5\"}", "Map<Integer>"),
        ] {
            assert!(read(x.into(), kind).is_err(), "{kind} of `{x}`");
        }
    }

    #[test]
    fn a_written_list_converts_only_what_it_renders() {
        let one = |text| expression(text, Value::from("2.5"), "List<Integer>");
        assert_eq!(one("[1.5,\"{{ x }}\",null]"), Ok(Some("[1.5,2,null]".into())));
        assert!(one("[{\"a\":\"{{ x }}\"}]").is_err());
        assert!(one("{% if true %}[1]{% endif %}").is_err());
    }
}
