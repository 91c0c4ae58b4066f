//! The turn: what waits is decided, appended as one commit, and only then remembered, shown and acted upon.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};
use windhover_eventlog::{Append, AppendError, Expect, LogName, ObjectError, Position, ReadError};
use windhover_proto::{
    codec::{self, Consumed, RecordHash},
    core::{
        Call, Execution, Stimulus, Turn,
        partition::{self, Change, FoldError, Head, Outcome, Rules, Store as _},
        pending_calls,
    },
    definitions::Definitions,
    delivery::Delivery,
    expr::Value,
    id::{ExecutionId, Fingerprint, TaskRunId},
    request::Body,
    time::Timestamp,
};

use crate::{
    clock,
    config::{Config, Parts},
    effect::Pool,
    entrance::Entrances,
    inbox::Batch,
    pace::Pace,
    progress::{Progress, Standing},
    question::{Asked, Desk, Todo},
    snapshot::Snapshots,
    store::{Failed, Store},
};

/// Most stimuli of one turn: beyond it the first of them would wait for the last.
const TURN_STIMULI_MAX: usize = 128;

/// Where the turns stand back, they offer the processor to whoever waits for it after so many stimuli: some tenths of a millisecond.
/// A lower priority alone does not do that: what runs keeps the processor until its slice of some milliseconds is over.
const STIMULI_BETWEEN_OFFERS: usize = 16;

/// How long to wait before a failed append is tried again.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// Why a partition stops. Whoever runs it decides what follows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// Another owner took the partition.
    #[error("partition {partition} has another owner now (epoch {epoch})")]
    Fenced { partition: u16, epoch: u64 },
    /// sled failed; the index is made again.
    #[error(transparent)]
    Store(#[from] Failed),
    /// The log cannot be trusted or read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is kept beside the log cannot be read.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The log holds what cannot follow.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// A defect of ours outside of any execution.
    #[error("a turn of partition {partition} panicked: {reason}")]
    Panicked { partition: u16, reason: String },
    /// The log went backwards or was changed.
    #[error("executions.{partition} is not the log that this engine knows: {reason}; restore it before going on")]
    Changed { partition: u16, reason: String },
}

/// What partitions share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) parts: Parts,
    pub(crate) config: Config,
    pub(crate) progress: Arc<Progress>,
    pub(crate) effects: Pool,
    /// Where questions arrive, by partition.
    pub(crate) entrances: Entrances,
    /// Where turns are taken.
    pub(crate) background: Handle,
    /// How many partitions take turns at once.
    pub(crate) pace: Pace,
}

/// Where a partition gets its work from.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) inbox: mpsc::Receiver<Batch>,
    pub(crate) results: mpsc::Receiver<Stimulus>,
    pub(crate) questions: mpsc::Receiver<Asked>,
    pub(crate) shutdown: watch::Receiver<bool>,
}

/// One partition and its owner.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) number: u16,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Store,
    pub(crate) head: Head,
    pub(crate) epoch: u64,
    pub(crate) snapshots: Snapshots,
    /// Where it is told up to which commit snapshots allow trimming.
    pub(crate) trimmable: Option<Arc<Vec<AtomicU64>>>,
    results: mpsc::Sender<Stimulus>,
    timers: BTreeSet<(Timestamp, ExecutionId)>,
    wakes: HashMap<ExecutionId, Timestamp>,
    in_flight: HashSet<(TaskRunId, u32)>,
    desk: Desk,
}

/// Something that waits to be decided.
#[derive(Debug)]
struct Item {
    /// What to decide; absent in a note of how far the inbox was read.
    stimulus: Option<Stimulus>,
    /// How far the inbox is consumed with it; absent when it is no input.
    reached: Option<Consumed>,
}

/// What waits to be decided, in order.
#[derive(Debug)]
struct Waiting {
    items: VecDeque<Item>,
    /// How far the inbox is consumed when all of it is decided.
    reached: Consumed,
}

impl Waiting {
    fn new(reached: Consumed) -> Self {
        Self { items: VecDeque::new(), reached }
    }

    fn push(&mut self, stimulus: Stimulus) {
        self.items.push_back(Item { stimulus: Some(stimulus), reached: None });
    }

