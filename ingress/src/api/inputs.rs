//! The inputs of an execution that somebody asks for, and whether the flow lets them start it.

use windhover_proto::{
    delivery::FlowRef,
    expr::{Env, Map, RenderError, Surroundings, Template, Templated, Value, Variables},
    flow::{Flow, RenderedFor, ResolvedInputs, mask_secrets, resolve_inputs},
    id::ExecutionId,
    problem::{Code, Problem},
    seal::SealKey,
    sight::{self, Attempt, Rendered, Sight},
};

use super::checks;
use crate::{
    context::{self, Moment},
    inputs::{Inputs, tells_secret},
};

/// What defaults and conditions of inputs see, and checks.
pub(super) struct Asked<'a> {
    pub(super) reference: &'a FlowRef,
    pub(super) flow: &'a Flow,
    pub(super) execution: ExecutionId,
    pub(super) moment: Moment,
    pub(super) surroundings: &'a dyn Surroundings,
    pub(super) seal: Option<&'a SealKey>,
}

impl Asked<'_> {
    /// The inputs that were given, read as the flow declares them, with defaults for the others; nothing when the flow takes
    /// none.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub(super) fn resolve(&self, given: &Map) -> Result<Inputs, Problem> {
        self.kept(&self.read(given)?)
    }

    /// The same, for an execution that the flow's checks let be created.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub(super) fn admit(&self, given: &Map) -> Result<Inputs, Problem> {
        let resolved = self.read(given)?;
        checks::pass(&self.flow.checks, &|when| self.text(when, &resolved.values))?;
        self.kept(&resolved)
    }

    fn kept(&self, resolved: &ResolvedInputs) -> Result<Inputs, Problem> {
        match self.flow.inputs.is_empty() {
            true => Ok(Inputs::default()),
            false => Inputs::of(resolved, self.seal),
        }
    }

    fn read(&self, given: &Map) -> Result<ResolvedInputs, Problem> {
        if self.flow.inputs.is_empty() {
            return Ok(ResolvedInputs::default());
        }
        let mut keeps_secret = false;
        let mut render = |tree: &Templated, wanted, inputs: &Map| {
            let rendered = self.render(tree, inputs).map_err(|error| error.to_string())?;
            keeps_secret |= wanted == RenderedFor::Clear && tells_secret(&rendered);
            Ok(rendered.value)
        };
        let resolved = resolve_inputs(&self.flow.inputs, given, &mut render);
        // First, because what is wrong with a value quotes it.
        if keeps_secret {
            return Err(invalid(
                "a default of an input holds a secret, and inputs are kept in clear; give it the type SECRET"
                    .to_owned(),
            ));
        }
        resolved.map_err(|wrong| {
            let reasons: Vec<_> = wrong.iter().map(ToString::to_string).collect();
            invalid(reasons.join("; "))
        })
    }

    /// Renders a text; a failure is told to the caller, so it hides what is secret.
    fn text(&self, template: &Template, inputs: &Map) -> Result<String, String> {
        let attempt = |sight| self.attempt(sight, inputs, |variables, env| template.render(variables, env));
        sight::unshown(attempt).map_err(|error| error.to_string())
    }

    fn render(&self, tree: &Templated, inputs: &Map) -> Result<Rendered<Value>, RenderError> {
        sight::render(|sight| self.attempt(sight, inputs, |variables, env| tree.render(variables, env)))
    }

    fn attempt<T>(
        &self,
        sight: Sight,
        inputs: &Map,
        render: impl Fn(&WithInputs<'_>, &mut Env<'_>) -> Result<T, RenderError>,
    ) -> Attempt<T> {
        let (masked, hidden) = mask_secrets(&self.flow.inputs, inputs);
        let mut env = self.moment.env(self.surroundings).with_sight(sight);
        let inputs = match sight {
            Sight::Opened => inputs,
            Sight::Masked => &masked,
        };
        let outcome = render(&WithInputs { asked: self, inputs }, &mut env);
        Attempt { outcome, secrets: [&hidden, env.secrets_used()].concat() }
    }
}

fn invalid(detail: String) -> Problem {
    Code::InputsInvalid.because(detail)
}

/// What is known so far, while inputs are read one after the other.
struct WithInputs<'a> {
    asked: &'a Asked<'a>,
    inputs: &'a Map,
}

impl Variables for WithInputs<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        let asked = self.asked;
        match name {
            "flow" => Some(context::flow_value(asked.reference)),
            "inputs" => Some(Value::Map(self.inputs.clone().into())),
            "vars" => Some(Value::Map(asked.flow.variables.clone().into())),
            "execution" => {
                let id = asked.execution.to_string();
                let started = Value::text(asked.moment.now.to_string());
                Some(Value::map([
                    ("id", Value::text(id.as_str())),
                    ("startDate", started),
                    ("originalId", Value::text(id)),
                ]))
            }
            _ => None,
        }
    }

    fn names(&self) -> Vec<String> {
        ["execution", "flow", "inputs", "vars"].map(str::to_owned).to_vec()
    }
}
