//! The tests behind `is` and `is not`.

use super::ast::Test;
use super::error::RenderError;
use super::host::Host;
use super::kinds::cast;
use super::value::Value;

/// Whether the test holds for a value that exists.
pub(crate) fn holds(test: Test, value: &Value) -> Result<bool, RenderError> {
    match test {
        Test::Defined => Ok(!value.is_null()),
        Test::Null => Ok(value.is_null()),
        Test::Empty => Ok(is_empty(value)),
        Test::Even => Ok(remainder_of_two(value)? == 0),
        Test::Odd => Ok(remainder_of_two(value)? != 0),
        Test::Map => Ok(matches!(value, Value::Map(_))),
        Test::Iterable => Ok(is_iterable(value)),
        Test::Json => is_json(value),
    }
}

/// Null, blank text, a list or map without members.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Host(host) => matches!(&**host, Host::Set(members) if members.is_empty()),
        _ => false,
    }
}

fn is_iterable(value: &Value) -> bool {
    match value {
        Value::List(_) => true,
        Value::Host(host) => matches!(&**host, Host::Set(_) | Host::Array(_)),
        _ => false,
    }
}

fn remainder_of_two(value: &Value) -> Result<i64, RenderError> {
    match value {
        Value::Int(number) => Ok(i64::from(number % 2)),
        Value::Long(number) => Ok(number % 2),
        Value::Null => Err(RenderError::engine("Can not pass null value to \"even\" or \"odd\" test.")),
        other => Err(cast(other, "java.lang.Long")),
    }
}

fn is_json(value: &Value) -> Result<bool, RenderError> {
    match value {
        Value::Null => Err(RenderError::kind("java.lang.IllegalArgumentException: argument \"content\" is null")),
        Value::Text(text) => Ok(text.trim().is_empty() || Value::from_json(text).is_ok()),
        other => Err(cast(other, "java.lang.String")),
    }
}
