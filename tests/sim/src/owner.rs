//! The owner of a partition, step by step as the engine's shell is: take, append, and only then change state and call.

use std::{collections::BTreeSet, rc::Rc};

use windhover_proto::{
    codec::{self, CommitHeader, Consumed, RecordHash},
    core::{
        Call, Execution, Stimulus, Turn, apply,
        partition::{self, Change, Entry, Fate, Head, Outcome, Rules, Store},
        pending_calls,
    },
    event::Event,
    id::{ExecutionId, TaskRunId},
    input::Input,
    time::Timestamp,
};

use crate::{
    check::Violation,
    log::{Bytes, Log},
    mutant::Mutant,
    rng::Rng,
    store::Kept,
};

/// How long keys are remembered: longer than any run.
const HORIZON_MS: i64 = 30 * 24 * 3_600_000;

/// What names a call: execution, task run, number.
pub(crate) type CallKey = (ExecutionId, TaskRunId, u32);

/// Inputs of the inbox by record, parsed once by whoever appended it.
pub(crate) type Inbox = Vec<Vec<Input>>;

/// What a disk kept of a partition.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    head: Head,
    store: Kept,
}

impl Disk {
    /// The position of the newest commit that it knows.
    pub(crate) fn position(&self) -> u64 {
        self.head.position
    }

    /// What it kept.
    pub(crate) fn store(&self) -> &Kept {
        &self.store
    }
}

/// A result that came back, with a number of its own.
#[derive(Clone, Debug)]
struct Waiting {
    serial: u64,
    stimulus: Stimulus,
}

/// An append whose outcome the owner waits for.
#[derive(Debug)]
struct Flight {
    ticket: u64,
    commit: Bytes,
    header: CommitHeader,
    changes: Vec<Change>,
    calls: Vec<Call>,
    taken: Vec<Waiting>,
}

/// Whether an owner may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody else took the partition.
    Owner,
    /// Another epoch stands in the log.
    Fenced,
}

/// One try at owning a partition.
#[derive(Debug)]
pub(crate) struct Owner {
    rules: Rules,
    mutant: Option<Mutant>,
    epoch: u64,
    /// Whether its epoch stands in the log.
    established: bool,
    head: Head,
    store: Kept,
    wakes: BTreeSet<(Timestamp, ExecutionId)>,
    results: Vec<Waiting>,
    calling: BTreeSet<CallKey>,
    flight: Option<Flight>,
    /// Appends that may still turn out to be stored, with the results that they consumed.
    unknown: Vec<(RecordHash, Vec<u64>)>,
    serial: u64,
}

/// What a turn asks of the world.
pub(crate) struct Submission {
    /// Names the append.
    pub ticket: u64,
    /// The head it expects.
    pub expected: u64,
    /// The record.
    pub commit: Bytes,
    /// Calls that a defective shell starts too early.
    pub early: Vec<Call>,
}

impl Owner {
    /// Starts from what a disk kept, or from nothing, and reads the rest of the log.
    ///
    /// # Errors
    /// When the log does not fold.
    pub(crate) fn recover(
        disk: Option<Disk>,
        log: &Log,
        partition: u16,
        mutant: Option<Mutant>,
    ) -> Result<Self, Violation> {
        let mut owner = Self::of(disk, partition, mutant);
        let lost = mutant == Some(Mutant::LoseTimers);
        let wakes = owner.store.all_live().filter(|_| !lost).filter_map(|live| Some((live.next_wake()?, live.id)));
        owner.wakes = wakes.collect();
        owner.read_tail(log, log.head())?;
        (owner.epoch, owner.established) = (owner.head.epoch + 1, false);
        Ok(owner)
    }

    /// What a disk and the log up to a position come to.
    ///
    /// # Errors
    /// When the log does not fold.
    pub(crate) fn recover_to(disk: Option<Disk>, log: &Log, position: u64, partition: u16) -> Result<Disk, Violation> {
        let mut owner = Self::of(disk, partition, None);
        owner.read_tail(log, position)?;
        Ok(owner.disk())
    }

    fn of(disk: Option<Disk>, partition: u16, mutant: Option<Mutant>) -> Self {
        let Disk { head, store } = disk.unwrap_or_else(|| Disk { head: Head::empty(), store: Kept::default() });
        Self {
            rules: Rules { partition, key_horizon_ms: HORIZON_MS, quarantine: None },
            mutant,
            epoch: u64::MAX,
            established: true,
            head,
            store,
            wakes: BTreeSet::new(),
            results: Vec::new(),
            calling: BTreeSet::new(),
            flight: None,
            unknown: Vec::new(),
            serial: 0,
        }
    }

