//! Texts that a Kestra was asked to validate: what it refuses is refused here with the same property and value named,
//! and with a place; what it accepts is read. Differences are listed with their reasons, and a list that is out of date fails.

#![expect(clippy::unwrap_used, reason = "a broken recording should stop the test")]

use std::collections::BTreeMap;

use serde_json::Value;
use windhover_proto::flow::{Flow, FlowError, FlowErrors};

/// 182 texts and Kestra 2.0.0, then 24 that were sent to a server of 0.20.7.
const RECORDED: [&str; 2] = [include_str!("data/flows-invalid.jsonl"), include_str!("data/flows-http-invalid.jsonl")];
const DIFFERENCES: &str = include_str!("data/flows-invalid-differences.txt");

/// How we judged one recorded text differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    /// Kestra refuses it, we read it.
    Accepted,
    /// Kestra accepts it, we refuse it.
    Refused,
    /// Both refuse it, but for reasons that do not name the same.
    Reason,
}

impl Difference {
    fn named(word: &str) -> Difference {
        match word {
            "accepted" => Difference::Accepted,
            "refused" => Difference::Refused,
            "reason" => Difference::Reason,
            other => panic!("unknown kind of difference `{other}`"),
        }
    }
}

/// The list: `id  kind  reason`, one a line.
fn listed() -> BTreeMap<&'static str, Difference> {
    let lines = DIFFERENCES.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let mut listed = BTreeMap::new();
    for line in lines {
        let mut words = line.split_whitespace();
        let (id, kind) = (words.next().unwrap(), Difference::named(words.next().unwrap()));
        assert!(words.count() >= 3, "`{id}` needs a reason");
        assert!(listed.insert(id, kind).is_none(), "`{id}` is listed twice");
    }
    listed
}

#[test]
fn recorded_texts_are_judged_as_kestra_judges_them_but_for_the_list() {
    let listed = listed();
    let mut seen = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in RECORDED.iter().flat_map(|file| file.lines()) {
        let case: Value = serde_json::from_str(line).unwrap();
        let id = case["id"].as_str().unwrap().to_owned();
        let found = judge(&case);
        let wanted = listed.get(id.as_str()).copied();
        if found.as_ref().map(|(kind, _)| *kind) != wanted {
            wrong.push(format!("{id}: listed as {wanted:?}, found {found:?}"));
        }
        seen.insert(id, ());
    }
    wrong.extend(listed.keys().filter(|id| !seen.contains_key(**id)).map(|id| format!("{id}: listed, not recorded")));
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(seen.len(), 182 + 24);
}

