//! A partition: many executions, one writer, one commit per turn.
//!
//! [`turn`] is the only place where commits are made and [`fold`] the only place where they are read back; the engine, the
//! simulator and every recovery use these two.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde::{Deserialize, Serialize};

use super::{
    apply::apply,
    decide::{Decision, Known, Start, Stimulus, Turn, decide, stuck, suppressed},
    execution::Execution,
    task::http::Call,
};
use crate::{
    codec::{self, CommitHeader, Consumed, DecodeError, Line, RecordHash},
    event::Event,
    id::{DeliveryId, ExecutionId, Fingerprint},
    input::Input,
    limit,
    state::{History, State},
    time::Timestamp,
};

/// How far a partition is: what its newest commit says, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The ownership that wrote it.
    pub epoch: u64,
    /// Its time; the next commit's is not before it.
    pub now: Timestamp,
    /// How far the inbox is consumed.
    pub consumed: Consumed,
    /// Position of the newest commit; 0 when there is none.
    pub position: u64,
    /// Its hash.
    pub hash: Option<RecordHash>,
}

impl Head {
    /// The head of a partition without any commit.
    pub fn empty() -> Self {
        Self { epoch: 0, now: Timestamp::default(), consumed: Consumed::default(), position: 0, hash: None }
    }

    /// The head after the commit `record` with `header`, which stands at `position`.
    pub fn after(header: &CommitHeader, record: &[u8], position: u64) -> Self {
        Self {
            epoch: header.epoch,
            now: header.now,
            consumed: header.consumed,
            position,
            hash: Some(codec::hash(record)),
        }
    }
}

/// What the index remembers of an execution, also when it is long over: enough to answer every duplicate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The body of the delivery that started it.
    pub fingerprint: Fingerprint,
    /// Its states.
    pub history: History,
    /// Whether it is over.
    pub over: bool,
    /// First bytes of the ids of its newest inputs: a copy of one of these is ignored silently.
    pub inputs: Vec<u64>,
    /// Position of the commit that created it.
    pub first_commit: u64,
    /// Position of its newest commit.
    pub last_commit: u64,
}

impl Entry {
    fn of(execution: &Execution, before: Option<&Entry>, commit: u64) -> Self {
        Self {
            fingerprint: execution.delivery.fingerprint,
            history: execution.history.clone(),
            over: execution.over,
            inputs: before.map_or_else(Vec::new, |entry| entry.inputs.clone()),
            first_commit: before.map_or(commit, |entry| entry.first_commit),
            last_commit: commit,
        }
    }

    fn remember(&mut self, input: DeliveryId) {
        if self.inputs.len() == limit::INPUT_IDS_REMEMBERED {
            // The first one stays: it names the delivery that started the execution.
            self.inputs.remove(1);
        }
        self.inputs.push(short(input));
    }

    fn knows(&self, input: DeliveryId) -> bool {
        self.inputs.contains(&short(input))
    }

    /// Whether a delivery started the execution; `None` when it is not known to have been decided.
    pub fn was_first(&self, input: DeliveryId) -> Option<bool> {
        self.knows(input).then(|| self.inputs.first() == Some(&short(input)))
    }

    /// Whether the key is forgotten at `now`: the horizon is over, and so is the execution.
    pub fn is_forgotten(&self, now: Timestamp, horizon_ms: i64) -> bool {
        self.over && now.millis_since(self.history.started_at()) > horizon_ms
    }
}

fn short(id: DeliveryId) -> u64 {
    let mut low = [0; 8];
    low.copy_from_slice(&id.as_bytes()[..8]);
    u64::from_be_bytes(low)
}

/// What a partition kept of its past: a projection of its commits.
pub trait Store {
    /// The index entry of an execution.
    fn entry(&self, id: &ExecutionId) -> Option<Entry>;

    /// An execution that is not over.
    fn live(&self, id: &ExecutionId) -> Option<Execution>;
}

/// What a commit changes in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The execution.
    pub id: ExecutionId,
    /// Its entry.
    pub entry: Entry,
    /// The execution as the commit left it; absent when it was over before and only a duplicate was counted.
    pub execution: Option<Execution>,
}

