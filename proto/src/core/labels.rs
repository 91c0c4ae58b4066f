//! Labels of an execution.

/// The label that names where an execution came from.
const FROM: &str = "system.from";

/// The label that groups executions that belong together.
const CORRELATION: &str = "system.correlationId";

/// The labels of an execution that a trigger started, in Kestra's order: the flow's without `system.*`, where it came from,
/// the trigger's without `system.*`, the correlation id. Of a repeated key the later value counts, at the first one's place.
pub fn execution_labels(
    flow: &[(String, String)],
    from: &str,
    trigger: &[(String, String)],
    correlation: &str,
) -> Vec<(String, String)> {
    let own = |labels: &[(String, String)]| -> Vec<(String, String)> {
        labels.iter().filter(|(key, _)| !key.starts_with("system.")).cloned().collect()
    };
    let mut labels: Vec<(String, String)> = Vec::with_capacity(flow.len() + trigger.len() + 2);
    let system = |key: &str, value: &str| [(key.to_owned(), value.to_owned())];
    for (key, value) in own(flow).into_iter().chain(system(FROM, from)).chain(own(trigger)) {
        put(&mut labels, key, value);
    }
    labels.extend(system(CORRELATION, correlation));
    labels
}

fn put(labels: &mut Vec<(String, String)>, key: String, value: String) {
    match labels.iter_mut().find(|(own, _)| *own == key) {
        Some((_, old)) => *old = value,
        None => labels.push((key, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_later_value_of_a_key_counts_and_nobody_sets_system_labels() {
        let flow = labels(&[("team", "a"), ("system.from", "forged")]);
        let trigger = labels(&[("team", "b"), ("x", "1"), ("system.correlationId", "forged")]);
        let expected =
            labels(&[("team", "b"), ("system.from", "trigger"), ("x", "1"), ("system.correlationId", "key-1")]);
        assert_eq!(execution_labels(&flow, "trigger", &trigger, "key-1"), expected);
    }
}