    /// Takes the inputs of an inbox record that are not consumed yet.
    fn push_batch(&mut self, batch: Batch) {
        if batch.position <= self.reached.through {
            return;
        }
        let Consumed { through, within } = self.reached;
        let count = u32::try_from(batch.inputs.len()).unwrap_or(u32::MAX);
        if count == 0 {
            // A note says nothing about a record that is consumed in part.
            self.reached = Consumed { through: batch.position, within };
            self.items.push_back(Item { stimulus: None, reached: Some(self.reached) });
            return;
        }
        let last = Consumed { through: batch.position, within: 0 };
        for (number, input) in (1..=count).zip(batch.inputs) {
            if number > within {
                let reached = if number == count { last } else { Consumed { through, within: number } };
                self.items.push_back(Item { stimulus: Some(Stimulus::Input(input)), reached: Some(reached) });
            }
        }
        self.reached = last;
    }

    /// What the first `count` items ask.
    fn stimuli(&self, count: usize) -> impl Iterator<Item = &Stimulus> {
        self.items.iter().take(count).filter_map(|item| item.stimulus.as_ref())
    }

    /// How far the inbox is consumed with the first `count` items.
    fn reached(&self, count: usize, before: Consumed) -> Consumed {
        self.items.iter().take(count).rev().find_map(|item| item.reached).unwrap_or(before)
    }
}

impl Partition {
    pub(crate) fn new(
        number: u16,
        shared: Arc<Shared>,
        store: Store,
        head: Head,
        snapshots: Snapshots,
        results: mpsc::Sender<Stimulus>,
    ) -> Self {
        Self {
            number,
            shared,
            store,
            epoch: head.epoch,
            head,
            snapshots,
            trimmable: None,
            results,
            timers: BTreeSet::new(),
            wakes: HashMap::new(),
            in_flight: HashSet::new(),
            desk: Desk::new(),
        }
    }

    pub(crate) fn log_name(&self) -> LogName {
        LogName::Executions { partition: self.number }
    }

    pub(crate) fn rules(&self) -> Rules {
        let key_horizon_ms = self.shared.config.key_horizon_ms();
        Rules { partition: self.number, key_horizon_ms, quarantine: None }
    }

    /// Takes turns until it is told to stop or has to.
    pub(crate) async fn run(&mut self, mail: &mut Mail) -> Result<(), Stop> {
        self.resume_all().await?;
        self.stand(true);
        let ended = self.take_turns(mail).await;
        self.stand(false);
        self.store.write()?;
        ended
    }

    async fn take_turns(&mut self, mail: &mut Mail) -> Result<(), Stop> {
        let mut waiting = Waiting::new(self.head.consumed);
        loop {
            if self.wait(mail, &mut waiting).await? {
                return Ok(());
            }
            let shared = self.shared.clone();
            let _admitted = shared.pace.admit().await;
            self.gather(mail, &mut waiting).await?;
            while !waiting.items.is_empty() {
                self.turn(&mut waiting).await?;
            }
        }
    }

