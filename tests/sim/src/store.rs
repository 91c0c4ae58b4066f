//! What an owner keeps of its partition: in memory here, in sled in the engine.

use std::{collections::BTreeMap, rc::Rc};

use windhover_proto::{
    core::{
        Execution,
        partition::{Change, Entry, Store},
    },
    id::ExecutionId,
};

/// Entries and live executions. Cheap to clone: a copy stands for what a disk kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept(BTreeMap<ExecutionId, Rc<Known>>);

#[derive(Clone, Debug, PartialEq)]
struct Known {
    entry: Entry,
    live: Option<Execution>,
}

impl Store for Kept {
    fn entry(&self, id: &ExecutionId) -> Option<Entry> {
        self.0.get(id).map(|known| known.entry.clone())
    }

    fn live(&self, id: &ExecutionId) -> Option<Execution> {
        self.0.get(id)?.live.clone()
    }
}

impl Kept {
    /// Takes in what a commit changed.
    pub fn apply(&mut self, changes: Vec<Change>) {
        for Change { id, entry, execution } in changes {
            let live = execution.filter(|execution| !execution.over);
            self.0.insert(id, Rc::new(Known { entry, live }));
        }
    }

    /// The executions that are not over.
    pub fn all_live(&self) -> impl Iterator<Item = &Execution> {
        self.0.values().filter_map(|known| known.live.as_ref())
    }

    /// One execution that is not over.
    pub fn live_ref(&self, id: &ExecutionId) -> Option<&Execution> {
        self.0.get(id)?.live.as_ref()
    }

    /// The first difference to another store, in words.
    pub fn difference(&self, other: &Kept) -> Option<String> {
        let ids: std::collections::BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let differing = ids.into_iter().find(|id| self.0.get(id) != other.0.get(id))?;
        Some(format!("execution {differing}:\n  {:?}\n  {:?}", self.0.get(differing), other.0.get(differing)))
    }

    /// What a snapshot would give back: every entry and execution written as JSON and read again.
    pub fn rewritten(&self) -> Result<Kept, serde_json::Error> {
        let mut read = BTreeMap::new();
        for (id, known) in &self.0 {
            let entry = serde_json::from_str(&serde_json::to_string(&known.entry)?)?;
            let live = serde_json::from_str(&serde_json::to_string(&known.live)?)?;
            read.insert(*id, Rc::new(Known { entry, live }));
        }
        Ok(Kept(read))
    }
}
