//! The surroundings of the recording, as data.

use std::sync::Arc;

use crate::expr::host::Host;
use crate::expr::map::Map;
use crate::expr::surroundings::Surroundings;
use crate::expr::value::Value;

/// Secrets, environment, key-value pairs, files and keys out of one JSON object.
#[derive(Clone, Debug, Default)]
pub struct RecordedSurroundings(Value);

impl RecordedSurroundings {
    /// Takes the object with the members `secrets`, `environment`, `kv`, `executionFiles`, `namespaceFiles`,
    /// `encryptionKey`; each may be absent.
    pub fn new(value: Value) -> RecordedSurroundings {
        RecordedSurroundings(value)
    }

    fn text(&self, member: &str, key: &str) -> Option<String> {
        self.0.get(member)?.get(key)?.as_text().map(str::to_owned)
    }
}

impl Surroundings for RecordedSurroundings {
    /// Secrets of variables belong to every namespace.
    fn secret(&self, _namespace: &str, name: &str) -> Option<String> {
        self.text("secrets", name)
    }

    fn kv(&self, namespace: &str, key: &str) -> Option<Value> {
        let entry = self.0.get("kv")?.get(namespace)?.get(key)?;
        let value = entry.get("value")?.clone();
        let kind = match entry.get("type").and_then(Value::as_text) {
            Some("DATETIME") => "Instant",
            Some("DATE") => "LocalDate",
            Some("DURATION") => "Duration",
            _ => return Some(value),
        };
        Host::parse(kind, value.as_text()?).map(Value::from)
    }

    fn environment(&self, name: &str) -> Option<String> {
        let prefixed = |key: &str| key.strip_prefix("ENV_").is_some_and(|rest| rest.to_lowercase() == name);
        let environment = self.0.get("environment").and_then(Value::as_map)?;
        environment.iter().find(|(key, _)| prefixed(key)).and_then(|(_, value)| value.as_text()).map(str::to_owned)
    }

    fn file(&self, uri: &str) -> Option<Arc<[u8]>> {
        let folder = self.text("executionFiles", "folder")?;
        let name = uri.strip_prefix(&folder)?;
        self.text("executionFiles", name).map(|text| Arc::from(text.into_bytes()))
    }

    fn namespace_file(&self, namespace: &str, path: &str) -> Option<Arc<[u8]>> {
        let own = self.0.get("kv").and_then(Value::as_map).and_then(|kv: &Map| kv.keys().next().cloned());
        if own.as_deref() != Some(namespace) {
            return None;
        }
        self.text("namespaceFiles", path).map(|text| Arc::from(text.into_bytes()))
    }

    fn encryption_key(&self) -> Option<String> {
        self.0.get("encryptionKey")?.as_text().map(str::to_owned)
    }
}
