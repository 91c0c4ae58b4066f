//! From what a caller gives to what a flow sees as `inputs`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    input::{ChoiceValue, ChoiceValues, Input, InputKind},
    value,
};
use crate::{
    expr::{Map, Template, Templated, Value, verdict},
    seal::{MASK, SealKey, Sealed},
};

/// The context under which the secret ones of an execution's inputs are sealed.
const SECRET_INPUTS_CONTEXT: &str = "secret inputs";

/// What a flow sees as `inputs`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResolvedInputs {
    /// The values, nested where an id has dots. An optional input without a value is null; one that a condition left out
    /// is absent.
    pub values: Map,
    /// The values of inputs of the type SECRET, by id, which `values` holds in clear too.
    pub secrets: Map,
    /// Ids that were given and that the flow does not have, in order: worth a line in the log.
    pub unknown: Vec<String>,
}

/// Why one input cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InputError {
    /// The input.
    pub id: String,
    /// Kestra's words, such as `Missing required input:x`.
    pub message: String,
}

impl InputError {
    fn invalid(input: &Input, cause: &str) -> InputError {
        let message = format!("Invalid value for input `{}`. Cause: {cause}", input.id);
        InputError { id: input.id.clone(), message }
    }
}

/// What a property of an input is rendered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenderedFor {
    /// A value, or what it may be chosen from: it is kept in clear.
    Clear,
    /// The value of an input of the type SECRET: it is sealed.
    Secret,
    /// A condition: nothing of it is kept.
    Condition,
}

impl RenderedFor {
    /// The value of an input.
    pub fn value_of(input: &Input) -> RenderedFor {
        if input.is_secret() { RenderedFor::Secret } else { RenderedFor::Clear }
    }
}

/// How the properties of inputs are rendered, with the inputs that are known so far; a text when they cannot be.
pub type RenderInput<'a> = dyn FnMut(&Templated, RenderedFor, &Map) -> Result<Value, String> + 'a;

/// Holds what was given against the inputs of a flow, and fills in defaults.
///
/// `given` has one entry per input id, dots and all. `render` renders an expression to its value with the inputs so far as
/// `inputs`, and answers a text when it cannot.
///
/// # Errors
/// Every input that is missing or wrong, in the order of the flow.
pub fn resolve_inputs(
    inputs: &[Input],
    given: &Map,
    render: &mut RenderInput<'_>,
) -> Result<ResolvedInputs, Vec<InputError>> {
    let mut resolver = Resolver { given, render, values: Map::new(), errors: BTreeMap::new() };
    for (place, input) in in_order(inputs) {
        if let Err(error) = resolver.one(input) {
            resolver.errors.insert(place, error);
        }
    }
    let (values, errors) = (resolver.values, resolver.errors);
    if !errors.is_empty() {
        return Err(errors.into_values().collect());
    }
    let is_known = |id: &str| inputs.iter().any(|input| input.id == id);
    let unknown = given.keys().filter(|id| !is_known(id)).map(ToString::to_string).collect();
    let secrets = inputs.iter().filter(|input| input.is_secret());
    let secrets = secrets.filter_map(|input| Some((input.id.as_str(), text_at(&values, &input.id)?))).collect();
    Ok(ResolvedInputs { values, secrets, unknown })
}

/// The inputs with their places, each behind those that it depends on, else in the order of the document.
fn in_order(inputs: &[Input]) -> Vec<(usize, &Input)> {
    let mut left: Vec<(usize, &Input)> = inputs.iter().enumerate().collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut order = Vec::with_capacity(inputs.len());
    while !left.is_empty() {
        let is_ready = |input: &Input| {
            input.depends_on.as_ref().is_none_or(|on| on.inputs.iter().all(|id| done.contains(id.as_str())))
        };
        // A flow that was read has no circle; should there be one, its first input goes first.
        let next = left.iter().position(|(_, input)| is_ready(input)).unwrap_or(0);
        let (place, input) = left.remove(next);
        done.insert(&input.id);
        order.push((place, input));
    }
    order
}

struct Resolver<'a> {
    given: &'a Map,
    render: &'a mut RenderInput<'a>,
    values: Map,
    errors: BTreeMap<usize, InputError>,
}

