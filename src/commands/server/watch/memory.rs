//! What the watcher deployed last, kept over restarts: an edit made by API is newer than a file that did not change since.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use windhover_proto::id::{Fingerprint, FlowId, Namespace};

/// Names a flow among those of one tenant.
pub(super) type Name = (Namespace, FlowId);

/// A flow as the watcher deployed it last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    namespace: String,
    id: String,
    file: PathBuf,
    sha256: String,
}

/// One deployment of the watcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deployed {
    /// The file, relative to the flow folder.
    pub(super) file: PathBuf,
    /// Its text's fingerprint.
    pub(super) fingerprint: Fingerprint,
}

/// The watcher's last deployment of every flow.
#[derive(Debug)]
pub(super) struct Memory {
    place: PathBuf,
    flows: BTreeMap<Name, Deployed>,
}

impl Memory {
    /// Reads the memory, which is empty when there is none.
    ///
    /// # Errors
    /// When it cannot be read or is none of ours.
    pub(super) fn open(place: PathBuf) -> anyhow::Result<Self> {
        let text = match fs::read(&place) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self { place, flows: BTreeMap::new() }),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", place.display())),
        };
        let bad = || format!("{} is damaged; delete it, and every flow file is deployed again", place.display());
        let entries: Vec<Entry> = serde_json::from_slice(&text).with_context(bad)?;
        let mut flows = BTreeMap::new();
        for entry in entries {
            let name = (entry.namespace.parse().with_context(bad)?, entry.id.parse().with_context(bad)?);
            flows.insert(name, Deployed { file: entry.file, fingerprint: entry.sha256.parse().with_context(bad)? });
        }
        Ok(Self { place, flows })
    }

    /// The last deployment of a flow.
    pub(super) fn get(&self, name: &Name) -> Option<&Deployed> {
        self.flows.get(name)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &Deployed)> {
        self.flows.iter()
    }

    /// Remembers a deployment.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub(super) fn remember(&mut self, name: Name, deployed: Deployed) -> anyhow::Result<()> {
        if self.flows.get(&name) == Some(&deployed) {
            return Ok(());
        }
        self.flows.insert(name, deployed);
        self.save()
    }

    /// Forgets a flow.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub(super) fn forget(&mut self, name: &Name) -> anyhow::Result<()> {
        match self.flows.remove(name) {
            Some(_) => self.save(),
            None => Ok(()),
        }
    }

    fn save(&self) -> anyhow::Result<()> {
        let entries: Vec<Entry> = self.flows.iter().map(entry).collect();
        let text = serde_json::to_vec_pretty(&entries)?;
        let folder = self.place.parent().unwrap_or(Path::new("."));
        let saved = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&self.place)?;
            Ok(())
        });
        saved.with_context(|| format!("{} cannot be written", self.place.display()))
    }
}

fn entry((name, deployed): (&Name, &Deployed)) -> Entry {
    Entry {
        namespace: name.0.to_string(),
        id: name.1.to_string(),
        file: deployed.file.clone(),
        sha256: deployed.fingerprint.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deployed_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("memory.json");
        let name: Name = ("a.b".parse().unwrap(), "hook".parse().unwrap());
        let deployed = Deployed { file: "x.yaml".into(), fingerprint: Fingerprint::of(b"text") };
        Memory::open(place.clone()).unwrap().remember(name.clone(), deployed.clone()).unwrap();
        let mut again = Memory::open(place.clone()).unwrap();
        assert_eq!(again.get(&name), Some(&deployed));
        again.forget(&name).unwrap();
        assert_eq!(Memory::open(place).unwrap().get(&name), None);
    }

    #[test]
    fn a_damaged_memory_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("memory.json");
        fs::write(&place, "[{").unwrap();
        assert!(Memory::open(place).unwrap_err().to_string().contains("memory.json is damaged"));
    }
}