impl Change {
    /// The execution, unless it is over.
    pub fn live(&self) -> Option<&Execution> {
        self.execution.as_ref().filter(|execution| !execution.over)
    }
}

/// What became of a delivery, for whoever asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Fate {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Its execution.
    pub execution: ExecutionId,
    /// Whether it started the execution.
    pub first: bool,
    /// The first one's body, when this one broke the promise of its key.
    pub key_reused: Option<(Fingerprint, Fingerprint)>,
}

/// What a turn gives: a commit to append, and what to do once it is on disk.
#[derive(Debug)]
pub struct Outcome {
    /// The commit; `None` when nothing happened that must be written.
    pub commit: Option<Vec<u8>>,
    /// Its header.
    pub header: CommitHeader,
    /// What changes in the store. Positions of the commit in it are those that the caller expected.
    pub changes: Vec<Change>,
    /// Calls to start.
    pub calls: Vec<Call>,
    /// What became of deliveries.
    pub fates: Vec<Fate>,
}

/// How a partition is run.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The partition.
    pub partition: u16,
    /// How long a key is remembered after its execution was created, in milliseconds.
    pub key_horizon_ms: i64,
    /// Set to take executions out of service instead of deciding them, and why: their events brought down a commit.
    pub quarantine: Option<&'static str>,
}

/// One execution within a turn.
struct Slot {
    entry: Option<Entry>,
    live: Option<Execution>,
    events: Vec<Event>,
    inputs: Vec<DeliveryId>,
}

/// A turn while it is taken.
struct Taking<'a, S: Store> {
    store: &'a S,
    turn: &'a Turn<'a>,
    rules: Rules,
    slots: BTreeMap<ExecutionId, Slot>,
    order: Vec<ExecutionId>,
    calls: Vec<Call>,
    fates: Vec<Fate>,
}

/// Takes one turn: every stimulus in order, then one commit that says also how far the inbox is consumed.
///
/// A panic while one execution is decided is contained to that execution. Without any event and without progress in the inbox
/// there is no commit.
pub fn turn<'a, S: Store>(
    head: &Head,
    store: &S,
    stimuli: impl IntoIterator<Item = &'a Stimulus>,
    consumed: Consumed,
    epoch: u64,
    turn: &Turn<'_>,
    rules: Rules,
) -> Outcome {
    let empty = BTreeMap::new();
    let mut taking =
        Taking { store, turn, rules, slots: empty, order: Vec::new(), calls: Vec::new(), fates: Vec::new() };
    for stimulus in stimuli {
        taking.take(stimulus);
    }
    let header = CommitHeader {
        partition: rules.partition,
        epoch,
        now: turn.now,
        seed: turn.seed,
        logic_version: codec::LOGIC_VERSION,
        definitions_at: turn.definitions.position(),
        consumed,
        prev_position: head.position,
        prev_hash: head.hash,
    };
    taking.finish(head, header)
}

