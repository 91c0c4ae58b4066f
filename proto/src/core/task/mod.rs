//! What each kind of task does in an attempt. One file for each kind that needs more than a few lines.

pub(super) mod http;

use super::run::Work;
use crate::{
    event::{Answer, Awaits, Event, Runner, TOLD_OUTPUT},
    expr::{Host, Map, RenderError, Template, Value},
    flow::{Dynamic, ExitState, FromDocument, LogLevel, LogMessage, Task, TaskKind},
    id::TaskRunId,
    sight::Rendered,
};

pub(super) use http::Call;

/// Longest output that is a line in the log without standing there once more.
const TOLD_BYTES_MAX: usize = 64 * 1024;

/// How an attempt went on.
pub(super) enum Ending {
    /// It ended, with these outputs.
    Now(Option<Rendered<Value>>),
    /// It ended, with an output that is also a line in the log.
    Told(Rendered<Value>, LogLevel),
    /// It ended, and the execution with it.
    Exit(ExitState),
    /// It waits for a call or a timer.
    Later,
}

/// Why an attempt failed.
pub(super) struct TaskError {
    /// What the log says. Everyone may read it.
    pub(super) message: String,
    /// Whether the other side of a call answered.
    pub(super) answer: Answer,
}

impl From<RenderError> for TaskError {
    /// In Kestra's words: what searches logs for them finds them here.
    fn from(error: RenderError) -> Self {
        Self::new(error.kestra_text())
    }
}

/// What a started task of this kind waits for.
pub(super) fn awaits(kind: &TaskKind) -> Awaits {
    match kind {
        TaskKind::Return { .. }
        | TaskKind::Log { .. }
        | TaskKind::OutputValues { .. }
        | TaskKind::Fail { .. }
        | TaskKind::Exit { .. }
        | TaskKind::Sleep { .. } => Awaits::Nothing,
        TaskKind::HttpRequest(_) => Awaits::Effect,
    }
}

/// Who runs a task of this kind.
pub(super) fn runner(kind: &TaskKind) -> Runner {
    match kind {
        TaskKind::Return { .. }
        | TaskKind::Log { .. }
        | TaskKind::OutputValues { .. }
        | TaskKind::Fail { .. }
        | TaskKind::HttpRequest(_)
        | TaskKind::Sleep { .. } => Runner::Worker,
        TaskKind::Exit { .. } => Runner::Executor,
    }
}

/// Makes one attempt.
pub(super) fn perform(work: &mut Work<'_>, task: &Task, run: TaskRunId) -> Result<Ending, TaskError> {
    match &task.kind {
        TaskKind::Return { format } => give_back(work, task, run, format.as_ref()),
        TaskKind::Log { message, level } => log(work, task, run, message, level),
        TaskKind::OutputValues { values } => {
            let Some(values) = values else { return Ok(Ending::Now(None)) };
            let rendered = work.context_of(task, run).render_tree(values)?;
            Ok(Ending::Now(Some(rendered.map(|values| single("values", values)))))
        }
        TaskKind::Fail { condition, error_message } => fail(work, task, run, condition.as_ref(), error_message),
        TaskKind::Exit { state } => dynamic(work, task, run, state).map(Ending::Exit),
        TaskKind::HttpRequest(request) => {
            let call = http::render(work, task, run, request)?;
            work.calls.push(call);
            Ok(Ending::Later)
        }
        TaskKind::Sleep { duration } => {
            let duration: std::time::Duration = dynamic(work, task, run, duration)?;
            let wait_ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            let shown = Value::from(Host::Duration(jiff::SignedDuration::from_millis(wait_ms))).print();
            log_line(work, task, run, LogLevel::Info, &format!("Waiting for {shown}"));
            work.emit(Event::TimerSet { task_run: run, wake_at: work.turn.now.plus_millis(wait_ms) });
            Ok(Ending::Later)
        }
    }
}

fn single(name: &str, value: Value) -> Value {
    let mut map = Map::with_capacity(1);
    map.insert(name, value);
    Value::Map(map.into())
}

fn give_back(work: &mut Work<'_>, task: &Task, run: TaskRunId, format: Option<&Template>) -> Result<Ending, TaskError> {
    let Some(format) = format else { return Ok(Ending::Now(None)) };
    let rendered = work.context_of(task, run).render(format)?;
    // What is large may be too large to be an output, and what holds a secret is masked in another way.
    let told_once = !rendered.is_secret() && rendered.value.len() <= TOLD_BYTES_MAX;
    if !told_once {
        log_line(work, task, run, LogLevel::Debug, rendered.shown());
    }
    let outputs = rendered.map(|text| single(TOLD_OUTPUT, Value::text(text)));
    Ok(match told_once && is_logged(task, LogLevel::Debug) {
        true => Ending::Told(outputs, LogLevel::Debug),
        false => Ending::Now(Some(outputs)),
    })
}

fn log(
    work: &mut Work<'_>,
    task: &Task,
    run: TaskRunId,
    message: &LogMessage,
    level: &Dynamic<LogLevel>,
) -> Result<Ending, TaskError> {
    let level = dynamic(work, task, run, level)?;
    let texts = match message {
        LogMessage::One(text) => std::slice::from_ref(text),
        LogMessage::Many(texts) => texts.as_slice(),
    };
    for text in texts {
        let rendered = work.context_of(task, run).render(text)?;
        log_line(work, task, run, level, rendered.shown());
    }
    Ok(Ending::Now(None))
}

/// Writes a log line, unless the task keeps only more important ones.
fn log_line(work: &mut Work<'_>, task: &Task, run: TaskRunId, level: LogLevel, line: &str) {
    if is_logged(task, level) {
        work.log(Some(run), level, line.to_owned());
    }
}

fn is_logged(task: &Task, level: LogLevel) -> bool {
    task.log_level.is_none_or(|lowest| level >= lowest)
}

fn fail(
    work: &mut Work<'_>,
    task: &Task,
    run: TaskRunId,
    condition: Option<&Template>,
    message: &Template,
) -> Result<Ending, TaskError> {
    let context = work.context_of(task, run);
    let holds = match condition {
        Some(condition) => crate::expr::verdict(&context.render(condition)?.value),
        None => true,
    };
    if !holds {
        return Ok(Ending::Now(None));
    }
    Err(TaskError::new(context.render(message)?.shown().clone()))
}

/// The value of a property that may be an expression.
pub(super) fn dynamic<T: FromDocument + Clone>(
    work: &Work<'_>,
    task: &Task,
    run: TaskRunId,
    property: &Dynamic<T>,
) -> Result<T, TaskError> {
    match property {
        Dynamic::Fixed(value) => Ok(value.clone()),
        Dynamic::Rendered(template) => {
            let rendered = work.context_of(task, run).render(template)?;
            rendered.read(|text| T::from_document(text)).map_err(TaskError::new)
        }
    }
}
