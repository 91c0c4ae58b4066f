//! Outputs of a flow.

use super::{at::At, fields::Fields};
use crate::flow::{document::Output, input::ValueType};

/// Words for the types of values, in the order in which messages list them, with the 1.x spellings at the end.
const TYPES: [(&str, ValueType); 17] = [
    ("STRING", ValueType::String),
    ("SELECT", ValueType::Select),
    ("INT", ValueType::Int),
    ("FLOAT", ValueType::Float),
    ("BOOL", ValueType::Bool),
    ("DATETIME", ValueType::DateTime),
    ("DATE", ValueType::Date),
    ("TIME", ValueType::Time),
    ("DURATION", ValueType::Duration),
    ("JSON", ValueType::Json),
    ("YAML", ValueType::Yaml),
    ("URI", ValueType::Uri),
    ("EMAIL", ValueType::Email),
    ("ARRAY", ValueType::Array),
    ("MULTISELECT", ValueType::MultiSelect),
    ("BOOLEAN", ValueType::Bool),
    ("ENUM", ValueType::Select),
];

/// Types that Kestra knows and that need what does not exist here yet: files, or values that are sealed.
const LATER: [&str; 5] = ["FILE", "SECRET", "ION", "FORM", "REUSABLE_INPUTS"];

/// Reads the type of an output or of a list's members.
pub(super) fn value_type(at: &At<'_>) -> Option<ValueType> {
    if let Some(text) = at.scalar().map(|scalar| scalar.text.as_str()).filter(|text| LATER.contains(text)) {
        at.wrong(format!("the type `{text}` is not supported yet"));
        return None;
    }
    at.one_of(&TYPES)
}

/// Reads the outputs; wrong ones are findings and left out.
pub(super) fn list(at: &At<'_>) -> Vec<Output> {
    let outputs: Vec<Output> = at.list().unwrap_or_default().iter().filter_map(one).collect();
    for (place, output) in outputs.iter().enumerate() {
        if outputs[..place].iter().any(|earlier| earlier.id == output.id) {
            at.wrong(format!("Invalid Flow: Duplicate output with name [{}]", output.id));
        }
    }
    outputs
}

fn one(at: &At<'_>) -> Option<Output> {
    let fields = Fields::of(at, "output")?;
    let id = super::input::id(&fields);
    let value_type = fields.require("type").and_then(|at| value_type(&at));
    let value = fields.require("value").and_then(|at| at.templated());
    let (description, display_name) = (fields.note("description"), fields.note("displayName"));
    let required = fields.get("required").and_then(|at| at.flag()).unwrap_or(true);
    fields.finish();
    Some(Output { id: id?, value_type: value_type?, value: value?, description, display_name, required })
}
