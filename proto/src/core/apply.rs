//! Folds events into the state of an execution. One match, no branch on time, no second opinion about what happened.

use super::execution::{Attempt, Execution, Suppressed, TaskRun, Wait};
use crate::{
    event::{
        Afterwards, Answer, Awaits, Event, ExecutionCreated, Failure, Kept, Outcome, Refusal, Runner, TaskRunRefused,
        TaskRunStarted,
    },
    id::{ExecutionId, TaskId, TaskRunId},
    state::{History, State},
    time::Timestamp,
};

/// Folds one event that happened at `at` into the state; `None` is an execution that does not exist yet.
///
/// # Panics
/// When `event` cannot follow `state`: a defect of ours or a damaged log. The engine contains it to this one execution.
pub fn apply(state: &mut Option<Execution>, id: ExecutionId, event: &Event, at: Timestamp) {
    match (state.as_mut(), event) {
        (None, Event::ExecutionCreated(created)) => *state = Some(create(id, created, at)),
        (Some(execution), event) => {
            follow(execution, event, at);
            execution.events += 1;
        }
        (None, event) => panic!("execution {id} does not exist, but {event:?} happened to it"),
    }
}

fn create(id: ExecutionId, created: &ExecutionCreated, at: Timestamp) -> Execution {
    Execution {
        id,
        flow: created.flow.clone(),
        seed: created.seed,
        labels: created.labels.clone(),
        inputs: created.inputs.clone(),
        secret_inputs: created.secret_inputs.clone(),
        delivery: created.delivery.clone(),
        replay: created.replay,
        suppressed: Suppressed::default(),
        history: History::created(at),
        task_runs: Vec::new(),
        outputs: None,
        stuck: None,
        over: false,
        deleted: false,
        events: 1,
    }
}

fn follow(execution: &mut Execution, event: &Event, at: Timestamp) {
    match event {
        Event::ExecutionCreated(_) => panic!("execution {} was created twice", execution.id),
        Event::DeliverySuppressed(suppressed) => execution.suppressed.add(suppressed.as_ref().clone(), at),
        Event::ExecutionStarted => execution.history.enter(State::Running, at),
        Event::TaskRunStarted(started) => execution.task_runs.push(start(started, at)),
        Event::TaskRunRefused(refused) => execution.task_runs.push(refuse(refused, at)),
        Event::TimerSet { task_run, wake_at } => {
            run_mut(execution, task_run).wait = Some(Wait::Timer { wake_at: *wake_at });
        }
        Event::TaskRunSucceeded { task_run, outputs, outcome, told: _ } => {
            let state = match outcome {
                Outcome::Well => State::Success,
                Outcome::Warning => State::Warning,
            };
            end_attempt(run_mut(execution, task_run), State::Success, state, outputs.clone(), at);
        }
        Event::TaskRunFailed { task_run, outputs, failure, answer } => {
            let state = match failure {
                Failure::Plain | Failure::Retried => State::Failed,
                Failure::Allowed => State::Warning,
            };
            let run = run_mut(execution, task_run);
            run.answered += u32::from(*answer == Answer::Recorded);
            end_attempt(run, State::Failed, state, outputs.clone(), at);
        }
        Event::TaskRunExited { task_run, state } => {
            end_attempt(run_mut(execution, task_run), *state, *state, None, at);
        }
        Event::RetryScheduled { task_run, wake_at } => {
            let run = run_mut(execution, task_run);
            run.history.enter(State::Retrying, at);
            run.wait = Some(Wait::Retry { wake_at: *wake_at });
            let place = if run.parent.is_none() { Place::Root } else { Place::Nested };
            enter_retrying(execution, place, at);
        }
        Event::AttemptStarted { task_run, awaits } => {
            start_attempt(run_mut(execution, task_run), *awaits, at);
            leave_retrying(execution, at);
        }
        Event::Logged(_) | Event::LogsDeleted { .. } | Event::ValueRead { .. } => {}
        Event::ExecutionEnded { state, outputs, afterwards } => {
            execution.history.enter(*state, at);
            execution.outputs.clone_from(outputs);
            execution.over = *afterwards == Afterwards::Nothing;
        }
        Event::AfterExecutionEnded => execution.over = true,
        Event::ExecutionKilled { input: _, afterwards } => {
            kill(execution, at);
            execution.over = *afterwards == Afterwards::Nothing;
        }
        Event::ExecutionDeleted { input: _ } => {
            if !execution.state().is_terminal() {
                execution.history.enter(State::Killed, at);
            }
            (execution.deleted, execution.over) = (true, true);
        }
        Event::ExecutionStuck { reason } => {
            execution.history.enter(State::Failed, at);
            execution.stuck = Some(reason.clone());
            execution.over = true;
        }
    }
}

