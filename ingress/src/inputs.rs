//! The flow's inputs as a trigger gives them.

use windhover_proto::{
    expr::{Map, Templated, Value},
    flow::resolve_inputs,
    problem::{Code, Problem},
};

use crate::{context::Call, sites::Hook};

/// The inputs that the trigger gives, rendered and read as the flow declares them, with defaults for the others; `None` when
/// the trigger gives none or the flow takes none.
///
/// # Errors
/// 422 with everything that is wrong.
pub(crate) fn given(hook: &Hook<'_>, call: &Call<'_>) -> Result<Option<Value>, Problem> {
    let Some(given) = &hook.webhook.inputs else { return Ok(None) };
    if hook.flow.inputs.is_empty() {
        return Ok(None);
    }
    let mut rendered = Map::with_capacity(given.len());
    for (id, tree) in given {
        let value = call.render_tree(tree, None);
        let value = value.map_err(|error| invalid(&format!("Invalid value for input `{id}`. Cause: {error}")))?;
        rendered.insert(id.as_str(), value);
    }
    let mut render =
        |tree: &Templated, inputs: &Map| call.render_tree(tree, Some(inputs)).map_err(|error| error.to_string());
    match resolve_inputs(&hook.flow.inputs, &rendered, &mut render) {
        Ok(resolved) => {
            let values = Value::Map(resolved.values.into());
            if call.is_secret(&values) { Err(secret()) } else { Ok(Some(values)) }
        }
        Err(wrong) => {
            let reasons: Vec<_> = wrong.iter().map(ToString::to_string).collect();
            Err(invalid(&reasons.join("; ")))
        }
    }
}

/// Inputs stand in the log in clear, so a secret never becomes one.
fn secret() -> Problem {
    invalid(
        "the trigger's `inputs` hold a secret or a sensitive header, and inputs are kept in clear; \
         read `secret(…)` or `trigger.headers` in the task that needs it instead",
    )
}

fn invalid(detail: &str) -> Problem {
    Code::InputsInvalid.because(detail.to_owned())
}
