//! Compares an answer with a recorded one, as the notes of the recording say.

use regex::Regex;
use windhover_proto::expr::Value;

/// What differs, if something does.
pub(crate) fn difference(case: &Value, answer: &Value) -> Option<String> {
    let expects_error = case.get("error").is_some();
    let has_error = answer.get("error").is_some();
    match (expects_error, has_error) {
        (true, false) => Some("an error was expected".into()),
        (false, true) => Some("no error was expected".into()),
        (true, true) => error_difference(case, answer),
        (false, false) => answer_difference(case, answer),
    }
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value.get(member).and_then(Value::as_text).unwrap_or("")
}

/// Lines, missing names and quoted names. Texts of the platform are not compared.
fn error_difference(case: &Value, answer: &Value) -> Option<String> {
    if case.get("variable") != answer.get("variable") {
        return Some("the missing name differs".into());
    }
    if case.get("line").is_some() && case.get("line") != answer.get("line") {
        return Some("the line differs".into());
    }
    let message = text(case, "message");
    let quoted = [r"Filter \[.*?\]", r"Function or Macro \[.*?\]", r"Test \[.*?\]", r#"Unexpected tag name ".*?""#];
    let quoted = quoted.iter().find_map(|pattern| Regex::new(pattern).unwrap().find(message));
    match quoted {
        Some(name) if !text(answer, "message").contains(name.as_str()) => Some("the quoted name differs".into()),
        _ => None,
    }
}

fn answer_difference(case: &Value, answer: &Value) -> Option<String> {
    for member in ["truthy", "falsy", "present"] {
        if case.get(member).is_some() && case.get(member) != answer.get(member) {
            return Some(format!("`{member}` differs"));
        }
    }
    if case.get("secretsUsed") != answer.get("secretsUsed") {
        return Some("the secrets differ".into());
    }
    if let Some(shape) = case.get("shape").and_then(Value::as_text) {
        let matches = Regex::new(&format!("(?s){shape}")).unwrap().is_match(text(answer, "output"));
        return (!matches).then(|| "the shape differs".into());
    }
    if case.get("output").is_some() {
        return output_difference(case, answer);
    }
    if case.get("type") != answer.get("type") {
        return Some("the type differs".into());
    }
    let same = same_value(case.get("value").unwrap_or(&Value::Null), answer.get("value").unwrap_or(&Value::Null));
    (!same).then(|| "the value differs".into())
}

fn output_difference(case: &Value, answer: &Value) -> Option<String> {
    let (expected, found) = (text(case, "output"), text(answer, "output"));
    let unordered = case.get("unordered").and_then(Value::as_bool) == Some(true);
    let same = expected == found || (unordered && same_unordered(expected, found));
    (!same).then(|| "the output differs".into())
}

/// As JSON, or as a set of members where it is none.
fn same_unordered(expected: &str, found: &str) -> bool {
    if let (Ok(expected), Ok(found)) = (Value::from_json(expected), Value::from_json(found)) {
        return expected == found;
    }
    let members = |text: &str| {
        let mut members: Vec<String> = text.split([',', '{', '}', '[', ']', ' ']).map(str::to_owned).collect();
        members.sort();
        members
    };
    members(expected) == members(found)
}

fn same_value(expected: &Value, found: &Value) -> bool {
    let is_set = |value: &Value| text(value, "$java") == "set";
    if is_set(expected) && is_set(found) {
        let members = |value: &Value| {
            let mut members: Vec<String> =
                value.get("value").and_then(Value::as_list).unwrap_or_default().iter().map(Value::to_json).collect();
            members.sort();
            members
        };
        return members(expected) == members(found);
    }
    expected == found
}
