//! What happened to an execution. Past tense, never edited; everything else is a fold over these.

use serde::{Deserialize, Serialize};

use crate::{
    delivery::{Delivery, FlowRef},
    expr::Value,
    flow::LogLevel,
    id::{DeliveryId, TaskId, TaskRunId},
    input::Replay,
    seal::Sealed,
    state::State,
    time::Timestamp,
};

/// Something that happened to one execution. Its time stands once in the line that carries it ([`crate::codec::Line`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The execution exists.
    ExecutionCreated(Box<ExecutionCreated>),
    /// A later delivery under the same key; it started nothing.
    DeliverySuppressed(Box<DeliverySuppressed>),
    /// The first task is about to run.
    ExecutionStarted,
    /// A task run exists and its first attempt runs. A task with an effect or a timer waits from here on.
    TaskRunStarted(TaskRunStarted),
    /// The task does not run: its condition was false, or could not be rendered.
    TaskRunRefused(TaskRunRefused),
    /// The task run waits for a point in time.
    TimerSet {
        /// Which task run.
        task_run: TaskRunId,
        /// When it goes on.
        wake_at: Timestamp,
    },
    /// The task run ended well, or with a warning.
    TaskRunSucceeded {
        /// Which task run.
        task_run: TaskRunId,
        /// What it gave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<Kept>,
        /// Whether something about it deserves a warning.
        #[serde(default, skip_serializing_if = "Outcome::is_well")]
        outcome: Outcome,
        /// Set when its output `value` is also a line in the log, of this level: the text is not kept twice.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        told: Option<LogLevel>,
    },
    /// The attempt failed; the task run has failed too unless a retry follows.
    TaskRunFailed {
        /// Which task run.
        task_run: TaskRunId,
        /// What it gave before it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<Kept>,
        /// Whether the failure is allowed: the task run then ends with a warning.
        #[serde(default, skip_serializing_if = "Failure::is_plain")]
        failure: Failure,
        /// Whether the other side of a call answered; only then the next call gets a new number.
        #[serde(default, skip_serializing_if = "Answer::is_none")]
        answer: Answer,
    },
    /// The task run was there to end the execution, in this state, which is its own too. The end of the execution (or, behind
    /// that, of `afterExecution`) follows at once.
    TaskRunExited {
        /// Which task run.
        task_run: TaskRunId,
        /// How it and the execution end.
        state: State,
    },
    /// Another attempt follows at this time.
    RetryScheduled {
        /// Which task run.
        task_run: TaskRunId,
        /// When the next attempt starts.
        wake_at: Timestamp,
    },
    /// The next attempt of a task run runs.
    AttemptStarted {
        /// Which task run.
        task_run: TaskRunId,
        /// What the attempt waits for before it can end.
        #[serde(default, skip_serializing_if = "Awaits::is_nothing")]
        awaits: Awaits,
    },
    /// A log line.
    Logged(Logged),
    /// A secret or another value that a replay could not read again was read.
    ValueRead {
        /// What kind of value was read, such as `secret`.
        name: String,
        /// Keyed digest of the value, in hexadecimal: two reads can be compared, the value cannot be learned.
        digest: String,
    },
    /// All tasks are done, or one of them ended it all, and this is how the execution ended. Only tasks of `afterExecution` may
    /// follow.
    ExecutionEnded {
        /// How it ended.
        state: State,
        /// The flow's outputs, when it has any and they could be rendered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<Kept>,
        /// What follows the end.
        #[serde(default, skip_serializing_if = "Afterwards::is_nothing")]
        afterwards: Afterwards,
    },
    /// The tasks of `afterExecution` are done; nothing follows.
    AfterExecutionEnded,
    /// Somebody wanted the execution to stop: it and every task run that had not ended are KILLED. Neither `errors` nor
    /// `finally` run; tasks of `afterExecution` may follow.
    ExecutionKilled {
        /// The input that said so.
        input: DeliveryId,
        /// What follows the end.
        #[serde(default, skip_serializing_if = "Afterwards::is_nothing")]
        afterwards: Afterwards,
    },
    /// Somebody wanted log lines to be gone that were written before.
    LogsDeleted {
        /// The input that said so.
        input: DeliveryId,
        /// Lines of this level and above; absent: all lines.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lowest: Option<LogLevel>,
    },
    /// Somebody wanted the execution to be gone. Nobody sees it any more, and if it was not over it is now, KILLED; duplicates
    /// of its delivery still start nothing.
    ExecutionDeleted {
        /// The input that said so.
        input: DeliveryId,
    },
    /// Deciding this execution panicked: a defect of ours, contained to this execution.
    ExecutionStuck {
        /// What the panic said.
        reason: String,
    },
}