    /// The append it waits for.
    pub(crate) fn ticket(&self) -> Option<u64> {
        self.flight.as_ref().map(|flight| flight.ticket)
    }

    /// What it would find on its disk after a crash.
    pub(crate) fn disk(&self) -> Disk {
        Disk { head: self.head.clone(), store: self.store.clone() }
    }

    /// The time of its newest commit: the next one is not before it.
    pub(crate) fn last_commit_at(&self) -> Timestamp {
        self.head.now
    }

    /// Whether it knows everything up to this position, and waits for nothing.
    pub(crate) fn is_at(&self, position: u64) -> bool {
        self.head.position == position && self.flight.is_none()
    }

    /// When something is due next.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// The result of a call came back.
    pub(crate) fn answered(&mut self, key: CallKey, stimulus: Stimulus) {
        self.calling.remove(&key);
        self.serial += 1;
        self.results.push(Waiting { serial: self.serial, stimulus });
    }

    /// Takes a turn of whatever part of what waits the dice say. `None`: there was nothing to append.
    pub(crate) fn take(
        &mut self,
        ticket: u64,
        inbox: &Inbox,
        turn: &Turn<'_>,
        rng: &mut Rng,
    ) -> Option<(Submission, Vec<Fate>)> {
        if self.flight.is_some() {
            return None;
        }
        let most = if self.established { rng.below(12) } else { 0 };
        let (inputs, mut consumed) = self.waiting_inputs(inbox, most);
        let mut stimuli: Vec<Stimulus> = inputs.into_iter().map(Stimulus::Input).collect();
        let taken = self.take_results(rng);
        stimuli.extend(taken.iter().map(|waiting| waiting.stimulus.clone()));
        stimuli.extend(self.due(turn.now, rng));
        if self.mutant == Some(Mutant::SkipInput) && (consumed.through as usize) < inbox.len() && rng.percent(5) {
            consumed = Consumed { through: consumed.through + 1, within: 0 };
        }
        let outcome = self.turn(&stimuli, consumed, turn);
        let commit = self.mutated(&outcome)?;
        let fates = outcome.fates;
        let early = if self.mutant == Some(Mutant::EffectsFirst) { outcome.calls.clone() } else { Vec::new() };
        let submission = Submission { ticket, expected: self.head.position, commit: commit.clone(), early };
        self.flight = Some(Flight {
            ticket,
            commit,
            header: outcome.header,
            changes: outcome.changes,
            calls: outcome.calls,
            taken,
        });
        Some((submission, fates))
    }

    /// The next inputs of the partition, at most this many, and how far the inbox is consumed with them. A turn may end
    /// inside a record.
    fn waiting_inputs(&self, inbox: &Inbox, most: usize) -> (Vec<Input>, Consumed) {
        let mut consumed = self.head.consumed;
        let mut inputs = Vec::new();
        for (position, record) in (1..).zip(inbox).skip(consumed.through as usize) {
            let own: Vec<&Input> = record.iter().filter(|input| self.owns(input)).collect();
            let room = most - inputs.len();
            if own.is_empty() {
                // Not the record that `within` counts in; skipped for good once that one is consumed.
                consumed.through = if consumed.within == 0 { position } else { consumed.through };
                continue;
            }
            let rest = &own[consumed.within as usize..];
            inputs.extend(rest.iter().take(room).map(|input| (*input).clone()));
            if rest.len() > room {
                consumed.within += room as u32;
                break;
            }
            consumed = Consumed { through: position, within: 0 };
        }
        (inputs, consumed)
    }

    fn owns(&self, input: &Input) -> bool {
        input.execution().partition(crate::PARTITIONS) == self.rules.partition
    }

    fn take_results(&mut self, rng: &mut Rng) -> Vec<Waiting> {
        let mut taken = Vec::new();
        while self.established && !self.results.is_empty() && rng.percent(70) {
            taken.push(self.results.swap_remove(rng.below(self.results.len())));
        }
        taken
    }

    fn due(&self, now: Timestamp, rng: &mut Rng) -> Vec<Stimulus> {
        let most = if self.established { 1 + rng.below(8) } else { 0 };
        let due = self.wakes.iter().take_while(|(at, _)| *at <= now).take(most);
        due.map(|(_, execution)| Stimulus::TimerDue { execution: *execution }).collect()
    }

