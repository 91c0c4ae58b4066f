//! Types and properties that are known but do not run yet. They are checked as Kestra checks them, so that a flow's other
//! faults are seen at once; the flow is refused all the same. A type leaves this table when it runs.

use std::time::Duration;

use super::{at::At, fields::Fields, input, labels, output, task};

/// What a property must be.
#[derive(Clone, Copy)]
enum Want {
    /// Anything; texts may hold expressions.
    Any,
    /// A text that may hold expressions.
    Text,
    /// True or false, or an expression.
    Flag,
    /// A whole number, or an expression.
    Whole,
    /// An ISO 8601 duration, or an expression.
    Span,
    /// An ISO 8601 duration, never rendered.
    FixedSpan,
    /// One of some words.
    Word(&'static [&'static str]),
    /// A list of some words.
    Words(&'static [&'static str]),
    /// A map.
    Map,
    /// A list.
    List,
    /// One task.
    Task,
    /// Tasks, perhaps none.
    Tasks,
    /// At least one task.
    SomeTasks,
    /// Tasks by case.
    Cases,
    /// The tasks of a Dag, each with what it depends on.
    Dag,
    /// Inputs.
    Inputs,
    /// Outputs.
    Outputs,
    /// Labels.
    Labels,
    /// A cron expression.
    Cron,
    /// A time zone, never rendered.
    Zone,
    /// An object.
    Object(&'static [Property]),
}

/// One property of a type.
#[derive(Clone, Copy)]
struct Property {
    name: &'static str,
    want: Want,
    /// Kestra's words when it is missing; none when it may be.
    missing: Option<&'static str>,
}

const fn may(name: &'static str, want: Want) -> Property {
    Property { name, want, missing: None }
}

const fn must(name: &'static str, want: Want) -> Property {
    Property { name, want, missing: Some("must not be null") }
}

const TASKS_EMPTY: &str = "The 'tasks' property cannot be empty";

/// What every block of tasks has.
const TASKS: Property = Property { name: "tasks", want: Want::SomeTasks, missing: Some(TASKS_EMPTY) };
const ERRORS: Property = may("errors", Want::Tasks);
const FINALLY: Property = may("finally", Want::Tasks);
const BLOCK: [Property; 3] = [TASKS, ERRORS, FINALLY];

const HTTP_OPTIONS: [Property; 10] = [
    may("allowFailed", Want::Flag),
    may("allowedResponseCodes", Want::List),
    may("auth", Want::Map),
    may("defaultCharset", Want::Text),
    may("enabledTcpExtendedKeepAlive", Want::Flag),
    may("followRedirects", Want::Flag),
    may("logs", Want::Words(&["REQUEST_HEADERS", "REQUEST_BODY", "RESPONSE_HEADERS", "RESPONSE_BODY"])),
    may("proxy", Want::Map),
    may("ssl", Want::Map),
    may("timeout", Want::Map),
];
/// What `http.Request` does not do yet.
const HTTP_LATER: [Property; 3] =
    [may("formData", Want::Map), may("params", Want::Map), may("encryptBody", Want::Flag)];
const HTTP: [Property; 9] = [
    must("uri", Want::Text),
    may("method", Want::Text),
    may("headers", Want::Map),
    may("body", Want::Text),
    may("contentType", Want::Text),
    may("options", Want::Object(&HTTP_OPTIONS)),
    HTTP_LATER[0],
    HTTP_LATER[1],
    HTTP_LATER[2],
];

const CHILD_FAILURE: Property = may("onChildFailure", Want::Word(&["CONTINUE", "CANCEL", "FAIL"]));
const CHECK_FREQUENCY: [Property; 3] =
    [may("maxIterations", Want::Whole), may("maxDuration", Want::Span), may("interval", Want::Span)];
