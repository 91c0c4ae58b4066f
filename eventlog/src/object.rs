//! Names of objects.

/// Longest object name, in bytes: it becomes a file name with a few bytes of its own around it.
const NAME_BYTES_MAX: usize = 200;

/// The name of an object: parts of `a-z A-Z 0-9 . _ -` joined by `/`, at most 200 bytes, no part `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

/// A text that is no object name.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no object name: parts of letters, digits, `.`, `_` and `-`, joined by `/`, at most 200 bytes")]
pub struct BadObjectName(String);

impl ObjectName {
    /// Checks a name.
    ///
    /// # Errors
    /// When it is empty, too long or has a character or part that is not allowed.
    pub fn new(name: impl Into<String>) -> Result<Self, BadObjectName> {
        let name = name.into();
        let good = name.len() <= NAME_BYTES_MAX && name.split('/').all(is_part);
        if good { Ok(Self(name)) } else { Err(BadObjectName(name)) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_part(part: &str) -> bool {
    !part.is_empty()
        && part != "."
        && part != ".."
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}
