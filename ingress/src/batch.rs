//! Group commit: one append is in flight, and what arrives meanwhile is the next record. One fsync answers all who waited.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use windhover_eventlog::{
    Append, AppendError, Expect, LogName, Position, SharedLog,
    ask::{Arrivals, SharedOwners},
};
use windhover_proto::{
    codec::{self, INBOX_HEADER_BYTES_MAX, InboxLine},
    id::{DeliveryId, ExecutionId},
    problem::{Code, Problem},
};

use crate::limits;

/// A delivery with a key, of which its sender wants to know whether it is the first one.
pub(crate) type Keyed = (ExecutionId, DeliveryId);

/// What is known of a delivery that is on disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    /// Whether it is certainly the first one of its key. Of one without a key nobody is asked.
    pub(crate) is_first: bool,
    /// Until when its sender waits for its verdict.
    pub(crate) verdict_by: Instant,
}

/// One delivery on its way to the log.
#[derive(Debug)]
struct Waiting {
    line: InboxLine,
    keyed: Option<Keyed>,
    deadline: Instant,
    done: Done,
}

/// Who waits for it.
type Done = oneshot::Sender<Result<Stored, Problem>>;

/// Takes deliveries for one shard of the inbox.
#[derive(Clone, Debug)]
pub(crate) struct Batcher {
    queue: mpsc::UnboundedSender<Waiting>,
    waiting_bytes: Arc<AtomicUsize>,
    line_bytes_max: usize,
    append_max: Duration,
}

