//! How many partitions of an engine take turns at once.
//!
//! Every commit is a message and a sync of its own, whatever is in it. What waits while others commit joins the next commit, so
//! fewer commits at once are larger ones: the log has less to do, and more executions end.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Most partitions that take turns at once.
const AT_ONCE_MAX: usize = 2;

/// How long a partition waits for its turn at most: one whose part of the log does not answer must not hold up the others.
const WAIT_MAX: Duration = Duration::from_millis(25);

/// Admits partitions to their turns.
#[derive(Debug)]
pub(crate) struct Pace(Semaphore);

impl Default for Pace {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE_MAX))
    }
}

impl Pace {
    /// Resolves when fewer than the most take turns, or after [`WAIT_MAX`]. The partition takes turns until what is given is
    /// dropped.
    pub(crate) async fn admit(&self) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout(WAIT_MAX, self.0.acquire()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn who_finds_no_place_waits_for_one_but_not_for_ever() {
        let pace = Pace::default();
        let mut first = Vec::new();
        for _ in 0..AT_ONCE_MAX {
            first.push(pace.admit().await.expect("a place"));
        }
        let began = Instant::now();
        assert!(pace.admit().await.is_none(), "all places are taken");
        assert!(began.elapsed() >= WAIT_MAX);
        first.pop();
        assert!(pace.admit().await.is_some(), "one is free again");
    }
}
