//! Retries: what happens after a failed attempt of a task.

use std::time::Duration;

/// When a failed task is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// How long to wait before each attempt.
    pub delay: RetryDelay,
    /// Most attempts, the first one included. Absent: no such limit.
    pub attempts_max: Option<u32>,
    /// No new attempt starts later than this after the first one started. Absent: no such limit.
    pub duration_max: Option<Duration>,
    /// True: a task that succeeded after a retry ends WARNING instead of SUCCESS.
    pub warning_on_retry: bool,
}

/// The wait before the next attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum RetryDelay {
    /// Always the same.
    Constant {
        /// The wait.
        interval: Duration,
    },
    /// Each wait is longer than the one before by a factor, up to a limit.
    Exponential {
        /// The first wait.
        interval: Duration,
        /// The longest wait.
        interval_max: Duration,
        /// The factor; 2 when the document says nothing.
        factor: f64,
    },
    /// Between two limits, drawn for each attempt.
    Random {
        /// The shortest wait.
        interval_min: Duration,
        /// The longest wait.
        interval_max: Duration,
    },
}
