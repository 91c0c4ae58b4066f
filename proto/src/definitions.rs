//! Deployed flows: a fold over the `definitions` log, the same in every part.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    delivery::FlowRef,
    flow::{Flow, FlowErrors},
    id::{FlowId, Namespace, TenantId},
    time::Timestamp,
};

/// Something that happened to a definition. Past tense, never edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Definition {
    /// A flow was deployed as its next revision.
    FlowDeployed {
        /// The tenant that owns it.
        tenant: TenantId,
        /// Its namespace.
        namespace: Namespace,
        /// Its id.
        flow: FlowId,
        /// The new revision: one more than the newest, deletions counted.
        revision: u32,
        /// The YAML text, as deployed.
        source: String,
        /// When.
        at: Timestamp,
    },
    /// A flow was deleted; its executions stay, and a later deployment goes on counting revisions.
    FlowDeleted {
        /// The tenant that owns it.
        tenant: TenantId,
        /// Its namespace.
        namespace: Namespace,
        /// Its id.
        flow: FlowId,
        /// The revision that marks the deletion.
        revision: u32,
        /// When.
        at: Timestamp,
    },
}

/// One revision of a flow.
#[derive(Debug)]
pub struct Revision {
    /// Which flow and revision.
    pub reference: FlowRef,
    /// The YAML text, as deployed.
    pub source: Arc<str>,
    /// The flow; an error when it was deployed under rules that no longer hold.
    pub flow: Result<Flow, FlowErrors>,
    /// When it was deployed.
    pub deployed_at: Timestamp,
}

/// Names a flow, in whatever revision.
pub type FlowKey = (TenantId, Namespace, FlowId);

#[derive(Clone, Debug, Default)]
struct Revisions {
    deployed: BTreeMap<u32, Arc<Revision>>,
    /// The revisions that mark a deletion, with the time.
    deletions: BTreeMap<u32, Timestamp>,
    newest: u32,
}

impl Revisions {
    fn is_deleted(&self) -> bool {
        self.deletions.contains_key(&self.newest)
    }
}

/// One entry in the history of a flow.
#[derive(Clone, Debug)]
pub enum Change {
    /// It was deployed.
    Deployed(Arc<Revision>),
    /// It was deleted.
    Deleted {
        /// The revision that marks the deletion.
        revision: u32,
        /// When.
        at: Timestamp,
        /// What was deleted.
        last: Arc<Revision>,
    },
}

/// All deployed flows at one position of the log. Cheap to clone: revisions are shared.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    flows: BTreeMap<FlowKey, Revisions>,
    position: u64,
}

impl Definitions {
    /// The position of the log up to which this is the fold.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Folds the record at `position`.
    pub fn fold(&mut self, position: u64, definitions: &[Definition]) {
        definitions.iter().for_each(|definition| self.fold_one(definition));
        self.position = position;
    }

    fn fold_one(&mut self, definition: &Definition) {
        match definition {
            Definition::FlowDeployed { tenant, namespace, flow, revision, source, at } => {
                let reference = FlowRef {
                    tenant: tenant.clone(),
                    namespace: namespace.clone(),
                    flow: flow.clone(),
                    revision: *revision,
                };
                let parsed = Flow::parse(source);
                let entry = Revision { reference, source: source.as_str().into(), flow: parsed, deployed_at: *at };
                let revisions = self.revisions_mut(tenant, namespace, flow);
                revisions.deployed.insert(*revision, Arc::new(entry));
                revisions.newest = *revision;
            }
            Definition::FlowDeleted { tenant, namespace, flow, revision, at } => {
                let revisions = self.revisions_mut(tenant, namespace, flow);
                revisions.newest = *revision;
                revisions.deletions.insert(*revision, *at);
            }
        }
    }

    fn revisions_mut(&mut self, tenant: &TenantId, namespace: &Namespace, flow: &FlowId) -> &mut Revisions {
        self.flows.entry((tenant.clone(), namespace.clone(), flow.clone())).or_default()
    }

    /// The revision that a reference names, also of a deleted flow: executions outlive their flow.
    pub fn revision(&self, reference: &FlowRef) -> Option<&Arc<Revision>> {
        let key = (reference.tenant.clone(), reference.namespace.clone(), reference.flow.clone());
        self.flows.get(&key)?.deployed.get(&reference.revision)
    }

    /// The newest revision of a flow that is not deleted.
    pub fn newest(&self, key: &FlowKey) -> Option<&Arc<Revision>> {
        let revisions = self.flows.get(key).filter(|revisions| !revisions.is_deleted())?;
        revisions.deployed.values().next_back()
    }

    /// All revisions of a flow, oldest first, also of a deleted one.
    pub fn revisions(&self, key: &FlowKey) -> impl Iterator<Item = &Arc<Revision>> {
        self.flows.get(key).into_iter().flat_map(|revisions| revisions.deployed.values())
    }

    /// Everything that happened to a flow, oldest first, deletions too.
    pub fn history(&self, key: &FlowKey) -> Vec<Change> {
        let Some(revisions) = self.flows.get(key) else { return Vec::new() };
        let deployed =
            revisions.deployed.iter().map(|(number, revision)| (*number, Change::Deployed(revision.clone())));
        let deleted = revisions.deletions.iter().filter_map(|(number, at)| {
            let (_, last) = revisions.deployed.range(..number).next_back()?;
            Some((*number, Change::Deleted { revision: *number, at: *at, last: last.clone() }))
        });
        let ordered: BTreeMap<_, _> = deployed.chain(deleted).collect();
        ordered.into_values().collect()
    }

    /// The number that the next revision of a flow gets.
    pub fn next_revision(&self, key: &FlowKey) -> u32 {
        self.flows.get(key).map_or(1, |revisions| revisions.newest + 1)
    }

    /// The namespaces that hold a flow of a tenant, or held one: executions outlive their flow. In order.
    pub fn namespaces_ever<'a>(&'a self, tenant: &'a TenantId) -> impl Iterator<Item = &'a Namespace> {
        let own = self.flows.keys().filter(move |(owner, _, _)| owner == tenant).map(|(_, namespace, _)| namespace);
        let mut last = None;
        own.filter(move |namespace| last.replace(*namespace) != Some(*namespace))
    }

    /// The newest revision of every flow that is not deleted, ordered by tenant, namespace and id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Revision>> {
        self.flows.values().filter(|revisions| !revisions.is_deleted()).filter_map(|r| r.deployed.values().next_back())
    }
}
