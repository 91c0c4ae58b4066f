//! The flow's inputs as a trigger gives them.

use windhover_proto::{
    expr::{Map, Value},
    problem::{Code, Problem},
};

use crate::{context::Call, sites::Hook};

/// The inputs that the trigger gives, rendered; `None` when it has none.
///
/// # Errors
/// 422 with everything that is wrong.
pub(crate) fn given(hook: &Hook<'_>, call: &Call<'_>) -> Result<Option<Value>, Problem> {
    let Some(given) = &hook.webhook.inputs else { return Ok(None) };
    let mut map = Map::with_capacity(given.len());
    for (id, value) in given {
        let value = call.render_tree(value).map_err(|error| invalid(&format!("Invalid input for '{id}': {error}")))?;
        map.insert(id.as_str(), value);
    }
    Ok(Some(Value::Map(map.into())))
}

fn invalid(detail: &str) -> Problem {
    Code::InputsInvalid.because(detail.to_owned())
}