    fn turn(&self, stimuli: &[Stimulus], consumed: Consumed, turn: &Turn<'_>) -> Outcome {
        if self.mutant == Some(Mutant::NoDedupe) {
            let store = Forgetful(&self.store);
            return partition::turn(&self.head, &store, stimuli, consumed, self.epoch, turn, self.rules);
        }
        partition::turn(&self.head, &self.store, stimuli, consumed, self.epoch, turn, self.rules)
    }

    /// The commit as it is appended: as it was made, unless a mutant is at work.
    fn mutated(&self, outcome: &Outcome) -> Option<Bytes> {
        let commit = outcome.commit.as_ref()?;
        if self.mutant == Some(Mutant::DoubleEnd) {
            return Some(doubled_end(&outcome.header, commit).into());
        }
        Some(commit.as_slice().into())
    }

    /// The append was stored. Only now the state changes and calls may start.
    pub(crate) fn confirmed(&mut self, position: u64, turn: &Turn<'_>) -> Vec<Call> {
        let Some(flight) = self.flight.take() else { return Vec::new() };
        self.head = Head::after(&flight.header, &flight.commit, position);
        self.absorb(flight.changes);
        if self.mutant == Some(Mutant::ApplyTwice) {
            self.apply_again(&flight.commit);
        }
        if !self.established {
            self.established = true;
            return self.unmade_calls(turn);
        }
        let again = self.mutant == Some(Mutant::RepeatCalls) && !flight.taken.is_empty();
        let repeated = flight.taken.iter().filter(|_| again).filter_map(|waiting| Self::made_again(&waiting.stimulus));
        let calls: Vec<Call> = flight.calls.into_iter().chain(repeated).collect();
        self.start(calls)
    }

    fn start(&mut self, calls: Vec<Call>) -> Vec<Call> {
        self.calling.extend(calls.iter().map(|call| (call.execution, call.task_run, call.n)));
        calls
    }

    /// The append was refused, or nobody knows what became of it: nothing is sent, the log says what holds.
    ///
    /// # Errors
    /// When the log does not fold.
    pub(crate) fn unsettled(&mut self, log: &Log, turn: &Turn<'_>) -> Result<(Standing, Vec<Call>), Violation> {
        if let Some(flight) = self.flight.take() {
            let serials = flight.taken.iter().map(|waiting| waiting.serial).collect();
            self.unknown.push((codec::hash(&flight.commit), serials));
            self.results.extend(flight.taken);
        }
        let was_established = self.established;
        if self.read_tail(log, log.head())? == Standing::Fenced {
            return Ok((Standing::Fenced, Vec::new()));
        }
        let calls = if self.established { self.unmade_calls(turn) } else { Vec::new() };
        if !was_established && !self.established {
            self.epoch = self.head.epoch + 1;
        }
        Ok((Standing::Owner, calls))
    }

    /// Folds what the log holds beyond the own head.
    fn read_tail(&mut self, log: &Log, to: u64) -> Result<Standing, Violation> {
        if self.mutant == Some(Mutant::StaleStore) && self.epoch == u64::MAX && self.head.position > 0 {
            return self.pretend_head(log);
        }
        let mut standing = Standing::Owner;
        while self.head.position < to {
            let position = self.head.position + 1;
            let record = Rc::clone(log.record(position));
            let (head, changes) = partition::fold(&self.head, &self.store, &record, position, self.rules)?;
            let ours = self.forget_consumed(codec::hash(&record));
            let foreign = head.epoch > self.epoch || (head.epoch == self.epoch && !self.established && !ours);
            if foreign && self.mutant != Some(Mutant::NoFencing) {
                standing = Standing::Fenced;
            }
            self.established |= ours && head.epoch == self.epoch;
            self.head = head;
            self.absorb(changes);
        }
        Ok(standing)
    }

    /// The defect of [`Mutant::StaleStore`].
    fn pretend_head(&mut self, log: &Log) -> Result<Standing, Violation> {
        let record = log.record(log.head());
        let header = codec::decode_commit(record).map_err(partition::FoldError::from)?.header;
        self.head = Head::after(&header, record, log.head());
        Ok(Standing::Owner)
    }

    /// Results that a record of ours consumed are not offered again. Answers whether it is ours.
    fn forget_consumed(&mut self, hash: RecordHash) -> bool {
        let Some(index) = self.unknown.iter().position(|(own, _)| *own == hash) else { return false };
        let (_, serials) = self.unknown.swap_remove(index);
        self.results.retain(|waiting| !serials.contains(&waiting.serial));
        true
    }