const NAMESPACE_FILES: [Property; 6] = [
    may("enabled", Want::Flag),
    may("exclude", Want::List),
    may("folderPerNamespace", Want::Flag),
    may("ifExists", Want::Word(&["OVERWRITE", "FAIL", "WARN", "IGNORE"])),
    may("include", Want::List),
    may("namespaces", Want::List),
];
const FILE_CACHE: [Property; 2] = [must("patterns", Want::List), may("ttl", Want::Span)];
const WINDOW: [Property; 7] = [
    may("deadline", Want::Text),
    may("every", Want::FixedSpan),
    may("from", Want::Text),
    may("lookback", Want::FixedSpan),
    may("offset", Want::FixedSpan),
    may("timezone", Want::Zone),
    may("to", Want::Text),
];
const ANNOTATIONS: [Property; 5] = [
    may("destructive", Want::Flag),
    may("idempotent", Want::Flag),
    may("openWorld", Want::Flag),
    may("readOnly", Want::Flag),
    may("returnDirect", Want::Flag),
];
const TASK_CACHE: [Property; 2] = [must("enabled", Want::Flag), may("ttl", Want::FixedSpan)];
const WORKER_SELECTOR: [Property; 3] = [
    may("tags", Want::List),
    may("match", Want::Word(&["ALL", "ANY"])),
    may("fallback", Want::Word(&["FAIL", "WAIT", "CANCEL", "IGNORE"])),
];
const ASSETS: [Property; 4] = [
    may("assetFailureBehavior", Want::Word(&["IGNORE", "FAIL", "WARN"])),
    may("enableAuto", Want::Flag),
    may("inputs", Want::List),
    may("outputs", Want::List),
];
const WORKER: Property = may("workerSelector", Want::Object(&WORKER_SELECTOR));
/// What every task and trigger of Kestra's may say, and ours not yet.
const COMMON_LATER: [Property; 3] =
    [may("assets", Want::Object(&ASSETS)), may("policyRefs", Want::List), may("version", Want::Text)];
/// What every task may say beside that.
const TASK_LATER: [Property; 4] = [
    may("allowWarning", Want::Flag),
    may("taskCache", Want::Object(&TASK_CACHE)),
    may("logToFile", Want::Flag),
    WORKER,
];
/// What a flow may say, and ours not yet.
const FLOW_LATER: [Property; 3] = [may("quotas", Want::List), may("policyRefs", Want::List), WORKER];
const NAMESPACE: Property = may("namespace", Want::Text);
const KEY: Property = must("key", Want::Text);
const END_DATE: Property = must("endDate", Want::Text);
const FILES: Property = must("files", Want::Any);
const OF_NAMESPACE: Property = must("namespace", Want::Text);
const FROM: Property = must("from", Want::Text);
const KV_TYPES: [&str; 7] = ["STRING", "NUMBER", "BOOLEAN", "DATETIME", "DATE", "DURATION", "JSON"];
const RESTARTS: [&str; 2] = ["NEW_EXECUTION", "RETRY_FAILED"];
const INCLUDES: [&str; 2] = ["INCLUDE", "EXCLUDE"];

