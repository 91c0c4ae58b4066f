//! One key, one execution, whatever is sent again.

use windhover_proto::{core::partition::Fate, delivery::KeySource, id::Fingerprint};

use crate::world::{Scenario, delivered, given, keyless, sent, time_passes};

const FLOW: &str = "tasks:\n  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}";

/// Whether the newest delivery was the first, and whether it broke the promise of its key.
fn fate(scenario: &Scenario) -> (bool, bool) {
    let Fate { first, key_reused, .. } = scenario.fates.last().unwrap();
    (*first, key_reused.is_some())
}

#[test]
fn a_second_delivery_of_a_key_starts_nothing_while_the_first_runs_and_after_it() {
    let scenario = given(FLOW).when(delivered("k", 1));
    assert_eq!(fate(&scenario), (true, false));
    let scenario = scenario.when(delivered("k", 2)).then(["suppressed: same body"]);
    assert_eq!(fate(&scenario), (false, false));
    let scenario = scenario
        .at(1_000)
        .when(time_passes())
        .then(["nap succeeds", "ended SUCCESS"])
        .when(delivered("k", 3))
        .then(["suppressed: same body"]);
    assert_eq!(fate(&scenario), (false, false));
}

#[test]
fn the_header_promises_the_same_body_and_other_keys_do_not() {
    for (source, broken) in [(KeySource::Header, true), (KeySource::Preset, false), (KeySource::Expression, false)] {
        let scenario = given(FLOW).when(sent("k", source, 1, "one")).when(sent("k", source, 2, "two"));
        assert_eq!(fate(&scenario), (false, broken), "{source:?}");
        let scenario = scenario.then(["suppressed: other body"]);
        if broken {
            let bodies = (Fingerprint::of(b"one"), Fingerprint::of(b"two"));
            assert_eq!(scenario.fates[0].key_reused, Some(bodies));
        }
    }
}

#[test]
fn a_copy_of_an_input_is_ignored_silently_and_answered_like_the_input() {
    let scenario = given(FLOW).when(delivered("k", 1)).when(delivered("k", 2)).when(delivered("k", 1)).then([]);
    assert_eq!(fate(&scenario), (true, false));
    let scenario = scenario.when(delivered("k", 2)).then([]);
    assert_eq!(fate(&scenario), (false, false));
    let scenario = scenario.at(1_000).when(time_passes()).when(delivered("k", 1)).then([]);
    assert_eq!(fate(&scenario), (true, false));
}

#[test]
fn copies_and_duplicates_in_one_turn_are_told_apart() {
    let scenario = given("tasks:\n  - {id: a, type: io.kestra.plugin.core.log.Log, message: a}").when_all([
        delivered("k", 1),
        delivered("k", 1),
        delivered("k", 2),
        delivered("k", 2),
    ]);
    let first: Vec<bool> = scenario.fates.iter().map(|fate| fate.first).collect();
    assert_eq!(first, [true, true, false, false]);
    scenario.then([
        "created",
        "started",
        "a runs",
        "INFO a: a",
        "a succeeds",
        "ended SUCCESS",
        "suppressed: same body",
    ]);
}

#[test]
fn deliveries_without_a_key_start_an_execution_each() {
    given(FLOW).when(keyless(1)).then_among("created").when(keyless(2)).then_among("created");
}

#[test]
fn a_key_is_forgotten_after_the_horizon_but_never_while_its_execution_runs() {
    let horizon_ms = 1_000_000;
    let scenario = given("tasks:\n  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT2000S}");
    let scenario = scenario.when(delivered("k", 1)).at(horizon_ms + 1).when(delivered("k", 2));
    let scenario = scenario.then(["suppressed: same body"]).at(2 * horizon_ms).when(time_passes());
    scenario.then(["nap succeeds", "ended SUCCESS"]).when(delivered("k", 3)).then([
        "created",
        "started",
        "nap runs",
        "INFO nap: Waiting for PT33M20S",
        "nap sleeps until +4000000 ms",
    ]);
}

#[test]
fn what_was_decided_under_another_horizon_still_folds() {
    for horizon_ms in [1, i64::MAX] {
        let mut scenario = given("tasks:\n  - {id: a, type: io.kestra.plugin.core.log.Log, message: a}")
            .when(delivered("k", 1))
            .at(1_000)
            .when(delivered("k", 2))
            .at(2_000_000)
            .when(delivered("k", 3))
            .then_among("created");
        scenario.rules.key_horizon_ms = horizon_ms;
        scenario.refold();
    }
}

#[test]
fn executions_that_the_index_has_before_its_head_does_come_to_the_same_when_they_are_folded() {
    let flow = "tasks:\n  - {id: a, type: io.kestra.plugin.core.log.Log, message: a}";
    let mut scenario = given(flow).when_all([delivered("k", 1), delivered("other", 2)]).when(delivered("k", 3));
    scenario.rules.key_horizon_ms = 1_000;
    scenario = scenario.when(delivered("k", 4)).at(5_000).when(delivered("k", 5)).then_among("created");
    scenario.when(delivered("k", 6)).refold_with_entries_ahead();
}

#[test]
fn all_duplicates_are_counted_and_the_first_and_last_ten_kept() {
    let mut scenario = given(FLOW).when(delivered("k", 1));
    for number in 2..=40 {
        scenario = scenario.when(delivered("k", number));
    }
    let suppressed = &scenario.execution().suppressed;
    assert_eq!((suppressed.count, suppressed.first.len(), suppressed.last.len()), (39, 10, 10));
    assert_eq!(suppressed.last.back().unwrap().1.delivery.id.as_bytes(), &[40; 16]);
}
