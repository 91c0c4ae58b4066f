//! What was seen from outside. All times are milliseconds since 1970.

use std::time::Duration;

/// Everything that is known when a run is over.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The keys that were delivered.
    pub(crate) keys: Vec<String>,
    /// Every attempt of every client, in each client's order.
    pub(crate) operations: Vec<Operation>,
    /// Every execution that the API shows.
    pub(crate) executions: Vec<Execution>,
    /// Every call that the sink received, in order.
    pub(crate) calls: Vec<Call>,
    /// The kills, in order.
    pub(crate) kills: Vec<Kill>,
    /// How long it took until everything had ended, after the last delivery; `None` when it did not.
    pub(crate) drained: Option<Duration>,
    /// API paths whose answers changed over a restart.
    pub(crate) unequal: Vec<String>,
}

/// One attempt of a client.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// Who.
    pub(crate) client: usize,
    /// The key.
    pub(crate) key: String,
    /// When it began.
    pub(crate) invoked_ms: u64,
    /// When it was over.
    pub(crate) completed_ms: u64,
    /// What came of it.
    pub(crate) outcome: Outcome,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 2xx: it is on disk, they say.
    Accepted {
        /// The execution that was named.
        execution: String,
        /// What it was called.
        verdict: Verdict,
    },
    /// Another status.
    Refused(u16),
    /// No whole answer: nobody knows.
    Unknown,
}

/// What the server called an accepted delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The first one.
    First,
    /// A duplicate.
    Replayed,
    /// Not known yet.
    Pending,
}

/// One execution as the API shows it.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    /// Its id.
    pub(crate) id: String,
    /// The key that started it.
    pub(crate) key: String,
    /// Its states, in order.
    pub(crate) states: Vec<String>,
    /// Whether its flow calls the sink.
    pub(crate) calls_sink: bool,
    /// When the result of its call was recorded.
    pub(crate) call_recorded_ms: Option<u64>,
}

/// One call that the sink received.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The `Idempotency-Key`: execution, task run, number.
    pub(crate) key: String,
    /// When it arrived.
    pub(crate) at_ms: u64,
}

impl Call {
    /// The execution that called.
    pub(crate) fn execution(&self) -> &str {
        self.key.split('/').next().unwrap_or_default()
    }
}

/// One kill -9.
#[derive(Clone, Debug)]
pub(crate) struct Kill {
    /// When.
    pub(crate) at_ms: u64,
    /// How long until the next process was ready.
    pub(crate) ready_after_ms: u64,
}
