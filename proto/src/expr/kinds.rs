//! The names of kinds, as Kestra's messages and `className` show them.

use super::error::RenderError;
use super::host::Host;
use super::value::Value;

/// The host language's name of the kind.
pub(crate) fn class_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Int(_) => "java.lang.Integer",
        Value::Long(_) => "java.lang.Long",
        Value::Big(_) => "java.math.BigInteger",
        Value::Float(_) => "java.lang.Float",
        Value::Double(_) | Value::Exact(_) => "java.lang.Double",
        Value::Decimal(_) => "java.math.BigDecimal",
        Value::Text(_) => "java.lang.String",
        Value::List(_) => "java.util.ArrayList",
        Value::Map(_) => "java.util.LinkedHashMap",
        Value::Host(host) => host_class_name(host),
    }
}

fn host_class_name(host: &Host) -> &'static str {
    match host {
        Host::Instant(_) => "java.time.Instant",
        Host::Zoned(_) => "java.time.ZonedDateTime",
        Host::Offset(..) => "java.time.OffsetDateTime",
        Host::DateTime(_) => "java.time.LocalDateTime",
        Host::Date(_) => "java.time.LocalDate",
        Host::Time(_) => "java.time.LocalTime",
        Host::Duration(_) => "java.time.Duration",
        Host::OldDate(_) => "java.util.Date",
        Host::Short(_) => "java.lang.Short",
        Host::Byte(_) => "java.lang.Byte",
        Host::Char(_) => "java.lang.Character",
        Host::Enum(_) => "io.kestra.core.models.flows.State$Type",
        Host::Uri(_) => "java.net.URI",
        Host::Uuid(_) => "java.util.UUID",
        Host::Bytes(_) => "[B",
        Host::Set(_) => "java.util.LinkedHashSet",
        Host::Array(members) if !members.is_empty() && members.iter().all(|one| matches!(one, Value::Text(_))) => {
            "[Ljava.lang.String;"
        }
        Host::Array(_) => "[Ljava.lang.Object;",
        Host::IntArray(_) => "[I",
        Host::Entry(..) => "java.util.LinkedHashMap$Entry",
        Host::Loop(_) => "java.util.HashMap",
    }
}

/// The failure of taking a value for a kind that it is not.
pub(crate) fn cast(value: &Value, wanted: &str) -> RenderError {
    RenderError::kind(format!(
        "java.lang.ClassCastException: class {} cannot be cast to class {wanted}",
        class_name(value)
    ))
}

/// True for every kind of number.
pub(crate) fn is_number(value: &Value) -> bool {
    matches!(
        value,
        Value::Int(_)
            | Value::Long(_)
            | Value::Big(_)
            | Value::Float(_)
            | Value::Double(_)
            | Value::Decimal(_)
            | Value::Exact(_)
    ) || value.as_i64().is_some()
}
