//! The flow's inputs as a trigger gives them.

use windhover_proto::{
    expr::{Map, Template, Templated, Value},
    inputs::{self, InvalidInput, Renderer},
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
    let read = inputs::read(&hook.flow.inputs, &rendered, call);
    read.map(|map| Some(Value::Map(map.into()))).map_err(|wrong| {
        let reasons: Vec<_> = wrong.iter().map(InvalidInput::to_string).collect();
        invalid(&reasons.join("; "))
    })
}

fn invalid(detail: &str) -> Problem {
    Code::InputsInvalid.because(detail.to_owned())
}

impl Renderer for Call<'_> {
    fn tree(&self, tree: &Templated, inputs: &Map) -> Result<Value, String> {
        self.render_tree(tree, Some(inputs)).map_err(|error| error.to_string())
    }

    fn text(&self, template: &Template, inputs: &Map) -> Result<String, String> {
        self.render_with(template, inputs).map_err(|error| error.to_string())
    }
}
