//! The log in memory: the same contract, nothing on disk, no tasks, no clock. For tests and the simulator.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use tokio::sync::watch;

use crate::{
    Append, AppendError, Durability, EventLog, Expect, Layout, LogName, ObjectError, ObjectName, Position, ReadError,
    Reader, Record, TrimError,
};

/// Largest record: as the embedded log has it unless configured.
const RECORD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Logs and objects that live as long as this value; clones of the `Arc` are the same logs.
#[derive(Debug)]
pub struct Memory {
    layout: Layout,
    logs: Mutex<HashMap<LogName, Arc<Log>>>,
    objects: Mutex<BTreeMap<ObjectName, Bytes>>,
    /// How many of the next reads of objects fail.
    failing: AtomicUsize,
}

#[derive(Debug)]
struct Log {
    name: LogName,
    kept: Mutex<Kept>,
    head: watch::Sender<Position>,
}

#[derive(Debug, Default)]
struct Kept {
    records: BTreeMap<Position, Bytes>,
    head: Position,
}

impl Memory {
    /// Empty logs of this layout.
    pub fn new(layout: Layout) -> Arc<Self> {
        Arc::new(Self { layout, logs: Mutex::default(), objects: Mutex::default(), failing: AtomicUsize::new(0) })
    }

    /// Lets so many of the next reads of objects fail, as those of a store do that is out of reach.
    pub fn fail_reads_of_objects(&self, count: usize) {
        self.failing.store(count, Ordering::Release);
    }

    /// Whether this read of an object fails.
    fn fails(&self) -> bool {
        self.failing.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
    }

    fn log(&self, name: &LogName) -> Arc<Log> {
        let new = || Arc::new(Log { name: name.clone(), kept: Mutex::default(), head: watch::Sender::default() });
        lock(&self.logs).entry(name.clone()).or_insert_with(new).clone()
    }

    fn append_now(&self, append: Append) -> Result<Position, AppendError> {
        let (size_bytes, limit_bytes) = (append.bytes.len(), RECORD_BYTES_MAX);
        if size_bytes > limit_bytes {
            return Err(AppendError::TooLarge { log: append.log, size_bytes, limit_bytes });
        }
        self.log(&append.log).append(append.expect, append.bytes)
    }
}

impl Log {
    fn append(&self, expect: Expect, bytes: Bytes) -> Result<Position, AppendError> {
        let mut kept = lock(&self.kept);
        if let Expect::Head(expected) = expect
            && expected != kept.head
        {
            return Err(AppendError::Conflict { log: self.name.clone(), head: kept.head });
        }
        let position = Position(kept.head.0 + 1);
        kept.head = position;
        kept.records.insert(position, bytes);
        drop(kept);
        self.head.send_replace(position);
        Ok(position)
    }

    fn first(&self) -> Position {
        lock(&self.kept).first()
    }

    /// The record after `after`, `None` when `after` is the head.
    fn next(&self, after: Position) -> Result<Option<Record>, ReadError> {
        let kept = lock(&self.kept);
        let (first, head) = (kept.first(), kept.head);
        if after > head {
            return Err(ReadError::Ahead { log: self.name.clone(), after, head });
        }
        if after.0 + 1 < first.0 {
            return Err(ReadError::Trimmed { log: self.name.clone(), after, first });
        }
        Ok(kept.record(Position(after.0 + 1)))
    }

    fn trim(&self, below: Position) {
        let mut kept = lock(&self.kept);
        let first = below.min(kept.head);
        kept.records = kept.records.split_off(&first);
    }
}

impl Kept {
    fn first(&self) -> Position {
        self.records.first_key_value().map_or(Position(self.head.0 + 1), |(first, _)| *first)
    }

    fn record(&self, position: Position) -> Option<Record> {
        self.records.get(&position).map(|bytes| Record { position, bytes: bytes.clone() })
    }
}

