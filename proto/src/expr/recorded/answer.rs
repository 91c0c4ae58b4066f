//! One case in, one answer out.

use jiff::Timestamp;

use super::{Contexts, untagged};
use crate::expr::env::Env;
use crate::expr::error::RenderError;
use crate::expr::host::Host;
use crate::expr::map::Map;
use crate::expr::property::{self, PropertyError};
use crate::expr::template::Template;
use crate::expr::templated::Templated;
use crate::expr::value::{Value, verdict};

/// Answers one case with the members of the recording: `id` and `output`, or `type` and `value`, or `error`.
pub fn answer(case: &Value, contexts: &Contexts, now: Timestamp, seed: u64) -> Value {
    let mut answer = Map::new();
    if let Some(id) = case.get("id") {
        answer.insert("id", id.clone());
    }
    let variables = variables(case, contexts);
    let mut env = Env::new(&contexts.surroundings, now, seed);
    let outcome = outcome(case, &variables, &mut env, &mut answer);
    if let Err(failure) = outcome {
        failure.describe(&mut answer);
    }
    let secrets: Vec<Value> = env.secrets_used().iter().map(|secret| Value::from(secret.as_str())).collect();
    if !secrets.is_empty() {
        answer.insert("secretsUsed", Value::from(secrets));
    }
    Value::from(answer)
}

/// The variables of the case's context, with those of `extra` in their place.
fn variables(case: &Value, contexts: &Contexts) -> Map {
    let name = case.get("context").and_then(Value::as_text).unwrap_or("empty");
    let mut variables = contexts.variables(name).cloned().unwrap_or_default();
    for (name, value) in case.get("extra").and_then(Value::as_map).into_iter().flat_map(Map::iter) {
        variables.insert(name.clone(), untagged(value));
    }
    crate::expr::sealed::unseal(&variables, &contexts.surroundings)
}

enum Failure {
    Render(RenderError),
    Other(&'static str, String),
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Failure {
        Failure::Render(error)
    }
}

impl From<PropertyError> for Failure {
    fn from(error: PropertyError) -> Failure {
        match error {
            PropertyError::Render(error) => Failure::Render(error),
            PropertyError::NoExpression => Failure::Other("IllegalArgumentException", error.to_string()),
            PropertyError::Kind { .. } => Failure::Other("IllegalVariableEvaluationException", error.to_string()),
        }
    }
}

impl Failure {
    fn describe(&self, answer: &mut Map) {
        match self {
            Failure::Other(class, message) => {
                answer.insert("error", Value::from(*class));
                answer.insert("message", Value::from(message.as_str()));
            }
            Failure::Render(error) => {
                answer.insert("error", Value::from("IllegalVariableEvaluationException"));
                answer.insert("message", Value::from(error.kestra_text()));
                if let Some(variable) = error.variable() {
                    answer.insert("variable", Value::from(variable));
                }
                answer.insert("line", Value::integer(error.kestra_line() as i64));
            }
        }
    }
}

fn compiled(source: &str) -> Result<Template, RenderError> {
    Template::compile(source).map_err(|error| RenderError::syntax(source, &error))
}

fn outcome(case: &Value, variables: &Map, env: &mut Env<'_>, answer: &mut Map) -> Result<(), Failure> {
    let template = case.get("template").cloned().unwrap_or_default();
    let text = template.as_text().unwrap_or("");
    match case.get("mode").and_then(Value::as_text) {
        None => answer.insert("output", Value::from(compiled(text)?.render(variables, env)?)),
        Some("typed") => typed(&compiled(text)?.value(variables, env)?, answer),
        Some("truthy") => {
            let output = compiled(text)?.render(variables, env)?;
            answer.insert("truthy", Value::Bool(verdict(&output)));
            answer.insert("falsy", Value::Bool(!verdict(&output)));
            answer.insert("output", Value::from(output));
        }
        Some("renderMap") => {
            texts_only(&template)?;
            let kept = template.as_map().into_iter().flat_map(Map::iter).filter(|(_, value)| !value.is_null());
            let kept = Value::from(kept.map(|(key, value)| (key.clone(), value.clone())).collect::<Map>());
            typed(&nulls_as_text(&templated(&kept)?.render(variables, env)?), answer);
        }
        Some("map" | "list") => typed(&templated(&template)?.render(variables, env)?, answer),
        Some(mode) => property(mode, text, variables, env, answer)?,
    }
    Ok(())
}

fn templated(value: &Value) -> Result<Templated, RenderError> {
    Templated::compile(value).map_err(|error| RenderError::syntax("", &error))
}

/// The mode takes maps of texts only.
fn texts_only(template: &Value) -> Result<(), Failure> {
    let wrong = template
        .as_map()
        .into_iter()
        .flat_map(Map::values)
        .find(|value| !matches!(value, Value::Text(_) | Value::Null));
    match wrong {
        Some(value) => Err(Failure::Other("ClassCastException", format!("{} is no text", value.to_json()))),
        None => Ok(()),
    }
}

fn nulls_as_text(value: &Value) -> Value {
    let entries = value.as_map().into_iter().flat_map(Map::iter);
    Value::from(entries.map(|(key, value)| (key.clone(), Value::from(value.print()))).collect::<Map>())
}

fn property(mode: &str, text: &str, variables: &Map, env: &mut Env<'_>, answer: &mut Map) -> Result<(), Failure> {
    let (form, kind) = mode.split_once(':').unwrap_or((mode, "String"));
    let read = match form {
        "propertyYaml" => property::read_yaml(text, kind, variables, env)?,
        _ => property::read_expression(text, kind, variables, env)?,
    };
    let value = read.clone().unwrap_or_default();
    let is_collection = kind.starts_with("List") || kind.starts_with("Map<");
    if !is_collection {
        answer.insert("present", Value::Bool(read.is_some()));
    }
    typed(&value, answer);
    Ok(())
}

/// The members `type` and `value`.
fn typed(value: &Value, answer: &mut Map) {
    answer.insert("type", Value::from(type_name(value)));
    answer.insert("value", tagged(value));
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "Boolean",
        Value::Int(_) => "Integer",
        Value::Long(_) => "Long",
        Value::Big(_) => "BigInteger",
        Value::Float(_) => "Float",
        Value::Double(_) | Value::Exact(_) => "Double",
        Value::Decimal(_) => "BigDecimal",
        Value::Text(_) => "String",
        Value::List(_) => "List",
        Value::Map(_) => "Map",
        Value::Host(host) => host_type_name(host),
    }
}

