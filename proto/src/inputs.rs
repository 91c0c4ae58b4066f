//! What was given for the inputs of a flow, read as the flow declares them. Everything that is wrong is told at once.

use std::fmt;

use jiff::{Timestamp, civil};

use crate::{
    core::typed,
    expr::{Map, Template, Templated, Value, verdict},
    flow::{Choice, ChoiceValues, Input, InputKind, ValueType},
};

/// One input that cannot be taken as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidInput {
    /// Id of the input.
    pub input: String,
    /// Why, in Kestra's words where Kestra has some.
    pub reason: Reason,
}

/// Why an input cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was not given and has no default.
    Missing,
    /// It was given, and is not what the flow declares.
    Value(String),
}

impl fmt::Display for InvalidInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Missing => write!(formatter, "Missing required input:{}", self.input),
            Reason::Value(cause) => write!(formatter, "Invalid value for input `{}`. Cause: {cause}", self.input),
        }
    }
}

/// Renders defaults and conditions of inputs; `inputs` are those that are known so far.
pub trait Renderer {
    /// Renders a tree, every text to text.
    ///
    /// # Errors
    /// The text of the failure.
    fn tree(&self, tree: &Templated, inputs: &Map) -> Result<Value, String>;

    /// Renders a text.
    ///
    /// # Errors
    /// The text of the failure.
    fn text(&self, template: &Template, inputs: &Map) -> Result<String, String>;
}

/// Reads what was given by input id; a missing one takes its default, one that the flow does not know is left out. Dots in
/// ids nest in what comes back.
///
/// # Errors
/// Everything that is wrong, in the order of the flow's inputs.
pub fn read(inputs: &[Input], given: &Map, renderer: &dyn Renderer) -> Result<Map, Vec<InvalidInput>> {
    let mut read = Map::with_capacity(inputs.len());
    let mut wrong = Vec::new();
    for input in inputs {
        match one(input, given.get(&input.id), &read, renderer) {
            Ok(Some(value)) => insert_nested(&mut read, &input.id, value),
            Ok(None) => {}
            Err(reason) => wrong.push(InvalidInput { input: input.id.clone(), reason }),
        }
    }
    if wrong.is_empty() { Ok(read) } else { Err(wrong) }
}

/// Puts a value at a dotted path.
fn insert_nested(map: &mut Map, path: &str, value: Value) {
    let Some((head, rest)) = path.split_once('.') else {
        map.insert(path, value);
        return;
    };
    let mut inner = map.get(head).and_then(Value::as_map).cloned().unwrap_or_else(Map::new);
    insert_nested(&mut inner, rest, value);
    map.insert(head, Value::Map(inner.into()));
}

fn one(input: &Input, given: Option<&Value>, known: &Map, renderer: &dyn Renderer) -> Result<Option<Value>, Reason> {
    if !is_asked_for(input, known, renderer)? {
        return Ok(None);
    }
    let value = match given.filter(|value| !value.is_null()) {
        Some(value) => Some(value.clone()),
        None => default(input, known, renderer)?,
    };
    match value {
        Some(value) => typed_value(&input.kind, value, known, renderer).map(Some).map_err(Reason::Value),
        None if input.required => Err(Reason::Missing),
        None => Ok(None),
    }
}

fn is_asked_for(input: &Input, known: &Map, renderer: &dyn Renderer) -> Result<bool, Reason> {
    let condition = input.depends_on.as_ref().and_then(|depends_on| depends_on.condition.as_ref());
    let rendered = condition.map(|condition| renderer.text(condition, known)).transpose().map_err(Reason::Value)?;
    Ok(rendered.is_none_or(|text| verdict(&text)))
}

fn default(input: &Input, known: &Map, renderer: &dyn Renderer) -> Result<Option<Value>, Reason> {
    if let Some(defaults) = &input.defaults {
        let value = renderer.tree(defaults, known).map_err(Reason::Value)?;
        return Ok(Some(value).filter(|value| !value.is_null()));
    }
    match &input.kind {
        InputKind::Select(choice) if choice.auto_select_first => {
            let values = choice_values(choice, known, renderer).map_err(Reason::Value)?;
            Ok(values.into_iter().next().map(Value::from))
        }
        _ => Ok(None),
    }
}