/// A type and the groups of its properties.
type Type = (&'static str, &'static [&'static [Property]]);

#[rustfmt::skip]
const TASK_TYPES: &[Type] = &[
    ("flow.Sequential", &[&BLOCK]),
    ("flow.AllowFailure", &[&BLOCK]),
    ("flow.Parallel", &[&BLOCK, &[may("concurrent", Want::Whole), CHILD_FAILURE]]),
    ("flow.Dag", &[&[Property { name: "tasks", want: Want::Dag, missing: Some("must not be empty") }, ERRORS, FINALLY, may("concurrent", Want::Whole), CHILD_FAILURE]]),
    ("flow.If", &[&[must("condition", Want::Text), Property { name: "then", want: Want::SomeTasks, missing: Some("The 'then' property cannot be empty") }, may("else", Want::Tasks), ERRORS, FINALLY]]),
    ("flow.Switch", &[&[must("value", Want::Text), may("cases", Want::Cases), may("defaults", Want::Tasks), ERRORS, FINALLY]]),
    ("flow.Loop", &[&BLOCK, &[must("values", Want::Any), may("concurrencyLimit", Want::Whole), may("transmitFailed", Want::Flag), may("outputs", Want::Outputs), may("fetchType", Want::Word(&["STORE", "FETCH", "AUTO"]))]]),
    ("flow.ForEach", &[&BLOCK, &[must("values", Want::Any), may("concurrencyLimit", Want::Whole)]]),
    ("flow.LoopUntil", &[&BLOCK, &[must("condition", Want::Text), may("checkFrequency", Want::Object(&CHECK_FREQUENCY)), may("failOnMaxReached", Want::Flag)]]),
    ("flow.Pause", &[&[may("pauseDuration", Want::Span), may("delay", Want::Span), may("behavior", Want::Word(&["RESUME", "WARN", "CANCEL", "FAIL"])), may("onPause", Want::Task), may("onResume", Want::Inputs), may("tasks", Want::Tasks), ERRORS, FINALLY]]),
    ("flow.Subflow", &[&[Property { name: "namespace", want: Want::Text, missing: Some("must not be empty") }, must("flowId", Want::Text), may("revision", Want::Whole), may("inputs", Want::Map), may("labels", Want::Labels), may("wait", Want::Flag), may("transmitFailed", Want::Flag), may("inheritLabels", Want::Flag), may("scheduleDate", Want::Text), may("restartBehavior", Want::Word(&RESTARTS))]]),
    ("flow.WorkingDirectory", &[&BLOCK, &[may("cache", Want::Object(&FILE_CACHE)), may("inputFiles", Want::Any), may("namespaceFiles", Want::Object(&NAMESPACE_FILES)), may("outputFiles", Want::List)]]),
    ("execution.Assert", &[&[must("conditions", Want::List), may("errorMessage", Want::Text)]]),
    ("execution.Labels", &[&[must("labels", Want::Any)]]),
    ("execution.SetVariables", &[&[must("variables", Want::Map), may("overwrite", Want::Flag)]]),
    ("execution.UnsetVariables", &[&[must("variables", Want::List), may("ignoreMissing", Want::Flag)]]),
    ("http.Download", &[&HTTP, &[may("failOnEmptyResponse", Want::Flag), may("saveAs", Want::Text)]]),
    ("http.SseRequest", &[&HTTP, &[may("concatJqExpression", Want::Text), may("failedOnMissingJq", Want::Flag)]]),
    ("kv.Get", &[&[KEY, NAMESPACE, may("errorOnMissing", Want::Flag)]]),
    ("kv.Delete", &[&[KEY, NAMESPACE, may("errorOnMissing", Want::Flag)]]),
    ("kv.GetKeys", &[&[NAMESPACE, may("prefix", Want::Text)]]),
    ("kv.Put", &[&[KEY, NAMESPACE, must("value", Want::Any), may("errorOnMissing", Want::Flag)]]),
    ("kv.Set", &[&[KEY, NAMESPACE, must("value", Want::Text), may("overwrite", Want::Flag), may("ttl", Want::Span), may("kvType", Want::Word(&KV_TYPES)), may("kvDescription", Want::Text)]]),
    ("metric.Publish", &[&[may("metrics", Want::List)]]),
    ("templating.TemplatedTask", &[&[must("spec", Want::Text)]]),
    ("storage.Concat", &[&[must("files", Want::Any), may("separator", Want::Text), may("extension", Want::Text)]]),
    ("storage.DeduplicateItems", &[&[FROM, must("expr", Want::Text)]]),
    ("storage.Delete", &[&[must("uri", Want::Text), may("errorOnMissing", Want::Flag)]]),
    ("storage.FilterItems", &[&[FROM, must("filterCondition", Want::Text), may("filterType", Want::Word(&INCLUDES)), may("errorOrNullBehavior", Want::Word(&["FAIL", "INCLUDE", "EXCLUDE"]))]]),
    ("storage.PurgeCurrentExecutionFiles", &[]),
    ("storage.Reverse", &[&[FROM, may("separator", Want::Text), may("charset", Want::Text)]]),
    ("storage.Size", &[&[must("uri", Want::Text)]]),
    ("storage.Split", &[&[FROM, may("bytes", Want::Text), may("partitions", Want::Whole), may("rows", Want::Whole), may("separator", Want::Text), may("regexPattern", Want::Text)]]),
    ("storage.Write", &[&[must("content", Want::Text), may("extension", Want::Text)]]),
];

/// Task types of which we only check that what they need is there: they keep house in an installation of Kestra's.
const UNCHECKED_TASK_TYPES: &[Type] = &[
    ("execution.PurgeExecutions", &[&[END_DATE]]),
    ("flow.PurgeFlows", &[]),
    ("kv.PurgeKV", &[]),
    ("log.PurgeLogs", &[&[END_DATE]]),
    ("namespace.DeleteFiles", &[&[FILES, OF_NAMESPACE]]),
    ("namespace.DownloadFiles", &[&[FILES, OF_NAMESPACE]]),
    ("namespace.PurgeFiles", &[]),
    ("namespace.UploadFiles", &[&[OF_NAMESPACE]]),
    ("storage.PurgeStorage", &[&[END_DATE]]),
];

const TRIGGER_COMMON: [Property; 2] = [may("when", Want::Text), may("conditions", Want::List)];
const RECOVER: [&str; 3] = ["LAST", "NONE", "ALL"];

#[rustfmt::skip]
const TRIGGER_TYPES: &[Type] = &[
    ("trigger.Schedule", &[&TRIGGER_COMMON, &[must("cron", Want::Cron), may("timezone", Want::Zone), may("inputs", Want::Map), may("lateMaximumDelay", Want::Span), may("recoverMissedSchedules", Want::Word(&RECOVER)), may("withSeconds", Want::Flag), may("backfill", Want::Map), may("scheduleConditions", Want::List)]]),
    ("trigger.ScheduleOnDates", &[&TRIGGER_COMMON, &[must("dates", Want::Any), may("timezone", Want::Zone), may("inputs", Want::Map), may("recoverMissedSchedules", Want::Word(&RECOVER))]]),
    ("trigger.Flow", &[&TRIGGER_COMMON, &[may("dependsOn", Want::List), may("preconditions", Want::Map), may("inputs", Want::Map), may("minSatisfied", Want::Whole), may("mode", Want::Word(&["ALL", "ANY", "AT_LEAST"])), may("states", Want::Words(&super::trigger::STATES)), may("window", Want::Object(&WINDOW))]]),
    ("trigger.McpToolTrigger", &[&TRIGGER_COMMON, &[must("title", Want::Text), must("toolName", Want::Text), must("toolDescription", Want::Text), may("annotations", Want::Object(&ANNOTATIONS)), may("mcpServer", Want::Text)]]),
    ("http.Trigger", &[&TRIGGER_COMMON, &HTTP, &[may("interval", Want::Span), may("responseCondition", Want::Text)]]),
];

const CONCURRENCY: [Property; 2] =
    [must("limit", Want::Whole), may("behavior", Want::Word(&["QUEUE", "CANCEL", "FAIL"]))];
const SLA_COMMON: [Property; 3] = [
    Property { name: "id", want: Want::Text, missing: Some("must not be empty") },
    must("behavior", Want::Word(&["FAIL", "CANCEL", "NONE"])),
    may("labels", Want::Labels),
];

/// Short names of the task types of this table.
pub(super) fn tasks() -> impl Iterator<Item = &'static str> {
    TASK_TYPES.iter().chain(UNCHECKED_TASK_TYPES).map(|(name, _)| *name)
}

/// Short names of the trigger types of this table.
pub(super) fn triggers() -> impl Iterator<Item = &'static str> {
    TRIGGER_TYPES.iter().map(|(name, _)| *name)
}

