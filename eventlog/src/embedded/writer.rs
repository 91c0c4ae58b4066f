//! The one thread that appends: joins what waits, of all logs, into one batch and one sync.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    options::{GROUP_BYTES_MAX, GROUP_COUNT_MAX},
    queue::{Job, Queue},
    space::FreeSpace,
    state::{LogState, Logs},
    store::{CommitError, Store, Write},
};
use crate::{Append, AppendError, Expect, LogName, Position, Record};

/// After a failed attempt to open the store again the next one waits at least this long.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// The writer's side of the embedded log.
pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    pub(super) logs: Arc<Logs>,
    pub(super) store: Arc<Store>,
    pub(super) space: FreeSpace,
    /// Set while the store could not be opened again: when that was tried last, and why it failed.
    pub(super) broken: Option<(Instant, String)>,
}

/// Who waits for an append.
type Appender = oneshot::Sender<Result<Position, AppendError>>;
/// Who waits for a trim.
type Trimmer = oneshot::Sender<Result<Position, String>>;

/// What is written together, and what everyone who waits for it will hear once it is durable.
#[derive(Default)]
struct Group {
    writes: Vec<Write>,
    bytes: usize,
    /// Heads of the logs that this group appends to, as they were and as they will be.
    bases: HashMap<LogName, Position>,
    heads: HashMap<LogName, Position>,
    appended: Vec<(Appender, Arc<LogState>, Record)>,
    trimmed: Vec<(Trimmer, Arc<LogState>, Position)>,
    /// Conflicts with a head that may be one of `writes`: told only when that one is durable.
    conflicts: Vec<(Appender, LogName, Position)>,
}

impl Writer {
    /// Works until the queue is closed.
    pub(super) fn run(mut self) {
        // Whatever ends this thread, nobody may wait for it in vain.
        let _close = CloseOnDrop(self.queue.clone());
        while let Some(jobs) = self.queue.take() {
            self.heal();
            let mut group = Group::default();
            for job in jobs {
                self.join(&mut group, job);
                if group.is_full() {
                    self.store(std::mem::take(&mut group));
                }
            }
            self.store(group);
        }
    }

    /// Tries a store that could not be opened once more. Only between groups: heads may move by it.
    fn heal(&mut self) {
        if self.broken.as_ref().is_some_and(|(tried, _)| tried.elapsed() >= REOPEN_PAUSE) {
            // A failure is kept in `broken` and told to whoever appends.
            let _ = self.reopen();
        }
    }

    fn join(&self, group: &mut Group, job: Job) {
        match job {
            Job::Append { append, done } => {
                let log = self.logs.get(&append.log);
                group.join_append(log, append, done);
            }
            Job::Trim { log, below, done } => group.join_trim(self.logs.get(&log), below, done),
        }
    }

    fn store(&mut self, group: Group) {
        if group.writes.is_empty() {
            return group.answer();
        }
        if let Err(refuse) = self.may_write(&group) {
            return group.refuse(&refuse);
        }
        match self.commit(&group) {
            Ok(()) => group.answer(),
            Err(CommitError::Sync(cause)) => self.close(group, &cause.to_string()),
            Err(cause @ (CommitError::Write(_) | CommitError::NotOpen)) => self.recover(group, &cause),
        }
    }

    /// One retry when the store had stopped before this group: then nothing of it was written.
    fn commit(&mut self, group: &Group) -> Result<(), CommitError> {
        match self.store.commit(&group.writes) {
            Err(cause) if cause.is_earlier_failure() && self.reopen().is_ok() && self.is_next(group) => {
                self.store.commit(&group.writes)
            }
            result => result,
        }
    }

    /// Whether the group still continues what is durable; else it would take positions that are already taken.
    fn is_next(&self, group: &Group) -> bool {
        group.bases.iter().all(|(log, base)| self.logs.get(log).head() == *base)
    }

    /// Refuses before anything is written: no room, or the store is not open.
    fn may_write(&mut self, group: &Group) -> Result<(), Refuse> {
        if let Some((_, reason)) = &self.broken {
            return Err(Refuse::Unavailable(format!("the store could not be opened again: {reason}")));
        }
        if !self.is_next(group) {
            return Err(Refuse::Unavailable("the log was opened again meanwhile; try again".into()));
        }
        // Trimming makes room, so it is let through.
        if group.appended.is_empty() { Ok(()) } else { self.space.check(group.bytes).map_err(Refuse::Full) }
    }

