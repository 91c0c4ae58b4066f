//! Circles of names that depend on each other.

use std::collections::{HashMap, HashSet};

/// What depends on what.
pub(super) type Needs = [(String, Vec<String>)];

/// The names that can reach themselves, in the order given.
pub(super) fn in_circles(nodes: &Needs) -> Vec<String> {
    nodes.iter().map(|(name, _)| name).filter(|name| circle_of(nodes, name).is_some()).cloned().collect()
}

/// The name and all it leads to, when that includes the name itself.
pub(super) fn circle_of(nodes: &Needs, start: &str) -> Option<Vec<String>> {
    let needs: HashMap<&str, &[String]> = nodes.iter().map(|(name, needs)| (name.as_str(), needs.as_slice())).collect();
    let next = |name: &str| needs.get(name).copied().unwrap_or_default();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut order: Vec<String> = vec![start.to_owned()];
    let mut open: Vec<&str> = next(start).iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            if name != start {
                order.push(name.to_owned());
            }
            open.extend(next(name).iter().map(String::as_str));
        }
    }
    seen.contains(start).then_some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(pairs: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        pairs.iter().map(|(name, needs)| ((*name).to_owned(), owned(needs))).collect()
    }

    #[test]
    fn a_circle_is_found_from_each_of_its_names_only() {
        let nodes = needs(&[("a", &["b"]), ("b", &["a"]), ("c", &["a"]), ("d", &["d"])]);
        assert_eq!(in_circles(&nodes), ["a", "b", "d"]);
        assert_eq!(circle_of(&nodes, "b"), Some(vec!["b".to_owned(), "a".to_owned()]));
        assert_eq!(circle_of(&nodes, "c"), None);
    }
}