impl<S: Store> Taking<'_, S> {
    fn take(&mut self, stimulus: &Stimulus) {
        let id = stimulus.execution();
        let mut slot = self.slots.remove(&id).unwrap_or_else(|| self.load(&id));
        self.take_in(&mut slot, stimulus);
        self.slots.insert(id, slot);
    }

    fn load(&mut self, id: &ExecutionId) -> Slot {
        self.order.push(*id);
        let entry = self.store.entry(id).filter(|e| !e.is_forgotten(self.turn.now, self.rules.key_horizon_ms));
        let live = entry.as_ref().filter(|entry| !entry.over).and_then(|_| self.store.live(id));
        Slot { entry, live, events: Vec::new(), inputs: Vec::new() }
    }

    fn take_in(&mut self, slot: &mut Slot, stimulus: &Stimulus) {
        if let Stimulus::Input(input) = stimulus {
            let fate = fate(slot, input);
            let seen_before = slot.knows(input.id());
            self.fates.push(fate);
            if seen_before {
                return;
            }
            slot.inputs.push(input.id());
        }
        let decision = self.decide_contained(slot, stimulus);
        match decision.execution {
            Some(execution) => {
                let entry = Entry::of(&execution, slot.entry.as_ref(), 0);
                slot.entry = Some(entry);
                slot.live = Some(execution);
            }
            // It ended in this very turn: what is suppressed now is counted on it, as the fold of the commit counts it.
            None if slot.live.is_some() => {
                let count = |event| apply(&mut slot.live, stimulus.execution(), event, self.turn.now);
                decision.events.iter().for_each(count);
            }
            None => {}
        }
        slot.events.extend(decision.events);
        self.calls.extend(decision.calls);
    }

    /// Decides, and turns a panic into an end of this one execution.
    fn decide_contained(&self, slot: &Slot, stimulus: &Stimulus) -> Decision {
        let known = slot.known();
        let decided = match (self.rules.quarantine, &known) {
            (Some(reason), Known::New | Known::Live(_)) => Err(reason.to_owned()),
            // What is over cannot bring anything down, and must not be created anew.
            (Some(_), Known::Over { .. }) | (None, _) => {
                catch_unwind(AssertUnwindSafe(|| decide(known, stimulus, self.turn)))
                    .map_err(|panic| format!("deciding it panicked: {}", panic_text(&*panic)))
            }
        };
        decided.unwrap_or_else(|reason| {
            // The input is recorded even so: it was acknowledged, and a later copy of it must be known.
            let recorded = match (&slot.live, stimulus) {
                // Nothing of the flow is looked at that could panic: its own labels are missing.
                (None, Stimulus::Input(input)) => Start::of(input).map(|start| start.created(&[], self.turn)),
                (Some(live), Stimulus::Input(input)) => {
                    input.delivery().map(|delivery| suppressed(delivery, &live.delivery.fingerprint))
                }
                (Some(_) | None, Stimulus::CallEnded { .. } | Stimulus::TimerDue { .. }) => None,
            };
            let recorded: Vec<Event> = recorded.into_iter().collect();
            if slot.live.is_none() && recorded.is_empty() {
                return Decision::default();
            }
            stuck(stimulus.execution(), slot.live.clone(), recorded, reason, self.turn)
        })
    }

    fn finish(mut self, head: &Head, header: CommitHeader) -> Outcome {
        let position = head.position + 1;
        let mut lines = Vec::new();
        let mut changes = Vec::new();
        for id in &self.order {
            let Some(mut slot) = self.slots.remove(id) else { continue };
            if slot.events.is_empty() {
                continue;
            }
            if let Some(change) = slot.change(*id, position) {
                changes.push(change);
            }
            lines.push((*id, Line { at: header.now, events: std::mem::take(&mut slot.events) }));
        }
        let moved = header.consumed > head.consumed || header.epoch > head.epoch;
        let needed = moved || !lines.is_empty();
        let commit = needed.then(|| codec::encode_commit(&header, lines.iter().map(|(id, line)| (*id, line))));
        Outcome { commit, header, changes, calls: self.calls, fates: self.fates }
    }
}

impl Slot {
    fn knows(&self, input: DeliveryId) -> bool {
        self.inputs.contains(&input) || self.entry.as_ref().is_some_and(|entry| entry.knows(input))
    }

    fn known(&self) -> Known {
        match (&self.live, &self.entry) {
            (Some(execution), _) if !execution.over => Known::Live(Box::new(execution.clone())),
            (Some(_) | None, Some(entry)) => Known::Over { fingerprint: entry.fingerprint },
            (Some(_) | None, None) => Known::New,
        }
    }

    fn change(&mut self, id: ExecutionId, position: u64) -> Option<Change> {
        let mut entry = self.entry.take()?;
        entry.last_commit = position;
        if entry.first_commit == 0 {
            entry.first_commit = position;
        }
        self.inputs.iter().for_each(|input| entry.remember(*input));
        Some(Change { id, entry, execution: self.live.take() })
    }
}

