//! The inputs of an execution that somebody asks for, and whether the flow lets them start it.

use std::cell::Cell;

use windhover_proto::{
    delivery::FlowRef,
    expr::{Map, RenderError, Surroundings, Template, Templated, Value, Variables},
    flow::{Flow, ResolvedInputs, resolve_inputs},
    id::ExecutionId,
    problem::{Code, Problem},
    seal::{MASK, SealKey},
};

use super::checks;
use crate::{
    context::{self, Moment},
    inputs::Inputs,
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
        let read_secret = Cell::new(false);
        let secret_defaults = self.flow.inputs.iter().filter(|input| input.is_secret());
        let secret_defaults: Vec<&Templated> = secret_defaults.filter_map(|input| input.defaults.as_ref()).collect();
        let mut render = |tree: &Templated, inputs: &Map| {
            let read_before = read_secret.get();
            let value = self.render(tree, inputs, &read_secret).map_err(|error| error.to_string())?;
            if secret_defaults.iter().any(|default| std::ptr::eq(*default, tree)) {
                read_secret.set(read_before);
            }
            Ok(value)
        };
        let resolved = resolve_inputs(&self.flow.inputs, given, &mut render).map_err(|wrong| {
            let reasons: Vec<_> = wrong.iter().map(ToString::to_string).collect();
            invalid(reasons.join("; "))
        })?;
        if read_secret.get() {
            return Err(invalid(
                "a default of an input holds a secret, and inputs are kept in clear; give it the type SECRET"
                    .to_owned(),
            ));
        }
        Ok(resolved)
    }

    /// Renders a text; a failure is told to the caller, so a secret that it quotes is masked.
    fn text(&self, template: &Template, inputs: &Map) -> Result<String, String> {
        let mut env = self.moment.env(self.surroundings);
        let rendered = template.render(&WithInputs { asked: self, inputs }, &mut env);
        let masked = |told: String| env.secrets_used().iter().fold(told, |told, secret| told.replace(secret, MASK));
        rendered.map_err(|error| masked(error.to_string()))
    }

    fn render(&self, tree: &Templated, inputs: &Map, read_secret: &Cell<bool>) -> Result<Value, RenderError> {
        let mut env = self.moment.env(self.surroundings);
        let value = tree.render(&WithInputs { asked: self, inputs }, &mut env)?;
        read_secret.set(read_secret.get() || !env.secrets_used().is_empty());
        Ok(value)
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
