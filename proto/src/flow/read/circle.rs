//! Circles of names that depend on each other.

use std::collections::{HashMap, HashSet};

/// What depends on what.
pub(super) type Needs = [(String, Vec<String>)];

/// Most circles that are told: finding each costs a walk over all names.
const CIRCLES_MAX: usize = 20;

/// The names that can reach themselves, in the order given, each with its circle.
pub(super) fn circles(nodes: &Needs) -> Vec<(&str, Vec<String>)> {
    let suspects = suspects(nodes);
    let names = nodes.iter().map(|(name, _)| name.as_str()).filter(|name| suspects.contains(name));
    names.filter_map(|name| Some((name, circle_of(nodes, name)?))).take(CIRCLES_MAX).collect()
}

/// The names that are left when those that need nothing are taken away, again and again: without a circle none.
fn suspects(nodes: &Needs) -> HashSet<&str> {
    let known: HashSet<&str> = nodes.iter().map(|(name, _)| name.as_str()).collect();
    let mut needed_by: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut open_needs: HashMap<&str, usize> = HashMap::new();
    for (name, needs) in nodes {
        for need in needs.iter().filter(|need| known.contains(need.as_str())) {
            needed_by.entry(need).or_default().push(name);
            *open_needs.entry(name).or_default() += 1;
        }
    }
    let mut free: Vec<&str> = known.iter().copied().filter(|name| !open_needs.contains_key(name)).collect();
    while let Some(name) = free.pop() {
        for dependent in needed_by.remove(name).unwrap_or_default() {
            let Some(open) = open_needs.get_mut(dependent) else { continue };
            *open -= 1;
            if *open == 0 {
                open_needs.remove(dependent);
                free.push(dependent);
            }
        }
    }
    open_needs.into_keys().collect()
}

/// The name and all it leads to, when that includes the name itself.
fn circle_of(nodes: &Needs, start: &str) -> Option<Vec<String>> {
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
        let names: Vec<&str> = circles(&nodes).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "d"]);
        assert!(circles(&needs(&[("a", &["b", "none"]), ("b", &[]), ("c", &["a", "b"])])).is_empty());
        assert_eq!(circle_of(&nodes, "b"), Some(vec!["b".to_owned(), "a".to_owned()]));
        assert_eq!(circle_of(&nodes, "c"), None);
    }
}
