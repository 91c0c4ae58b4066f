//! Functions about the execution that is being rendered.

use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::map::Map;
use super::super::value::{Text, Value};

type Outcome = Result<Value, RenderError>;

/// All variables in one map.
pub(super) fn print_context(machine: &mut Machine<'_, '_>, _: &Arguments) -> Outcome {
    let mut all = Map::new();
    for name in machine.variables.names() {
        if let Some(value) = machine.variables.get(&name) {
            all.insert(name, value);
        }
    }
    Ok(Value::from(all))
}

pub(super) fn error_logs(machine: &mut Machine<'_, '_>, _: &Arguments) -> Outcome {
    match machine.env.surroundings.error_logs() {
        Some(entries) => Ok(Value::from(entries.into_iter().map(Value::from).collect::<Vec<_>>())),
        None => Err(RenderError::engine(
            "The 'errorLogs' function can only be used in the Worker as it access logs from the database.",
        )),
    }
}

pub(super) fn tasks_with_state(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let Some(state) = args.text("state")? else {
        return Err(RenderError::engine("The 'tasksWithState' function expects an argument 'state'."));
    };
    let tasks = machine.variables.get("tasks").unwrap_or_default();
    let mut found = Vec::new();
    for (id, task) in tasks.as_map().into_iter().flat_map(Map::iter) {
        if task.get("state").is_some_and(|state| !matches!(state, Value::Map(_))) {
            found.extend(with_state(id, None, task, state));
            continue;
        }
        let iterations = task.as_map().into_iter().flat_map(Map::iter);
        found.extend(iterations.filter_map(|(value, task)| with_state(id, Some(value), task, state)));
    }
    Ok(Value::from(found))
}

fn with_state(id: &Text, iteration: Option<&Text>, task: &Value, wanted: &str) -> Option<Value> {
    let state = task.get("state")?.host_text();
    if !state.eq_ignore_ascii_case(wanted) {
        return None;
    }
    let mut entry = Map::new();
    entry.insert("taskId", Value::Text(id.clone()));
    if let Some(value) = iteration {
        entry.insert("value", Value::Text(value.clone()));
    }
    entry.insert("state", Value::from(state));
    Some(Value::from(entry))
}

/// `outputs.name` of every iteration, null where there is none.
pub(super) fn loop_outputs(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let missing =
        |name: &str| RenderError::engine(format!("The 'loopOutputs' function expects a non-null argument '{name}'."));
    let outputs = match args.get("outputs") {
        Value::Null => return Err(missing("outputs")),
        Value::List(list) => list.clone(),
        _ => return Err(RenderError::engine("The 'loopOutputs' function expects 'outputs' to be a list.")),
    };
    let name = match args.get("name") {
        Value::Null => return Err(missing("name")),
        Value::Text(name) => name.clone(),
        _ => return Err(RenderError::engine("The 'loopOutputs' function expects 'name' to be a string.")),
    };
    let found = outputs
        .iter()
        .map(|one| one.get("outputs").and_then(|outputs| outputs.get(&name)).cloned().unwrap_or_default());
    Ok(Value::from(found.collect::<Vec<_>>()))
}

/// The outputs of a task for the current iteration and those around it (a spelling of 1.x).
pub(super) fn current_each_output(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let mut outputs = args.get("outputs").clone();
    let parents = machine.variables.get("parents").unwrap_or_default();
    let around = parents.as_list().into_iter().flatten().rev().cloned();
    let own = Value::map([("taskrun", machine.variables.get("taskrun").unwrap_or_default())]);
    for level in around.chain([own]) {
        let Some(value) = level.get("taskrun").and_then(|taskrun| taskrun.get("value")) else { continue };
        let key = value.host_text();
        outputs = outputs.get(&key).cloned().ok_or_else(|| RenderError::missing(key))?;
    }
    Ok(outputs)
}

/// There are no bundles of translations.
pub(super) fn i18n(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let bundle = args.get("bundle").host_text();
    Err(RenderError::engine(format!("Can't find bundle for base name {bundle}, locale en_US")))
}
