//! Tasks.

use super::{at::At, fields::Fields, http, known, names, retry, shape};
use crate::{
    expr::Template,
    flow::task::{Dynamic, ExitState, LogLevel, LogMessage, Task, TaskKind},
};

/// The words of a failing `execution.Fail` that says none.
const FAIL_MESSAGE_DEFAULT: &str = "Task failure";

/// Log levels in the order in which Kestra's message lists them.
pub(super) const LOG_LEVELS: [(&str, LogLevel); 5] = [
    ("ERROR", LogLevel::Error),
    ("DEBUG", LogLevel::Debug),
    ("TRACE", LogLevel::Trace),
    ("INFO", LogLevel::Info),
    ("WARN", LogLevel::Warn),
];

/// Reads a list of tasks; wrong ones are findings and left out.
pub(super) fn list(at: &At<'_>) -> Vec<Task> {
    at.list().unwrap_or_default().iter().filter_map(one).collect()
}

/// Reads one task.
pub(super) fn one(at: &At<'_>) -> Option<Task> {
    match at.with_defaults() {
        Some(node) => typed(&At { findings: at.findings, node: &node, path: at.path.clone() }),
        None => typed(at),
    }
}

fn typed(at: &At<'_>) -> Option<Task> {
    let fields = Fields::of(at, "task")?;
    let Some(type_at) = fields.get("type") else {
        fields.missing("type", "Invalid type: null");
        return None;
    };
    let type_name = type_at.text()?;
    let Some(short) = known::task(type_name) else {
        let suggestion = known::suggest_task(type_name);
        type_at.report(type_at.node.at, format!("Invalid type: {type_name}"), suggestion);
        return None;
    };
    let fields = fields.named(type_name);
    let kind = kind(&fields, short, &type_at);
    let task = common(&fields, type_name, kind);
    fields.finish();
    task
}

/// Reads what makes this type of task. A type that does not run yet is checked all the same, and refused.
fn kind(fields: &Fields<'_>, short: &str, type_at: &At<'_>) -> Option<TaskKind> {
    match short {
        "debug.Return" => Some(TaskKind::Return { format: fields.get("format").and_then(|at| at.template()) }),
        "log.Log" => log(fields, "message"),
        "debug.Echo" => log(fields, "format"),
        "output.OutputValues" => {
            let values = fields.get("values").filter(|at| at.entries().is_some());
            Some(TaskKind::OutputValues { values: values.and_then(|at| at.templated()) })
        }
        "execution.Fail" => fail(fields),
        "execution.Exit" => exit(fields),
        "http.Request" => Some(TaskKind::HttpRequest(Box::new(http::request(fields)?))),
        "flow.Sleep" => Some(TaskKind::Sleep { duration: fields.require("duration")?.dynamic()? }),
        other => {
            shape::check_task(fields, other);
            type_at.wrong(format!("the task type `{}` is not supported yet", type_at.text().unwrap_or(other)));
            None
        }
    }
}

fn log(fields: &Fields<'_>, property: &'static str) -> Option<TaskKind> {
    let level = match fields.get("level") {
        Some(at) => at.dynamic(),
        None => Some(Dynamic::Fixed(LogLevel::Info)),
    };
    let message = fields.require(property).and_then(|at| message(&at));
    Some(TaskKind::Log { message: message?, level: level? })
}

/// A text or a list; Kestra fails on anything else when the task runs.
fn message(at: &At<'_>) -> Option<LogMessage> {
    let Some(scalar) = at.scalar() else {
        let lines: Vec<_> = at.list()?.iter().map(line).collect();
        return lines.into_iter().collect::<Option<_>>().map(LogMessage::Many);
    };
    if scalar.value.as_text().is_none() {
        at.wrong_but(format!("Invalid message type: this is a {}", at.node.kind_name()), "put it in quotes");
        return None;
    }
    at.template().map(LogMessage::One)
}

/// A member of a list of messages: what is no text is written as it prints.
fn line(at: &At<'_>) -> Option<Template> {
    match at.scalar().map(|scalar| &scalar.value) {
        Some(value) if value.as_text().is_none() && !value.is_null() => Template::compile(&value.print()).ok(),
        Some(_) | None => at.template(),
    }
}

fn fail(fields: &Fields<'_>) -> Option<TaskKind> {
    let condition = fields.get("condition").map(|at| at.template());
    let error_message = match fields.get("errorMessage") {
        Some(at) => at.template(),
        None => Template::compile(FAIL_MESSAGE_DEFAULT).ok(),
    };
    Some(TaskKind::Fail { condition: condition.flatten(), error_message: error_message? })
}

fn exit(fields: &Fields<'_>) -> Option<TaskKind> {
    let state = match fields.get("state") {
        Some(at) => at.dynamic(),
        None => Some(Dynamic::Fixed(ExitState::Success)),
    };
    Some(TaskKind::Exit { state: state? })
}

/// Reads what all tasks have.
fn common(fields: &Fields<'_>, type_name: &str, kind: Option<TaskKind>) -> Option<Task> {
    let id = names::read(fields, "id", &names::TASK_ID);
    note_id(fields);
    let run_if = fields.get_either("runIf", "when").and_then(|at| at.template());
    let retry = fields.get("retry").and_then(|at| retry::of_task(&at));
    let timeout_at = fields.get("timeout");
    let timeout = timeout_at.as_ref().and_then(At::dynamic);
    if let (Some(at), Some(kind)) = (&timeout_at, &kind)
        && !matches!(kind, TaskKind::HttpRequest(_))
    {
        at.wrong("`timeout` is only supported on http.Request yet");
    }
    let log_level = fields.get("logLevel").and_then(|at| at.one_of(&LOG_LEVELS));
    shape::refuse_of_task(fields);
    Some(Task {
        id: id?,
        type_name: type_name.to_owned(),
        description: fields.note("description"),
        disabled: fields.flag("disabled"),
        allow_failure: fields.flag("allowFailure"),
        run_if,
        timeout,
        retry,
        log_level,
        kind: kind?,
    })
}

/// Ids are unique in the whole flow.
fn note_id(fields: &Fields<'_>) {
    let Some(at) = fields.get("id") else { return };
    let Some(scalar) = at.scalar() else { return };
    if let Some(line) = at.findings.remember_task(&scalar.text, at.node.at.line) {
        at.wrong_but(
            format!("Invalid Flow: Duplicate task id with name [{}]", scalar.text),
            format!("the first one is at line {line}"),
        );
    }
}
