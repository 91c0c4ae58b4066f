//! The map of expressions: order of writing, quick to build, quick to ask.

use super::value::{Text, Value};

/// Maps up to this size are searched from front to back, which is faster than hashing for the maps that webhooks carry.
const SCANNED_ENTRIES_MAX: usize = 12;

/// How a map compares its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// Byte for byte.
    #[default]
    Exact,
    /// Without regard to ASCII case, as HTTP compares header names.
    IgnoreCase,
}

/// A map from text to values that keeps the order of writing.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: Vec<(Text, Value)>,
    /// Places of `entries` sorted by key; empty while the map is small.
    order: Vec<u32>,
    keys: Keys,
}

impl Map {
    /// An empty map.
    pub fn new() -> Map {
        Map::default()
    }

    /// An empty map with room for `entries`.
    pub fn with_capacity(entries: usize) -> Map {
        Map { entries: Vec::with_capacity(entries), ..Map::default() }
    }

    /// An empty map whose lookup does not regard ASCII case.
    pub fn ignoring_case() -> Map {
        Map { keys: Keys::IgnoreCase, ..Map::default() }
    }

    /// How keys are compared.
    pub fn keys_compared(&self) -> Keys {
        self.keys
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.find(key).map(|place| &self.entries[place].1)
    }

    /// The value of `key`, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.find(key).map(|place| &mut self.entries[place].1)
    }

    /// True when `key` has a value, `null` included.
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Sets `key`; a key that is there keeps its place.
    pub fn insert(&mut self, key: impl Into<Text>, value: Value) {
        let key = key.into();
        match self.find(&key) {
            Some(place) => self.entries[place].1 = value,
            None => self.push_new(key, value),
        }
    }

    /// Takes `key` out, keeping the order of the rest.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.find(key)?;
        let (_, value) = self.entries.remove(place);
        self.order.clear();
        self.index();
        Some(value)
    }

    /// The entries in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Text, &Value)> + ExactSizeIterator {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Text> + ExactSizeIterator {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The values in their order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator {
        self.entries.iter().map(|(_, value)| value)
    }

    fn compare(&self, left: &str, right: &str) -> std::cmp::Ordering {
        match self.keys {
            Keys::Exact => left.cmp(right),
            Keys::IgnoreCase => {
                left.bytes().map(|b| b.to_ascii_lowercase()).cmp(right.bytes().map(|b| b.to_ascii_lowercase()))
            }
        }
    }

    fn same(&self, left: &str, right: &str) -> bool {
        match self.keys {
            Keys::Exact => left == right,
            Keys::IgnoreCase => left.eq_ignore_ascii_case(right),
        }
    }

    fn find(&self, key: &str) -> Option<usize> {
        if self.order.is_empty() {
            return self.entries.iter().position(|(known, _)| self.same(known, key));
        }
        let found = self.order.binary_search_by(|place| self.compare(&self.entries[*place as usize].0, key));
        found.ok().map(|at| self.order[at] as usize)
    }

    fn push_new(&mut self, key: Text, value: Value) {
        if self.order.is_empty() {
            self.entries.push((key, value));
            return self.index();
        }
        let at = self.order.partition_point(|place| self.compare(&self.entries[*place as usize].0, &key).is_lt());
        self.order.insert(at, self.entries.len() as u32);
        self.entries.push((key, value));
    }

    /// Sorts the places once the map has outgrown scanning.
    fn index(&mut self) {
        if self.entries.len() <= SCANNED_ENTRIES_MAX || !self.order.is_empty() {
            return;
        }
        let mut order: Vec<u32> = (0..self.entries.len() as u32).collect();
        order.sort_by(|a, b| self.compare(&self.entries[*a as usize].0, &self.entries[*b as usize].0));
        self.order = order;
    }
}

impl PartialEq for Map {
    /// Same keys with same values, in any order.
    fn eq(&self, other: &Map) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K: Into<Text>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Map {
        let mut map = Map::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = &'a (Text, Value);
    type IntoIter = std::slice::Iter<'a, (Text, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: i64) -> Map {
        (0..count).rev().map(|n| (format!("k{n}"), Value::from(n))).collect()
    }

    #[test]
    fn a_map_keeps_the_order_of_writing_at_every_size() {
        for size in [0, 1, 12, 13, 14, 300] {
            let map = filled(size);
            let keys: Vec<_> = map.keys().map(|key| key.to_string()).collect();
            assert_eq!(keys, (0..size).rev().map(|n| format!("k{n}")).collect::<Vec<_>>());
            assert!((0..size).all(|n| map.get(&format!("k{n}")) == Some(&Value::from(n))));
            assert_eq!(map.get("absent"), None);
        }
    }

    #[test]
    fn a_repeated_key_keeps_its_first_place_and_its_last_value() {
        let mut map = filled(20);
        map.insert("k19", Value::from("new"));
        assert_eq!(map.len(), 20);
        assert_eq!(map.iter().next(), Some((&Text::from("k19"), &Value::from("new"))));
    }

    #[test]
    fn a_removed_key_is_gone_and_the_others_stay() {
        let mut map = filled(20);
        assert_eq!(map.remove("k7"), Some(Value::from(7)));
        assert_eq!(map.get("k7"), None);
        assert_eq!(map.get("k8"), Some(&Value::from(8)));
    }

    #[test]
    fn header_names_are_found_in_any_case() {
        let mut map = Map::ignoring_case();
        map.insert("X-GitHub-Event", Value::from("push"));
        assert_eq!(map.get("x-github-event"), Some(&Value::from("push")));
        map.insert("x-github-EVENT", Value::from("ping"));
        assert_eq!(map.len(), 1);
    }
}
