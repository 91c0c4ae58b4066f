//! The flows that webhooks can reach, as one table: looked up by slices of the address, made again when a deployment came.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use subtle::ConstantTimeEq;
use windhover_eventlog::definitions::Deployments;
use windhover_proto::{
    definitions::{Definitions, Revision},
    delivery::FlowRef,
    expr::{Surroundings, Template},
    flow::{Flow, Trigger, TriggerKind, Webhook},
};

use crate::context::{self, Moment};

/// What a webhook can reach, kept current.
#[derive(Debug)]
pub(crate) struct Sites {
    deployments: Deployments,
    table: RwLock<Arc<Table>>,
}

impl Sites {
    /// The table of these deployments.
    pub(crate) fn new(deployments: Deployments) -> Self {
        let table = Arc::new(Table::new(deployments.current(), &Table::default()));
        Self { deployments, table: RwLock::new(table) }
    }

    /// The table of the flows that are deployed now.
    pub(crate) fn current(&self) -> Arc<Table> {
        let definitions = self.deployments.current();
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner).clone();
        if Arc::ptr_eq(&table.definitions, &definitions) {
            return table;
        }
        let table = Arc::new(Table::new(definitions, &table));
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table.clone();
        table
    }

    /// Waits until everything that was deployed before the call is in the table.
    pub(crate) async fn refresh(&self) {
        if let Err(error) = self.deployments.refreshed().await {
            tracing::warn!(%error, "whether a flow was just deployed could not be looked up");
        }
    }
}

/// The flows of one position of the `definitions` log.
#[derive(Debug, Default)]
pub(crate) struct Table {
    definitions: Arc<Definitions>,
    /// By tenant, then by namespace and flow with a slash between them.
    tenants: HashMap<Box<str>, HashMap<Box<str>, Arc<Site>>>,
}

impl Table {
    /// Makes a table, keeping what did not change since `before`.
    fn new(definitions: Arc<Definitions>, before: &Table) -> Self {
        let mut tenants: HashMap<Box<str>, HashMap<Box<str>, Arc<Site>>> = HashMap::new();
        for newest in definitions.all() {
            let Some(revision) = runnable(&definitions, newest) else { continue };
            let reference = &revision.reference;
            let tenant = reference.tenant.as_str();
            let path = format!("{}/{}", reference.namespace, reference.flow);
            let kept = before.site(tenant, &path).filter(|site| Arc::ptr_eq(&site.revision, revision)).cloned();
            let site = kept.unwrap_or_else(|| Arc::new(Site::new(revision.clone())));
            tenants.entry(tenant.into()).or_default().insert(path.into(), site);
        }
        Self { definitions, tenants }
    }

    /// The flow at this address.
    pub(crate) fn site(&self, tenant: &str, path: &str) -> Option<&Arc<Site>> {
        self.tenants.get(tenant)?.get(path)
    }

    /// The revision that a reference names.
    pub(crate) fn revision(&self, reference: &FlowRef) -> Option<&Arc<Revision>> {
        self.definitions.revision(reference)
    }

    /// All deployed flows.
    pub(crate) fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// The position of the `definitions` log up to which this is the fold.
    pub(crate) fn position(&self) -> u64 {
        self.definitions.position()
    }
}

/// The revision that runs: the newest one that is no draft.
pub(crate) fn runnable<'a>(definitions: &'a Definitions, newest: &'a Arc<Revision>) -> Option<&'a Arc<Revision>> {
    if !is_draft(newest) {
        return Some(newest);
    }
    let reference = &newest.reference;
    let key = (reference.tenant.clone(), reference.namespace.clone(), reference.flow.clone());
    definitions.revisions(&key).filter(|revision| !is_draft(revision)).last()
}

fn is_draft(revision: &Revision) -> bool {
    revision.flow.as_ref().is_ok_and(|flow| flow.draft)
}

/// One flow that webhooks can reach.
#[derive(Debug)]
pub(crate) struct Site {
    /// Its revision.
    pub(crate) revision: Arc<Revision>,
    /// The keys of its webhook triggers, with the place of each trigger.
    keys: Vec<(usize, HookKey)>,
}

/// The key of a trigger.
#[derive(Debug)]
enum HookKey {
    /// The same for every call.
    Fixed(Box<str>),
    /// Rendered at every call.
    Rendered(Template),
}

/// A webhook trigger that a call reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hook<'a> {
    /// Its flow.
    pub(crate) flow: &'a Flow,
    /// The trigger.
    pub(crate) trigger: &'a Trigger,
    /// What is special about webhooks.
    pub(crate) webhook: &'a Webhook,
}

impl Site {
    fn new(revision: Arc<Revision>) -> Self {
        let triggers = revision.flow.as_ref().map_or(&[][..], |flow| &flow.triggers);
        let keys = triggers.iter().enumerate().map(|(place, trigger)| (place, hook_key(webhook(trigger)))).collect();
        Self { revision, keys }
    }

    /// The place of the first trigger with this key. A key that cannot be rendered hides its trigger, and no other.
    pub(crate) fn trigger_with(
        &self,
        flow: &Flow,
        key: &str,
        surroundings: &dyn Surroundings,
        moment: Moment,
    ) -> Option<usize> {
        let matches = |(place, hook_key): &&(usize, HookKey)| match hook_key {
            HookKey::Fixed(own) => same(own, key),
            HookKey::Rendered(template) => flow.triggers.get(*place).is_some_and(|trigger| {
                let reference = &self.revision.reference;
                let own = context::render_key(template, reference, flow, trigger, surroundings, moment);
                own.is_some_and(|own| same(trimmed(&own), key))
            }),
        };
        self.keys.iter().find(matches).map(|(place, _)| *place)
    }
}

impl<'a> Hook<'a> {
    /// The trigger at this place of a flow.
    pub(crate) fn at(flow: &'a Flow, place: usize) -> Option<Self> {
        let trigger = flow.triggers.get(place)?;
        Some(Hook { flow, trigger, webhook: webhook(trigger) })
    }
}

fn webhook(trigger: &Trigger) -> &Webhook {
    match &trigger.kind {
        TriggerKind::Webhook(webhook) => webhook,
    }
}

fn hook_key(webhook: &Webhook) -> HookKey {
    match webhook.key.is_literal() {
        true => HookKey::Fixed(trimmed(webhook.key.source()).into()),
        false => HookKey::Rendered(webhook.key.clone()),
    }
}

/// Cuts blanks and control characters off, as Java's `trim` does.
fn trimmed(key: &str) -> &str {
    key.trim_matches(|letter: char| letter <= ' ')
}

/// Compares in a time that tells nothing about where two keys of one length differ. A blank key matches nothing.
fn same(own: &str, given: &str) -> bool {
    !own.is_empty() && bool::from(own.as_bytes().ct_eq(given.as_bytes()))
}
