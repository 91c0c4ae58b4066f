//! The flow's inputs as a trigger gives them.

use windhover_proto::{
    expr::{Map, RenderError, Templated, Value},
    flow::{RenderedFor, ResolvedInputs, resolve_inputs},
    problem::{Code, Problem},
    seal::{SealKey, Sealed},
    sight::Rendered,
};

use crate::{context::Call, sites::Hook};

/// The inputs that the trigger gives, rendered and read as the flow declares them, with defaults for the others; nothing when
/// the trigger gives none or the flow takes none.
///
/// # Errors
/// 422 with everything that is wrong.
pub(crate) fn given(hook: &Hook<'_>, call: &Call<'_>) -> Result<Inputs, Problem> {
    let Some(given) = &hook.webhook.inputs else { return Ok(Inputs::default()) };
    if hook.flow.inputs.is_empty() {
        return Ok(Inputs::default());
    }
    let mut rendered = Map::with_capacity(given.len());
    for (id, tree) in given {
        let input = hook.flow.inputs.iter().find(|input| input.id == *id);
        let wanted = input.map_or(RenderedFor::Clear, RenderedFor::value_of);
        let value = render(call, tree, wanted, None);
        let value = value.map_err(|error| invalid(&format!("Invalid value for input `{id}`. Cause: {error}")))?;
        rendered.insert(id.as_str(), value);
    }
    let mut render = |tree: &Templated, wanted, inputs: &Map| {
        render(call, tree, wanted, Some(&as_written(inputs, given))).map_err(|error| error.to_string())
    };
    let resolved = resolve_inputs(&hook.flow.inputs, &rendered, &mut render);
    // First, because what is wrong with a value quotes it.
    if call.keeps_secret() {
        return Err(secret());
    }
    let resolved = resolved.map_err(|wrong| {
        let reasons: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        invalid(&reasons.join("; "))
    })?;
    Inputs::of(&resolved, call.seal)
}

/// The inputs as defaults and conditions of others see them: what a trigger gives is seen as it is written there, not rendered. So
/// Kestra 2.0 does it.
fn as_written(inputs: &Map, given: &[(String, Templated)]) -> Map {
    let mut seen = inputs.clone();
    for (id, tree) in given.iter().filter(|(id, _)| inputs.contains_key(id)) {
        seen.insert(id.as_str(), tree.written());
    }
    seen
}

/// Renders a property of an input, and notes what is secret in it and would be kept in clear.
fn render(call: &Call<'_>, tree: &Templated, wanted: RenderedFor, inputs: Option<&Map>) -> Result<Value, RenderError> {
    let rendered = call.render_tree(tree, inputs)?;
    if wanted == RenderedFor::Clear && tells_secret(&rendered) {
        call.note_kept();
    }
    Ok(rendered.value)
}

/// Whether a value would tell a secret if it were kept in clear. An answer to yes or no does not.
pub(crate) fn tells_secret(rendered: &Rendered<Value>) -> bool {
    rendered.is_secret() && !matches!(rendered.value.as_text(), Some("true" | "false"))
}

/// The inputs of an execution, as the log keeps them.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// The values, those of the type SECRET masked; none when there are none.
    pub(crate) shown: Option<Value>,
    /// Those of the type SECRET, sealed.
    pub(crate) sealed: Option<Sealed>,
}

impl Inputs {
    /// Seals what is secret.
    ///
    /// # Errors
    /// 422 when something is, and there is no key.
    pub(crate) fn of(resolved: &ResolvedInputs, key: Option<&SealKey>) -> Result<Self, Problem> {
        let shown = Some(Value::Map(resolved.shown().into()));
        match key {
            Some(key) => Ok(Self { shown, sealed: resolved.sealed(key) }),
            None if resolved.secrets.is_empty() => Ok(Self { shown, sealed: None }),
            None => Err(invalid(
                "an input of the type SECRET needs a key to seal it; start the server with --secret-key-file",
            )),
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
