//! Answers recorded cases: one JSON object with a template and the name of a context in, one JSON object out.
//!
//! The recording is the measure of compatibility (`docs/expressions.md`). The same code serves the conformance test and
//! `windhover expr --cases`.

mod answer;
mod surroundings;

pub use answer::answer;
pub use surroundings::RecordedSurroundings;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decimal::Decimal;
use super::host::Host;
use super::json::JsonError;
use super::map::Map;
use super::stored::java_float;
use super::value::Value;

/// Named variables and what is around them, read from one file.
#[derive(Debug)]
pub struct Contexts {
    named: BTreeMap<String, Map>,
    /// Secrets, key-value pairs, files and so on.
    pub surroundings: RecordedSurroundings,
}

impl Contexts {
    /// Reads the members `contexts`, `recordedRealContexts` and `surroundings`.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub fn read(json: &str) -> Result<Contexts, JsonError> {
        let file = untagged(&Value::from_json(json)?);
        let mut named = BTreeMap::new();
        for member in ["contexts", "recordedRealContexts"] {
            for (name, variables) in file.get(member).and_then(Value::as_map).into_iter().flat_map(Map::iter) {
                if let Some(variables) = variables.as_map() {
                    named.insert(name.to_string(), variables.clone());
                }
            }
        }
        let surroundings = RecordedSurroundings::new(file.get("surroundings").cloned().unwrap_or_default());
        Ok(Contexts { named, surroundings })
    }

    /// The variables of a context.
    pub fn variables(&self, name: &str) -> Option<&Map> {
        self.named.get(name)
    }
}

/// Turns `{"$java": kind, "value": …}` into the value that JSON cannot hold, at every depth.
pub fn untagged(value: &Value) -> Value {
    match value {
        Value::List(list) => Value::from(list.iter().map(untagged).collect::<Vec<_>>()),
        Value::Map(map) => match (map.get("$java"), map.get("value")) {
            (Some(Value::Text(kind)), Some(held)) => tagged(kind, held),
            _ => Value::from(map.iter().map(|(key, value)| (key.clone(), untagged(value))).collect::<Map>()),
        },
        other => other.clone(),
    }
}

fn tagged(kind: &str, held: &Value) -> Value {
    let members = || held.as_list().map(|list| list.iter().map(untagged).collect::<Vec<_>>()).unwrap_or_default();
    let text = held.host_text();
    let value = match kind {
        "set" => Some(Host::Set(members()).into()),
        "array" => Some(Host::Array(members()).into()),
        "intarray" => {
            Some(Host::IntArray(members().iter().filter_map(Value::as_i64).map(|n| n as i32).collect()).into())
        }
        "bytes" => Some(Host::Bytes(text.clone().into_bytes()).into()),
        "Float" => java_float(&text).map(|number| Value::Float(number as f32)),
        "Double" => java_float(&text).map(Value::Double),
        "Long" => text.parse().ok().map(Value::Long),
        "BigInteger" => text.parse().ok().map(|number| Value::Big(Arc::new(number))),
        "BigDecimal" => Decimal::parse(&text).map(|number| Value::Decimal(Arc::new(number))),
        _ => Host::parse(kind, &text).map(Value::from),
    };
    value.unwrap_or_else(|| held.clone())
}