struct Cursor {
    log: Arc<Log>,
    head: watch::Receiver<Position>,
    after: Position,
    ended: bool,
}

impl Cursor {
    async fn next(&mut self) -> Result<Record, ReadError> {
        loop {
            self.head.borrow_and_update();
            if let Some(record) = self.log.next(self.after)? {
                self.after = record.position;
                return Ok(record);
            }
            // The sender lives in `log`, so waiting never fails.
            let _ = self.head.changed().await;
        }
    }
}

async fn step(mut cursor: Cursor) -> Option<(Result<Record, ReadError>, Cursor)> {
    if cursor.ended {
        return None;
    }
    let item = cursor.next().await;
    cursor.ended = item.is_err();
    Some((item, cursor))
}

impl EventLog for Memory {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Position, AppendError>> {
        std::future::ready(self.append_now(append)).boxed()
    }

    fn head(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        let head = lock(&self.log(&log).kept).head;
        std::future::ready(Ok(head)).boxed()
    }

    fn first(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        std::future::ready(Ok(self.log(&log).first())).boxed()
    }

    fn record(&self, log: LogName, position: Position) -> BoxFuture<'static, Result<Option<Record>, ReadError>> {
        let record = lock(&self.log(&log).kept).record(position);
        std::future::ready(Ok(record)).boxed()
    }

    fn read(&self, log: LogName, after: Position) -> Reader {
        let log = self.log(&log);
        let head = log.head.subscribe();
        stream::unfold(Cursor { log, head, after, ended: false }, step).boxed()
    }

    fn trim(&self, log: LogName, below: Position) -> BoxFuture<'static, Result<(), TrimError>> {
        self.log(&log).trim(below);
        std::future::ready(Ok(())).boxed()
    }

    fn usage_bytes(&self) -> BoxFuture<'static, Result<u64, ReadError>> {
        let logs: Vec<_> = lock(&self.logs).values().cloned().collect();
        let records: usize =
            logs.iter().map(|log| lock(&log.kept).records.values().map(Bytes::len).sum::<usize>()).sum();
        let objects: usize = lock(&self.objects).values().map(Bytes::len).sum();
        std::future::ready(Ok((records + objects) as u64)).boxed()
    }

    fn put_object(&self, name: ObjectName, bytes: Bytes) -> BoxFuture<'static, Result<(), ObjectError>> {
        lock(&self.objects).insert(name, bytes);
        std::future::ready(Ok(())).boxed()
    }

    fn object(&self, name: ObjectName) -> BoxFuture<'static, Result<Option<Bytes>, ObjectError>> {
        let found = if self.fails() {
            Err(ObjectError::Store { what: name.to_string(), cause: "out of reach, as a test wants it".into() })
        } else {
            Ok(lock(&self.objects).get(&name).cloned())
        };
        std::future::ready(found).boxed()
    }

    fn objects(&self, prefix: &str) -> BoxFuture<'static, Result<Vec<ObjectName>, ObjectError>> {
        let names = lock(&self.objects).keys().filter(|name| name.as_str().starts_with(prefix)).cloned().collect();
        std::future::ready(Ok(names)).boxed()
    }

    fn delete_object(&self, name: ObjectName) -> BoxFuture<'static, Result<(), ObjectError>> {
        lock(&self.objects).remove(&name);
        std::future::ready(Ok(())).boxed()
    }

    fn durability(&self) -> Durability {
        Durability::Unsynced
    }

    fn layout(&self) -> Layout {
        self.layout
    }

    fn record_bytes_max(&self) -> usize {
        RECORD_BYTES_MAX
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SharedLog,
        contract::{Backend, LAYOUT},
    };

    struct Kept(Arc<Memory>);

    impl Backend for Kept {
        fn open(&self) -> BoxFuture<'_, SharedLog> {
            std::future::ready(self.0.clone() as SharedLog).boxed()
        }
    }

    crate::contract_tests!(std::future::ready(Kept(Memory::new(LAYOUT))));
}
