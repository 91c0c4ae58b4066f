//! What waits for the writer.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::{Append, AppendError, LogName, Position};

/// One thing for the writer to do, and whoever waits for it.
pub(super) enum Job {
    /// Append a record.
    Append { append: Append, done: oneshot::Sender<Result<Position, AppendError>> },
    /// Remember the oldest position to keep.
    Trim { log: LogName, below: Position, done: oneshot::Sender<Result<Position, String>> },
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Job::Append { append, .. } => append.bytes.len(),
            Job::Trim { .. } => 0,
        }
    }
}

/// A queue bounded by bytes. Pushing never waits.
#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    filled: Condvar,
    bytes_max: usize,
}

#[derive(Default)]
struct Inner {
    jobs: Vec<Job>,
    bytes: usize,
    closed: Option<String>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inner").field("jobs", &self.jobs.len()).field("bytes", &self.bytes).finish()
    }
}

impl Queue {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { inner: Mutex::default(), filled: Condvar::new(), bytes_max }
    }

    /// Hands a job to the writer, or says why it takes none; the job's waiter is dropped then.
    pub(super) fn push(&self, job: Job) -> Result<(), String> {
        let mut inner = self.lock();
        if let Some(reason) = &inner.closed {
            return Err(reason.clone());
        }
        let bytes = inner.bytes + job.bytes();
        if bytes > self.bytes_max && !inner.jobs.is_empty() {
            return Err(format!("{} bytes already wait for the disk, the limit is {}", inner.bytes, self.bytes_max));
        }
        inner.bytes = bytes;
        inner.jobs.push(job);
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// Everything that waits, in order; waits while there is nothing. `None` when closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Job>> {
        let mut inner = self.lock();
        while inner.jobs.is_empty() {
            if inner.closed.is_some() {
                return None;
            }
            inner = self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        inner.bytes = 0;
        Some(std::mem::take(&mut inner.jobs))
    }

    /// Takes no more jobs, for this reason. The first reason stands.
    pub(super) fn close(&self, reason: impl Into<String>) {
        self.lock().closed.get_or_insert_with(|| reason.into());
        self.filled.notify_one();
    }

    /// Why no more jobs are taken.
    pub(super) fn closed(&self) -> Option<String> {
        self.lock().closed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Expect;

    fn job(size: usize) -> Job {
        let append = Append {
            log: LogName::Definitions,
            bytes: Bytes::from(vec![0; size]),
            expect: Expect::Anything,
            resend_id: None,
        };
        Job::Append { append, done: oneshot::channel().0 }
    }

    #[test]
    fn what_waits_is_bounded_by_bytes_and_one_job_always_fits() {
        let queue = Queue::new(100);
        queue.push(job(500)).unwrap();
        assert!(queue.push(job(1)).unwrap_err().contains("the limit is 100"));
        assert_eq!(queue.take().map(|jobs| jobs.len()), Some(1));
        queue.push(job(60)).unwrap();
        queue.push(job(40)).unwrap();
        assert!(queue.push(job(1)).is_err());
        assert_eq!(queue.take().map(|jobs| jobs.len()), Some(2));
    }

    #[test]
    fn a_closed_queue_hands_out_what_it_has_and_says_why_it_takes_no_more() {
        let queue = Queue::new(100);
        queue.push(job(1)).unwrap();
        queue.close("first");
        queue.close("second");
        assert_eq!(queue.push(job(1)).unwrap_err(), "first");
        assert_eq!(queue.take().map(|jobs| jobs.len()), Some(1));
        assert!(queue.take().is_none());
    }
}
