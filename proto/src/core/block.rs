//! Which task of a block runs next.
//!
//! A block is a list of tasks that run one after the other, with handlers for a failure and tasks that run in any case. The
//! root of a flow is one; a flowable's children are one under its task run.

use super::execution::{Execution, TaskRun};
use crate::{flow::Task, id::TaskRunId, state::State};

/// The tasks of a block.
#[derive(Clone, Copy)]
pub(super) struct Block<'f> {
    /// Run in order until one fails.
    pub(super) tasks: &'f [Task],
    /// Run after one failed.
    pub(super) errors: &'f [Task],
    /// Run in any case, before the block ends.
    pub(super) finally: &'f [Task],
}

/// What a block does next.
#[derive(Debug, PartialEq)]
pub(super) enum Next<'f> {
    /// Start this task.
    Start(&'f Task),
    /// Wait for a task run that is not done.
    Wait,
    /// Nothing is left to run; the block ends like this.
    Done(State),
}

/// How far a list of tasks is.
enum Progress<'f> {
    Start(&'f Task),
    Wait,
    Done { worst: State },
}

/// What happens in a list after one of its tasks failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnFailure {
    Stop,
    GoOn,
}

impl<'f> Block<'f> {
    /// What runs next among the task runs under `parent` (`None`: the root).
    ///
    /// A block stays FAILED whatever its handlers do, and a failing `finally` task does not change how it ends.
    pub(super) fn next(&self, execution: &Execution, parent: Option<&TaskRunId>) -> Next<'f> {
        let worst = match progress(self.tasks, OnFailure::Stop, execution, parent) {
            Progress::Start(task) => return Next::Start(task),
            Progress::Wait => return Next::Wait,
            Progress::Done { worst } => worst,
        };
        let handlers = if worst == State::Failed { self.errors } else { &[] };
        for after in [handlers, self.finally] {
            match progress(after, OnFailure::GoOn, execution, parent) {
                Progress::Start(task) => return Next::Start(task),
                Progress::Wait => return Next::Wait,
                Progress::Done { .. } => {}
            }
        }
        Next::Done(worst)
    }
}

/// What runs next in a plain list in which a failure stops nothing.
pub(super) fn next_in_list<'f>(tasks: &'f [Task], execution: &Execution) -> Next<'f> {
    match progress(tasks, OnFailure::GoOn, execution, None) {
        Progress::Start(task) => Next::Start(task),
        Progress::Wait => Next::Wait,
        Progress::Done { worst } => Next::Done(worst),
    }
}

fn progress<'f>(
    tasks: &'f [Task],
    on_failure: OnFailure,
    execution: &Execution,
    parent: Option<&TaskRunId>,
) -> Progress<'f> {
    let mut worst = State::Success;
    for task in tasks.iter().filter(|task| !task.disabled) {
        let Some(run) = execution.run_under(parent, &task.id) else { return Progress::Start(task) };
        if !is_done(run) {
            return Progress::Wait;
        }
        worst = worse(worst, run.history.current());
        if worst == State::Failed && on_failure == OnFailure::Stop {
            break;
        }
    }
    Progress::Done { worst }
}

/// A failed run that is about to be tried again is not done.
fn is_done(run: &TaskRun) -> bool {
    run.history.current().is_terminal() && run.wait.is_none()
}

fn worse(one: State, other: State) -> State {
    match (one, other) {
        (State::Failed, _) | (_, State::Failed) => State::Failed,
        (State::Warning, _) | (_, State::Warning) => State::Warning,
        (_, _) => State::Success,
    }
}
