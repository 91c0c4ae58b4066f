//! `pluginDefaults`: properties that every task or trigger of a type gets. They are merged before anything is typed, so a
//! wrong one is found where it stands.

use super::{at::At, fields::Fields};
use crate::flow::yaml::{Content, Entry, Node};

/// Properties for all tasks and triggers of a type.
pub(super) struct PluginDefault {
    /// A type, or the front of types up to a dot.
    type_name: String,
    /// Whether they win over what a task says itself.
    wins: bool,
    values: Vec<Entry>,
}

impl PluginDefault {
    fn is_for(&self, type_name: &str) -> bool {
        type_name.strip_prefix(&self.type_name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// Reads the defaults; wrong ones are findings and left out. The order of the answer is that of merging: what is said for
/// more types first, so that the more exact one wins.
pub(super) fn read(at: &At<'_>) -> Vec<PluginDefault> {
    let mut defaults: Vec<PluginDefault> = at.list().unwrap_or_default().iter().filter_map(one).collect();
    defaults.sort_by_key(|default| default.type_name.len());
    defaults
}

fn one(at: &At<'_>) -> Option<PluginDefault> {
    let fields = Fields::of(at, "pluginDefault")?;
    let type_name = fields.require("type").and_then(|at| at.text().map(str::to_owned));
    let values = fields.require("values").and_then(|at| {
        let entries = at.entries()?;
        Some(entries.into_iter().map(|(entry, _)| entry.clone()).collect())
    });
    let wins = fields.flag("forced");
    fields.finish();
    Some(PluginDefault { type_name: type_name?, wins, values: values? })
}

/// The task or trigger with the defaults of its type; none when there are none for it.
pub(super) fn merged(node: &Node, defaults: &[PluginDefault]) -> Option<Node> {
    let type_name = super::scalar_text(node.get("type")?)?;
    let Content::Map(own) = &node.content else { return None };
    let (forced, gentle): (Vec<_>, Vec<_>) =
        defaults.iter().filter(|one| one.is_for(&type_name)).partition(|one| one.wins);
    if forced.is_empty() && gentle.is_empty() {
        return None;
    }
    let mut entries = Vec::new();
    gentle.iter().for_each(|default| overlay(&mut entries, &default.values));
    overlay(&mut entries, own);
    forced.iter().for_each(|default| overlay(&mut entries, &default.values));
    Some(Node { at: node.at, content: Content::Map(entries) })
}

/// Lays entries over others: maps are merged, anything else is replaced.
fn overlay(below: &mut Vec<Entry>, above: &[Entry]) {
    for entry in above {
        match below.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => match (&mut known.node.content, &entry.node.content) {
                (Content::Map(inner), Content::Map(over)) => overlay(inner, over),
                (_, _) => *known = entry.clone(),
            },
            None => below.push(entry.clone()),
        }
    }
}
