//! What must hold, checked against the logs alone by a model that shares nothing with the fold of the core.

use std::collections::{BTreeMap, BTreeSet};

use windhover_proto::{
    codec::{self, CommitHeader, RecordHash},
    core::partition::{Fate, FoldError},
    delivery::{Delivery, KeySource},
    event::{Afterwards, Answer, Awaits, Event, Failure},
    id::{DeliveryId, ExecutionId, TaskRunId},
    input::Input,
};

use crate::{catalog::SECRET, owner::CallKey};

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub String);

impl From<FoldError> for Violation {
    fn from(error: FoldError) -> Self {
        Self(format!("the log does not fold: {error}"))
    }
}

/// Whether something holds, or what does not.
pub(crate) type Verdict = Result<(), Violation>;

fn hold(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Violation(otherwise())) }
}

/// A task run as the log tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    /// An attempt runs; the number of the call it waits for.
    Running { call: Option<u32>, answered: u32 },
    /// The attempt failed and another one must follow.
    Failed { answered: u32 },
    /// A retry is scheduled.
    Retrying { answered: u32 },
    /// Its result is recorded.
    Done,
}

/// An execution as the log tells it.
#[derive(Debug)]
pub(crate) struct Observed {
    /// The delivery that started it.
    pub first: Delivery,
    /// Every line of it, in order.
    pub lines: Vec<codec::Line>,
    runs: BTreeMap<TaskRunId, Run>,
    deliveries: BTreeMap<DeliveryId, Delivery>,
    ended: bool,
    /// Nothing may follow but duplicates.
    pub over: bool,
    /// A call of it ended without an answer, so its end depends on the faults.
    pub unanswered: bool,
}

#[derive(Debug, Default)]
struct Seen {
    position: u64,
    hash: Option<RecordHash>,
    header: Option<CommitHeader>,
}

/// Everything seen so far.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    partitions: BTreeMap<u16, Seen>,
    executions: BTreeMap<ExecutionId, Observed>,
    open: usize,
    stored: BTreeSet<DeliveryId>,
    reflected: BTreeSet<DeliveryId>,
    durable_calls: BTreeSet<CallKey>,
    starts: BTreeMap<CallKey, u32>,
    excuses: BTreeMap<CallKey, u32>,
    fates: BTreeMap<DeliveryId, Fate>,
    /// Calls whose key the called system saw before.
    pub repeated_calls: u64,
}

impl Checker {
    /// The executions seen so far.
    pub(crate) fn executions(&self) -> &BTreeMap<ExecutionId, Observed> {
        &self.executions
    }

    /// Executions that are not over.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Inputs stand in the inbox.
    pub(crate) fn inbox_stored(&mut self, inputs: &[Input]) {
        self.stored.extend(inputs.iter().map(Input::id));
    }

