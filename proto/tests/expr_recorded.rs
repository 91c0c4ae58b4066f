//! The recorded answers of Kestra 2.0.0 to 12 535 templates, and the registry of what its language has.
//!
//! Every case is the same or stands in `accepted.tsv` with a reason. A difference outside of the list fails, and so does a
//! listed case that agrees. `cargo test -p windhover-proto --test expr_recorded -- --nocapture` shows the table per group.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "a test reads its data, takes the time and fails loudly"
)]

mod expr_compare;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use expr_compare::difference;
use rustix::time::{ClockId, clock_gettime};
use windhover_proto::expr::recorded::{Contexts, answer};
use windhover_proto::expr::{Template, Value};

/// Accepted differences in percent of all cases.
const ACCEPTED_PERCENT_MAX: usize = 3;

/// Longest time that one case may take of a processor: what else the machine does is not counted.
const CASE_TIME_MAX: Duration = Duration::from_millis(50);

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/expressions").join(name)
}

fn contexts() -> Contexts {
    Contexts::read(&std::fs::read_to_string(data("contexts.json")).unwrap()).unwrap()
}

fn cases() -> Vec<Value> {
    let mut text = String::new();
    let file = std::fs::File::open(data("cases.jsonl.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text.lines().map(|line| Value::from_json(line).unwrap()).collect()
}

/// Ids of accepted differences with their reasons.
fn accepted() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(data("accepted.tsv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once('\t').map(|(id, reason)| (id.to_owned(), reason.to_owned())).unwrap()).collect()
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value.get(member).and_then(Value::as_text).unwrap_or("")
}

/// What this thread took of a processor until now.
fn taken() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// Answers a case; the shortest of a few tries counts.
fn timed(case: &Value, contexts: &Contexts) -> (Value, Duration) {
    let now = "2026-11-23T19:00:00.123456Z".parse().unwrap();
    let mut shortest = Duration::MAX;
    let mut answered = Value::Null;
    for _ in 0..5 {
        let start = taken();
        answered = answer(case, contexts, now, 42);
        shortest = shortest.min(taken() - start);
        if shortest <= CASE_TIME_MAX {
            break;
        }
    }
    (answered, shortest)
}

#[test]
fn every_recorded_case_agrees_or_is_an_accepted_difference() {
    let (contexts, cases, accepted) = (contexts(), cases(), accepted());
    let mut groups: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut unexpected = Vec::new();
    let mut differing = BTreeSet::new();
    for case in &cases {
        let (answered, took) = timed(case, &contexts);
        assert!(took <= CASE_TIME_MAX, "{} took {took:?}", text(case, "id"));
        let group = groups.entry(text(case, "group")).or_default();
        group.0 += 1;
        let Some(difference) = difference(case, &answered) else { continue };
        group.1 += 1;
        differing.insert(text(case, "id"));
        if !accepted.contains_key(text(case, "id")) {
            unexpected.push(format!(
                "{}: {difference}\n  case   {}\n  answer {}",
                text(case, "id"),
                case.to_json(),
                answered.to_json()
            ));
        }
    }
    print_table(&groups, cases.len());
    assert!(unexpected.is_empty(), "{} cases differ:\n{}", unexpected.len(), unexpected.join("\n"));
    let agreeing: Vec<_> = accepted.keys().filter(|id| !differing.contains(id.as_str())).collect();
    assert!(agreeing.is_empty(), "listed as different, but the same: {agreeing:?}");
    assert!(
        accepted.len() * 100 <= cases.len() * ACCEPTED_PERCENT_MAX,
        "{} accepted differences are too many",
        accepted.len()
    );
}

fn print_table(groups: &BTreeMap<&str, (usize, usize)>, cases: usize) {
    println!("{:24} {:>6} {:>6} {:>6}", "group", "cases", "same", "differ");
    for (group, (all, differ)) in groups {
        println!("{group:24} {all:6} {:6} {differ:6}", all - differ);
    }
    let differ: usize = groups.values().map(|(_, differ)| differ).sum();
    println!("{:24} {cases:6} {:6} {differ:6}", "all", cases - differ);
}

#[test]
fn every_accepted_difference_has_a_reason_that_is_written_down() {
    let reasons = std::fs::read_to_string(data("../../../../docs/decisions/expressions-differences.md")).unwrap();
    for (id, reason) in accepted() {
        assert!(reasons.contains(&format!("`{reason}`")), "{id}: `{reason}` is not explained");
    }
}

/// Everything that the registry names exists, whatever it answers.
#[test]
fn every_name_of_the_registry_is_known() {
    let registry = Value::from_json(&std::fs::read_to_string(data("registry.json")).unwrap()).unwrap();
    let names = |member: &str| {
        let map = registry.get(member).and_then(Value::as_map).unwrap();
        map.keys().map(|name| name.to_string()).collect::<Vec<_>>()
    };
    for filter in names("filters") {
        assert!(Template::compile(&format!("{{{{ 1 | {filter} }}}}")).is_ok(), "filter {filter}");
    }
    for test in names("tests") {
        assert!(Template::compile(&format!("{{{{ 1 is {test} }}}}")).is_ok(), "test {test}");
    }
    for function in names("functions") {
        let compiled = Template::compile(&format!("{{{{ {function}() }}}}"));
        let refused =
            compiled.as_ref().err().is_some_and(|error| error.message.contains("is not available in expressions"));
        assert!(compiled.is_ok() != refused, "function {function}");
        assert_eq!(refused, matches!(function.as_str(), "http" | "subflow"), "function {function}");
    }
    for tag in names("tags") {
        let error = Template::compile(&format!("{{% {tag} %}}")).unwrap_err();
        assert!(!error.message.contains("Unexpected tag name"), "tag {tag}");
    }
}

/// The arguments that the registry lists are accepted by name and by place.
#[test]
fn the_arguments_of_the_registry_are_accepted_by_name() {
    let registry = Value::from_json(&std::fs::read_to_string(data("registry.json")).unwrap()).unwrap();
    let contexts = contexts();
    for (filter, entry) in registry.get("filters").and_then(Value::as_map).unwrap().iter() {
        for argument in entry.get("args").and_then(Value::as_list).unwrap_or_default() {
            let template = format!("{{{{ 1 | {filter}({}=null) }}}}", argument.print());
            let case = Value::map([("template", Value::from(template))]);
            let answered = answer(&case, &contexts, "2026-11-23T19:00:00Z".parse().unwrap(), 1);
            assert!(
                !text(&answered, "message").contains("named argument does not exist"),
                "{filter}({})",
                argument.print()
            );
        }
    }
}
