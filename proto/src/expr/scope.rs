//! Variables that a template makes itself: `set`, `for`, macro arguments.

use super::map::Map;
use super::value::{Text, Value};

/// What a scope sees beyond its own variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// The scopes around it and the caller's variables.
    #[default]
    Outer,
    /// Nothing: macros see only their arguments.
    OwnOnly,
}

#[derive(Debug, Default)]
struct Scope {
    own: Map,
    visibility: Visibility,
}

/// A stack of scopes; the first one is the template itself.
#[derive(Debug)]
pub(crate) struct Scopes(Vec<Scope>);

impl Default for Scopes {
    fn default() -> Scopes {
        Scopes(vec![Scope::default()])
    }
}

impl Scopes {
    pub(crate) fn push(&mut self, visibility: Visibility) {
        self.0.push(Scope { own: Map::new(), visibility });
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    /// The scopes that are seen from the innermost one, it being first.
    fn seen(&self) -> impl Iterator<Item = &Scope> {
        let hidden = self.hidden();
        self.0[hidden..].iter().rev()
    }

    /// How many of the outer scopes are hidden.
    fn hidden(&self) -> usize {
        self.0.iter().rposition(|scope| scope.visibility == Visibility::OwnOnly).unwrap_or(0)
    }

    /// Whether the caller's variables are seen.
    pub(crate) fn sees_variables(&self) -> bool {
        self.0.iter().all(|scope| scope.visibility == Visibility::Outer)
    }

    #[inline]
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.seen().find_map(|scope| scope.own.get(name))
    }

    /// Defines a variable in the innermost scope.
    pub(crate) fn define(&mut self, name: &str, value: Value) {
        if let Some(scope) = self.0.last_mut() {
            scope.own.insert(Text::from(name), value);
        }
    }

    /// Changes the variable where it is, or defines it in the innermost scope.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        let hidden = self.hidden();
        match self.0[hidden..].iter_mut().rev().find_map(|scope| scope.own.get_mut(name)) {
            Some(slot) => *slot = value,
            None => self.define(name, value),
        }
    }

    /// Everything that the innermost scope sees, which `render()` passes on.
    pub(crate) fn visible(&self) -> Map {
        let mut all = Map::new();
        for scope in self.0[self.hidden()..].iter() {
            for (name, value) in scope.own.iter() {
                all.insert(name.clone(), value.clone());
            }
        }
        all
    }
}