    /// A sender was told that its input is stored.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn acknowledged(&self, input: DeliveryId) -> Verdict {
        hold(self.stored.contains(&input), || format!("delivery {input} was acknowledged but is not stored"))
    }

    /// An owner said what became of deliveries.
    ///
    /// # Errors
    /// When another answer was given for one of them before.
    pub(crate) fn told(&mut self, fates: Vec<Fate>) -> Verdict {
        for fate in fates {
            let before = self.fates.insert(fate.delivery, fate.clone());
            hold(before.as_ref().is_none_or(|before| *before == fate), || {
                format!("two verdicts for one delivery: {before:?}, then {fate:?}")
            })?;
        }
        Ok(())
    }

    /// A call is about to be made.
    ///
    /// # Errors
    /// When no durable record awaits it, or when nothing excuses that it is made again.
    pub(crate) fn call_starts(&mut self, key: CallKey) -> Verdict {
        hold(self.durable_calls.contains(&key), || format!("call {key:?} starts before its record is on disk"))?;
        let starts = self.starts.entry(key).or_default();
        *starts += 1;
        self.repeated_calls += u64::from(*starts > 1);
        let excused = 1 + self.excuses.get(&key).copied().unwrap_or_default();
        hold(*starts <= excused, || format!("call {key:?} is made {starts} times, {excused} would be excused"))
    }

    /// A call ended without an answer: it may be repeated under its key.
    pub(crate) fn call_unanswered(&mut self, key: CallKey) {
        *self.excuses.entry(key).or_default() += 1;
        if let Some(execution) = self.executions.get_mut(&key.0) {
            execution.unanswered = true;
        }
    }

    /// A commit stands in the log of a partition.
    ///
    /// # Errors
    /// When it must not stand there.
    pub(crate) fn committed(&mut self, partition: u16, record: &[u8]) -> Verdict {
        let text = std::str::from_utf8(record).map_err(|error| Violation(error.to_string()))?;
        hold(!text.contains(SECRET), || "a secret stands in the log in clear".to_owned())?;
        let commit = codec::decode_commit(record).map_err(|error| Violation(error.to_string()))?;
        self.follows(partition, &commit.header, record)?;
        for (id, json) in commit.items() {
            hold(id.partition(crate::PARTITIONS) == partition, || format!("execution {id} is not of {partition}"))?;
            let line = codec::decode_line(json).map_err(|error| Violation(error.to_string()))?;
            line.events.iter().try_for_each(|event| self.happened(id, event))?;
            if let Some(observed) = self.executions.get_mut(&id) {
                observed.lines.push(line);
            }
        }
        Ok(())
    }

    fn follows(&mut self, partition: u16, header: &CommitHeader, record: &[u8]) -> Verdict {
        let seen = self.partitions.entry(partition).or_default();
        let chained = header.prev_hash == seen.hash && header.prev_position == seen.position;
        hold(chained, || format!("the chain of partition {partition} breaks after {}", seen.position))?;
        let raised = seen.header.as_ref().is_none_or(|before| header.epoch > before.epoch);
        let onward = seen.header.as_ref().is_none_or(|before| {
            header.epoch >= before.epoch && header.now >= before.now && header.consumed >= before.consumed
        });
        hold(onward, || format!("partition {partition} went back: {header:?} after {:?}", seen.header))?;
        *seen = Seen { position: seen.position + 1, hash: Some(codec::hash(record)), header: Some(header.clone()) };
        if raised {
            self.excuse_pending(partition);
        }
        Ok(())
    }

    /// A new owner may repeat what was in flight.
    fn excuse_pending(&mut self, partition: u16) {
        let own =
            self.executions.iter().filter(|(id, seen)| !seen.over && id.partition(crate::PARTITIONS) == partition);
        for (id, observed) in own {
            for (run, state) in &observed.runs {
                if let Run::Running { call: Some(n), .. } = state {
                    *self.excuses.entry((*id, *run, *n)).or_default() += 1;
                }
            }
        }
    }

    fn happened(&mut self, id: ExecutionId, event: &Event) -> Verdict {
        if let Event::ExecutionCreated(created) = event {
            hold(!self.executions.contains_key(&id), || format!("execution {id} was created twice"))?;
            self.reflect(&created.delivery)?;
            self.open += 1;
            self.executions.insert(id, Observed::new(created.delivery.clone()));
            return Ok(());
        }
        if let Event::DeliverySuppressed(suppressed) = event {
            self.reflect(&suppressed.delivery)?;
        }
        let Some(observed) = self.executions.get_mut(&id) else {
            return Err(Violation(format!("{event:?} happened to execution {id}, which does not exist")));
        };
        let was_over = observed.over;
        observed.follow(event).map_err(|what| Violation(format!("execution {id}: {what} at {event:?}")))?;
        self.open -= usize::from(observed.over && !was_over);
        if let Some(awaited) = observed.awaited(event) {
            self.durable_calls.insert((id, awaited.0, awaited.1));
        }
        Ok(())
    }

    fn reflect(&mut self, delivery: &Delivery) -> Verdict {
        let id = delivery.id;
        hold(self.stored.contains(&id), || format!("delivery {id} is reflected but not stored"))?;
        hold(self.reflected.insert(id), || format!("delivery {id} is reflected twice"))
    }

    /// How far every partition says that it consumed the inbox.
    pub(crate) fn consumed(&self, partition: u16) -> u64 {
        let header = self.partitions.get(&partition).and_then(|seen| seen.header.as_ref());
        header.map_or(0, |header| header.consumed.through)
    }

    /// Everything is done: what must hold at the end.
    ///
    /// # Errors
    /// When an input is not reflected, an execution is not over, or a verdict was not what the log says.
    pub(crate) fn finished(&self) -> Verdict {
        let missing = self.stored.difference(&self.reflected).next();
        hold(missing.is_none(), || format!("delivery {missing:?} is stored but not reflected"))?;
        let open = self.executions.iter().find(|(_, observed)| !observed.over);
        hold(open.is_none(), || format!("execution {:?} did not end", open.map(|(id, _)| id)))?;
        self.fates.values().try_for_each(|fate| self.is_true(fate))
    }

    fn is_true(&self, fate: &Fate) -> Verdict {
        let observed = self.executions.get(&fate.execution);
        let delivery = observed.and_then(|observed| observed.deliveries.get(&fate.delivery));
        let (Some(observed), Some(delivery)) = (observed, delivery) else {
            return Err(Violation(format!("{fate:?} is about a delivery that the log does not know")));
        };
        let first = observed.first.id == fate.delivery;
        let promised = delivery.key.as_ref().is_some_and(|key| key.source == KeySource::Header);
        let other_body = delivery.fingerprint != observed.first.fingerprint;
        let broken = (promised && other_body).then_some((observed.first.fingerprint, delivery.fingerprint));
        hold(fate.first == first && fate.key_reused == broken, || format!("{fate:?} is not what the log says"))
    }
}