/// The first event of every execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionCreated {
    /// The flow and revision it runs.
    pub flow: FlowRef,
    /// Every random value of the execution derives from this.
    pub seed: u64,
    /// Labels, in order.
    pub labels: Vec<(String, String)>,
    /// The flow's inputs that were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// Those of the type SECRET, sealed; `inputs` has them masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_inputs: Option<Sealed>,
    /// The delivery that started it.
    pub delivery: Delivery,
    /// What it replays; absent when nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
}

/// A delivery that did not start an execution because another one had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliverySuppressed {
    /// The delivery, whole.
    pub delivery: Delivery,
    /// Whether its body is the first one's, byte for byte.
    pub same_body: bool,
}

/// A task run begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRunStarted {
    /// The new task run.
    pub task_run: TaskRunId,
    /// The task.
    pub task: TaskId,
    /// The task run that it belongs to; absent at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TaskRunId>,
    /// What the task run waits for before it can end.
    #[serde(default, skip_serializing_if = "Awaits::is_nothing")]
    pub awaits: Awaits,
    /// Who runs the task.
    #[serde(default, skip_serializing_if = "Runner::is_worker")]
    pub runner: Runner,
}

/// Why a task does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Its condition was false.
    Skipped,
    /// Its condition could not be rendered.
    Failed,
}

/// A task run that does not run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRunRefused {
    /// The new task run.
    pub task_run: TaskRunId,
    /// The task.
    pub task: TaskId,
    /// The task run that it belongs to; absent at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TaskRunId>,
    /// Why.
    pub because: Refusal,
}

/// What a started task run waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Awaits {
    /// Nothing outside: it ends in the same turn.
    #[default]
    Nothing,
    /// The result of a call that starts when this event is on disk.
    Effect,
}

impl Awaits {
    fn is_nothing(&self) -> bool {
        *self == Awaits::Nothing
    }
}

/// Who runs a task, in Kestra's words: it shows in the history of the task run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runner {
    /// A worker, to which it is submitted first.
    #[default]
    Worker,
    /// Whoever decides about the execution: a task that only steers it.
    Executor,
}

impl Runner {
    fn is_worker(&self) -> bool {
        *self == Runner::Worker
    }
}

/// How well a task run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Without anything to say about it.
    #[default]
    Well,
    /// With a warning.
    Warning,
}

impl Outcome {
    fn is_well(&self) -> bool {
        *self == Outcome::Well
    }
}

/// What a failure means for the block around the task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The block fails.
    #[default]
    Plain,
    /// The task may fail: it ends with a warning and the block goes on.
    Allowed,
    /// A retry is scheduled by the next event.
    Retried,
}

impl Failure {
    fn is_plain(&self) -> bool {
        *self == Failure::Plain
    }
}

/// What follows the end of an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    /// Nothing.
    #[default]
    Nothing,
    /// Tasks of `afterExecution`.
    Tasks,
}

impl Afterwards {
    fn is_nothing(&self) -> bool {
        *self == Afterwards::Nothing
    }
}

/// Whether a failed call was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// There was no call, or nobody knows what became of it: the next call keeps its number.
    #[default]
    None,
    /// The other side answered, and the answer is recorded here.
    Recorded,
}

impl Answer {
    fn is_none(&self) -> bool {
        *self == Answer::None
    }
}

/// A value in the log: in clear, or sealed because a secret was rendered into it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Everyone may read it.
    Clear(Value),
    /// A secret was rendered into it.
    Sealed {
        /// What everyone may read: the value with the secrets masked.
        shown: Value,
        /// JSON text of the whole value, sealed under the context `outputs:<execution id>`; absent when there was no key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<Sealed>,
    },
}

impl Kept {
    /// What everyone may read.
    pub fn shown(&self) -> &Value {
        match self {
            Kept::Clear(value) | Kept::Sealed { shown: value, .. } => value,
        }
    }
}

impl Event {
    /// The line that the event puts into the log: who wrote it, its level, its text.
    pub fn log_line(&self) -> Option<(Option<TaskRunId>, LogLevel, &str)> {
        match self {
            Event::Logged(logged) => Some((logged.task_run, logged.level, &logged.message)),
            Event::TaskRunSucceeded { task_run, outputs: Some(outputs), told: Some(level), .. } => {
                let text = outputs.shown().as_map()?.get(TOLD_OUTPUT)?.as_text()?;
                Some((Some(*task_run), *level, text))
            }
            _ => None,
        }
    }
}

/// The output that may also be a line in the log.
pub(crate) const TOLD_OUTPUT: &str = "value";

/// One log line. Values of secrets are masked before it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    /// The task run that wrote it; absent when the flow itself did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_run: Option<TaskRunId>,
    /// How important it is.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
}
