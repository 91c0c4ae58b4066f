//! Runs one execution until it rests: every task that can run now runs, each event is folded as it comes.

use std::cell::RefCell;

use super::{
    apply::apply,
    block::{Block, Next, next_in_list},
    context::Context,
    decide::Turn,
    execution::{Execution, TaskRun, Wait},
    keep, outputs, retry,
    task::{self, Call, Ending, TaskError},
};
use crate::{
    event::{Afterwards, Answer, Event, Failure, Logged, Outcome, Refusal, TaskRunRefused, TaskRunStarted},
    flow::{Flow, LogLevel, Task, TaskKind},
    id::{ExecutionId, TaskRunId},
    limit,
    sight::Rendered,
    state::State,
};

/// One execution while it is decided.
pub(super) struct Work<'a> {
    pub(super) id: ExecutionId,
    state: Option<Execution>,
    pub(super) flow: &'a Flow,
    pub(super) turn: &'a Turn<'a>,
    pub(super) events: Vec<Event>,
    pub(super) calls: Vec<Call>,
    reads: RefCell<Vec<String>>,
}

impl<'a> Work<'a> {
    pub(super) fn new(id: ExecutionId, state: Option<Execution>, flow: &'a Flow, turn: &'a Turn<'a>) -> Self {
        Self { id, state, flow, turn, events: Vec::new(), calls: Vec::new(), reads: RefCell::default() }
    }

    /// The execution so far.
    ///
    /// # Panics
    /// Before its first event: a defect.
    pub(super) fn execution(&self) -> &Execution {
        self.state.as_ref().unwrap_or_else(|| panic!("execution {} has no event yet", self.id))
    }

    pub(super) fn into_parts(self) -> (Option<Execution>, Vec<Event>, Vec<Call>) {
        (self.state, self.events, self.calls)
    }

    /// Folds an event and keeps it for the commit.
    pub(super) fn emit(&mut self, event: Event) {
        apply(&mut self.state, self.id, &event, self.turn.now);
        self.events.push(event);
    }