    /// Writing failed half-way. Opening the store again shows whether the group stands in it; a batch is whole or absent.
    fn recover(&mut self, group: Group, cause: &CommitError) {
        tracing::error!(%cause, "the log could not be written; opening it again");
        let reason = cause.to_string();
        match self.reopen() {
            Err(reopen) => group.unknown(&format!("{reason}; then opening it again failed: {reopen}")),
            Ok(()) if self.has(&group) => group.answer(),
            Ok(()) if cause.is_full() => group.refuse(&Refuse::Full(reason)),
            Ok(()) => group.refuse(&Refuse::Unavailable(reason)),
        }
    }

    fn reopen(&mut self) -> Result<(), String> {
        match self.store.reopen() {
            Ok(bounds) => {
                self.broken = None;
                for bound in bounds {
                    self.logs.get(&bound.log).set_bounds(bound.first, bound.head);
                }
                Ok(())
            }
            Err(cause) => {
                tracing::error!(%cause, "the log cannot be opened again");
                self.broken = Some((Instant::now(), cause.to_string()));
                Err(cause.to_string())
            }
        }
    }

    /// Whether the disk, just opened again, has this group.
    fn has(&self, group: &Group) -> bool {
        !group.heads.is_empty() && group.heads.iter().all(|(log, head)| self.logs.get(log).head() == *head)
    }

    /// A failed sync: the disk may have dropped what it was told to keep, and would answer a second sync with success.
    fn close(&self, group: Group, cause: &str) {
        tracing::error!(cause, "the disk failed to sync the log; nothing is appended any more until a restart");
        self.queue.close(format!("the disk failed to sync ({cause}); check it, then restart this process"));
        group.unknown(cause);
    }
}

/// Why a group is not written at all.
enum Refuse {
    Full(String),
    Unavailable(String),
}

impl Refuse {
    fn of(&self, log: LogName) -> AppendError {
        match self {
            Refuse::Full(reason) => AppendError::Full { log, reason: reason.clone() },
            Refuse::Unavailable(reason) => AppendError::Unavailable { log, reason: reason.clone() },
        }
    }

    fn reason(&self) -> &str {
        match self {
            Refuse::Full(reason) | Refuse::Unavailable(reason) => reason,
        }
    }
}

impl Group {
    fn is_full(&self) -> bool {
        self.bytes >= GROUP_BYTES_MAX || self.writes.len() >= GROUP_COUNT_MAX
    }

    fn join_append(&mut self, log: Arc<LogState>, append: Append, done: Appender) {
        let head = self.heads.get(&append.log).copied().unwrap_or_else(|| log.head());
        if let Expect::Head(expected) = append.expect
            && expected != head
        {
            self.conflicts.push((done, append.log, head));
            return;
        }
        let position = Position(head.0 + 1);
        self.bytes += append.bytes.len();
        self.bases.entry(append.log.clone()).or_insert(head);
        self.heads.insert(append.log.clone(), position);
        self.writes.push(Write::Put { log: append.log, position, bytes: append.bytes.clone() });
        self.appended.push((done, log, Record { position, bytes: append.bytes }));
    }

    /// The newest record always stays: its position is the log's memory of itself.
    fn join_trim(&mut self, log: Arc<LogState>, below: Position, done: Trimmer) {
        let first = below.min(log.head()).max(log.first());
        if first > log.first() {
            self.writes.push(Write::First { log: log.name.clone(), first });
        }
        self.trimmed.push((done, log, first));
    }

    /// Everything is durable: readers see it, then the waiters hear of it.
    fn answer(self) {
        for (done, log, record) in self.appended {
            let position = record.position;
            log.push(record);
            // A waiter that is gone does not need the answer.
            let _ = done.send(Ok(position));
        }
        for (done, log, first) in self.trimmed {
            log.set_first(first);
            let _ = done.send(Ok(first));
        }
        for (done, log, head) in self.conflicts {
            let _ = done.send(Err(AppendError::Conflict { log, head }));
        }
    }

    fn refuse(self, refuse: &Refuse) {
        for (done, log, _) in self.appended {
            let _ = done.send(Err(refuse.of(log.name.clone())));
        }
        // The head that these met may not have come to be.
        for (done, log, _) in self.conflicts {
            let _ = done.send(Err(refuse.of(log)));
        }
        for (done, _, _) in self.trimmed {
            let _ = done.send(Err(refuse.reason().to_owned()));
        }
    }

    fn unknown(self, reason: &str) {
        for (done, log, _) in self.appended {
            let _ = done.send(Err(AppendError::Unknown { log: log.name.clone(), reason: reason.to_owned() }));
        }
        for (done, log, _) in self.conflicts {
            let _ = done.send(Err(AppendError::Unavailable { log, reason: reason.to_owned() }));
        }
        for (done, _, _) in self.trimmed {
            let _ = done.send(Err(reason.to_owned()));
        }
    }
}

struct CloseOnDrop(Arc<Queue>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close("the log's writer has stopped; restart this process");
    }
}