fn typed_value(kind: &InputKind, value: Value, known: &Map, renderer: &dyn Renderer) -> Result<Value, String> {
    match kind {
        InputKind::String { validator } => {
            let value = typed::read(ValueType::String, value)?;
            match validator.as_ref().filter(|pattern| !value.as_text().is_some_and(|text| pattern.matches(text))) {
                Some(pattern) => Err(format!("it must match the pattern `{}`", pattern.as_str())),
                None => Ok(value),
            }
        }
        InputKind::Select(choice) => {
            let value = typed::read(ValueType::Select, value)?;
            chosen(choice, std::slice::from_ref(&value), known, renderer)?;
            Ok(value)
        }
        InputKind::MultiSelect(choice) => {
            let value = typed::read(ValueType::MultiSelect, value)?;
            chosen(choice, value.as_list().unwrap_or_default(), known, renderer)?;
            Ok(value)
        }
        InputKind::Int { min, max } => {
            let value = typed::read(ValueType::Int, value)?;
            at_least(value.as_i64(), *min)?;
            at_most(value.as_i64(), *max)?;
            Ok(value)
        }
        InputKind::Float { min, max } => {
            let value = typed::read(ValueType::Float, value)?;
            at_least(value.as_f64(), *min)?;
            at_most(value.as_f64(), *max)?;
            Ok(value)
        }
        InputKind::Bool => bool_value(&value),
        InputKind::DateTime { after, before } => {
            ordered(typed::read(ValueType::DateTime, value)?, *after, *before, |text| text.parse::<Timestamp>().ok())
        }
        InputKind::Date { after, before } => {
            ordered(typed::read(ValueType::Date, value)?, *after, *before, |text| text.parse::<civil::Date>().ok())
        }
        InputKind::Time { after, before } => {
            ordered(typed::read(ValueType::Time, value)?, *after, *before, |text| text.parse::<civil::Time>().ok())
        }
        InputKind::Duration { min, max } => {
            let value = typed::read(ValueType::Duration, value)?;
            at_least(value.as_f64(), min.map(|span| span.as_secs_f64()))?;
            at_most(value.as_f64(), max.map(|span| span.as_secs_f64()))?;
            Ok(value)
        }
        InputKind::Json => typed::read(ValueType::Json, value),
        InputKind::Yaml => typed::read(ValueType::Yaml, value),
        InputKind::Uri => uri(typed::read(ValueType::Uri, value)?),
        InputKind::Email => email(typed::read(ValueType::Email, value)?),
        InputKind::File => Err("files are not stored yet".to_owned()),
        InputKind::Array { item } => array(*item, &typed::read(ValueType::Array, value)?),
    }
}

/// True or false; any other text is refused, where Kestra takes it for false.
fn bool_value(value: &Value) -> Result<Value, String> {
    let text = value.as_text().map_or_else(|| value.to_json(), str::to_owned);
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        _ => Err(format!("it must be `true` or `false`, but received `{text}`")),
    }
}

fn at_least<T: PartialOrd + fmt::Display>(value: Option<T>, min: Option<T>) -> Result<(), String> {
    match value.zip(min) {
        Some((value, min)) if value < min => Err(format!("it must be more than `{min}`")),
        _ => Ok(()),
    }
}

fn at_most<T: PartialOrd + fmt::Display>(value: Option<T>, max: Option<T>) -> Result<(), String> {
    match value.zip(max) {
        Some((value, max)) if value > max => Err(format!("it must be less than `{max}`")),
        _ => Ok(()),
    }
}

/// Checks that a point in time lies strictly between its limits.
fn ordered<T: PartialOrd + fmt::Display + Copy>(
    value: Value,
    after: Option<T>,
    before: Option<T>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Value, String> {
    let point = value.as_text().and_then(parse);
    match (&point, &after, &before) {
        (Some(point), Some(after), _) if point <= after => Err(format!("it must be after `{after}`")),
        (Some(point), _, Some(before)) if point >= before => Err(format!("it must be before `{before}`")),
        _ => Ok(value),
    }
}

fn uri(value: Value) -> Result<Value, String> {
    let text = value.as_text().unwrap_or_default();
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let absolute = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && !text.contains(char::is_whitespace);
    if absolute { Ok(value) } else { Err(format!("Expected `URI` but received `{text}`")) }
}

fn email(value: Value) -> Result<Value, String> {
    let text = value.as_text().unwrap_or_default();
    let good = text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(char::is_whitespace)
    });
    if good { Ok(value) } else { Err(format!("The input must be a valid email, but received `{text}`")) }
}

fn array(item: ValueType, value: &Value) -> Result<Value, String> {
    let read = |member: &Value| {
        typed::read(item, member.clone())
            .map_err(|_| format!("Unable to parse array element as `{}` on `{}`", item.as_str(), member.print()))
    };
    Ok(Value::from(value.as_list().unwrap_or_default().iter().map(read).collect::<Result<Vec<_>, _>>()?))
}

fn choice_values(choice: &Choice, known: &Map, renderer: &dyn Renderer) -> Result<Vec<String>, String> {
    match &choice.values {
        ChoiceValues::Listed(values) => Ok(values.iter().map(|value| value.value.clone()).collect()),
        ChoiceValues::Rendered(template) => {
            let text = renderer.text(template, known)?;
            let list = typed::read(ValueType::Array, Value::text(text))?;
            Ok(list.as_list().unwrap_or_default().iter().map(Value::print).collect())
        }
    }
}

