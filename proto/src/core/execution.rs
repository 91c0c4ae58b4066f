//! The state of one execution: a fold over its events, and nothing else.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{
    delivery::{Delivery, FlowRef},
    event::{DeliverySuppressed, Kept},
    expr::Value,
    id::{ExecutionId, TaskId, TaskRunId},
    input::Replay,
    limit,
    seal::Sealed,
    state::{History, State},
    time::Timestamp,
};

/// One run of one flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Its id.
    pub id: ExecutionId,
    /// The flow and revision it runs.
    pub flow: FlowRef,
    /// Every random value of the execution derives from this.
    pub seed: u64,
    /// Labels, in order.
    pub labels: Vec<(String, String)>,
    /// The flow's inputs that were given; absent when none were.
    pub inputs: Option<Value>,
    /// Those of the type SECRET, sealed; `inputs` has them masked.
    #[serde(default)]
    pub secret_inputs: Option<Sealed>,
    /// The delivery that started it.
    pub delivery: Delivery,
    /// What it replays.
    #[serde(default)]
    pub replay: Option<Replay>,
    /// Later deliveries under the same key.
    pub suppressed: Suppressed,
    /// Its states.
    pub history: History,
    /// Its task runs, in order of creation.
    pub task_runs: Vec<TaskRun>,
    /// The flow's outputs, once it ended.
    pub outputs: Option<Kept>,
    /// Why it is stuck: a defect of ours was contained to it.
    pub stuck: Option<String>,
    /// Whether nothing will happen to it any more, duplicates aside.
    pub over: bool,
    /// Whether somebody wanted it to be gone.
    #[serde(default)]
    pub deleted: bool,
    /// Number of events folded so far.
    pub events: u64,
}

/// One run of one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRun {
    /// Its id.
    pub id: TaskRunId,
    /// The task.
    pub task: TaskId,
    /// The task run that it belongs to; absent at the root.
    pub parent: Option<TaskRunId>,
    /// Its states.
    pub history: History,
    /// Its attempts, oldest first; none when its condition could not be rendered.
    pub attempts: Vec<Attempt>,
    /// What it gave.
    pub outputs: Option<Kept>,
    /// What it waits for.
    pub wait: Option<Wait>,
    /// Calls whose answers are recorded; the next call is number `answered + 1`.
    pub answered: u32,
}

/// One try at a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its states.
    pub history: History,
}

/// What a task run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// The result of a call. `n` names the call for the receiver (`Idempotency-Key: <execution>/<task run>/<n>`) and grows
    /// only after a result was recorded.
    Effect {
        /// Number of the call, from 1.
        n: u32,
    },
    /// A point in time.
    Timer {
        /// When it goes on.
        wake_at: Timestamp,
    },
    /// The next attempt.
    Retry {
        /// When the next attempt starts.
        wake_at: Timestamp,
    },
}

impl Wait {
    /// When the wait ends by itself; never, for a call.
    pub fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Wait::Effect { .. } => None,
            Wait::Timer { wake_at } | Wait::Retry { wake_at } => Some(*wake_at),
        }
    }
}

/// Deliveries that started nothing: all are counted, the first and the last few are kept whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Suppressed {
    /// How many there were.
    pub count: u64,
    /// The first of them, with the time each was suppressed.
    pub first: Vec<(Timestamp, DeliverySuppressed)>,
    /// The last of them that are not among the first.
    pub last: VecDeque<(Timestamp, DeliverySuppressed)>,
}

impl Suppressed {
    pub(super) fn add(&mut self, delivery: DeliverySuppressed, at: Timestamp) {
        self.count += 1;
        if self.first.len() < limit::SUPPRESSED_KEPT_EACH_SIDE {
            self.first.push((at, delivery));
            return;
        }
        if self.last.len() == limit::SUPPRESSED_KEPT_EACH_SIDE {
            self.last.pop_front();
        }
        self.last.push_back((at, delivery));
    }
}

impl Execution {
    /// The first execution of the chain of replays that it belongs to; itself when it replays nothing.
    pub fn original(&self) -> ExecutionId {
        self.replay.map_or(self.id, |replay| replay.original)
    }

    /// Which run of its chain it is, from 1.
    pub fn attempt(&self) -> u32 {
        self.replay.map_or(1, |replay| replay.attempt)
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.history.current()
    }

    /// The run of a task.
    pub fn task_run(&self, id: &TaskRunId) -> Option<&TaskRun> {
        self.task_runs.iter().find(|run| run.id == *id)
    }

    /// The runs of a task, newest last.
    pub fn runs_of<'a>(&'a self, task: &'a TaskId) -> impl DoubleEndedIterator<Item = &'a TaskRun> {
        self.task_runs.iter().filter(move |run| run.task == *task)
    }

    /// The run of a task under a parent (or at the root).
    pub fn run_under(&self, parent: Option<&TaskRunId>, task: &TaskId) -> Option<&TaskRun> {
        self.task_runs.iter().find(|run| run.task == *task && run.parent.as_ref() == parent)
    }

    /// When the execution next does something without anybody's help.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.task_runs.iter().filter_map(|run| run.wait?.wake_at()).min()
    }

    /// The task runs that wait for the result of a call, with the number of the call.
    pub fn pending_calls(&self) -> impl Iterator<Item = (&TaskRun, u32)> {
        self.task_runs.iter().filter_map(|run| match run.wait? {
            Wait::Effect { n } => Some((run, n)),
            Wait::Timer { .. } | Wait::Retry { .. } => None,
        })
    }

    /// The correlation id: the key of the delivery, else the execution's own id.
    pub fn correlation(&self) -> String {
        self.delivery.key.as_ref().map_or_else(|| self.id.to_string(), |key| key.id.to_string())
    }
}
