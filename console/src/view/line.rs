//! The few things that a view needs of a line, read without parsing the rest of it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use windhover_proto::{delivery::FlowRef, state::State};

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
    /// Its state changed, whatever it was.
    Entered(State),
    /// Its state changed if it was the first of these.
    Moved(State, State),
    /// Nobody may see it any more.
    Deleted,
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
pub(super) fn see(json: &str) -> serde_json::Result<Seen> {
    serde_json::from_str(json)
}

/// What an event without a value of its own does to the state; an unknown one is an error, never skipped. The state machine
/// is `proto::core::apply`; a test holds this against it for every event.
fn effect<E: Error>(name: &str) -> Result<SeenEvent, E> {
    match name {
        "ExecutionStarted" => Ok(SeenEvent::Entered(State::Running)),
        "ExecutionKilled" => Ok(SeenEvent::Entered(State::Killed)),
        "ExecutionStuck" => Ok(SeenEvent::Entered(State::Failed)),
        "RetryScheduled" => Ok(SeenEvent::Moved(State::Running, State::Retrying)),
        "AttemptStarted" => Ok(SeenEvent::Moved(State::Retrying, State::Running)),
        "DeliverySuppressed"
        | "TaskRunStarted"
        | "TaskRunRefused"
        | "TimerSet"
        | "TaskRunSucceeded"
        | "TaskRunFailed"
        | "TaskRunExited"
        | "Logged"
        | "LogsDeleted"
        | "ValueRead"
        | "AfterExecutionEnded" => Ok(SeenEvent::Other),
        _ => Err(E::custom(format_args!("the views do not know the event `{name}`"))),
    }
}

impl<'de> Deserialize<'de> for SeenEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Event;
        impl<'de> Visitor<'de> for Event {
            type Value = SeenEvent;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an event")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<SeenEvent, E> {
                effect(name)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SeenEvent, A::Error> {
                let name = map.next_key::<std::borrow::Cow<'de, str>>()?.unwrap_or_default();
                match &*name {
                    "ExecutionCreated" => Ok(SeenEvent::Created(map.next_value()?)),
                    "ExecutionDeleted" => {
                        map.next_value::<IgnoredAny>()?;
                        Ok(SeenEvent::Deleted)
                    }
                    "ExecutionEnded" => Ok(SeenEvent::Entered(map.next_value::<SeenEnd>()?.state)),
                    other => {
                        map.next_value::<IgnoredAny>()?;
                        effect(other)
                    }
                }
            }
        }
        deserializer.deserialize_any(Event)
    }
}

#[cfg(test)]
mod tests {
    use windhover_proto::{
        codec::{Line, decode_line},
        core::apply,
        event::Event,
        id::ExecutionId,
    };

    use super::*;

    /// One of each event, in an order that can happen; of what is deleted there is no row, and so no state. A new event breaks `name_of` first.
    const LINE: &str = r#"{"at":5,"events":[
        {"ExecutionCreated":{"flow":{"tenant":"main","namespace":"a.b","flow":"f","revision":1},"seed":1,"labels":[["k","v"]],
          "delivery":{"id":"1","trigger":"t","received_at":1,"fingerprint":"0000000000000000000000000000000000000000000000000000000000000000",
            "request":{"method":"POST","headers":[],"body":"x"}}}},
        "ExecutionStarted",
        {"TaskRunStarted":{"task_run":"1","task":"a"}},
        {"TimerSet":{"task_run":"1","wake_at":9}},
        {"TaskRunFailed":{"task_run":"1","failure":"retried"}},
        {"RetryScheduled":{"task_run":"1","wake_at":9}},
        {"AttemptStarted":{"task_run":"1"}},
        {"Logged":{"level":"INFO","message":"m"}},
        {"ValueRead":{"name":"secret","digest":"00"}},
        {"TaskRunSucceeded":{"task_run":"1"}},
        {"TaskRunRefused":{"task_run":"2","task":"b","because":"skipped"}},
        {"DeliverySuppressed":{"same_body":true,"delivery":{"id":"2","trigger":"t","received_at":1,
          "fingerprint":"0000000000000000000000000000000000000000000000000000000000000000","request":{"method":"POST","headers":[]}}}},
        {"ExecutionEnded":{"state":"WARNING","afterwards":"tasks"}},
        {"TaskRunStarted":{"task_run":"3","task":"c"}},
        {"TaskRunFailed":{"task_run":"3","failure":"retried"}},
        {"RetryScheduled":{"task_run":"3","wake_at":9}},
        {"AttemptStarted":{"task_run":"3"}},
        {"TaskRunSucceeded":{"task_run":"3"}},
        {"TaskRunStarted":{"task_run":"4","task":"d","runner":"executor"}},
        {"TaskRunExited":{"task_run":"4","state":"CANCELLED"}},
        "AfterExecutionEnded",
        {"LogsDeleted":{"input":"5","lowest":"WARN"}},
        {"ExecutionKilled":{"input":"4"}},
        {"ExecutionStuck":{"reason":"r"}},
        {"ExecutionDeleted":{"input":"3"}}]}"#;

    fn name_of(event: &Event) -> &'static str {
        match event {
            Event::ExecutionCreated(_) => "created",
            Event::DeliverySuppressed(_) => "suppressed",
            Event::ExecutionStarted => "started",
            Event::TaskRunStarted(_) => "task run started",
            Event::TaskRunRefused(_) => "task run refused",
            Event::TimerSet { .. } => "timer set",
            Event::TaskRunSucceeded { .. } => "task run succeeded",
            Event::TaskRunFailed { .. } => "task run failed",
            Event::TaskRunExited { .. } => "task run exited",
            Event::RetryScheduled { .. } => "retry scheduled",
            Event::AttemptStarted { .. } => "attempt started",
            Event::Logged(_) => "logged",
            Event::LogsDeleted { .. } => "logs deleted",
            Event::ValueRead { .. } => "value read",
            Event::ExecutionEnded { .. } => "ended",
            Event::AfterExecutionEnded => "after execution ended",
            Event::ExecutionStuck { .. } => "stuck",
            Event::ExecutionKilled { .. } => "killed",
            Event::ExecutionDeleted { .. } => "deleted",
        }
    }

    #[test]
    fn after_every_event_the_list_shows_the_state_that_the_core_computes() {
        let line: Line = decode_line(LINE).unwrap();
        let names: std::collections::BTreeSet<_> = line.events.iter().map(name_of).collect();
        assert_eq!(names.len(), 19, "an event is missing here");
        let seen = see(LINE).unwrap();
        let (mut execution, mut state) = (None, State::Created);
        for (event, seen) in line.events.iter().zip(seen.events) {
            apply(&mut execution, ExecutionId::from_bytes([1; 16]), event, line.at);
            match seen {
                SeenEvent::Entered(entered) => state = entered,
                SeenEvent::Moved(from, to) if state == from => state = to,
                SeenEvent::Created(_) | SeenEvent::Moved(..) | SeenEvent::Deleted | SeenEvent::Other => {}
            }
            assert_eq!(execution.as_ref().map(|one| one.state()), Some(state), "{}", name_of(event));
        }
    }

    #[test]
    fn an_event_that_nobody_knows_is_an_error() {
        assert!(see(r#"{"at":1,"events":["ExecutionPainted"]}"#).is_err());
        assert!(see(r#"{"at":1,"events":[{"ExecutionPainted":{"red":1}}]}"#).is_err());
    }
}
