//! A flow's outputs, rendered when an execution ends.

use super::{context::Context, typed};
use crate::{expr::Value, flow::Output, sight::Rendered};

/// Renders all outputs; `None` when the flow declares none.
///
/// # Errors
/// The text of the first failure: an output that cannot be rendered, is not of its type, or is null though it is required.
pub(super) fn render(outputs: &[Output], context: &Context<'_>) -> Result<Option<Rendered<Value>>, String> {
    if outputs.is_empty() {
        return Ok(None);
    }
    let mut rendered = Vec::with_capacity(outputs.len());
    for output in outputs {
        rendered.push((output.id.as_str(), one(output, context)?));
    }
    let is_secret = rendered.iter().any(|(_, output)| output.is_secret());
    let shown = is_secret.then(|| Value::map(rendered.iter().map(|(id, output)| (*id, output.shown().clone()))));
    let values = Value::map(rendered.into_iter().map(|(id, output)| (id, output.value)));
    Ok(Some(match shown {
        Some(shown) => Rendered::hiding(values, shown, Vec::new()),
        None => Rendered::open(values),
    }))
}

fn one(output: &Output, context: &Context<'_>) -> Result<Rendered<Value>, String> {
    let rendered = context.render_tree(&output.value).map_err(|error| error.kestra_text())?;
    let invalid = |cause| format!("Invalid value for output `{}`. Cause: {cause}", output.id);
    let read = |value: &Value| typed::read(output.value_type, value.clone());
    let value = rendered.read(read).map_err(invalid)?;
    if value.is_null() && output.required {
        return Err(invalid("it is null, but required".to_owned()));
    }
    // What is masked need not be of the type.
    Ok(rendered.map(|own| read(&own).unwrap_or(own)))
}
