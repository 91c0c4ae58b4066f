//! The values that expressions work on: JSON with exact numbers, plus the kinds that Kestra holds as objects.

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::ToPrimitive as _;

use super::decimal::Decimal;
use super::host::Host;
use super::map::Map;

/// Text that is shared, not copied.
pub type Text = Arc<str>;

/// One value of an expression. Cloning never copies text, lists or maps.
///
/// A missing variable is not a value: it is [`super::RenderError`] until `??`, `default` or a test catches it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number of 32 bits, as data has it.
    Int(i32),
    /// A whole number of 64 bits, as a literal has it.
    Long(i64),
    /// A whole number of any size.
    Big(Arc<BigInt>),
    /// A 32-bit float (inputs of type FLOAT).
    Float(f32),
    /// A 64-bit float.
    Double(f64),
    /// A decimal with exact digits (Java's `BigDecimal`).
    Decimal(Arc<Decimal>),
    /// A number of a document whose digits a 64-bit float would change: printed as it was sent, computed as a float.
    Exact(Text),
    /// Text.
    Text(Text),
    /// A list.
    List(Arc<Vec<Value>>),
    /// A map in the order of writing.
    Map(Arc<Map>),
    /// A date, a duration or another kind that JSON does not have.
    Host(Arc<Host>),
}

impl Value {
    /// Text out of anything that is text.
    pub fn text(text: impl Into<Text>) -> Value {
        Value::Text(text.into())
    }

    /// A list of the given members.
    pub fn list(members: impl IntoIterator<Item = Value>) -> Value {
        Value::List(Arc::new(members.into_iter().collect()))
    }

    /// A map of the given entries; of a repeated key the last value stays, at the first place.
    pub fn map<K: Into<Text>>(entries: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Map(Arc::new(entries.into_iter().collect()))
    }

    /// The smallest of the whole-number kinds, as data read from JSON has it.
    pub fn integer(number: i64) -> Value {
        match i32::try_from(number) {
            Ok(small) => Value::Int(small),
            Err(_) => Value::Long(number),
        }
    }

    /// A whole number in the smallest kind that holds it, starting at 64 bits.
    pub(crate) fn long_or_big(number: BigInt) -> Value {
        match number.to_i64() {
            Some(long) => Value::Long(long),
            None => Value::Big(Arc::new(number)),
        }
    }

    /// The text, when this is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The map, when this is a map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The members, when this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The truth value, when this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The whole number, when this is one of at most 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(i64::from(*number)),
            Value::Long(number) => Some(*number),
            Value::Host(host) => host.as_i64(),
            _ => None,
        }
    }

    /// The number as a 64-bit float, when this is a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(f64::from(*number)),
            Value::Long(number) => Some(*number as f64),
            Value::Big(number) => number.to_f64(),
            Value::Float(number) => Some(f64::from(*number)),
            Value::Double(number) => Some(*number),
            Value::Decimal(number) => Some(number.to_f64()),
            Value::Exact(digits) => digits.parse().ok(),
            Value::Host(host) => host.as_i64().map(|number| number as f64),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The member `key`, when this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether `when` and `runIf` take this value for true: the [`verdict`] on what it prints.
    pub fn verdict(&self) -> bool {
        match self {
            Value::Bool(truth) => *truth,
            other => verdict(&other.print()),
        }
    }

    /// Levels of lists and maps, a plain value being 0.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Value::List(list) => 1 + list.iter().map(Value::depth).max().unwrap_or(0),
            Value::Map(map) => 1 + map.values().map(Value::depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// Whether `when` and `runIf` take a rendered text for true: everything but `false`, `0`, `-0` and blank, after trimming.
pub fn verdict(text: &str) -> bool {
    !matches!(text.trim(), "" | "false" | "0" | "-0")
}

impl Default for Value {
    /// `null`.
    fn default() -> Value {
        Value::Null
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text.into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Value {
        Value::Text(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Value {
        Value::Bool(truth)
    }
}

impl From<i64> for Value {
    /// The smallest whole-number kind that holds it, as data has it.
    fn from(number: i64) -> Value {
        Value::integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Double(number)
    }
}

impl From<Vec<Value>> for Value {
    fn from(members: Vec<Value>) -> Value {
        Value::List(Arc::new(members))
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Value {
        Value::Map(Arc::new(map))
    }
}

impl From<Host> for Value {
    fn from(host: Host) -> Value {
        Value::Host(Arc::new(host))
    }
}