impl Resolver<'_> {
    fn one(&mut self, input: &Input) -> Result<(), InputError> {
        if !self.is_asked_for(input)? {
            return Ok(());
        }
        let choices = self.choices(input)?;
        let accept = |value: &Value| {
            value::accept(&input.id, &input.kind, value, &choices).map_err(|cause| InputError::invalid(input, &cause))
        };
        let value = match (self.given_value(input), &input.defaults) {
            (Some(given), _) => accept(&given)?,
            (None, Some(defaults)) => {
                let rendered = self.rendered(input, defaults, RenderedFor::value_of(input))?;
                accept(&rendered)?
            }
            (None, None) if input.selects_itself() && !choices.is_empty() => first(&input.kind, &choices[0]),
            (None, None) if input.required => {
                let message = format!("Missing required input:{}", input.id);
                return Err(InputError { id: input.id.clone(), message });
            }
            (None, None) => Value::Null,
        };
        nest(&mut self.values, &input.id, value);
        Ok(())
    }

    /// Null counts as not given; so does the empty text, but for inputs that are texts.
    fn given_value(&self, input: &Input) -> Option<Value> {
        let value = self.given.get(&input.id)?;
        let is_text = matches!(input.kind, InputKind::String { .. } | InputKind::Secret { .. });
        let is_absent = value.is_null() || !is_text && value.as_text() == Some("");
        (!is_absent).then(|| value.clone())
    }

    fn is_asked_for(&mut self, input: &Input) -> Result<bool, InputError> {
        let condition = input.depends_on.as_ref().and_then(|on| on.condition.as_ref());
        let Some(condition) = condition else { return Ok(true) };
        Ok(verdict(&self.text(input, condition, RenderedFor::Condition)?.print()))
    }

    fn text(&mut self, input: &Input, template: &Template, wanted: RenderedFor) -> Result<Value, InputError> {
        self.rendered(input, &Templated::Text(template.clone()), wanted)
    }

    fn rendered(&mut self, input: &Input, tree: &Templated, wanted: RenderedFor) -> Result<Value, InputError> {
        (self.render)(tree, wanted, &self.values).map_err(|cause| InputError::invalid(input, &cause))
    }

    fn choices(&mut self, input: &Input) -> Result<Vec<ChoiceValue>, InputError> {
        let (InputKind::Select(choice) | InputKind::MultiSelect(choice)) = &input.kind else { return Ok(Vec::new()) };
        match &choice.values {
            ChoiceValues::Listed(values) => Ok(values.clone()),
            ChoiceValues::Rendered(template) => {
                let rendered = self.text(input, template, RenderedFor::Clear)?;
                let members = value::list(&rendered, "ARRAY").map_err(|cause| InputError::invalid(input, &cause))?;
                let texts = members.iter().map(Value::host_text);
                Ok(texts.map(|text| ChoiceValue { label: text.clone(), value: text }).collect())
            }
        }
    }
}

/// The first value of a choice, as its input keeps it.
fn first(kind: &InputKind, choice: &ChoiceValue) -> Value {
    let text = Value::text(choice.value.as_str());
    if matches!(kind, InputKind::MultiSelect(_)) { Value::list([text]) } else { text }
}

/// The text where a dotted id says; none where there is something else, or nothing.
fn text_at(values: &Map, id: &str) -> Option<Value> {
    match id.split_once('.') {
        Some((head, rest)) => text_at(values.get(head)?.as_map()?, rest),
        None => values.get(id).filter(|value| value.as_text().is_some()).cloned(),
    }
}

impl ResolvedInputs {
    /// The values as they may stand in clear: the secret ones masked.
    pub fn shown(&self) -> Map {
        let mut values = self.values.clone();
        self.secrets.keys().for_each(|id| nest(&mut values, id, Value::text(MASK)));
        values
    }

    /// The secret ones, sealed; none when there are none.
    pub fn sealed(&self, key: &SealKey) -> Option<Sealed> {
        let json = Value::Map(self.secrets.clone().into()).to_json();
        (!self.secrets.is_empty()).then(|| key.seal(SECRET_INPUTS_CONTEXT, json.as_bytes()))
    }
}

/// The values with those of the type SECRET masked, and what is hidden by that.
pub fn mask_secrets(inputs: &[Input], values: &Map) -> (Map, Vec<String>) {
    let (mut masked, mut hidden) = (values.clone(), Vec::new());
    for input in inputs.iter().filter(|input| input.is_secret()) {
        if let Some(value) = text_at(values, &input.id) {
            nest(&mut masked, &input.id, Value::text(MASK));
            hidden.push(value.print());
        }
    }
    (masked, hidden)
}

/// Puts the secret ones back among the values.
pub(crate) fn open_secrets(values: &mut Map, sealed: &Sealed, key: &SealKey) -> Vec<String> {
    let bytes = key.open(SECRET_INPUTS_CONTEXT, sealed).unwrap_or_default();
    let secrets: Option<Value> = serde_json::from_slice(&bytes).ok();
    let mut texts = Vec::new();
    for (id, value) in secrets.as_ref().and_then(Value::as_map).into_iter().flat_map(Map::iter) {
        nest(values, id, value.clone());
        texts.extend(value.as_text().map(str::to_owned));
    }
    texts
}

/// Puts a value where its dotted id says.
pub(crate) fn nest(values: &mut Map, id: &str, value: Value) {
    let Some((head, rest)) = id.split_once('.') else { return values.insert(id, value) };
    let mut inner = match values.get(head) {
        Some(Value::Map(inner)) => Map::clone(inner),
        Some(_) | None => Map::new(),
    };
    nest(&mut inner, rest, value);
    values.insert(head, Value::from(inner));
}