    fn context(&self) -> Context<'_> {
        Context::of_flow(self.execution(), self.flow, self.turn, &self.reads)
    }

    pub(super) fn context_of<'b>(&'b self, task: &'b Task, run: TaskRunId) -> Context<'b> {
        self.context().of_task(task, run)
    }

    pub(super) fn log(&mut self, task_run: Option<TaskRunId>, level: LogLevel, message: String) {
        self.emit(Event::Logged(Logged { task_run, level, message }));
    }

    /// Runs everything that can run now.
    pub(super) fn run_to_rest(&mut self) {
        if self.execution().over {
            return;
        }
        self.wake_due();
        while self.step() {}
    }

    /// Takes one step; `false` when there is none to take.
    fn step(&mut self) -> bool {
        if self.execution().over {
            return false;
        }
        let flow = self.flow;
        if self.execution().state().is_terminal() {
            return match next_in_list(&flow.after_execution, self.execution()) {
                Next::Start(task) => self.start(task, None),
                Next::Wait => false,
                Next::Done(_) => {
                    self.emit(Event::AfterExecutionEnded);
                    false
                }
            };
        }
        let root = Block { tasks: &flow.tasks, errors: &flow.errors, finally: &flow.finally };
        match root.next(self.execution(), None) {
            Next::Start(task) => {
                // An execution that ends with its first task never runs.
                if !matches!(task.kind, TaskKind::Exit { .. }) {
                    self.enter_running();
                }
                self.start(task, None)
            }
            Next::Wait => false,
            Next::Done(state) => {
                self.end(state);
                true
            }
        }
    }

    /// The execution runs from here on, unless it did before.
    fn enter_running(&mut self) {
        if self.execution().state() == State::Created {
            self.emit(Event::ExecutionStarted);
        }
    }

    /// Starts a task under `parent`, and ends it at once when it waits for nothing.
    fn start(&mut self, task: &'a Task, parent: Option<TaskRunId>) -> bool {
        assert!(
            self.execution().task_runs.len() < limit::TASK_RUNS_MAX,
            "more than {} task runs",
            limit::TASK_RUNS_MAX
        );
        let task_run = TaskRunId::of_task(&self.id, &task.id, parent.as_ref(), None);
        match self.condition(task, task_run) {
            Ok(true) => {
                let (awaits, runner) = (task::awaits(&task.kind), task::runner(&task.kind));
                let task_id = task.id.clone();
                self.emit(Event::TaskRunStarted(TaskRunStarted { task_run, task: task_id, parent, awaits, runner }));
                self.perform(task, task_run);
            }
            Ok(false) => self.refuse(task, task_run, parent, Refusal::Skipped),
            Err(message) => {
                self.refuse(task, task_run, parent, Refusal::Failed);
                self.log(Some(task_run), LogLevel::Error, message);
            }
        }
        true
    }

    fn refuse(&mut self, task: &Task, task_run: TaskRunId, parent: Option<TaskRunId>, because: Refusal) {
        self.enter_running();
        let task = task.id.clone();
        self.emit(Event::TaskRunRefused(TaskRunRefused { task_run, task, parent, because }));
    }

    /// Whether the task's condition holds; the text of the failure when it cannot be rendered.
    fn condition(&self, task: &Task, run: TaskRunId) -> Result<bool, String> {
        let Some(condition) = &task.run_if else { return Ok(true) };
        let rendered = self.context_of(task, run).render(condition);
        let failed = |cause| format!("Failed to evaluate the runIf condition for task {}. Cause: {cause}", task.id);
        rendered.map(|text| crate::expr::verdict(&text.value)).map_err(|error| failed(error.kestra_text()))
    }

    /// Makes one attempt at a task whose run stands.
    fn perform(&mut self, task: &'a Task, run: TaskRunId) {
        let ending = task::perform(self, task, run);
        self.record_reads();
        match ending {
            Ok(Ending::Now(outputs)) => self.succeed(task, run, outputs, None),
            Ok(Ending::Told(outputs, level)) => self.succeed(task, run, Some(outputs), Some(level)),
            Ok(Ending::Exit(state)) => self.exit(run, state.into()),
            Ok(Ending::Later) => {}
            Err(error) => self.fail(task, run, error),
        }
    }

    /// Ends a task run well; `told` is the level at which its output is also in the log.
    pub(super) fn succeed(
        &mut self,
        task: &Task,
        task_run: TaskRunId,
        outputs: Option<Rendered<crate::expr::Value>>,
        told: Option<LogLevel>,
    ) {
        let kept = outputs.map(|outputs| self.keep(outputs));
        if let Some(bytes) = kept.as_ref().and_then(too_large) {
            let message = format!("the outputs take {bytes} bytes; at most {} are kept", limit::VALUE_BYTES_MAX);
            return self.fail(task, task_run, TaskError::new(message));
        }
        let retried = self.run(task_run).is_some_and(|run| run.attempts.len() > 1);
        let warns = retried && task.retry.as_ref().is_some_and(|retry| retry.warning_on_retry);
        let outcome = if warns { Outcome::Warning } else { Outcome::Well };
        self.emit(Event::TaskRunSucceeded { task_run, outputs: kept, outcome, told });
    }

    pub(super) fn keep(&self, rendered: Rendered<crate::expr::Value>) -> crate::event::Kept {
        keep::keep(rendered, &self.id, self.turn.seal)
    }

    /// Ends an attempt badly: logs why, and schedules the next one when there is one.
    pub(super) fn fail(&mut self, task: &Task, task_run: TaskRunId, error: TaskError) {
        self.enter_running();
        self.log(Some(task_run), LogLevel::Error, error.message);
        let wake_at = self.next_attempt(task, task_run);
        let failure = match (wake_at, task.allow_failure) {
            (Some(_), _) => Failure::Retried,
            (None, true) => Failure::Allowed,
            (None, false) => Failure::Plain,
        };
        self.emit(Event::TaskRunFailed { task_run, outputs: None, failure, answer: error.answer });
        if let Some(wake_at) = wake_at {
            self.emit(Event::RetryScheduled { task_run, wake_at });
        }
    }

    /// Records that values were read which a replay could not read again: enough to compare, nothing to learn.
    fn record_reads(&mut self) {
        let mut values = self.reads.take();
        values.sort_unstable();
        values.dedup();
        let Some(key) = self.turn.seal else { return };
        for value in values {
            let digest = key.digest("read", value.as_bytes());
            let digest = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            self.emit(Event::ValueRead { name: "secret".to_owned(), digest });
        }
    }

    fn next_attempt(&self, task: &Task, task_run: TaskRunId) -> Option<crate::time::Timestamp> {
        let run = self.run(task_run)?;
        let attempts = run.attempts.len() as u64;
        let random = super::decide::derive_seed(self.execution().seed, task_run.as_bytes(), u64::MAX - attempts);
        retry::next_attempt(task.retry.as_ref()?, run, self.turn.now, random)
    }

    pub(super) fn run(&self, id: TaskRunId) -> Option<&TaskRun> {
        self.execution().task_run(&id)
    }

    /// Goes on with every task run whose time has come.
    fn wake_due(&mut self) {
        let now = self.turn.now;
        let due =
            |run: &TaskRun| run.wait.filter(|wait| wait.wake_at().is_some_and(|at| at <= now)).map(|w| (run.id, w));
        let all: Vec<(TaskRunId, Wait)> = self.execution().task_runs.iter().filter_map(due).collect();
        for (id, wait) in all {
            let flow = self.flow;
            let Some(task) = self.run(id).and_then(|run| flow.task(&run.task)) else { continue };
            match wait {
                Wait::Timer { .. } => self.succeed(task, id, None, None),
                Wait::Retry { .. } => {
                    self.emit(Event::AttemptStarted { task_run: id, awaits: task::awaits(&task.kind) });
                    self.perform(task, id);
                }
                Wait::Effect { .. } => {}
            }
        }
    }

    /// Ends the execution in the middle: nothing else of its block runs, neither `errors` nor `finally`, and the flow's outputs
    /// are not rendered, as what they are made of may be missing. An execution that has ended keeps its state.
    fn exit(&mut self, task_run: TaskRunId, state: State) {
        self.emit(Event::TaskRunExited { task_run, state });
        if self.execution().state().is_terminal() {
            return self.emit(Event::AfterExecutionEnded);
        }
        let afterwards = self.afterwards();
        self.emit(Event::ExecutionEnded { state, outputs: None, afterwards });
    }

    /// Ends the execution: renders the flow's outputs, which may make it fail.
    fn end(&mut self, state: State) {
        let rendered = outputs::render(&self.flow.outputs, &self.context());
        let (state, outputs) = match rendered {
            Ok(rendered) => (state, rendered.map(|rendered| self.keep(rendered))),
            Err(message) => {
                self.log(None, LogLevel::Error, format!("Failed to render output values: {message}"));
                (State::Failed, None)
            }
        };
        let afterwards = self.afterwards();
        self.emit(Event::ExecutionEnded { state, outputs, afterwards });
    }
}

impl Work<'_> {
    /// What follows the end of the execution.
    pub(super) fn afterwards(&self) -> Afterwards {
        let any_after = self.flow.after_execution.iter().any(|task| !task.disabled);
        if any_after { Afterwards::Tasks } else { Afterwards::Nothing }
    }
}

/// The size of a value that is over the limit.
fn too_large(kept: &crate::event::Kept) -> Option<usize> {
    let bytes = rough_size(kept.shown());
    (bytes > limit::VALUE_BYTES_MAX).then_some(bytes)
}

/// About how many bytes a value takes in the log.
fn rough_size(value: &crate::expr::Value) -> usize {
    let own = value.as_text().map_or(8, str::len);
    let listed: usize = value.as_list().unwrap_or_default().iter().map(rough_size).sum();
    let mapped: usize =
        value.as_map().map_or(0, |map| map.iter().map(|(key, value)| key.len() + rough_size(value)).sum());
    own + listed + mapped
}

impl TaskError {
    /// A failure with nothing but its message.
    pub(super) fn new(message: String) -> Self {
        Self { message, answer: Answer::None }
    }
}
