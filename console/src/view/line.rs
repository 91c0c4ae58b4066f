//! The few things that a view needs of a line, read without parsing the rest of it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use windhover_proto::{delivery::FlowRef, state::State};

use super::store::Failed;

/// A line of a commit, as far as a view reads it.
#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    /// When it happened.
    pub(super) at: i64,
    /// What happened.
    pub(super) events: Vec<SeenEvent>,
}

/// An event, as far as a view reads it.
#[derive(Debug)]
pub(super) enum SeenEvent {
    /// The execution exists.
    Created(Box<SeenCreated>),
    /// Its state changed.
    Entered(State),
    /// Nothing that a list shows.
    Other,
}

/// The first event, as far as a view reads it.
#[derive(Debug, Deserialize)]
pub(super) struct SeenCreated {
    pub(super) flow: FlowRef,
    #[serde(default)]
    pub(super) labels: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct SeenEnd {
    state: State,
}

/// Parses a line.
pub(super) fn see(json: &str) -> Result<Seen, Failed> {
    serde_json::from_str(json).map_err(Failed::new)
}

/// When the line happened.
pub(super) fn at(json: &[u8]) -> Result<i64, Failed> {
    #[derive(Deserialize)]
    struct At {
        at: i64,
    }
    serde_json::from_slice(json).map(|line: At| line.at).map_err(Failed::new)
}

impl<'de> Deserialize<'de> for SeenEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Event;
        impl<'de> Visitor<'de> for Event {
            type Value = SeenEvent;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an event")
            }

            fn visit_str<E>(self, name: &str) -> Result<SeenEvent, E> {
                Ok(if name == "ExecutionStarted" { SeenEvent::Entered(State::Running) } else { SeenEvent::Other })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SeenEvent, A::Error> {
                let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? else { return Ok(SeenEvent::Other) };
                let entered = |state| Ok(SeenEvent::Entered(state));
                match &*name {
                    "ExecutionCreated" => return Ok(SeenEvent::Created(map.next_value()?)),
                    "ExecutionEnded" => return entered(map.next_value::<SeenEnd>()?.state),
                    _ => {}
                }
                map.next_value::<IgnoredAny>()?;
                match &*name {
                    "ExecutionStuck" => entered(State::Failed),
                    "RetryScheduled" => entered(State::Retrying),
                    "AttemptStarted" => entered(State::Running),
                    _ => Ok(SeenEvent::Other),
                }
            }
        }
        deserializer.deserialize_any(Event)
    }
}
