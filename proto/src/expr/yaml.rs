//! YAML: reading as YAML 1.1 scalars are read, writing as Kestra's `yaml` filter writes.

mod emit;
mod scalar;

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::map::Map;
use super::value::Value;

pub(crate) use emit::write;

/// Deepest nesting, and most nodes after aliases were followed, which keeps aliases from multiplying without end.
const DEPTH_MAX: usize = 100;
const NODES_MAX: usize = 100_000;

/// The first document of a text.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader { events: Vec::new(), at: 0, anchors: BTreeMap::new(), nodes: 0 };
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| error.to_string())?;
        let is_end = matches!(event, Event::DocumentEnd);
        reader.events.push(event);
        if is_end {
            break;
        }
    }
    reader.document()
}

struct Reader<'i> {
    events: Vec<Event<'i>>,
    at: usize,
    anchors: BTreeMap<usize, Value>,
    nodes: usize,
}

impl<'i> Reader<'i> {
    fn next(&mut self) -> Option<Event<'i>> {
        let event = self.events.get(self.at).cloned();
        self.at += 1;
        event
    }

    fn document(&mut self) -> Result<Value, String> {
        loop {
            match self.next() {
                Some(Event::StreamStart | Event::DocumentStart(_) | Event::Nothing) => {}
                Some(Event::StreamEnd | Event::DocumentEnd) | None => {
                    return Err("No content to map due to end-of-input".into());
                }
                Some(event) => return self.node(event, 0),
            }
        }
    }

    fn count(&mut self, nodes: usize) -> Result<(), String> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX { Err(format!("more than {NODES_MAX} nodes")) } else { Ok(()) }
    }

    fn node(&mut self, event: Event<'i>, depth: usize) -> Result<Value, String> {
        self.count(1)?;
        if depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX} levels"));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref().map(|tag| tag.suffix.as_str());
                let is_text = is_text(tag).unwrap_or(style != ScalarStyle::Plain);
                (if is_text { Value::from(&*text) } else { scalar::read(&text) }, anchor)
            }
            Event::Alias(anchor) => {
                // An alias stands for what it names, which Kestra does not know.
                let value = self.anchors.get(&anchor).cloned().unwrap_or_default();
                self.count(size(&value))?;
                return Ok(value);
            }
            Event::SequenceStart(.., anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(.., anchor, _) => (self.map(depth)?, anchor),
            other => return Err(format!("unexpected {other:?}")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        let mut members = Vec::new();
        loop {
            match self.next() {
                Some(Event::SequenceEnd) => return Ok(Value::from(members)),
                Some(event) => members.push(self.node(event, depth + 1)?),
                None => return Err("the list does not end".into()),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, String> {
        let mut map = Map::new();
        loop {
            let key = match self.next() {
                Some(Event::MappingEnd) => return Ok(Value::from(map)),
                Some(Event::Scalar(text, ..)) => text.to_string(),
                Some(event) => self.node(event, depth + 1)?.host_text(),
                None => return Err("the map does not end".into()),
            };
            let event = self.next().ok_or("the map does not end")?;
            let value = self.node(event, depth + 1)?;
            map.insert(key, value);
        }
    }
}

/// What a tag says of a scalar; nothing when there is none.
fn is_text(tag: Option<&str>) -> Option<bool> {
    tag.filter(|tag| !matches!(*tag, "" | "!")).map(|tag| !matches!(tag, "int" | "float" | "bool" | "null"))
}

fn size(value: &Value) -> usize {
    match value {
        Value::List(list) => 1 + list.iter().map(size).sum::<usize>(),
        Value::Map(map) => 1 + map.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_what_a_scalar_is() {
        let json = |text: &str| read(text).map(|value| value.to_json());
        assert_eq!(json("[!!str 5, !!int \"5\", !x 5, 5, \"5\"]").as_deref(), Ok("[\"5\",5,\"5\",5,\"5\"]"));
    }
}
