//! Inputs of a flow, and what a paused task asks for.

use std::{collections::HashSet, str::FromStr};

use super::{
    at::{At, cut, nearest},
    circle::circles,
    fields::Fields,
    names,
    output::value_type,
};
use crate::expr::{Map, Templated, Value};
use crate::flow::input::{Choice, ChoiceValue, ChoiceValues, DependsOn, Input, InputKind, Pattern, ValueType};
use crate::flow::{value, yaml::Content};

const ID_PATTERN: &str = "^[a-zA-Z0-9][.a-zA-Z0-9_-]*";
const TYPES: [&str; 16] = [
    "STRING",
    "SECRET",
    "SELECT",
    "MULTISELECT",
    "INT",
    "FLOAT",
    "BOOL",
    "DATETIME",
    "DATE",
    "TIME",
    "DURATION",
    "JSON",
    "YAML",
    "URI",
    "EMAIL",
    "ARRAY",
];

/// Reads the inputs; wrong ones are findings and left out.
pub(super) fn list(at: &At<'_>) -> Vec<Input> {
    let members = at.list().unwrap_or_default();
    let mut seen = HashSet::new();
    for member in &members {
        let id = member.node.get("id").and_then(super::scalar_text);
        if let Some(id) = id.filter(|id| !seen.insert(id.clone())) {
            member.wrong(format!("Invalid Flow: Duplicate input with name [{id}]"));
        }
    }
    let inputs: Vec<(At<'_>, Input)> = members.into_iter().filter_map(|at| one(&at).map(|input| (at, input))).collect();
    check_dependencies(&inputs, &seen);
    inputs.into_iter().map(|(_, input)| input).collect()
}

/// An id of an input or an output.
pub(super) fn id(fields: &Fields<'_>) -> Option<String> {
    let at = fields.get_even_null("id");
    if at.is_none() {
        fields.missing("id", "must not be null");
    }
    let at = at.filter(|at| !names::is_blank(at, ID_PATTERN))?;
    let text = at.text()?;
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !text.as_bytes()[0].is_ascii_alphanumeric() || !text.bytes().all(rest) {
        at.wrong(format!("must match \"{ID_PATTERN}\", and \"{}\" does not", cut(text)));
        return None;
    }
    Some(text.to_owned())
}

fn one(at: &At<'_>) -> Option<Input> {
    let fields = Fields::of(at, "input")?;
    let id = id(&fields);
    let kind = kind(&fields);
    let required = fields.get("required").and_then(|at| at.flag()).unwrap_or(true);
    let defaults_at = fields.get("defaults");
    let defaults = defaults_at.as_ref().and_then(At::templated);
    let prefill_at = fields.get("prefill");
    let prefill = prefill_at.as_ref().and_then(At::templated);
    match (&defaults_at, required, &prefill_at) {
        (Some(_), false, _) => {
            at.wrong("Inputs with a default value must be required, since the default is always applied.");
        }
        (Some(_), true, Some(_)) => at.wrong("Inputs with a default value cannot also have a prefill."),
        _ => {}
    }
    if let Some(kind) = &kind {
        [&defaults_at, &prefill_at].into_iter().flatten().for_each(|at| check_shape(at, kind));
    }
    let depends_on = fields.get("dependsOn").and_then(|at| depends_on(&at));
    let (description, display_name) = (fields.note("description"), fields.note("displayName"));
    fields.finish();
    let kind = kind?;
    let input = Input { id: id?, kind, description, display_name, required, defaults, prefill, depends_on };
    if let (Some(at), Some(value)) = (defaults_at, input.defaults.as_ref().and_then(fixed_value)) {
        check_default(&at, &input, &value);
    }
    if input.kind == InputKind::File && (input.required || input.defaults.is_some()) {
        at.wrong("an input of type `FILE` that is required or has a default is not supported yet");
    }
    Some(input)
}

fn depends_on(at: &At<'_>) -> Option<DependsOn> {
    let fields = Fields::of(at, "dependsOn")?;
    let inputs = fields.get("inputs").and_then(|at| at.texts()).unwrap_or_default();
    let condition = fields.get_either("condition", "when").map(|at| at.template());
    fields.finish();
    let inputs = inputs.into_iter().map(str::to_owned).collect();
    Some(DependsOn { inputs, condition: condition.flatten() })
}

fn check_dependencies(inputs: &[(At<'_>, Input)], ids: &HashSet<String>) {
    let needs = |input: &Input| input.depends_on.as_ref().map(|on| on.inputs.clone()).unwrap_or_default();
    let nodes: Vec<(String, Vec<String>)> = inputs.iter().map(|(_, input)| (input.id.clone(), needs(input))).collect();
    for ((at, input), (_, needs)) in inputs.iter().zip(&nodes) {
        let id = &input.id;
        if at.findings.is_full() {
            break;
        }
        for missing in needs.iter().filter(|need| !ids.contains(*need)) {
            let message = format!("Invalid Flow: Input with id '{id}' depends on a non-existent input '{missing}'.");
            at.report(at.node.at, message, nearest(missing, ids.iter().map(String::as_str)));
        }
    }
    for (id, circle) in circles(&nodes) {
        if let Some((at, _)) = inputs.iter().find(|(_, input)| input.id == id) {
            let circle = cut(&circle.join(", "));
            at.wrong(format!("Invalid Flow: Cycle dependency detected for input with id '{id}': [{circle}]"));
        }
    }
}

/// Reads what the type says, and its rules.
fn kind(fields: &Fields<'_>) -> Option<InputKind> {
    let Some(at) = fields.get("type") else {
        fields.missing("type", "Invalid type: null");
        fields.accept_rest();
        return None;
    };
    let name = at.text()?;
    Some(match name {
        "STRING" => InputKind::String { validator: pattern(fields) },
        "SECRET" => InputKind::Secret { validator: pattern(fields) },
        "SELECT" | "ENUM" => {
            // How a form shows the choice; nothing else reads it.
            let _ = fields.get("isRadio").map(|at| at.flag());
            InputKind::Select(choice(fields)?)
        }
        "MULTISELECT" => {
            let item = fields.get("itemType").map(|at| value_type(&at));
            if item.is_some_and(|item| item.is_some_and(|item| item != ValueType::String)) {
                fields.at.wrong("`itemType` of a MULTISELECT other than STRING is not supported yet");
            }
            InputKind::MultiSelect(choice(fields)?)
        }
        "INT" => InputKind::Int { min: whole(fields, "min"), max: whole(fields, "max") },
        "FLOAT" => InputKind::Float { min: number(fields, "min"), max: number(fields, "max") },
        "BOOL" | "BOOLEAN" => InputKind::Bool,
        "DATETIME" => InputKind::DateTime { after: parsed(fields, "after"), before: parsed(fields, "before") },
        "DATE" => InputKind::Date { after: parsed(fields, "after"), before: parsed(fields, "before") },
        "TIME" => InputKind::Time { after: parsed(fields, "after"), before: parsed(fields, "before") },
        "DURATION" => {
            let span = |name| fields.get(name).and_then(|at| at.fixed());
            InputKind::Duration { min: span("min"), max: span("max") }
        }
        "JSON" => {
            fields.refuse(&["jsonSchema"]);
            InputKind::Json
        }
        "YAML" => InputKind::Yaml,
        "URI" => InputKind::Uri,
        "EMAIL" => InputKind::Email,
        "ARRAY" => InputKind::Array { item: item(fields)? },
        "FILE" => {
            fields.refuse(&["allowedFileExtensions", "accept"]);
            InputKind::File
        }
        later @ ("ION" | "FORM" | "REUSABLE_INPUTS") => {
            check_later(fields, later);
            at.wrong(format!("the input type `{later}` is not supported yet"));
            return None;
        }
        other => {
            at.report(at.node.at, format!("Invalid type: {other}"), nearest(other, TYPES));
            fields.accept_rest();
            return None;
        }
    })
}

/// Knows the properties of types that cannot be used yet, so that unknown ones are found.
fn check_later(fields: &Fields<'_>, name: &str) {
    fields.accept_without_effect(match name {
        "FORM" => &["inputs"],
        "REUSABLE_INPUTS" => &["namespace", "ref", "revision"],
        _ => &[],
    });
}

fn pattern(fields: &Fields<'_>) -> Option<Pattern> {
    let at = fields.get("validator")?;
    let text = at.text()?;
    Pattern::compile(text).map_err(|error| at.wrong(format!("this pattern cannot be used: {}", last_line(&error)))).ok()
}

/// The reason, without the drawing of the pattern above it.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim().to_owned()
}

fn whole(fields: &Fields<'_>, name: &'static str) -> Option<i64> {
    fields.get(name)?.whole()
}

fn number(fields: &Fields<'_>, name: &'static str) -> Option<f64> {
    fields.get(name)?.number()
}

/// A date or a time, never rendered.
fn parsed<T: FromStr>(fields: &Fields<'_>, name: &'static str) -> Option<T> {
    let at = fields.get(name)?;
    let text = at.text()?;
    let value = text.parse().ok();
    if value.is_none() {
        at.wrong(format!("\"{}\" is not an ISO 8601 date or time of this input's type", cut(text)));
    }
    value
}

fn item(fields: &Fields<'_>) -> Option<ValueType> {
    let at = fields.require("itemType")?;
    let item = value_type(&at)?;
    if item == ValueType::Array {
        fields.at.wrong("`itemType` cannot be ARRAY");
        return None;
    }
    Some(item)
}

fn choice(fields: &Fields<'_>) -> Option<Choice> {
    let listed = fields.get("values").map(|at| values(&at));
    let rendered = fields.get("expression").map(|at| at.template());
    let values = match (listed, rendered) {
        (Some(_), Some(_)) => {
            fields.at.wrong("`values` and `expression` cannot both be given");
            return None;
        }
        (Some(listed), None) => ChoiceValues::Listed(listed?),
        (None, Some(rendered)) => ChoiceValues::Rendered(rendered?),
        (None, None) => {
            fields.missing("values", "must not be null: give `values` or `expression`");
            return None;
        }
    };
    let (allow_custom_value, auto_select_first) = (fields.flag("allowCustomValue"), fields.flag("autoSelectFirst"));
    Some(Choice { values, allow_custom_value, auto_select_first })
}

fn values(at: &At<'_>) -> Option<Vec<ChoiceValue>> {
    at.list()?.iter().map(choice_value).collect::<Vec<_>>().into_iter().collect()
}

fn choice_value(at: &At<'_>) -> Option<ChoiceValue> {
    if at.scalar().is_some() {
        let text = at.text()?.to_owned();
        return Some(ChoiceValue { label: text.clone(), value: text });
    }
    let fields = Fields::of(at, "value")?;
    let text = |name| fields.require(name).and_then(|at| at.text().map(str::to_owned));
    let (label, value) = (text("label"), text("value"));
    fields.finish();
    Some(ChoiceValue { label: label?, value: value? })
}

/// What a default says without any expression in it; none when there is one.
fn fixed_value(templated: &Templated) -> Option<Value> {
    match templated {
        Templated::Text(template) => template.is_literal().then(|| Value::text(template.source())),
        Templated::Plain(value) => Some(value.clone()),
        Templated::List(members) => members.iter().map(fixed_value).collect::<Option<Vec<_>>>().map(Value::list),
        Templated::Map(entries) => {
            let entry = |(key, value): &(_, _)| Some((key_text(key)?, fixed_value(value)?));
            entries.iter().map(entry).collect::<Option<Map>>().map(Value::from)
        }
    }
}

fn key_text(key: &crate::expr::Template) -> Option<crate::expr::Text> {
    key.is_literal().then(|| key.source().into())
}

/// A value that is given in the document has the shape of its type: a list for what holds several, else mostly one text.
fn check_shape(at: &At<'_>, kind: &InputKind) {
    match (kind, &at.node.content) {
        (InputKind::Json | InputKind::Yaml | InputKind::File, _) => {}
        (InputKind::Array { .. } | InputKind::MultiSelect(_), Content::Map(_)) => at.wrong_kind("list"),
        // A list may be written as the text of one.
        (InputKind::Array { .. } | InputKind::MultiSelect(_), Content::List(_) | Content::Scalar(_)) => {}
        (_, Content::Map(_) | Content::List(_)) => at.wrong_kind("text"),
        (_, Content::Scalar(_)) => {}
    }
}

/// A default without expressions must be a value that a caller could give.
fn check_default(at: &At<'_>, input: &Input, value: &Value) {
    let Some(choices) = value::listed_choices(&input.kind) else { return };
    if let Err(cause) = value::accept(&input.id, &input.kind, value, choices) {
        at.wrong(format!("Invalid Flow: Invalid default for input '{}': {cause}", input.id));
    }
}
