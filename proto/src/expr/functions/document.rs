//! `fromJson`, `yaml`, `fromIon`.

use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::host::Host;
use super::super::json::{Decimals, Trailing, read};
use super::super::value::Value;
use super::super::{ion, yaml};

type Outcome = Result<Value, RenderError>;

/// The first JSON value of a text; decimals are 64-bit floats.
pub(super) fn from_json(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    match args.given("json") {
        Some(Value::Null) => Ok(Value::Null),
        Some(Value::Text(text)) => read(text, Decimals::Rounded, Trailing::Ignored)
            .map_err(|error| RenderError::engine(format!("Invalid json: {error}"))),
        Some(_) => Err(RenderError::engine("The 'fromJson' function expects an argument 'json' with type string.")),
        None => Err(RenderError::engine("The 'fromJson' function expects an argument 'json'.")),
    }
}

/// The first document of a YAML text.
pub(super) fn from_yaml(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    match args.given("yaml") {
        Some(Value::Text(text)) => {
            yaml::read(text).map_err(|message| RenderError::engine(format!("Invalid yaml: {message}")))
        }
        Some(_) => Err(RenderError::engine("The 'yaml' function expects an argument 'yaml' with type string.")),
        None => Err(RenderError::engine("The 'yaml' function expects an argument 'yaml'.")),
    }
}

/// The first row of an Ion text, or all rows.
pub(super) fn from_ion(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let text = match args.given("ion") {
        Some(Value::Null) => return Ok(Value::Null),
        Some(Value::Text(text)) => text.to_string(),
        Some(Value::Host(host)) if matches!(&**host, Host::Bytes(_)) => Value::Host(host.clone()).host_text(),
        Some(_) => {
            return Err(RenderError::engine(
                "The 'fromIon' function expects an argument 'ion' with type string or byte[].",
            ));
        }
        None => return Err(RenderError::engine("The 'fromIon' function expects an argument 'ion'.")),
    };
    let mut rows = ion::read(&text).map_err(|message| RenderError::engine(format!("Invalid ion: {message}")))?;
    let all_rows = match args.get("allRows") {
        Value::Null => false,
        Value::Bool(all) => *all,
        other => return Err(super::super::kinds::cast(other, "java.lang.Boolean")),
    };
    if all_rows {
        return Ok(Value::from(rows));
    }
    Ok(if rows.is_empty() { Value::Null } else { rows.swap_remove(0) })
}