/// Checks the properties of a task type that does not run yet.
pub(super) fn check_task(fields: &Fields<'_>, short: &str) {
    let groups = |types: &[Type]| types.iter().find(|(name, _)| *name == short).map(|(_, groups)| *groups);
    check(fields, groups(TASK_TYPES).or_else(|| groups(UNCHECKED_TASK_TYPES)).unwrap_or_default());
    if groups(TASK_TYPES).is_none() {
        fields.accept_rest();
    }
    if short == "flow.Switch" && fields.get("cases").is_none() && fields.get("defaults").is_none() {
        fields.at.wrong("No task defined, neither cases or default have any tasks");
    }
}

/// Checks and refuses what every task of Kestra's may say, and ours not yet.
pub(super) fn refuse_of_task(fields: &Fields<'_>) {
    refuse(fields, &TASK_LATER);
    refuse(fields, &COMMON_LATER);
}

/// Checks and refuses what every trigger of Kestra's may say, and ours not yet; where a trigger is looked at changes nothing.
pub(super) fn refuse_of_trigger(fields: &Fields<'_>) {
    refuse(fields, &COMMON_LATER);
    check(fields, &[&[WORKER]]);
}

/// Checks and refuses what a flow may say, and ours not yet.
pub(super) fn refuse_of_flow(fields: &Fields<'_>) {
    refuse(fields, &FLOW_LATER);
}

