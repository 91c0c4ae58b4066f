//! The flow's inputs as a trigger gives them.

use windhover_proto::{
    expr::{Map, RenderError, Templated, Value},
    flow::{ResolvedInputs, resolve_inputs},
    problem::{Code, Problem},
    seal::{SealKey, Sealed},
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
        let is_secret = hook.flow.inputs.iter().any(|input| input.id == *id && input.is_secret());
        let value = render(call, tree, None, is_secret);
        let value = value.map_err(|error| invalid(&format!("Invalid value for input `{id}`. Cause: {error}")))?;
        rendered.insert(id.as_str(), value);
    }
    let secret_defaults = hook.flow.inputs.iter().filter(|input| input.is_secret());
    let secret_defaults: Vec<&Templated> = secret_defaults.filter_map(|input| input.defaults.as_ref()).collect();
    let mut render = |tree: &Templated, inputs: &Map| {
        let is_secret = secret_defaults.iter().any(|default| std::ptr::eq(*default, tree));
        render(call, tree, Some(inputs), is_secret).map_err(|error| error.to_string())
    };
    match resolve_inputs(&hook.flow.inputs, &rendered, &mut render) {
        Ok(resolved) => {
            let inputs = Inputs::of(&resolved, call.seal)?;
            let is_secret = inputs.shown.as_ref().is_some_and(|shown| call.is_secret(shown));
            if is_secret { Err(secret()) } else { Ok(inputs) }
        }
        Err(wrong) => {
            let reasons: Vec<_> = wrong.iter().map(ToString::to_string).collect();
            Err(invalid(&reasons.join("; ")))
        }
    }
}

/// Renders a value for an input; what a secret one reads is no reason to refuse it.
fn render(call: &Call<'_>, tree: &Templated, inputs: Option<&Map>, is_secret: bool) -> Result<Value, RenderError> {
    let read_before = call.read_secret.get();
    let value = call.render_tree(tree, inputs)?;
    if is_secret {
        call.read_secret.set(read_before);
    }
    Ok(value)
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
