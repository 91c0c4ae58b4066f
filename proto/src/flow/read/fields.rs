//! The properties of one object: each is asked for by name; what nobody asked for is unknown.

use std::cell::{Cell, RefCell};

use super::at::{At, join, nearest};
use crate::flow::yaml::Entry;

/// The properties of one object.
pub(super) struct Fields<'a> {
    /// The object.
    pub(super) at: At<'a>,
    /// How messages call it: a type of Kestra's, or the name of the property.
    class: String,
    entries: Vec<(&'a Entry, At<'a>)>,
    /// Every name that was asked for: the known ones.
    known: RefCell<Vec<&'static str>>,
    /// Whether properties that nobody asked for are fine.
    unchecked: Cell<bool>,
}

impl<'a> Fields<'a> {
    /// The properties of a map; anything else is a finding.
    pub(super) fn of(at: &At<'a>, class: &str) -> Option<Fields<'a>> {
        let entries = at.entries()?;
        Some(Fields {
            at: at.clone(),
            class: class.to_owned(),
            entries,
            known: RefCell::default(),
            unchecked: Cell::default(),
        })
    }

    /// The same properties, with the name of the type for messages.
    pub(super) fn named(self, class: &str) -> Fields<'a> {
        Fields { class: class.to_owned(), ..self }
    }

    /// A property. Saying `null` is saying nothing.
    pub(super) fn get(&self, name: &'static str) -> Option<At<'a>> {
        self.get_even_null(name).filter(|at| !at.is_null())
    }

    /// A property for which `null` is a value.
    pub(super) fn get_even_null(&self, name: &'static str) -> Option<At<'a>> {
        self.known.borrow_mut().push(name);
        self.entries.iter().find(|(entry, _)| entry.key == name).map(|(_, at)| at.clone())
    }

    /// A property under its name, or under an older one.
    pub(super) fn get_either(&self, name: &'static str, older: &'static str) -> Option<At<'a>> {
        let (new, old) = (self.get(name), self.get(older));
        if let (Some(_), Some(old)) = (&new, &old) {
            old.wrong(format!("`{older}` and `{name}` mean the same: keep `{name}`"));
        }
        new.or(old)
    }

    /// A property that must be there.
    pub(super) fn require(&self, name: &'static str) -> Option<At<'a>> {
        self.require_with(name, "must not be null")
    }

    /// A property that must be there, with the words for its absence.
    pub(super) fn require_with(&self, name: &'static str, message: &str) -> Option<At<'a>> {
        let found = self.get(name);
        if found.is_none() {
            self.missing(name, message);
        }
        found
    }

    /// Says that a property is missing, at the object.
    pub(super) fn missing(&self, name: &str, message: &str) {
        let at = At { path: join(&self.at.path, name), ..self.at.clone() };
        at.wrong(message);
    }

    /// A flag that is false unless said otherwise.
    pub(super) fn flag(&self, name: &'static str) -> bool {
        self.get(name).and_then(|at| at.flag()).unwrap_or(false)
    }

    /// A text for people.
    pub(super) fn note(&self, name: &'static str) -> Option<String> {
        self.get(name)?.text().map(str::to_owned)
    }

    /// Properties that Kestra knows but that do not run here yet: saying them is a finding, so that nothing is ignored.
    pub(super) fn refuse(&self, names: &[&'static str]) {
        for name in names {
            if let Some(at) = self.get(name) {
                at.wrong(format!("`{name}` is not supported yet"));
            }
        }
    }

    /// Properties that Kestra knows and that change nothing for anyone here: where a task runs, who last saved a flow.
    pub(super) fn accept_without_effect(&self, names: &[&'static str]) {
        for name in names {
            let _ = self.get(name);
        }
    }

    /// Takes all properties as known, of a type whose properties we do not check.
    pub(super) fn accept_rest(&self) {
        self.unchecked.set(true);
    }

    /// Says which properties nobody asked for.
    pub(super) fn finish(&self) {
        if self.unchecked.get() {
            return;
        }
        let known = self.known.borrow();
        for (entry, at) in self.entries.iter().filter(|(entry, _)| !known.contains(&entry.key.as_str())) {
            let mut names: Vec<&str> = known.to_vec();
            names.sort_unstable();
            names.dedup();
            let listed = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
            let message = format!(
                "Unrecognized field \"{}\" (class {}), not marked as ignorable ({} known properties: {listed})",
                entry.key,
                self.class,
                names.len(),
            );
            at.report(entry.key_at, message, nearest(&entry.key, names.iter().copied()));
        }
    }
}
