//! Readers: history from disk, then the tail from memory, then waiting for the head to move.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use super::{
    options::{READ_BYTES_MAX, READ_COUNT_MAX},
    state::LogState,
    store::{Store, damaged},
};
use crate::{Position, ReadError, Reader, Record};

struct Cursor {
    log: Arc<LogState>,
    store: Arc<Store>,
    head: watch::Receiver<Position>,
    after: Position,
    ready: VecDeque<Record>,
    ended: bool,
}

/// Reads everything after `after`, for ever.
pub(super) fn read(log: Arc<LogState>, store: Arc<Store>, after: Position) -> Reader {
    let head = log.watch_head();
    let cursor = Cursor { log, store, head, after, ready: VecDeque::new(), ended: false };
    stream::unfold(cursor, step).boxed()
}

async fn step(mut cursor: Cursor) -> Option<(Result<Record, ReadError>, Cursor)> {
    if cursor.ended {
        return None;
    }
    let item = cursor.next().await;
    cursor.ended = item.is_err();
    Some((item, cursor))
}

impl Cursor {
    async fn next(&mut self) -> Result<Record, ReadError> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                self.after = record.position;
                return Ok(record);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), ReadError> {
        let head = *self.head.borrow_and_update();
        check_bounds(&self.log, self.after, head)?;
        if self.after == head {
            // The sender lives in `log`, so waiting never fails.
            let _ = self.head.changed().await;
            return Ok(());
        }
        let recent = self.log.recent(self.after, READ_BYTES_MAX, READ_COUNT_MAX);
        let records = match recent {
            Some(records) => records,
            None => read_history(&self.log, &self.store, self.after, head).await?,
        };
        self.ready.extend(records);
        Ok(())
    }
}

/// Refuses a position whose successors are gone, or that the log never reached.
fn check_bounds(log: &LogState, after: Position, head: Position) -> Result<(), ReadError> {
    if after > head {
        return Err(ReadError::Ahead { log: log.name.clone(), after, head });
    }
    let first = log.first();
    if after.0 + 1 < first.0 {
        return Err(ReadError::Trimmed { log: log.name.clone(), after, first });
    }
    Ok(())
}

/// The next records from disk: at least one, without a gap.
pub(super) async fn read_history(
    log: &Arc<LogState>,
    store: &Arc<Store>,
    after: Position,
    through: Position,
) -> Result<Vec<Record>, ReadError> {
    let (name, store) = (log.name.clone(), store.clone());
    let read = tokio::task::spawn_blocking(move || store.read(&name, after, through)).await;
    let records = read.map_err(|cause| ReadError::Store { log: log.name.clone(), cause: cause.into() })??;
    // Trimming may have been faster than this reader.
    check_bounds(log, after, through)?;
    check_no_gap(log, after, &records)?;
    Ok(records)
}

fn check_no_gap(log: &LogState, after: Position, records: &[Record]) -> Result<(), ReadError> {
    let mut expected = after.0 + 1;
    for record in records {
        if record.position.0 != expected {
            return Err(damaged(&log.name, Position(expected), "it is missing, though nobody trimmed it".into()));
        }
        expected += 1;
    }
    if records.is_empty() {
        return Err(damaged(&log.name, Position(expected), "it is missing, though the log is longer".into()));
    }
    Ok(())
}
