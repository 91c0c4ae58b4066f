//! What a template can ask for beyond its variables. The caller answers; every answer has a default of "absent".

use std::sync::Arc;

use super::map::Map;
use super::value::Value;

/// The top-level variables of a rendering, asked one by one, so that what is not used is not built.
pub trait Variables {
    /// The variable `name`; `None` when there is none.
    fn get(&self, name: &str) -> Option<Value>;

    /// All names, for messages and for `printContext()`.
    fn names(&self) -> Vec<String>;
}

impl Variables for Map {
    fn get(&self, name: &str) -> Option<Value> {
        Map::get(self, name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.keys().map(|key| key.to_string()).collect()
    }
}

impl Variables for indexmap::IndexMap<String, Value> {
    fn get(&self, name: &str) -> Option<Value> {
        indexmap::IndexMap::get(self, name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }
}

/// No variables at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoVariables;

impl Variables for NoVariables {
    fn get(&self, _name: &str) -> Option<Value> {
        None
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One log entry, as `errorLogs()` shows it.
pub type LogEntry = Map;

/// Secrets, key-value pairs, environment, files: everything outside of the variables.
pub trait Surroundings {
    /// The secret `name` (in capitals) as `namespace` sees it; `None` when there is none.
    fn secret(&self, namespace: &str, name: &str) -> Option<String> {
        let _ = (namespace, name);
        None
    }

    /// The value of `key` in exactly this namespace.
    fn kv(&self, namespace: &str, key: &str) -> Option<Value> {
        let _ = (namespace, key);
        None
    }

    /// The environment variable that flows see as `name` (lower case, without its prefix).
    fn environment(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }

    /// The bytes behind a `kestra://` address.
    fn file(&self, uri: &str) -> Option<Arc<[u8]>> {
        let _ = uri;
        None
    }

    /// The bytes of a file of a namespace.
    fn namespace_file(&self, namespace: &str, path: &str) -> Option<Arc<[u8]>> {
        let _ = (namespace, path);
        None
    }

    /// The key that inputs of type SECRET are encrypted with, in base64.
    fn encryption_key(&self) -> Option<String> {
        None
    }

    /// The ERROR entries of the run, where the caller has them.
    fn error_logs(&self) -> Option<Vec<LogEntry>> {
        None
    }
}

/// Nothing around: every answer is "absent".
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSurroundings;

impl Surroundings for NoSurroundings {}
