//! The flow itself.

use super::{
    at::At, check, dashes, defaults, fields::Fields, input, labels, names, output, retry, shape, task, trigger,
};
use crate::{
    expr::{Map, Value},
    flow::{document::Flow, yaml::Content},
};

/// What Kestra writes into flows that it gives out; it belongs to the revision, not to the text, so that reading only checks it.
fn written_by_the_server(fields: &Fields<'_>) {
    let _ = fields.get("revision").map(|at| at.whole());
    let _ = fields.flag("deleted");
    for name in ["tenantId", "source", "updated"] {
        let _ = fields.note(name);
    }
}

/// Kestra's name of the class, for its messages.
const CLASS: &str = "io.kestra.core.models.flows.FlowWithSource";

/// Reads a flow. The answer is only to be used when nothing was found wrong.
pub(super) fn flow(at: &At<'_>) -> Option<Flow> {
    if !matches!(at.node.content, Content::Map(_)) {
        let kind = at.node.kind_name();
        let text = at.scalar().map(|scalar| format!(" ('{}')", super::at::cut(&scalar.text))).unwrap_or_default();
        at.wrong(format!("Illegal Flow source: YAML parsing error: Cannot read a flow from {kind}{text}"));
        return None;
    }
    let fields = Fields::of(at, CLASS)?;
    let id = names::read(&fields, "id", &names::FLOW_ID);
    let namespace = names::read(&fields, "namespace", &names::NAMESPACE);
    let labels = fields.get("labels").map(|at| labels(&at)).unwrap_or_default();
    let inputs = fields.get("inputs").map(|at| input::list(&at)).unwrap_or_default();
    let variables = fields.get("variables").and_then(|at| variables(&at)).unwrap_or_default();
    if let Some(at) = fields.get("pluginDefaults") {
        let _ = at.findings.defaults.set(defaults::read(&at));
    }
    let tasks = required_tasks(&fields);
    let block = |name| fields.get(name).map(|at| task::list(&at)).unwrap_or_default();
    let (errors, finally, after_execution) = (block("errors"), block("finally"), block("afterExecution"));
    let outputs = fields.get("outputs").map(|at| output::list(&at)).unwrap_or_default();
    let triggers = fields.get("triggers").map(|at| trigger::list(&at, &inputs)).unwrap_or_default();
    let checks = fields.get("checks").map(|at| check::list(&at)).unwrap_or_default();
    dashes::check(at, &inputs);
    later(&fields);
    let (description, disabled, draft) = (fields.note("description"), fields.flag("disabled"), fields.flag("draft"));
    written_by_the_server(&fields);
    fields.finish();
    Some(Flow {
        id: id?,
        namespace: namespace?,
        description,
        disabled,
        draft,
        labels,
        inputs,
        outputs,
        variables,
        tasks,
        errors,
        finally,
        after_execution,
        triggers,
        checks,
    })
}

fn required_tasks(fields: &Fields<'_>) -> Vec<crate::flow::task::Task> {
    let Some(at) = fields.require_with("tasks", "must not be empty") else { return Vec::new() };
    if at.node.content.is_empty_list() {
        at.wrong("must not be empty");
    }
    task::list(&at)
}

/// Looks at the value of one property.
type Check = fn(&At<'_>);

/// Checks and refuses what does not run yet.
fn later(fields: &Fields<'_>) {
    let checks: [(&'static str, Check); 3] =
        [("concurrency", shape::check_concurrency), ("retry", retry::of_flow), ("sla", shape::check_sla)];
    for (name, check) in checks {
        if let Some(at) = fields.get(name) {
            check(&at);
        }
        fields.refuse(&[name]);
    }
    shape::refuse_of_flow(fields);
}

fn labels(at: &At<'_>) -> Vec<(String, String)> {
    let text = |label: labels::Label<'_>| Some((label.key, label.value.text()?.to_owned()));
    labels::read(at).into_iter().filter_map(text).collect()
}

/// Variables stay as they are: what looks like an expression is only read when `render()` asks for it.
fn variables(at: &At<'_>) -> Option<Map> {
    at.entries()?;
    match at.node.to_value() {
        Value::Map(map) => Some(Map::clone(&map)),
        _ => None,
    }
}