impl Batcher {
    /// Starts to take deliveries for a shard. It ends when the last clone is dropped and what waited is appended.
    pub(crate) fn start(log: SharedLog, owners: SharedOwners, shard: u16, append_max: Duration) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let line_bytes_max = log.record_bytes_max().saturating_sub(INBOX_HEADER_BYTES_MAX);
        let group_bytes_max = line_bytes_max.min(limits::GROUP_BYTES_MAX);
        let writer = Writer { log, owners, name: LogName::Inbox { shard }, group_bytes_max };
        tokio::spawn(run(writer, waiting, waiting_bytes.clone()));
        Self { queue, waiting_bytes, line_bytes_max, append_max }
    }

    /// Resolves when the line is on disk and, of a keyed one, it is known whether it is the first one of its key, or nobody says so
    /// in time.
    ///
    /// # Errors
    /// 413 for a line that no record can hold, 503 when it was not stored, or when nobody knows.
    pub(crate) async fn append(&self, line: InboxLine, keyed: Option<Keyed>) -> Result<Stored, Problem> {
        let size_bytes = line.size_bytes();
        if size_bytes > self.line_bytes_max {
            return Err(too_large(size_bytes, self.line_bytes_max));
        }
        if self.waiting_bytes.fetch_add(size_bytes, Ordering::Relaxed) + size_bytes > limits::WAITING_BYTES_MAX {
            self.waiting_bytes.fetch_sub(size_bytes, Ordering::Relaxed);
            return Err(overloaded());
        }
        let (done, outcome) = oneshot::channel();
        let waiting = Waiting { line, keyed, deadline: Instant::now() + self.append_max, done };
        if self.queue.send(waiting).is_err() {
            return Err(stopped());
        }
        outcome.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn too_large(size_bytes: usize, limit_bytes: usize) -> Problem {
    Code::BodyTooLarge.because(format!(
        "the delivery takes {size_bytes} bytes in the log, the limit is {limit_bytes}; send fewer or shorter headers"
    ))
}

fn overloaded() -> Problem {
    let limit_bytes = limits::WAITING_BYTES_MAX;
    Code::Overloaded.because(format!("more than {limit_bytes} bytes wait for the disk; nothing was stored, retry"))
}

fn stopped() -> Problem {
    Code::Unavailable.because("the server is stopping; retry with the same key")
}

/// What [`AppendError`]s mean for a sender.
fn problem(error: &AppendError) -> Problem {
    match error {
        AppendError::Full { .. } => Code::Full.because(format!("nothing was stored: {error}")),
        AppendError::TooLarge { .. } => Code::BodyTooLarge.because(error.to_string()),
        AppendError::Unavailable { .. } | AppendError::Conflict { .. } => {
            Code::Unavailable.because(format!("nothing was stored: {error}; retry with the same key"))
        }
        AppendError::Unknown { .. } => {
            Code::NotConfirmed.because(format!("the log did not confirm: {error}; retry with the same key"))
        }
    }
}

fn not_confirmed() -> Problem {
    Code::NotConfirmed.because("the log did not confirm in time; retry with the same key")
}

/// Appends groups to one log.
struct Writer {
    log: SharedLog,
    owners: SharedOwners,
    name: LogName,
    group_bytes_max: usize,
}

async fn run(writer: Writer, mut queue: mpsc::UnboundedReceiver<Waiting>, waiting_bytes: Arc<AtomicUsize>) {
    let mut taken = Vec::with_capacity(limits::GROUP_COUNT_MAX);
    while queue.recv_many(&mut taken, limits::GROUP_COUNT_MAX).await > 0 {
        let bytes: usize = taken.iter().map(|waiting| waiting.line.size_bytes()).sum();
        while !taken.is_empty() {
            let group = writer.cut(&mut taken);
            writer.store(group).await;
        }
        waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Writer {
    /// Takes from the front what fits into one record; at least one.
    fn cut(&self, taken: &mut Vec<Waiting>) -> Vec<Waiting> {
        let mut bytes = 0;
        let fits = |waiting: &&Waiting| {
            bytes += waiting.line.size_bytes();
            bytes <= self.group_bytes_max
        };
        let count = taken.iter().take_while(fits).count().max(1);
        if count == taken.len() {
            return std::mem::replace(taken, Vec::with_capacity(limits::GROUP_COUNT_MAX));
        }
        taken.drain(..count).collect()
    }

    /// Appends a group and tells everyone in it. Whoever has waited too long already is told so first: a sender that
    /// was told 503 may have given up, and its delivery must not surface later without need.
    async fn store(&self, group: Vec<Waiting>) {
        let now = Instant::now();
        let (group, late): (Vec<_>, Vec<_>) = group.into_iter().partition(|waiting| waiting.deadline > now);
        late.into_iter().for_each(|waiting| tell(waiting.done, Err(not_confirmed())));
        let Some(first) = group.first() else { return };
        let deadline = first.deadline;
        let apart = |waiting: Waiting| (waiting.line, (waiting.keyed, waiting.done));
        let (lines, done): (Vec<_>, Vec<_>) = group.into_iter().map(apart).unzip();
        let bytes = Bytes::from(codec::encode_inbox(&lines));
        match self.append(bytes, deadline).await {
            Ok(position) => self.stored(position, done),
            Err(problem) => {
                tracing::warn!(log = %self.name, deliveries = done.len(), %problem, "deliveries were answered with 503");
                done.into_iter().for_each(|(_, done)| tell(done, Err(problem.clone())));
            }
        }
    }

    /// Tells those without a key that they are on disk, and asks for all others at once whether they are the first ones. The next
    /// group does not wait for that.
    fn stored(&self, record: Position, done: Vec<(Option<Keyed>, Done)>) {
        let verdict_by = Instant::now() + limits::VERDICT_MAX;
        let (mut deliveries, mut waiting) = (Vec::new(), Vec::new());
        for (keyed, done) in done {
            match keyed {
                Some(keyed) => {
                    deliveries.push(keyed);
                    waiting.push(Some(done));
                }
                None => tell(done, Ok(Stored { is_first: false, verdict_by })),
            }
        }
        if !deliveries.is_empty() {
            let arrivals = Arrivals { record, deliveries };
            tokio::spawn(tell_first_ones(self.owners.clone(), arrivals, waiting, verdict_by));
        }
    }

    /// Appends a record; after an unknown outcome the same record again, under the same id, while there is time.
    async fn append(&self, bytes: Bytes, deadline: Instant) -> Result<Position, Problem> {
        let resend_id = Some(*uuid::Uuid::new_v4().as_bytes());
        loop {
            let append = Append { log: self.name.clone(), bytes: bytes.clone(), expect: Expect::Anything, resend_id };
            let appended = tokio::time::timeout_at(deadline, self.log.append(append)).await;
            match appended {
                Ok(Ok(position)) => return Ok(position),
                Ok(Err(error @ AppendError::Unknown { .. })) => {
                    if Instant::now() + limits::RESEND_DELAY >= deadline {
                        return Err(problem(&error));
                    }
                    tokio::time::sleep(limits::RESEND_DELAY).await;
                }
                Ok(Err(error)) => return Err(problem(&error)),
                Err(_) => return Err(not_confirmed()),
            }
        }
    }
}

/// Tells senders whether they are the first ones, each as soon as it is known.
async fn tell_first_ones(
    owners: SharedOwners,
    arrivals: Arrivals,
    mut waiting: Vec<Option<Done>>,
    verdict_by: Instant,
) {
    let mut firsts = owners.first_ones(arrivals);
    while let Ok(Some(part)) = tokio::time::timeout_at(verdict_by, firsts.next()).await {
        for (place, is_first) in part {
            if let Some(done) = waiting.get_mut(place).and_then(Option::take) {
                tell(done, Ok(Stored { is_first, verdict_by }));
            }
        }
    }
    waiting.into_iter().flatten().for_each(|done| tell(done, Ok(Stored { is_first: false, verdict_by })));
}

fn tell(done: Done, outcome: Result<Stored, Problem>) {
    // A sender that has gone away does not need its answer.
    let _ = done.send(outcome);
}