impl Observed {
    fn new(first: Delivery) -> Self {
        Self {
            deliveries: BTreeMap::from([(first.id, first.clone())]),
            first,
            lines: Vec::new(),
            runs: BTreeMap::new(),
            ended: false,
            over: false,
            unanswered: false,
        }
    }

    /// The call that an event awaits.
    fn awaited(&self, event: &Event) -> Option<(TaskRunId, u32)> {
        let run = match event {
            Event::TaskRunStarted(started) => started.task_run,
            Event::AttemptStarted { task_run, .. } => *task_run,
            _ => return None,
        };
        match self.runs.get(&run)? {
            Run::Running { call, .. } => call.map(|n| (run, n)),
            Run::Failed { .. } | Run::Retrying { .. } | Run::Done => None,
        }
    }

    fn follow(&mut self, event: &Event) -> Result<(), &'static str> {
        if let Event::DeliverySuppressed(suppressed) = event {
            self.deliveries.insert(suppressed.delivery.id, suppressed.delivery.clone());
            return Ok(());
        }
        if let Event::ExecutionKilled { .. } | Event::ExecutionDeleted { .. } = event {
            self.over = true;
            return Ok(());
        }
        if let Event::LogsDeleted { .. } = event {
            return Ok(());
        }
        if self.over {
            return Err("something follows the end");
        }
        match event {
            Event::ExecutionCreated(_) => Err("it exists already"),
            Event::DeliverySuppressed(_)
            | Event::ExecutionKilled { .. }
            | Event::LogsDeleted { .. }
            | Event::ExecutionDeleted { .. }
            | Event::ExecutionStarted
            | Event::TimerSet { .. }
            | Event::Logged(_)
            | Event::ValueRead { .. } => Ok(()),
            Event::TaskRunStarted(started) => self.begin(started.task_run, running(started.awaits, 0)),
            Event::TaskRunRefused(refused) => self.begin(refused.task_run, Run::Done),
            Event::TaskRunSucceeded { task_run, .. } => self.end_run(*task_run, |_| Run::Done),
            Event::TaskRunFailed { task_run, failure, answer, .. } => self.end_run(*task_run, |answered| {
                let answered = answered + u32::from(*answer == Answer::Recorded);
                match failure {
                    Failure::Plain | Failure::Allowed => Run::Done,
                    Failure::Retried => Run::Failed { answered },
                }
            }),
            Event::TaskRunExited { task_run, .. } => self.end_run(*task_run, |_| Run::Done),
            Event::RetryScheduled { task_run, .. } => match self.runs.get_mut(task_run) {
                Some(run @ Run::Failed { .. }) => {
                    *run = Run::Retrying { answered: run.answered() };
                    Ok(())
                }
                Some(Run::Running { .. } | Run::Retrying { .. } | Run::Done) | None => Err("nothing failed"),
            },
            Event::AttemptStarted { task_run, awaits } => match self.runs.get_mut(task_run) {
                Some(run @ Run::Retrying { .. }) => {
                    *run = running(*awaits, run.answered());
                    Ok(())
                }
                Some(Run::Running { .. } | Run::Failed { .. } | Run::Done) | None => Err("no retry was scheduled"),
            },
            Event::ExecutionEnded { afterwards, .. } => self.end(*afterwards == Afterwards::Nothing),
            Event::AfterExecutionEnded => {
                self.over = true;
                if self.ended { Ok(()) } else { Err("it did not end before") }
            }
            Event::ExecutionStuck { .. } => {
                self.over = true;
                Ok(())
            }
        }
    }

    fn begin(&mut self, id: TaskRunId, run: Run) -> Result<(), &'static str> {
        if self.runs.insert(id, run).is_none() { Ok(()) } else { Err("the task run exists already") }
    }

    fn end_run(&mut self, id: TaskRunId, after: impl FnOnce(u32) -> Run) -> Result<(), &'static str> {
        match self.runs.get_mut(&id) {
            Some(run @ Run::Running { .. }) => {
                *run = after(run.answered());
                Ok(())
            }
            Some(Run::Failed { .. } | Run::Retrying { .. } | Run::Done) | None => Err("a result is recorded twice"),
        }
    }

    fn end(&mut self, over: bool) -> Result<(), &'static str> {
        if std::mem::replace(&mut self.ended, true) {
            return Err("it ends twice");
        }
        self.over = over;
        let done = self.runs.values().all(|run| *run == Run::Done);
        if done { Ok(()) } else { Err("it ends while a task run is not done") }
    }
}

fn running(awaits: Awaits, answered: u32) -> Run {
    let call = match awaits {
        Awaits::Nothing => None,
        Awaits::Effect => Some(answered + 1),
    };
    Run::Running { call, answered }
}

impl Run {
    fn answered(&self) -> u32 {
        match self {
            Run::Running { answered, .. } | Run::Failed { answered } | Run::Retrying { answered } => *answered,
            Run::Done => 0,
        }
    }
}
