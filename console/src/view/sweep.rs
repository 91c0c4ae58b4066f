//! Removes executions that are no longer kept from the views, a few at a time.

use std::{sync::Arc, time::Duration};

use windhover_eventlog::LogName;
use windhover_proto::id::ExecutionId;

use super::{
    Kept, now_millis,
    shared::{Opened, Shared},
    store::Store,
};

/// How often old executions are removed. What is no longer kept is not shown even before that.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// Executions that are looked at in one go, so that folding does not wait long.
const SLICE_MAX: usize = 2000;

/// Sweeps for ever.
pub(super) async fn run(shared: Arc<Shared>, opened: Arc<Opened>) {
    let stores = opened.stores.clone();
    drop(opened);
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        for store in &stores {
            if let Err(error) = sweep(&shared, store).await {
                tracing::warn!(partition = store.partition, %error, "old executions were not removed from the view");
            }
        }
    }
}

async fn sweep(shared: &Shared, store: &Store) -> Result<usize, super::ViewError> {
    let first = shared.log.first(LogName::Executions { partition: store.partition }).await?;
    let (mut removed, mut after) = (0, None);
    loop {
        let (slice, last) = remove(shared.kept, store, after, first.0, now_millis())?;
        removed += slice;
        if last.is_none() {
            return Ok(removed);
        }
        after = last;
        tokio::task::yield_now().await;
    }
}

/// Looks at one slice and removes what is past its time, and what the log has trimmed.
fn remove(
    kept: Kept,
    store: &Store,
    after: Option<ExecutionId>,
    log_first: u64,
    now_ms: i64,
) -> Result<(usize, Option<ExecutionId>), super::Failed> {
    let trimmed = |row: &super::RowView<'_>| row.first_commit < log_first;
    store.remove_some(after, SLICE_MAX, |row| kept.shows(row.start_ms, row.state, now_ms) && !trimmed(&row))
}

#[cfg(test)]
mod tests {
    use windhover_proto::state::State;

    use super::*;
    use crate::view::{
        row::Row,
        store::{Batch, ViewHead, open},
    };

    const DAY_MS: i64 = 24 * 60 * 60 * 1000;

    #[test]
    fn ended_executions_leave_after_their_time_and_what_was_trimmed_leaves_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(&open(folder.path()).unwrap(), 0).unwrap();
        let mut batch = Batch::default();
        let states = [State::Success, State::Failed, State::Running];
        for (number, state) in (1u8..).zip(states.into_iter().cycle().take(9)) {
            let days = i64::from((number - 1) / 3) * 40;
            let row = Row {
                start_ms: days * DAY_MS,
                end_ms: None,
                first_commit: u64::from(number),
                state,
                tenant: "main".into(),
                namespace: "a".into(),
                flow: "b".into(),
                labels: vec![],
            };
            let id = ExecutionId::from_bytes([number; 16]);
            batch.row(&id, &row);
            batch.commit(&id, 100);
        }
        store.apply(batch, &ViewHead::default()).unwrap();
        let left = || {
            let mut left = Vec::new();
            store.each_row(|id, _| left.push(id.as_bytes()[0])).unwrap();
            left
        };
        let kept = Kept { ended_days: 30, failed_days: 90 };
        assert_eq!(remove(kept, &store, None, 1, 100 * DAY_MS).unwrap().0, 3);
        assert_eq!(left(), [3, 5, 6, 7, 8, 9], "started on days 0, 40 and 80: SUCCESS, FAILED, RUNNING");
        assert_eq!(remove(kept, &store, None, 6, 100 * DAY_MS).unwrap().0, 2);
        assert_eq!(left(), [6, 7, 8, 9]);
        let gone = ExecutionId::from_bytes([1; 16]);
        assert_eq!(store.row(&gone).unwrap(), None);
        assert!(store.commits(&gone).unwrap().is_empty());
        let some = store.remove_some(None, 2, |_| true).unwrap();
        assert_eq!(some, (0, Some(ExecutionId::from_bytes([7; 16]))), "two were looked at");
        assert_eq!(store.remove_some(some.1, 5, |_| false).unwrap(), (2, None));
        assert_eq!(left(), [6, 7]);
    }
}