fn host_type_name(host: &Host) -> &'static str {
    match host {
        Host::Instant(_) => "Instant",
        Host::Zoned(_) => "ZonedDateTime",
        Host::Offset(..) => "OffsetDateTime",
        Host::DateTime(_) => "LocalDateTime",
        Host::Date(_) => "LocalDate",
        Host::Time(_) => "LocalTime",
        Host::Duration(_) => "Duration",
        Host::OldDate(_) => "Date",
        Host::Short(_) => "Short",
        Host::Byte(_) => "Byte",
        Host::Char(_) => "Character",
        Host::Enum(_) => "enum",
        Host::Uri(_) => "URI",
        Host::Uuid(_) => "UUID",
        Host::Bytes(_) => "bytes",
        Host::Set(_) => "Set",
        Host::Array(members) if members.iter().all(|member| matches!(member, Value::Text(_))) => "String[]",
        Host::Array(_) => "Object[]",
        Host::IntArray(_) => "int[]",
        Host::Entry(..) => "Entry",
        Host::Loop(_) => "Map",
    }
}

/// The value with `{"$java": kind, "value": …}` for what JSON cannot hold.
fn tagged(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Text(_) => value.clone(),
        Value::List(list) => Value::from(list.iter().map(tagged).collect::<Vec<_>>()),
        Value::Map(map) => Value::from(map.iter().map(|(key, value)| (key.clone(), tagged(value))).collect::<Map>()),
        Value::Host(host) => match &**host {
            Host::Array(members) => Value::from(members.iter().map(tagged).collect::<Vec<_>>()),
            Host::Set(members) => mark("set", Value::from(members.iter().map(tagged).collect::<Vec<_>>())),
            _ => mark(type_name(value), Value::from(value.host_text())),
        },
        _ => mark(type_name(value), Value::from(value.host_text())),
    }
}

fn mark(kind: &str, value: Value) -> Value {
    Value::map([("$java", Value::from(kind)), ("value", value)])
}
