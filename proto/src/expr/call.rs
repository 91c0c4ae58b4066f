//! The arguments of a filter or function, after evaluation.

use super::error::RenderError;
use super::value::Value;

/// Arguments by name, or by place where the callee names none.
#[derive(Debug)]
pub(crate) struct Arguments {
    names: &'static [&'static str],
    values: Vec<Option<Value>>,
}

static NULL: Value = Value::Null;

impl Arguments {
    pub(crate) fn named(names: &'static [&'static str]) -> Arguments {
        Arguments { names, values: vec![None; names.len()] }
    }

    pub(crate) fn unnamed(values: Vec<Value>) -> Arguments {
        Arguments { names: &[], values: values.into_iter().map(Some).collect() }
    }

    pub(crate) fn set(&mut self, place: usize, value: Value) {
        self.values[place] = Some(value);
    }

    /// Whether the argument was given, be it `null`.
    pub(crate) fn given(&self, name: &str) -> Option<&Value> {
        let place = self.names.iter().position(|known| *known == name)?;
        self.values[place].as_ref()
    }

    /// The argument, `null` when it was not given.
    pub(crate) fn get(&self, name: &str) -> &Value {
        self.given(name).unwrap_or(&NULL)
    }

    /// All that were given by place.
    pub(crate) fn all(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.values.iter().map(|value| value.as_ref().unwrap_or(&NULL))
    }

    /// The argument as text; `null` when absent.
    ///
    /// # Errors
    /// When it is neither.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, RenderError> {
        match self.get(name) {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            other => Err(super::kinds::cast(other, "java.lang.String")),
        }
    }
}
