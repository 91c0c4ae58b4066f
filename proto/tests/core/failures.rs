//! What a failing task leads to, and what a defect of ours leads to.

use crate::world::{delivered, given, keyless, time_passes};

const FAIL: &str = "io.kestra.plugin.core.execution.Fail";
const LOG: &str = "io.kestra.plugin.core.log.Log";

#[test]
fn a_failure_stops_the_block_runs_its_handlers_and_what_must_run_finally() {
    given(&format!(
        "tasks:\n  - {{id: f, type: {FAIL}, errorMessage: \"the reason\"}}\n  - {{id: never, type: {LOG}, message: x}}\nerrors:\n  - {{id: h1, type: {FAIL}, errorMessage: worse}}\n  - {{id: h2, type: {LOG}, message: \"h2 {{{{ tasks.f.state }}}}\"}}\nfinally:\n  - {{id: last, type: {LOG}, message: last}}\n"
    ))
    .when(keyless(1))
    .then([
        "created",
        "started",
        "f runs",
        "ERROR f: the reason",
        "f fails",
        "h1 runs",
        "ERROR h1: worse",
        "h1 fails",
        "h2 runs",
        "INFO h2: h2 FAILED",
        "h2 succeeds",
        "last runs",
        "INFO last: last",
        "last succeeds",
        "ended FAILED",
    ]);
}

#[test]
fn an_allowed_failure_is_a_warning_and_no_reason_for_handlers() {
    given(&format!(
        "tasks:\n  - {{id: f, type: {FAIL}, allowFailure: true}}\n  - {{id: next, type: {LOG}, message: go}}\nerrors:\n  - {{id: h, type: {LOG}, message: h}}\n"
    ))
    .when(keyless(1))
    .then(["created", "started", "f runs", "ERROR f: Task failure", "f fails as it may", "next runs", "INFO next: go", "next succeeds", "ended WARNING"]);
}

#[test]
fn a_task_that_finally_fails_does_not_change_how_the_execution_ends() {
    given(&format!("tasks:\n  - {{id: a, type: {LOG}, message: a}}\nfinally:\n  - {{id: f, type: {FAIL}}}\n"))
        .when(keyless(1))
        .then_among("f fails")
        .then_among("ended SUCCESS");
}

#[test]
fn a_panic_takes_one_execution_out_of_service_and_no_other() {
    let flow = "tasks:\n  - {id: a, type: io.kestra.plugin.core.debug.Return, format: \"{{ trigger.body.n == 1 ? secret('BOOM') : 'fine' }}\"}";
    let scenario = given(flow)
        .when_all([keyless(1), crate::world::sent("k", windhover_proto::delivery::KeySource::Header, 2, "{\"n\":2}")]);
    let text: Vec<String> =
        scenario.commits.iter().map(|commit| String::from_utf8_lossy(commit).into_owned()).collect();
    assert!(text[0].contains("\"ExecutionStuck\":{\"reason\":\"deciding it panicked: planted\"}"), "{text:?}");
    scenario.then([
        "created",
        "stuck: deciding it panicked: planted",
        "created",
        "started",
        "a runs",
        "a succeeds {\"value\":\"fine\"}, told at DEBUG",
        "ended SUCCESS",
    ]);
}

#[test]
fn a_stuck_execution_has_the_labels_that_it_is_found_by() {
    let scenario =
        given("tasks:\n  - {id: a, type: io.kestra.plugin.core.debug.Return, format: \"{{ secret('BOOM') }}\"}")
            .when(delivered("key-1", 1))
            .then(["created", "stuck: deciding it panicked: planted"]);
    let labels: Vec<&str> = scenario.execution().labels.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(labels, ["system.from", "from-trigger", "system.correlationId"]);
}

#[test]
fn a_delivery_that_meets_a_panic_is_recorded_all_the_same() {
    given(
        r#"tasks:
  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}
  - {id: a, type: io.kestra.plugin.core.debug.Return, format: "{{ secret('BOOM') }}"}"#,
    )
    .when(delivered("k", 1))
    .then(["created", "started", "nap runs", "INFO nap: Waiting for PT1S", "nap sleeps until +1000 ms"])
    .at(1_000)
    .when(delivered("k", 2))
    .then(["suppressed: same body", "stuck: deciding it panicked: planted"])
    .when(time_passes())
    .then([]);
}

#[test]
fn quarantine_stops_what_runs_and_creates_nothing_anew() {
    let mut scenario = given(&format!("tasks:\n  - {{id: a, type: {LOG}, message: a}}"))
        .when(delivered("over", 1))
        .then_among("ended SUCCESS");
    scenario.rules.quarantine = Some("it brought down its commit");
    scenario
        .when(delivered("over", 2))
        .then(["suppressed: same body"])
        .when(delivered("new", 3))
        .then(["created", "stuck: it brought down its commit"]);
}

#[test]
fn a_delivery_for_a_revision_that_is_gone_is_visible_and_stuck() {
    let other = given("tasks:\n  - {id: a, type: io.kestra.plugin.core.debug.Return, format: a}");
    let scenario = other.with_revision(9).when(delivered("k", 1));
    scenario.then(["created", "stuck: revision 9 of flow under-test is not deployed"]);
}
