//! Streams of events: an execution as it changes, and its log lines as they are written.
//!
//! An event's id says how far the stream is, so that a client that comes back with `Last-Event-ID` gets what it lacks and
//! nothing twice. A stream that ends without `end` was cut: the server stops, or its views are being made again; come back.

use std::{sync::Arc, time::Duration};

use axum::{
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use windhover_proto::{
    api::{Address::OfTenant, Method, Operation, Parameter, Place},
    id::ExecutionId,
    problem::Code,
};

use super::{
    Refused,
    call::Call,
    executions::{find, whole},
    logs::{Choice, MIN_LEVEL},
    route::{Route, empty, events},
};
use crate::{Parts, document, view::Following};

/// The id of the last event.
const END: &str = "end";

/// What the ids of all others start with.
const PROGRESS: &str = "progress-";

/// How often a quiet stream says that it is there, so that nothing between here and the client closes it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Most streams at once: each one reads when its partition moves.
pub(crate) const STREAMS_MAX: usize = 1_000;

const LAST_EVENT_ID: Parameter = Parameter {
    name: "Last-Event-ID",
    place: Place::Header,
    schema: r#"{"type": "string"}"#,
    about: "The id of the last event that was received: the stream goes on after it.",
};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(FOLLOW, follow), Route::new(FOLLOW_LOGS, follow_logs)]
}

const FOLLOW: Operation = Operation {
    id: "followExecution",
    tag: "executions",
    method: Method::Get,
    path: OfTenant("/executions/{id}/follow"),
    summary: "An execution as it changes: each event is the whole execution, the last one has the id `end`.",
    parameters: &[LAST_EVENT_ID],
    body: None,
    answers: &[events("Events until the execution has ended."), empty(204, "Nothing comes after `end`.")],
};

async fn follow(call: Call) -> Result<Response, Refused> {
    let id = call.execution_id()?;
    let (execution, _) = find(&call, &id).await?;
    let resumed = Resumed::of(&call);
    let seen = match resumed {
        Resumed::AfterEnd if execution.over => return Ok(StatusCode::NO_CONTENT.into_response()),
        Resumed::After(count) if count <= execution.events => count,
        Resumed::After(_) | Resumed::AfterEnd | Resumed::FromStart => 0,
    };
    let follower = Follower::new(&call, id)?;
    call.query.finish()?;
    let states = Executions { follower, seen };
    Ok(answer(stream::unfold(Some(states), Executions::next)))
}

const FOLLOW_LOGS: Operation = Operation {
    id: "followLogs",
    tag: "logs",
    method: Method::Get,
    path: OfTenant("/logs/{id}/follow"),
    summary: "The log lines of an execution as they are written; the last event has the id `end` and no data.",
    parameters: &[MIN_LEVEL, LAST_EVENT_ID],
    body: None,
    answers: &[events("Events until the execution has ended."), empty(204, "Nothing comes after `end`.")],
};

async fn follow_logs(mut call: Call) -> Result<Response, Refused> {
    let id = call.execution_id()?;
    let (execution, _) = find(&call, &id).await?;
    let choice = Choice::of_level(&mut call.query)?;
    let seen = match Resumed::of(&call) {
        Resumed::AfterEnd if execution.over => return Ok(StatusCode::NO_CONTENT.into_response()),
        Resumed::After(count) => usize::try_from(count).unwrap_or(usize::MAX),
        Resumed::AfterEnd | Resumed::FromStart => 0,
    };
    let follower = Follower::new(&call, id)?;
    call.query.finish()?;
    let lines = Lines { follower, choice, seen, ready: Vec::new() };
    Ok(answer(stream::unfold(Some(lines), Lines::next)))
}

/// Where a client wants the stream to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resumed {
    FromStart,
    After(u64),
    AfterEnd,
}

impl Resumed {
    /// An id that is none of ours asks for everything.
    fn of(call: &Call) -> Self {
        let given = call.headers.get("last-event-id").and_then(|value| value.to_str().ok());
        match given {
            Some(END) => Resumed::AfterEnd,
            Some(id) => id
                .strip_prefix(PROGRESS)
                .and_then(|count| count.parse().ok())
                .map_or(Resumed::FromStart, Resumed::After),
            None => Resumed::FromStart,
        }
    }
}

fn answer(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = events.map(Ok::<_, std::convert::Infallible>);
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// What every stream waits with.
struct Follower {
    parts: Arc<Parts>,
    id: ExecutionId,
    following: Following,
    closing: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    fn new(call: &Call, id: ExecutionId) -> Result<Self, Refused> {
        let place = call.parts.streams.clone().try_acquire_owned();
        let full = |_| Code::Overloaded.because(format!("{STREAMS_MAX} streams are open, which is the limit"));
        let (following, closing) = (call.parts.views.follow(&id), call.parts.closing.subscribe());
        Ok(Self { parts: call.parts.clone(), id, following, closing, _place: place.map_err(full)? })
    }

    /// Waits until something more may have happened; `false` when the stream is to be cut.
    async fn more(&mut self) -> bool {
        tokio::select! {
            moved = self.following.moved(&self.parts.views) => moved,
            _ = self.closing.wait_for(|closing| *closing) => false,
        }
    }
}

/// The stream of an execution.
struct Executions {
    follower: Follower,
    /// Number of happenings that the client knows.
    seen: u64,
}

impl Executions {
    async fn next(own: Option<Self>) -> Option<(Event, Option<Self>)> {
        let mut own = own?;
        loop {
            let (execution, _) = own.follower.parts.views.execution(&own.follower.id).await.ok()??;
            if execution.over || execution.events > own.seen {
                own.seen = execution.events;
                let data = whole(&own.follower.parts, &execution).await.ok()?;
                return Some(match execution.over {
                    true => (Event::default().id(END).data(data), None),
                    false => (Event::default().id(format!("{PROGRESS}{}", own.seen)).data(data), Some(own)),
                });
            }
            if !own.follower.more().await {
                return None;
            }
        }
    }
}

/// The stream of log lines.
struct Lines {
    follower: Follower,
    choice: Choice,
    /// Number of lines that were looked at.
    seen: usize,
    /// Events that are to be sent, the next one last.
    ready: Vec<Event>,
}

impl Lines {
    async fn next(own: Option<Self>) -> Option<(Event, Option<Self>)> {
        let mut own = own?;
        loop {
            if let Some(event) = own.ready.pop() {
                return Some((event, Some(own)));
            }
            let (execution, lines) = own.follower.parts.views.execution(&own.follower.id).await.ok()??;
            own.make_ready(&document::logs(execution.id, &lines));
            if !own.ready.is_empty() {
                continue;
            }
            if execution.over {
                return Some((Event::default().id(END).data(""), None));
            }
            if !own.follower.more().await {
                return None;
            }
        }
    }

    fn make_ready(&mut self, lines: &[document::LogDocument]) {
        let news = lines.iter().enumerate().skip(self.seen).filter(|(_, line)| self.choice.holds(line));
        let event = |(place, line): (usize, &document::LogDocument)| {
            let data = serde_json::to_string(line).unwrap_or_default();
            Event::default().id(format!("{PROGRESS}{}", place + 1)).data(data)
        };
        self.ready = news.map(event).collect();
        self.ready.reverse();
        self.seen = self.seen.max(lines.len());
    }
}