fn chosen(choice: &Choice, chosen: &[Value], known: &Map, renderer: &dyn Renderer) -> Result<(), String> {
    if choice.allow_custom_value {
        return Ok(());
    }
    let values = choice_values(choice, known, renderer)?;
    let is_known = |member: &Value| values.contains(&member.print());
    if chosen.iter().all(is_known) {
        Ok(())
    } else {
        Err(format!("it must match the values `[{}]`", values.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        expr::{Env, NoSurroundings},
        flow::Flow,
    };

    struct Plain;

    impl Plain {
        fn variables(inputs: &Map) -> Map {
            [("inputs", Value::Map(inputs.clone().into()))].into_iter().collect()
        }
    }

    impl Renderer for Plain {
        fn tree(&self, tree: &Templated, inputs: &Map) -> Result<Value, String> {
            let mut env = Env::new(&NoSurroundings, Timestamp::UNIX_EPOCH, 0);
            tree.render(&Plain::variables(inputs), &mut env).map_err(|error| error.to_string())
        }

        fn text(&self, template: &Template, inputs: &Map) -> Result<String, String> {
            let mut env = Env::new(&NoSurroundings, Timestamp::UNIX_EPOCH, 0);
            template.render(&Plain::variables(inputs), &mut env).map_err(|error| error.to_string())
        }
    }

    fn read_json(inputs: &str, given: &str) -> Result<String, String> {
        let task = "tasks:\n  - id: t\n    type: io.kestra.plugin.core.debug.Return\n";
        let flow = Flow::parse(&format!("id: f\nnamespace: a\n{task}inputs:\n{inputs}")).unwrap();
        let given = Value::from_json(given).unwrap();
        match read(&flow.inputs, given.as_map().unwrap(), &Plain) {
            Ok(map) => Ok(Value::Map(map.into()).to_json()),
            Err(wrong) => Err(wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        }
    }

    #[test]
    fn texts_become_what_the_inputs_declare_and_unknown_ones_are_left_out() {
        let inputs = "  - {id: n, type: INT}\n  - {id: b, type: BOOL}\n  - {id: j, type: JSON}\n  - {id: a, type: ARRAY, itemType: INT}\n";
        let given = r#"{"n":"5","b":"TRUE","j":"{\"x\":[1]}","a":"[1,\"2\"]","zzz":1}"#;
        assert_eq!(read_json(inputs, given).as_deref(), Ok(r#"{"n":5,"b":true,"j":{"x":[1]},"a":[1,2]}"#));
    }

    #[test]
    fn a_default_sees_the_inputs_before_it_and_dots_nest() {
        let inputs = "  - {id: a.b, type: STRING}\n  - {id: c, type: STRING, defaults: \"<{{ inputs.a.b }}>\"}\n  - {id: d, type: STRING, required: false}\n";
        assert_eq!(read_json(inputs, r#"{"a.b":"x"}"#).as_deref(), Ok(r#"{"a":{"b":"x"},"c":"<x>"}"#));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let inputs = "  - {id: s, type: STRING, validator: \"[a-z]+\"}\n  - {id: m, type: STRING}\n  - {id: n, type: INT, max: 3}\n  - {id: b, type: BOOL}\n";
        let wrong = read_json(inputs, r#"{"s":"BOB","n":"7","b":"maybe"}"#).unwrap_err();
        let expected = "Invalid value for input `s`. Cause: it must match the pattern `[a-z]+`; Missing required input:m; \
                        Invalid value for input `n`. Cause: it must be less than `3`; \
                        Invalid value for input `b`. Cause: it must be `true` or `false`, but received `maybe`";
        assert_eq!(wrong, expected);
    }

    #[test]
    fn only_what_may_be_chosen_is_taken() {
        let inputs = "  - {id: c, type: SELECT, values: [x, y]}\n";
        assert_eq!(read_json(inputs, r#"{"c":"x"}"#).as_deref(), Ok(r#"{"c":"x"}"#));
        assert!(read_json(inputs, r#"{"c":"z"}"#).unwrap_err().ends_with("it must match the values `[x, y]`"));
        assert_eq!(
            read_json("  - {id: c, type: SELECT, values: [x, y], autoSelectFirst: true}\n", "{}").as_deref(),
            Ok(r#"{"c":"x"}"#)
        );
    }

    #[test]
    fn an_input_whose_condition_is_false_is_not_asked_for() {
        let inputs = "  - {id: a, type: BOOL}\n  - {id: b, type: STRING, dependsOn: {inputs: [a], condition: \"{{ inputs.a }}\"}}\n";
        assert_eq!(read_json(inputs, r#"{"a":"false"}"#).as_deref(), Ok(r#"{"a":false}"#));
        assert_eq!(read_json(inputs, r#"{"a":"true"}"#), Err("Missing required input:b".to_owned()));
    }

    #[test]
    fn points_in_time_lie_strictly_between_their_limits() {
        let inputs = "  - {id: d, type: DATE, after: \"2026-01-01\"}\n";
        assert_eq!(read_json(inputs, r#"{"d":"2026-01-02"}"#).as_deref(), Ok(r#"{"d":"2026-01-02"}"#));
        assert!(read_json(inputs, r#"{"d":"2026-01-01"}"#).is_err());
        assert!(read_json(inputs, r#"{"d":"tomorrow"}"#).is_err());
    }
}
