//! What is known of each log in memory: its bounds and its newest records. The disk is asked only for history.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::watch;

use crate::{LogName, Position, Record};

/// All logs that exist or were asked for.
#[derive(Debug)]
pub(super) struct Logs {
    by_name: RwLock<HashMap<LogName, Arc<LogState>>>,
    tail_bytes: Arc<AtomicUsize>,
    tail_bytes_max: usize,
}

/// One log. Positions are durable ones: a record that is written but not synced is not here.
#[derive(Debug)]
pub(super) struct LogState {
    pub(super) name: LogName,
    head: watch::Sender<Position>,
    first: AtomicU64,
    tail: Mutex<VecDeque<Record>>,
    tail_bytes: Arc<AtomicUsize>,
    tail_bytes_max: usize,
}

impl Logs {
    pub(super) fn new(tail_bytes_max: usize) -> Self {
        Self { by_name: RwLock::default(), tail_bytes: Arc::default(), tail_bytes_max }
    }

    /// The log's state; a log that was never appended to has an empty one.
    pub(super) fn get(&self, name: &LogName) -> Arc<LogState> {
        let known = self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        known.unwrap_or_else(|| self.insert(name))
    }

    fn insert(&self, name: &LogName) -> Arc<LogState> {
        let mut logs = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(LogState {
                name: name.clone(),
                head: watch::Sender::new(Position::ORIGIN),
                first: AtomicU64::new(1),
                tail: Mutex::default(),
                tail_bytes: self.tail_bytes.clone(),
                tail_bytes_max: self.tail_bytes_max,
            })
        };
        logs.entry(name.clone()).or_insert_with(new).clone()
    }
}

impl LogState {
    /// The newest durable record.
    pub(super) fn head(&self) -> Position {
        *self.head.borrow()
    }

    /// The oldest record that is kept; the head's successor when there is none.
    pub(super) fn first(&self) -> Position {
        Position(self.first.load(Ordering::Acquire))
    }

    /// Wakes whenever the head moves.
    pub(super) fn watch_head(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    /// Takes the bounds that the disk has. Memory starts afresh: the head may be a record that it never saw.
    pub(super) fn set_bounds(&self, first: Position, head: Position) {
        let mut tail = self.lock_tail();
        let bytes: usize = tail.drain(..).map(|record| record.bytes.len()).sum();
        self.tail_bytes.fetch_sub(bytes, Ordering::Relaxed);
        drop(tail);
        self.first.store(first.0, Ordering::Release);
        self.head.send_replace(head);
    }

    /// Records below `first` are gone.
    pub(super) fn set_first(&self, first: Position) {
        self.first.store(first.0, Ordering::Release);
    }

    /// A durable record: the newest one from now on.
    pub(super) fn push(&self, record: Record) {
        let position = record.position;
        let mut tail = self.lock_tail();
        let mut total = self.tail_bytes.fetch_add(record.bytes.len(), Ordering::Relaxed) + record.bytes.len();
        tail.push_back(record);
        while total > self.tail_bytes_max
            && let Some(oldest) = tail.pop_front()
        {
            total = self.tail_bytes.fetch_sub(oldest.bytes.len(), Ordering::Relaxed) - oldest.bytes.len();
        }
        drop(tail);
        self.head.send_replace(position);
    }

    /// Records after `after` when memory has all of them from there on, as many as fit; `None` when the disk must be asked.
    pub(super) fn recent(&self, after: Position, bytes_max: usize, count_max: usize) -> Option<Vec<Record>> {
        let tail = self.lock_tail();
        let oldest = tail.front()?.position;
        let skip = usize::try_from((after.0 + 1).checked_sub(oldest.0)?).ok()?;
        let mut bytes = 0;
        let fits = |record: &&Record| {
            bytes += record.bytes.len();
            bytes <= bytes_max || bytes == record.bytes.len()
        };
        let records: Vec<_> = tail.range(skip.min(tail.len())..).take(count_max).take_while(fits).cloned().collect();
        (!records.is_empty()).then_some(records)
    }

    fn lock_tail(&self) -> std::sync::MutexGuard<'_, VecDeque<Record>> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn record(position: u64, size: usize) -> Record {
        Record { position: Position(position), bytes: Bytes::from(vec![0; size]) }
    }

    fn positions(records: Option<Vec<Record>>) -> Option<Vec<u64>> {
        records.map(|records| records.iter().map(|record| record.position.0).collect())
    }

    #[test]
    fn the_tail_answers_only_what_it_has_without_a_gap() {
        let logs = Logs::new(100);
        let log = logs.get(&LogName::Definitions);
        for position in 1..=5 {
            log.push(record(position, 30));
        }
        assert_eq!(positions(log.recent(Position(1), 1000, 10)), None, "2 was dropped for room");
        assert_eq!(positions(log.recent(Position(2), 1000, 10)), Some(vec![3, 4, 5]));
        assert_eq!(positions(log.recent(Position(2), 60, 10)), Some(vec![3, 4]));
        assert_eq!(positions(log.recent(Position(2), 10, 10)), Some(vec![3]), "one record always fits");
        assert_eq!(positions(log.recent(Position(5), 1000, 10)), None);
    }

    #[test]
    fn a_record_larger_than_the_whole_tail_is_not_kept() {
        let logs = Logs::new(100);
        let log = logs.get(&LogName::Definitions);
        log.push(record(1, 500));
        assert_eq!(log.head(), Position(1));
        assert_eq!(positions(log.recent(Position(0), 1000, 10)), None);
        assert_eq!(logs.tail_bytes.load(Ordering::Relaxed), 0);
    }
}
