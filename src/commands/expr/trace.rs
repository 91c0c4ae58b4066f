//! Shows the value of every sub-expression, the inner ones indented below the outer ones.

use windhover_proto::expr::TraceStep;

use crate::commands::client::say;

/// Longest value that is shown in one line, in characters.
const SHOWN_CHARS_MAX: usize = 120;

/// Prints the steps. They come in the order of evaluation, inner ones first.
pub(super) fn print(steps: &[TraceStep]) {
    for step in outer_first(steps) {
        let indent = "  ".repeat(step.depth.saturating_sub(1));
        let outcome = match &step.outcome {
            Ok(value) => shortened(&value.to_json()),
            Err(reason) => format!("failed: {}", shortened(reason)),
        };
        say(format_args!("{indent}{} = {outcome}", step.source.trim()));
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Every step before the steps that it is made of.
fn outer_first(steps: &[TraceStep]) -> Vec<&TraceStep> {
    let mut ordered = Vec::with_capacity(steps.len());
    let mut from = 0;
    for (place, step) in steps.iter().enumerate() {
        if step.depth == 1 {
            place_tree(&steps[from..=place], &mut ordered);
            from = place + 1;
        }
    }
    ordered
}

/// The last step is the outermost one; those before it are the trees of its parts.
fn place_tree<'s>(steps: &'s [TraceStep], ordered: &mut Vec<&'s TraceStep>) {
    let Some((root, parts)) = steps.split_last() else { return };
    ordered.push(root);
    let mut from = 0;
    for (place, step) in parts.iter().enumerate() {
        if step.depth == root.depth + 1 {
            place_tree(&parts[from..=place], ordered);
            from = place + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windhover_proto::expr::Value;

    #[test]
    fn outer_expressions_stand_before_their_parts() {
        let step = |source: &str, depth| TraceStep { source: source.into(), depth, outcome: Ok(Value::Null) };
        let steps = [step("a", 3), step("a.b", 2), step("1", 2), step("a.b + 1", 1), step("x", 1)];
        let sources: Vec<_> = outer_first(&steps).iter().map(|step| step.source.as_str()).collect();
        assert_eq!(sources, ["a.b + 1", "a.b", "a", "1", "x"]);
    }
}