/// Checks and refuses what `http.Request` does not do yet.
pub(super) fn refuse_http(fields: &Fields<'_>) {
    refuse(fields, &HTTP_LATER);
}

fn refuse(fields: &Fields<'_>, properties: &'static [Property]) {
    check(fields, &[properties]);
    properties.iter().for_each(|property| fields.refuse(&[property.name]));
}

/// Checks the properties of a trigger type that does not run yet.
pub(super) fn check_trigger(fields: &Fields<'_>, short: &str) {
    if let Some((_, groups)) = TRIGGER_TYPES.iter().find(|(name, _)| *name == short) {
        check(fields, groups);
    }
}

/// Checks a flow's `concurrency`.
pub(super) fn check_concurrency(at: &At<'_>) {
    let Some(fields) = Fields::of(at, "concurrency") else { return };
    check(&fields, &[&CONCURRENCY]);
    let limit = fields.get("limit");
    if let Some(limit) = limit.filter(|limit| limit.scalar().is_some_and(|scalar| scalar.text == "0")) {
        limit.wrong("must be greater than 0");
    }
    fields.finish();
}

/// Checks a flow's `sla`.
pub(super) fn check_sla(at: &At<'_>) {
    const MAX_DURATION: [Property; 1] = [must("duration", Want::FixedSpan)];
    const ASSERTION: [Property; 1] =
        [Property { name: "assert", want: Want::Text, missing: Some("must not be empty") }];
    for member in at.list().unwrap_or_default() {
        let Some(fields) = Fields::of(&member, "sla") else { continue };
        let kind = fields.get("type");
        match kind.as_ref().map(|kind| (kind, kind.text())) {
            Some((_, Some("MAX_DURATION"))) => check(&fields, &[&SLA_COMMON, &MAX_DURATION]),
            Some((_, Some("EXECUTION_ASSERTION"))) => check(&fields, &[&SLA_COMMON, &ASSERTION]),
            Some((kind, text)) => {
                kind.wrong(format!("Invalid type: {}", text.unwrap_or_default()));
                continue;
            }
            None => {
                fields.missing("type", "Invalid type: null");
                continue;
            }
        }
        fields.finish();
    }
}

fn object(at: &At<'_>, class: &str, groups: &[&'static [Property]]) {
    if let Some(fields) = Fields::of(at, class) {
        check(&fields, groups);
        fields.finish();
    }
}

fn check(fields: &Fields<'_>, groups: &[&'static [Property]]) {
    for property in groups.iter().copied().flatten() {
        let found = match property.missing {
            Some(words) => fields.require_with(property.name, words),
            None => fields.get(property.name),
        };
        if let Some(at) = found {
            check_one(&at, property);
        }
    }
}

fn check_one(at: &At<'_>, property: &Property) {
    match property.want {
        Want::Any => drop(at.templated()),
        Want::Text => drop(at.template()),
        Want::Flag => drop(at.dynamic::<bool>()),
        Want::Whole => drop(at.dynamic::<u32>()),
        Want::Span => drop(at.dynamic::<Duration>()),
        Want::FixedSpan => drop(at.fixed::<Duration>()),
        Want::Word(words) => word(at, words),
        Want::Words(words) => at.list().unwrap_or_default().iter().for_each(|at| word(at, words)),
        Want::Map => drop(at.entries().map(|_| at.templated())),
        Want::List => drop(at.list().map(|_| at.templated())),
        Want::Task => drop(task::one(at)),
        Want::Tasks => drop(task::list(at)),
        Want::SomeTasks => some_tasks(at, property),
        Want::Cases => at.entries().unwrap_or_default().iter().for_each(|(_, tasks)| drop(task::list(tasks))),
        Want::Dag => dag(at),
        Want::Inputs => drop(input::list(at)),
        Want::Outputs => drop(output::list(at)),
        Want::Labels => drop(labels::read(at)),
        Want::Cron => cron(at),
        Want::Zone => zone(at),
        Want::Object(properties) => object(at, property.name, &[properties]),
    }
}