/// Stops everything that has not ended. A task run that waits for its next attempt has no attempt to stop.
fn kill(execution: &mut Execution, at: Timestamp) {
    execution.history.enter(State::Killing, at);
    let open = |history: &History| !history.current().is_terminal();
    for run in execution.task_runs.iter_mut().filter(|run| open(&run.history)) {
        if let Some(attempt) = run.attempts.last_mut().filter(|attempt| open(&attempt.history)) {
            attempt.history.enter(State::Killed, at);
        }
        run.history.enter(State::Killed, at);
        run.wait = None;
    }
    execution.history.enter(State::Killed, at);
}

fn run_mut<'a>(execution: &'a mut Execution, id: &TaskRunId) -> &'a mut TaskRun {
    let execution_id = execution.id;
    let found = execution.task_runs.iter_mut().find(|run| run.id == *id);
    found.unwrap_or_else(|| panic!("execution {execution_id} has no task run {id}"))
}

/// Where a task stands: Kestra writes the history of a retried execution differently for both.
#[derive(Clone, Copy)]
enum Place {
    Root,
    Nested,
}

fn enter_retrying(execution: &mut Execution, place: Place, at: Timestamp) {
    if execution.state() != State::Running {
        return;
    }
    match place {
        Place::Root => execution.history.enter(State::Failed, at),
        Place::Nested => {}
    }
    execution.history.enter(State::Retrying, at);
}

fn leave_retrying(execution: &mut Execution, at: Timestamp) {
    if execution.state() == State::Retrying {
        execution.history.enter(State::Running, at);
    }
}

/// A task run and its first attempt: created, submitted if somebody else runs it, and running at once.
fn start(started: &TaskRunStarted, at: Timestamp) -> TaskRun {
    let mut run = bare(started.task_run, &started.task, started.parent, at);
    match started.runner {
        Runner::Worker => run.history.enter(State::Submitted, at),
        Runner::Executor => {}
    }
    run.history.enter(State::Running, at);
    run.attempts.push(running_attempt(at));
    run.wait = wait_for(started.awaits, 0);
    run
}

fn refuse(refused: &TaskRunRefused, at: Timestamp) -> TaskRun {
    let mut run = bare(refused.task_run, &refused.task, refused.parent, at);
    match refused.because {
        Refusal::Skipped => {
            let mut history = History::created(at);
            history.enter(State::Skipped, at);
            run.attempts.push(Attempt { history });
            run.history.enter(State::Skipped, at);
        }
        Refusal::Failed => run.history.enter(State::Failed, at),
    }
    run
}

fn bare(id: TaskRunId, task: &TaskId, parent: Option<TaskRunId>, at: Timestamp) -> TaskRun {
    TaskRun {
        id,
        task: task.clone(),
        parent,
        history: History::created(at),
        attempts: Vec::new(),
        outputs: None,
        wait: None,
        answered: 0,
    }
}

fn wait_for(awaits: Awaits, answered: u32) -> Option<Wait> {
    match awaits {
        Awaits::Nothing => None,
        Awaits::Effect => Some(Wait::Effect { n: answered + 1 }),
    }
}

fn running_attempt(at: Timestamp) -> Attempt {
    let mut history = History::created(at);
    history.enter(State::Running, at);
    Attempt { history }
}

/// Ends a task run in `state`. Its attempt says what happened in it: a warning is what the task run makes of that.
fn end_attempt(run: &mut TaskRun, attempt_state: State, state: State, outputs: Option<Kept>, at: Timestamp) {
    assert!(!run.history.current().is_terminal(), "task run {} ended twice", run.id);
    if let Some(attempt) = run.attempts.last_mut() {
        attempt.history.enter(attempt_state, at);
    }
    run.history.enter(state, at);
    run.outputs = outputs;
    run.wait = None;
}

fn start_attempt(run: &mut TaskRun, awaits: Awaits, at: Timestamp) {
    for state in [State::Created, State::Submitted, State::Running] {
        run.history.enter(state, at);
    }
    run.attempts.push(running_attempt(at));
    run.wait = wait_for(awaits, run.answered);
}
