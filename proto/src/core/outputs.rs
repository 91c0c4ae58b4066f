//! A flow's outputs, rendered when an execution ends.

use super::{
    context::{Context, Rendered},
    typed,
};
use crate::{
    expr::{Map, Value},
    flow::Output,
};

/// Renders all outputs; `None` when the flow declares none.
///
/// # Errors
/// The text of the first failure: an output that cannot be rendered, is not of its type, or is null though it is required.
pub(super) fn render(outputs: &[Output], context: &Context<'_>) -> Result<Option<Rendered<Value>>, String> {
    if outputs.is_empty() {
        return Ok(None);
    }
    let mut map = Map::with_capacity(outputs.len());
    let mut secrets = Vec::new();
    for output in outputs {
        let rendered = context.render_tree(&output.value).map_err(|error| error.kestra_text())?;
        secrets.extend(rendered.secrets);
        let invalid = |cause| format!("Invalid value for output `{}`. Cause: {cause}", output.id);
        let value = typed::read(output.value_type, rendered.value).map_err(invalid)?;
        if value.is_null() && output.required {
            return Err(invalid("it is null, but required".to_owned()));
        }
        map.insert(output.id.as_str(), value);
    }
    Ok(Some(Rendered { value: Value::Map(map.into()), secrets }))
}
