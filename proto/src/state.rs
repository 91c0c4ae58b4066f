//! States of executions and task runs, under Kestra's names.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What an execution, a task run or an attempt is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Known, nothing done yet.
    Created,
    /// A task run handed to whatever runs it.
    Submitted,
    /// Running.
    Running,
    /// Waiting for somebody to resume it.
    Paused,
    /// Waiting for a free place under the flow's concurrency limit.
    Queued,
    /// Started again after an end or a pause.
    Restarted,
    /// Waiting for its next attempt.
    Retrying,
    /// Asked to stop, not stopped yet.
    Killing,
    /// Stopped at a breakpoint.
    Breakpoint,
    /// Ended well.
    Success,
    /// Ended with something that was allowed to fail.
    Warning,
    /// Ended badly.
    Failed,
    /// Stopped by request.
    Killed,
    /// Ended before it could do its work.
    Cancelled,
    /// Replaced by another attempt or execution.
    Retried,
    /// Not run because its condition was false.
    Skipped,
    /// Replaced after its runner was lost.
    Resubmitted,
}

impl State {
    /// Whether nothing follows this state by itself.
    pub const fn is_terminal(self) -> bool {
        match self {
            State::Created
            | State::Submitted
            | State::Running
            | State::Paused
            | State::Queued
            | State::Restarted
            | State::Retrying
            | State::Killing
            | State::Breakpoint => false,
            State::Success
            | State::Warning
            | State::Failed
            | State::Killed
            | State::Cancelled
            | State::Retried
            | State::Skipped
            | State::Resubmitted => true,
        }
    }

    /// The name as Kestra writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Created => "CREATED",
            State::Submitted => "SUBMITTED",
            State::Running => "RUNNING",
            State::Paused => "PAUSED",
            State::Queued => "QUEUED",
            State::Restarted => "RESTARTED",
            State::Retrying => "RETRYING",
            State::Killing => "KILLING",
            State::Breakpoint => "BREAKPOINT",
            State::Success => "SUCCESS",
            State::Warning => "WARNING",
            State::Failed => "FAILED",
            State::Killed => "KILLED",
            State::Cancelled => "CANCELLED",
            State::Retried => "RETRIED",
            State::Skipped => "SKIPPED",
            State::Resubmitted => "RESUBMITTED",
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The states something went through, with their times; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(Vec<(State, Timestamp)>);

impl History {
    /// The history of something that was just created.
    pub fn created(at: Timestamp) -> Self {
        Self(vec![(State::Created, at)])
    }

    /// The state now.
    pub fn current(&self) -> State {
        self.0.last().map_or(State::Created, |(state, _)| *state)
    }

    /// Every state with the time it began, oldest first.
    pub fn entries(&self) -> &[(State, Timestamp)] {
        &self.0
    }

    /// When the first state began.
    pub fn started_at(&self) -> Timestamp {
        self.0.first().map(|(_, at)| *at).unwrap_or_default()
    }

    /// When the state now began.
    pub fn changed_at(&self) -> Timestamp {
        self.0.last().map(|(_, at)| *at).unwrap_or_default()
    }

    pub(crate) fn enter(&mut self, state: State, at: Timestamp) {
        self.0.push((state, at));
    }
}