    fn absorb(&mut self, changes: Vec<Change>) {
        for change in &changes {
            if let Some(at) = self.store.live_ref(&change.id).and_then(Execution::next_wake) {
                self.wakes.remove(&(at, change.id));
            }
            if let Some(at) = change.live().and_then(Execution::next_wake) {
                self.wakes.insert((at, change.id));
            }
        }
        self.store.apply(changes);
    }

    /// Calls that the state waits for and that nobody here made.
    fn unmade_calls(&mut self, turn: &Turn<'_>) -> Vec<Call> {
        if self.mutant == Some(Mutant::ForgetCalls) {
            return Vec::new();
        }
        let offered: BTreeSet<CallKey> = self.results.iter().filter_map(|waiting| key_of(&waiting.stimulus)).collect();
        let pending: Vec<_> = self.store.all_live().flat_map(|live| pending_calls(live, turn)).collect();
        let mut calls = Vec::new();
        for call in pending {
            match call {
                Ok(call) => calls.push(call),
                Err(stimulus) => {
                    self.serial += 1;
                    self.results.push(Waiting { serial: self.serial, stimulus });
                }
            }
        }
        calls.retain(|call| {
            let key = (call.execution, call.task_run, call.n);
            !self.calling.contains(&key) && !offered.contains(&key)
        });
        if self.mutant == Some(Mutant::NewNumber) {
            calls.iter_mut().for_each(|call| call.n += 1);
        }
        self.start(calls)
    }

    /// The defect of [`Mutant::RepeatCalls`]: the call that this result ended, once more.
    fn made_again(stimulus: &Stimulus) -> Option<Call> {
        let Stimulus::CallEnded { execution, task_run, n, result: Ok(response) } = stimulus else { return None };
        let http = windhover_proto::core::HttpCall {
            method: "GET".to_owned(),
            uri: response.uri.clone(),
            headers: Vec::new(),
            body: None,
            timeout: std::time::Duration::from_secs(1),
            connect_timeout: None,
            read_idle_timeout: None,
            redirects_max: 0,
        };
        Some(Call { execution: *execution, task_run: *task_run, n: *n, http })
    }

    /// The defect of [`Mutant::ApplyTwice`].
    fn apply_again(&mut self, commit: &Bytes) {
        let Ok(commit) = codec::decode_commit(commit) else { return };
        for (id, json) in commit.items() {
            let (Some(mut live), Ok(line)) = (self.store.live(&id), codec::decode_line(json)) else { continue };
            let Some(entry) = self.store.entry(&id) else { continue };
            let repeatable = |event: &&Event| matches!(event, Event::DeliverySuppressed(_) | Event::Logged(_));
            let mut state = Some(live.clone());
            line.events.iter().filter(repeatable).for_each(|event| apply(&mut state, id, event, line.at));
            if let Some(state) = state {
                live = state;
            }
            self.store.apply(vec![Change { id, entry, execution: Some(live) }]);
        }
    }
}

/// The call that a result belongs to.
fn key_of(stimulus: &Stimulus) -> Option<CallKey> {
    match stimulus {
        Stimulus::CallEnded { execution, task_run, n, .. } => Some((*execution, *task_run, *n)),
        Stimulus::Input(_) | Stimulus::TimerDue { .. } => None,
    }
}

/// The defect of [`Mutant::DoubleEnd`].
fn doubled_end(header: &CommitHeader, commit: &[u8]) -> Vec<u8> {
    let Ok(decoded) = codec::decode_commit(commit) else { return commit.to_vec() };
    let mut lines = Vec::new();
    for (id, json) in decoded.items() {
        let Ok(mut line) = codec::decode_line(json) else { return commit.to_vec() };
        if let Some(end) = line.events.iter().find(|event| matches!(event, Event::ExecutionEnded { .. })).cloned() {
            line.events.push(end);
        }
        lines.push((id, line));
    }
    codec::encode_commit(header, lines.iter().map(|(id, line)| (*id, line)))
}

/// The defect of [`Mutant::NoDedupe`]: what is over was never there.
struct Forgetful<'a>(&'a Kept);

impl Store for Forgetful<'_> {
    fn entry(&self, id: &ExecutionId) -> Option<Entry> {
        self.0.entry(id).filter(|entry| !entry.over)
    }

    fn live(&self, id: &ExecutionId) -> Option<Execution> {
        self.0.live(id)
    }
}