fn word(at: &At<'_>, words: &'static [&'static str]) {
    if at.template().is_some_and(|template| template.is_literal()) {
        let words: Vec<_> = words.iter().map(|word| (*word, ())).collect();
        let _ = at.one_of(&words);
    }
}

fn some_tasks(at: &At<'_>, property: &Property) {
    let Some(members) = at.list() else { return };
    if members.is_empty() {
        at.wrong(property.missing.unwrap_or("must not be empty"));
    }
    drop(task::list(at));
}

/// What each part of a cron expression may be: minute, hour, day, month, day of the week.
const CRON_PARTS: [std::ops::RangeInclusive<u32>; 5] = [0..=59, 0..=23, 1..=31, 1..=12, 0..=7];

fn cron(at: &At<'_>) {
    let Some(text) = at.text() else { return };
    let parts: Vec<&str> = text.split_whitespace().collect();
    if text.starts_with('@') {
        return;
    }
    if !matches!(parts.len(), 5 | 6) {
        let count = parts.len();
        at.wrong(format!(
            "invalid cron expression '{text}': Cron expression contains {count} parts but we expect one of [5]"
        ));
        return;
    }
    // A first part of six is for seconds, which go as far as minutes.
    let ranges = CRON_PARTS.iter().take(parts.len() - 5).chain(&CRON_PARTS);
    for (part, range) in parts.iter().zip(ranges) {
        if let Some(number) = cron_numbers(part).find(|number| !range.contains(number)) {
            let (first, last) = (range.start(), range.end());
            at.wrong(format!("invalid cron expression '{text}': {number} is not in the range [{first}, {last}]"));
        }
    }
}

/// The numbers of a part; names of days and months, and how wide a step is, are left to whoever runs it.
fn cron_numbers(part: &str) -> impl Iterator<Item = u32> {
    let ends = part.split(',').flat_map(|one| one.split('/').next().unwrap_or_default().split('-'));
    ends.filter_map(|end| end.parse().ok())
}

fn zone(at: &At<'_>) {
    let Some(text) = at.text() else { return };
    let is_offset = text.starts_with(['+', '-']) || ["Z", "UTC", "GMT", "UT"].iter().any(|name| text.starts_with(name));
    if !is_offset && jiff::tz::TimeZone::get(text).is_err() {
        at.wrong(format!("invalid timezone '{text}'"));
    }
}

/// The tasks of a Dag: what each depends on exists, and nothing depends on itself.
fn dag(at: &At<'_>) {
    let Some(members) = at.list() else { return };
    if members.is_empty() {
        at.wrong("must not be empty");
    }
    let nodes: Vec<(String, Vec<String>)> = members.iter().filter_map(dag_member).collect();
    for dependency in nodes.iter().flat_map(|(_, needs)| needs) {
        if !nodes.iter().any(|(id, _)| id == dependency) {
            at.wrong(format!("Not existing task id in dependency: {dependency}"));
        }
    }
    let names: Vec<&str> = super::circle::circles(&nodes).into_iter().map(|(name, _)| name).collect();
    if !names.is_empty() {
        at.wrong(format!("Cyclic dependency detected: {}", names.join(", ")));
    }
}

fn dag_member(at: &At<'_>) -> Option<(String, Vec<String>)> {
    let fields = Fields::of(at, "dagTask")?;
    let inner = fields.require("task");
    let needs = fields.get("dependsOn").and_then(|at| at.texts()).unwrap_or_default();
    fields.finish();
    let inner = inner?;
    drop(task::one(&inner));
    let id = inner.node.get("id").and_then(super::scalar_text)?;
    Some((id, needs.into_iter().map(str::to_owned).collect()))
}