fn fate(slot: &Slot, input: &Input) -> Fate {
    let (id, execution) = (input.id(), input.execution());
    let first_input = slot.entry.as_ref().and_then(|entry| entry.inputs.first().copied());
    let first_here = slot.inputs.first().map(|id| short(*id));
    let first = first_input.or(first_here).is_none_or(|first| first == short(id));
    let body = slot.entry.as_ref().map(|entry| entry.fingerprint);
    let broken = input.delivery().and_then(|delivery| {
        let body = body.filter(|body| !first && super::decide::breaks_key(delivery, body))?;
        Some((body, delivery.fingerprint))
    });
    Fate { delivery: id, execution, first, key_reused: broken }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Why a commit cannot follow another one.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The record cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The commit was made after another record than the one before it.
    #[error(
        "the commit at {position} follows a record that is not the one before it: the log was changed or lost data"
    )]
    Chain {
        /// Its position.
        position: u64,
    },
    /// Events that cannot follow each other.
    #[error("the events of execution {execution} at {position} cannot be folded: {reason}")]
    Events {
        /// The execution.
        execution: ExecutionId,
        /// The commit's position.
        position: u64,
        /// What is wrong.
        reason: String,
    },
}

/// Reads a commit back: the head after it and what it changes in the store. The inverse of [`turn`].
///
/// # Errors
/// When the record is damaged or does not follow `head`.
pub fn fold<S: Store>(
    head: &Head,
    store: &S,
    record: &[u8],
    position: u64,
    rules: Rules,
) -> Result<(Head, Vec<Change>), FoldError> {
    let commit = codec::decode_commit(record)?;
    if commit.header.prev_hash != head.hash || commit.header.partition != rules.partition {
        return Err(FoldError::Chain { position });
    }
    let mut changes = Vec::new();
    for (id, json) in commit.items() {
        let line = codec::decode_line(json)?;
        changes.extend(fold_line(store, id, &line, position)?);
    }
    Ok((Head::after(&commit.header, record, position), changes))
}

fn fold_line<S: Store>(store: &S, id: ExecutionId, line: &Line, position: u64) -> Result<Option<Change>, FoldError> {
    // The events say whether the key was forgotten when they were decided; the horizon may have been configured anew since.
    let begins = matches!(line.events.first(), Some(Event::ExecutionCreated(_)));
    let before = if begins { None } else { store.entry(&id) };
    let live = before.as_ref().filter(|entry| !entry.over).and_then(|_| store.live(&id));
    let mut slot = Slot { entry: before, live, events: Vec::new(), inputs: inputs_of(&line.events) };
    if !slot.entry.as_ref().is_some_and(|entry| entry.over) {
        let mut live = slot.live.take();
        let folding = || line.events.iter().for_each(|event| apply(&mut live, id, event, line.at));
        catch_unwind(AssertUnwindSafe(folding)).map_err(|panic| FoldError::Events {
            execution: id,
            position,
            reason: panic_text(&*panic).to_owned(),
        })?;
        slot.entry = live.as_ref().map(|execution| Entry::of(execution, slot.entry.as_ref(), 0));
        slot.live = live;
    }
    Ok(slot.change(id, position))
}

fn inputs_of(events: &[Event]) -> Vec<DeliveryId> {
    let of = |event: &Event| match event {
        Event::ExecutionCreated(created) => Some(created.delivery.id),
        Event::DeliverySuppressed(suppressed) => Some(suppressed.delivery.id),
        Event::ExecutionKilled { input, .. } | Event::LogsDeleted { input, .. } | Event::ExecutionDeleted { input } => {
            Some(*input)
        }
        Event::ExecutionStarted
        | Event::TaskRunStarted(_)
        | Event::TaskRunRefused(_)
        | Event::TimerSet { .. }
        | Event::TaskRunSucceeded { .. }
        | Event::TaskRunFailed { .. }
        | Event::TaskRunExited { .. }
        | Event::RetryScheduled { .. }
        | Event::AttemptStarted { .. }
        | Event::Logged(_)
        | Event::ValueRead { .. }
        | Event::ExecutionEnded { .. }
        | Event::AfterExecutionEnded
        | Event::ExecutionStuck { .. } => None,
    };
    events.iter().filter_map(of).collect()
}

/// Whether a state says that an execution ended well.
pub fn ended_well(history: &History) -> bool {
    matches!(history.current(), State::Success | State::Warning)
}