fn judge(case: &Value) -> Option<(Difference, String)> {
    let documents = Flow::parse_all(case["yaml"].as_str().unwrap());
    let errors: Vec<&FlowErrors> = documents.iter().filter_map(|document| document.flow.as_ref().err()).collect();
    let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let refused_by_kestra = case["valid"] == false || case["create"]["refused"] == true;
    match (refused_by_kestra, errors.is_empty()) {
        (false, true) => None,
        (true, true) => Some((Difference::Accepted, case["messages"].to_string())),
        (false, false) => Some((Difference::Refused, text)),
        (true, false) => {
            let found: Vec<&FlowError> = errors.iter().flat_map(|errors| errors.iter()).collect();
            let messages: Vec<&str> = case["messages"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            // Kestra says two things of one absent property: `must not be null` and `must not be blank`.
            let is_said = |message: &str| {
                messages.iter().any(|other| subject(other) == subject(message) && is_named(other, &found))
            };
            let missing: Vec<&&str> = messages.iter().filter(|message| !is_said(message)).collect();
            (!missing.is_empty()).then(|| (Difference::Reason, format!("{missing:?} not in {text}")))
        }
    }
}

/// The property that a message is about.
fn subject(message: &str) -> &str {
    message.split_once(": ").map_or(message, |(path, _)| if path.contains(' ') { message } else { path })
}

/// Whether one of our findings names the property and the value of a message of Kestra's, and a place.
fn is_named(message: &str, found: &[&FlowError]) -> bool {
    let message = message.trim_start_matches("Invalid Flow: ");
    let placed = found.iter().all(|error| error.line() >= 1 && error.column() >= 1);
    let any = |test: &dyn Fn(&FlowError) -> bool| found.iter().any(|error| test(error));
    let says = |words: &str| any(&|error| error.message.contains(words));
    if let Some(field) = between(message, "Unrecognized field \"", "\"") {
        return placed
            && any(&|error| {
                error.message.contains(&format!("Unrecognized field \"{field}\"")) && leaf(error) == field
            });
    }
    if let Some(property) = last_between(message, "[\"", "\"]") {
        // A fault of reading: the property at the end of the chain, the value in quotes or its kind.
        let value =
            between(message, "from String \"", "\"").map_or_else(|| kind(message), |value| format!("\"{value}\""));
        return placed && any(&|error| has_name(error, &property) && error.message.contains(&value));
    }
    if message.contains("YAML parsing error") || message.contains("Illegal flow yaml") {
        let quoted = between(message, "Duplicate field '", "'").unwrap_or_default();
        return placed && any(&|error| error.message.contains("YAML parsing error") && error.message.contains(&quoted));
    }
    if let Some((path, words)) = message.split_once(": ").filter(|(path, _)| !path.contains(' ') || path.contains('['))
    {
        return placed
            && any(&|error| {
                root(&error.path) == root(path.trim_start_matches('_'))
                    && error.message.contains(words.trim_end_matches('.'))
            });
    }
    let parts = message.replace(", Cycle", "\nCycle");
    placed && parts.lines().all(says)
}

fn kind(message: &str) -> String {
    match message.rsplit_once(" from ").and_then(|(_, rest)| rest.split_once(" (")) {
        Some((kind, _)) => kind.to_owned(),
        None => between(message, "key: ", ",").unwrap_or_default(),
    }
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found.to_owned())
}

fn last_between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once(before)?;
    rest.split_once(after).map(|(found, _)| found.to_owned())
}

/// The last name of a path, without an index.
fn leaf(error: &FlowError) -> String {
    let last = error.path.rsplit('.').next().unwrap_or_default();
    last.split('[').next().unwrap_or_default().to_owned()
}

/// Whether a path holds a name.
fn has_name(error: &FlowError, name: &str) -> bool {
    error.path.split(['.', '[', ']']).any(|part| part == name)
}

fn root(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

/// Flows that a Kestra ran. What we refuse of them is only what does not run yet, but for the list.
#[test]
fn flows_that_kestra_ran_are_read_or_refused_as_not_supported_yet_only() {
    let recorded =
        include_str!("data/flows-recorded.jsonl").lines().chain(include_str!("data/flows-http.jsonl").lines());
    let listed: Vec<&str> = include_str!("data/flows-refused.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    let (mut read, mut later, mut wrong, mut seen) = (0, 0, Vec::new(), Vec::new());
    for line in recorded {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().or(case["id"].as_str()).unwrap().to_owned();
        let documents = Flow::parse_all(case["source"].as_str().unwrap());
        assert!(!documents.is_empty(), "{name}");
        let errors = documents.iter().filter_map(|document| document.flow.as_ref().err()).flatten();
        let (not_yet, others): (Vec<&FlowError>, Vec<_>) = errors.partition(|error| {
            error.message.contains("not supported yet") || error.message.contains("only supported on")
        });
        match (others.is_empty(), listed.contains(&name.as_str())) {
            (true, true) => wrong.push(format!("{name}: listed, but read")),
            (false, false) => wrong
                .push(format!("{name}: {}", others.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n    "))),
            (true, false) if not_yet.is_empty() => read += 1,
            (true, false) => later += 1,
            (false, true) => {}
        }
        seen.push(name);
    }
    wrong.extend(
        listed.iter().filter(|id| !seen.iter().any(|name| name == *id)).map(|id| format!("{id}: listed, not recorded")),
    );
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    // Nothing may silently stop being read: what begins to run moves from the second number to the first.
    assert_eq!((read, later), (226, 163));
}
