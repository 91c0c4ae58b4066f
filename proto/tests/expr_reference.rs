//! The examples of `docs/expressions.md` are tests: the page is the source of both.
//!
//! A block ```` ```expression ```` holds pairs of lines: a template, then `→` with what it renders to (a line break shows as
//! `⏎`) or `✗` with the start of its error. The blocks ```` ```json variables ```` and ```` ```json surroundings ```` hold what
//! the templates know.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads its data and fails loudly")]

use std::collections::BTreeMap;

use windhover_proto::expr::Value;
use windhover_proto::expr::recorded::{Contexts, answer};

/// Fewest examples that the page has.
const EXAMPLES_MIN: usize = 300;

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/expressions.md")).unwrap()
}

/// The text of the fenced block behind this fence.
fn block<'p>(page: &'p str, fence: &str) -> &'p str {
    let start = page.find(fence).unwrap() + fence.len();
    let end = page[start..].find("\n```").unwrap();
    &page[start..start + end]
}

/// Templates with the line that says what becomes of them.
fn examples(page: &str) -> Vec<(String, String)> {
    let mut examples = Vec::new();
    for part in page.split("```expression\n").skip(1) {
        let lines: Vec<&str> = part.split("\n```").next().unwrap().lines().collect();
        assert!(lines.len().is_multiple_of(2), "an example lacks its result: {lines:?}");
        examples.extend(lines.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())));
    }
    examples
}

/// The result as the page writes it.
fn shown(answered: &Value) -> String {
    match answered.get("output").and_then(Value::as_text) {
        Some(output) => format!("→ {}", output.replace('\n', "⏎")).trim_end().to_owned(),
        None => {
            let message = answered.get("message").and_then(Value::as_text).unwrap_or("");
            let start = message.split(" used in the expression").next().unwrap_or("");
            format!("✗ {}", start.split(" ({").next().unwrap_or("").trim())
        }
    }
}

fn contexts(page: &str) -> Contexts {
    let variables = block(page, "```json variables");
    let surroundings = block(page, "```json surroundings");
    Contexts::read(&format!(r#"{{"contexts":{{"page":{variables}}},"surroundings":{surroundings}}}"#)).unwrap()
}

#[test]
fn every_example_of_the_reference_page_renders_as_it_says() {
    let page = page();
    let contexts = contexts(&page);
    let examples = examples(&page);
    assert!(examples.len() >= EXAMPLES_MIN, "{} examples", examples.len());
    let mut wrong = Vec::new();
    for (template, expected) in &examples {
        let case = Value::map([("template", Value::from(template.as_str())), ("context", Value::from("page"))]);
        let answered = answer(&case, &contexts, "2024-05-06T07:08:09.123456Z".parse().unwrap(), 42);
        if shown(&answered) != expected.trim_end() {
            wrong.push(format!("{template}\n  page   {expected}\n  engine {}", shown(&answered)));
        }
    }
    assert!(wrong.is_empty(), "{} examples differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_filter_function_and_test_has_an_example() {
    let page = page();
    let registry = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/expressions/registry.json");
    let registry = Value::from_json(&std::fs::read_to_string(registry).unwrap()).unwrap();
    let templates: Vec<String> = examples(&page).into_iter().map(|(template, _)| template).collect();
    let used = |needle: &str| templates.iter().any(|template| template.contains(needle));
    let mut missing = BTreeMap::new();
    for (member, needle) in [("filters", "| "), ("functions", ""), ("tests", "is ")] {
        for name in registry.get(member).and_then(Value::as_map).unwrap().keys() {
            let found = match member {
                "functions" => used(&format!("{name}(")),
                "tests" => used(&format!("is {name}")) || used(&format!("is not {name}")),
                _ => used(&format!("{needle}{name}")) || used(&format!("filter {name}")),
            };
            if !found {
                missing.insert(name.to_string(), member);
            }
        }
    }
    assert!(missing.is_empty(), "without an example: {missing:?}");
}