    /// Waits for something to do; true when the engine stops.
    async fn wait(&mut self, mail: &mut Mail, waiting: &mut Waiting) -> Result<bool, Stop> {
        let due = self.timers.first().map(|(at, _)| *at);
        let sleep_ms = due.map_or(i64::MAX, |at| at.millis_since(clock::now()));
        let sleep = Duration::from_millis(u64::try_from(sleep_ms).unwrap_or(0).min(3_600_000));
        let write_due = self.store.write_due();
        let unwritten = write_due.unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            () = stopped(&mut mail.shutdown) => return Ok(true),
            Some(asked) = mail.questions.recv() => self.answer(asked).await,
            Some(batch) = mail.inbox.recv() => waiting.push_batch(batch),
            Some(result) = mail.results.recv() => waiting.push(result),
            () = tokio::time::sleep(sleep), if due.is_some() => {}
            () = tokio::time::sleep_until(unwritten.into()), if write_due.is_some() => self.store.write()?,
        }
        Ok(false)
    }

    /// Joins whatever else waits already, up to the budget of a turn.
    async fn gather(&mut self, mail: &mut Mail, waiting: &mut Waiting) -> Result<(), Stop> {
        while let Ok(asked) = mail.questions.try_recv() {
            self.answer(asked).await;
        }
        while waiting.items.len() < TURN_STIMULI_MAX {
            let Ok(batch) = mail.inbox.try_recv() else { break };
            waiting.push_batch(batch);
        }
        while waiting.items.len() < TURN_STIMULI_MAX {
            let Ok(result) = mail.results.try_recv() else { break };
            waiting.push(result);
        }
        let now = self.now();
        while let Some((at, execution)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, execution));
            self.wakes.remove(&execution);
            waiting.push(Stimulus::TimerDue { execution });
        }
        Ok(())
    }

    /// Never before the newest commit's time.
    fn now(&self) -> Timestamp {
        clock::now().max(self.head.now)
    }

    /// Decides what waits and appends it; on any doubt about the outcome reads the log before it goes on.
    async fn turn(&mut self, waiting: &mut Waiting) -> Result<(), Stop> {
        let definitions = self.definitions_for(waiting).await;
        let blobs = self.blobs_for(waiting.stimuli(TURN_STIMULI_MAX)).await?;
        let (mut outcome, taken) = self.decide(waiting, &definitions, &blobs)?;
        let ended: Vec<_> = waiting.stimuli(taken).filter_map(ended_call).collect();
        let Some(commit) = outcome.commit.take().map(Bytes::from) else {
            waiting.items.drain(..taken);
            return self.finish(outcome, &ended).await;
        };
        let expect = Expect::Head(Position(self.head.position));
        let append = Append { log: self.log_name(), bytes: commit.clone(), expect, resend_id: None };
        match self.shared.parts.log.append(append).await {
            Ok(position) => {
                waiting.items.drain(..taken);
                let head = Head::after(&outcome.header, &commit, position.0);
                self.committed(outcome, head, &ended).await
            }
            Err(error) => self.doubt(error, waiting, taken, &codec::hash(&commit)).await,
        }
    }

    /// Decides as many of the first items as fit into one record, and says how many. What does not fit even alone is taken
    /// out of service: it must not stop the others.
    fn decide(
        &self,
        waiting: &Waiting,
        definitions: &Definitions,
        blobs: &BTreeMap<Fingerprint, Bytes>,
    ) -> Result<(Outcome, usize), Stop> {
        let turn = self.make_turn(definitions, blobs, clock::random());
        let limit = self.shared.parts.log.record_bytes_max();
        let mut count = waiting.items.len().min(TURN_STIMULI_MAX);
        let mut rules = self.rules();
        loop {
            let (stimuli, reached) = (waiting.stimuli(count), waiting.reached(count, self.head.consumed));
            let stimuli = stimuli.enumerate().map(|(number, stimulus)| self.offer_processor(number, stimulus));
            let outcome = partition::turn(&self.head, &self.store, stimuli, reached, self.epoch, &turn, rules);
            self.store.check()?;
            let fits = outcome.commit.as_ref().is_none_or(|commit| commit.len() <= limit);
            if fits || rules.quarantine.is_some() {
                return Ok((outcome, count));
            }
            if count > 1 {
                count /= 2;
            } else {
                rules.quarantine = Some("its events are larger than a record of the log may be");
            }
        }
    }

    /// Lets others go first, now and then, where the turns stand back.
    fn offer_processor<'a>(&self, number: usize, stimulus: &'a Stimulus) -> &'a Stimulus {
        if self.shared.config.background.is_some() && number.is_multiple_of(STIMULI_BETWEEN_OFFERS) {
            std::thread::yield_now();
        }
        stimulus
    }

    fn make_turn<'a>(
        &'a self,
        definitions: &'a Definitions,
        blobs: &'a BTreeMap<Fingerprint, Bytes>,
        seed: u64,
    ) -> Turn<'a> {
        Turn {
            now: self.now(),
            seed,
            definitions,
            surroundings: self.shared.parts.surroundings.as_ref(),
            seal: self.shared.parts.seal.as_ref(),
            kestra: Value::map([("url", Value::text(self.shared.config.public_url.as_str()))]),
            blobs,
        }
    }

    /// The flows, once the fold is as far as the ingress was when it chose a revision.
    async fn definitions_for(&mut self, waiting: &Waiting) -> Arc<Definitions> {
        let wanted = |stimulus: &Stimulus| match stimulus {
            Stimulus::Input(input) => input.definitions_at(),
            Stimulus::CallEnded { .. } | Stimulus::TimerDue { .. } => 0,
        };
        let position = waiting.stimuli(TURN_STIMULI_MAX).map(wanted).max().unwrap_or_default();
        self.shared.parts.deployments.at(position).await
    }

    /// Bodies that are kept in the blob store, for whoever is about to be decided.
    async fn blobs_for(
        &mut self,
        stimuli: impl Iterator<Item = &Stimulus>,
    ) -> Result<BTreeMap<Fingerprint, Bytes>, Stop> {
        let mut blobs = BTreeMap::new();
        for stimulus in stimuli {
            let blob = match stimulus {
                Stimulus::Input(input) => input.delivery().and_then(blob_of),
                Stimulus::CallEnded { execution, .. } | Stimulus::TimerDue { execution } => {
                    self.store.with_live(execution, |execution| blob_of(&execution.delivery)).flatten()
                }
            };
            let Some(fingerprint) = blob.filter(|blob| !blobs.contains_key(blob)) else { continue };
            if let Some(bytes) = crate::recover::blob(&self.shared.parts.log, &fingerprint).await? {
                blobs.insert(fingerprint, bytes);
            }
        }
        self.store.check()?;
        Ok(blobs)
    }

    /// A commit is on disk: remembers it, starts its calls, answers who asked.
    async fn committed(&mut self, mut outcome: Outcome, head: Head, ended: &[EndedCall]) -> Result<(), Stop> {
        let expected = self.head.position + 1;
        for change in &mut outcome.changes {
            // The position was guessed before the append; a log with other records in between gives another one.
            if change.entry.first_commit == expected {
                change.entry.first_commit = head.position;
            }
            change.entry.last_commit = head.position;
        }
        self.head = head;
        self.snapshots.changed(&outcome.changes);
        self.finish(outcome, ended).await?;
        self.snapshot_if_due().await
    }

    async fn finish(&mut self, outcome: Outcome, ended: &[EndedCall]) -> Result<(), Stop> {
        self.in_flight_ended(ended);
        self.follow_timers(&outcome.changes);
        let to_look_up = self.desk.decided(&outcome.fates, &outcome.changes);
        if !outcome.changes.is_empty() || self.store.stands_at() < self.head.position {
            self.store.apply(outcome.changes, &self.head)?;
        }
        for call in outcome.calls {
            self.start(call);
        }
        for execution in to_look_up {
            self.look_up_end(execution).await?;
        }
        self.stand(true);
        Ok(())
    }

    fn in_flight_ended(&mut self, ended: &[EndedCall]) {
        for call in ended {
            self.in_flight.remove(call);
        }
    }

    fn stand(&self, running: bool) {
        let standing = Standing { inbox_through: self.head.consumed.through, head: self.head.position, running };
        self.shared.progress.stand(self.number, standing);
    }

    /// An append of the first `taken` items failed. What is in the log decides: reads it, and forgets what was tentative.
    async fn doubt(
        &mut self,
        error: AppendError,
        waiting: &mut Waiting,
        taken: usize,
        commit: &RecordHash,
    ) -> Result<(), Stop> {
        tracing::warn!(partition = self.number, %error, "a commit was not confirmed; reading the log");
        tokio::time::sleep(RETRY_DELAY).await;
        let mut changes = Vec::new();
        self.catch_up(|seen| changes.extend(seen)).await?;
        if self.head.epoch > self.epoch {
            return Err(Stop::Fenced { partition: self.number, epoch: self.head.epoch });
        }
        if self.head.hash.as_ref() == Some(commit) {
            // It is there after all: what it took must not be offered again, or a result would end the next attempt too.
            let ended: Vec<_> = waiting.stimuli(taken).filter_map(ended_call).collect();
            waiting.items.drain(..taken);
            self.in_flight_ended(&ended);
            self.resume(&changes).await?;
        }
        Ok(())
    }

    /// Folds what stands in the log after the head; shows what each commit changed.
    pub(crate) async fn catch_up(&mut self, mut seen: impl FnMut(Vec<Change>)) -> Result<(), Stop> {
        let log = self.shared.parts.log.clone();
        let end = log.head(self.log_name()).await?;
        if end.0 < self.head.position {
            let reason = format!("it ends at {end}, but {} was seen", self.head.position);
            return Err(Stop::Changed { partition: self.number, reason });
        }
        let mut reader = log.read(self.log_name(), Position(self.head.position));
        let entrance = self.shared.entrances.all[usize::from(self.number)].clone();
        while self.head.position < end.0 {
            let Some(record) = reader.next().await else { break };
            let record = record?;
            let folded = partition::fold(&self.head, &self.store, &record.bytes, record.position.0, self.rules());
            self.store.check()?;
            let (head, changes) = folded?;
            self.store.apply(changes.clone(), &head)?;
            // Their inputs are consumed, so nobody shows them to the entrance any more; and the index may have been learned before.
            entrance.learn(&changes.iter().map(|change| change.id).collect::<Vec<_>>());
            self.snapshots.changed(&changes);
            self.head = head;
            seen(changes);
        }
        Ok(())
    }

    /// Timers and calls of everything that is not over: after a start nothing else remembers them.
    async fn resume_all(&mut self) -> Result<(), Stop> {
        let definitions = self.shared.parts.deployments.current();
        let live = self.store.all_live()?;
        for execution in &live {
            self.watch(execution.id, execution.next_wake());
            self.restart_calls(execution, &definitions).await;
        }
        Ok(())
    }

    async fn resume(&mut self, changes: &[Change]) -> Result<(), Stop> {
        let definitions = self.shared.parts.deployments.current();
        self.follow_timers(changes);
        for execution in changes.iter().filter_map(Change::live) {
            self.restart_calls(execution, &definitions).await;
        }
        for execution in self.desk.decided(&[], changes) {
            self.look_up_end(execution).await?;
        }
        self.stand(true);
        Ok(())
    }

    async fn restart_calls(&mut self, execution: &Execution, definitions: &Definitions) {
        if execution.pending_calls().next().is_none() {
            return;
        }
        let stimulus = [Stimulus::TimerDue { execution: execution.id }];
        let blobs = self.blobs_for(stimulus.iter()).await.unwrap_or_default();
        let pending = pending_calls(execution, &self.make_turn(definitions, &blobs, 0));
        for call in pending {
            match call {
                Ok(call) => self.start(call),
                Err(result) => {
                    let _ = self.results.send(result).await;
                }
            }
        }
    }

    fn start(&mut self, call: Call) {
        if self.in_flight.insert((call.task_run, call.n)) {
            let flow = self.store.with_live(&call.execution, |execution| execution.flow.clone());
            self.shared.effects.start(flow, call, self.results.clone());
        }
    }

    fn follow_timers(&mut self, changes: &[Change]) {
        for change in changes {
            self.watch(change.id, change.live().and_then(Execution::next_wake));
        }
    }

    fn watch(&mut self, execution: ExecutionId, wake: Option<Timestamp>) {
        if let Some(old) = self.wakes.remove(&execution) {
            self.timers.remove(&(old, execution));
        }
        if let Some(at) = wake {
            self.wakes.insert(execution, at);
            self.timers.insert((at, execution));
        }
    }

    async fn answer(&mut self, asked: Asked) {
        let todo = match self.desk.ask(asked) {
            Todo::Recall(asked) => {
                let entry = self.store.entry(&asked.question.execution);
                self.desk.recalled(entry.as_ref(), asked)
            }
            todo => todo,
        };
        if let Todo::LookUp(execution) = todo
            && let Err(error) = self.look_up_end(execution).await
        {
            tracing::warn!(partition = self.number, %error, "an ended execution cannot be read back");
        }
    }

    /// Answers who waits for the end of an execution that may be over already.
    async fn look_up_end(&mut self, id: ExecutionId) -> Result<(), Stop> {
        let Some(entry) = self.store.entry(&id).filter(|entry| entry.over) else { return Ok(()) };
        let log = &self.shared.parts.log;
        let execution =
            crate::recover::execution(log, self.log_name(), id, entry.first_commit, entry.last_commit).await?;
        if let Some(execution) = execution {
            self.desk.answer_end(&execution);
        }
        Ok(())
    }

    async fn snapshot_if_due(&mut self) -> Result<(), Stop> {
        if self.snapshots.commits_since() < self.shared.config.snapshot_commits {
            return Ok(());
        }
        let live = self.store.all_live()?;
        self.snapshots.write(&self.shared.parts.log, &self.head, &live).await;
        let told = self.trimmable.as_ref().and_then(|all| all.get(usize::from(self.number)));
        if let Some(told) = told {
            told.store(self.snapshots.trimmable_below(), Ordering::Release);
        }
        Ok(())
    }
}

/// The body of a delivery, when it is kept in the blob store.
fn blob_of(delivery: &Delivery) -> Option<Fingerprint> {
    // Hardly any body is: looking for the word is far cheaper than reading every request.
    let request = Some(&delivery.request).filter(|request| request.as_json().contains("\"blob\""))?;
    match request.parse().ok()?.body? {
        Body::Blob { fingerprint, .. } => Some(fingerprint),
        Body::Text(_) | Body::Bytes(_) => None,
    }
}

/// A call whose result waits to be decided.
type EndedCall = (TaskRunId, u32);

fn ended_call(stimulus: &Stimulus) -> Option<EndedCall> {
    match stimulus {
        Stimulus::CallEnded { task_run, n, .. } => Some((*task_run, *n)),
        Stimulus::Input(_) | Stimulus::TimerDue { .. } => None,
    }
}

/// Resolves when the engine stops, or is gone.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}

/// The hash of the record that a head stands for, to compare with the head's.
pub(crate) fn is_record_of(head: &Head, record: &[u8]) -> bool {
    head.hash == Some(codec::hash(record))
}
