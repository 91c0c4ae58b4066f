//! When a failed attempt is tried again.

use crate::world::{Scenario, given, keyless, states, time_passes};

fn failing(retry: &str) -> Scenario {
    given(&format!(
        "tasks:\n  - {{id: f, type: io.kestra.plugin.core.execution.Fail, errorMessage: no, retry: {{{retry}}}}}"
    ))
}

/// The waits between the attempts, in milliseconds, until the execution ends.
fn waits(mut scenario: Scenario) -> Vec<i64> {
    let mut waits = Vec::new();
    scenario = scenario.when(keyless(1));
    while let Some(wake_at) = scenario.execution().next_wake() {
        waits.push(wake_at.millis_since(scenario.execution().task_runs[0].history.changed_at()));
        scenario = scenario.until_next_wake().unwrap().when(time_passes());
    }
    assert_eq!(scenario.execution().state().as_str(), "FAILED");
    waits
}

#[test]
fn a_failed_attempt_is_retried_after_the_interval_until_attempts_run_out() {
    failing("type: constant, interval: PT1S, maxAttempts: 2")
        .when(keyless(1))
        .then(["created", "started", "f runs", "ERROR f: no", "f fails for now", "f is tried again +1000 ms"])
        .at(999)
        .when(time_passes())
        .then([])
        .at(1_000)
        .when(time_passes())
        .then(["f runs again", "ERROR f: no", "f fails", "ended FAILED"]);
}

#[test]
fn histories_of_a_retried_task_are_the_recorded_ones() {
    let scenario = failing("type: constant, interval: PT1S, maxAttempts: 2").when(keyless(1));
    let scenario = scenario.at(1_000).when(time_passes());
    let execution = scenario.execution();
    assert_eq!(states(&execution.history), ["CREATED", "RUNNING", "FAILED", "RETRYING", "RUNNING", "FAILED"]);
    let run = &execution.task_runs[0];
    let expected =
        ["CREATED", "SUBMITTED", "RUNNING", "FAILED", "RETRYING", "CREATED", "SUBMITTED", "RUNNING", "FAILED"];
    assert_eq!(states(&run.history), expected);
    assert_eq!(run.attempts.len(), 2);
}

#[test]
fn waits_are_constant_or_grow_or_are_random_within_limits() {
    assert_eq!(waits(failing("type: constant, interval: PT2S, maxAttempts: 3")), [2_000, 2_000]);
    let exponential = "type: exponential, interval: PT1S, maxInterval: PT3S, maxAttempts: 5";
    assert_eq!(waits(failing(exponential)), [1_000, 2_000, 3_000, 3_000]);
    let random = waits(failing("type: random, minInterval: PT1S, maxInterval: PT2S, maxAttempts: 6"));
    assert!(random.len() == 5 && random.iter().all(|wait| (1_000..=2_000).contains(wait)), "{random:?}");
    assert!(random.iter().any(|wait| *wait != random[0]), "each wait is drawn anew: {random:?}");
}

#[test]
fn no_attempt_starts_after_the_longest_duration() {
    assert_eq!(waits(failing("type: constant, interval: PT1S, maxDuration: PT2.5S")), [1_000, 1_000]);
}

#[test]
fn a_success_after_a_retry_can_be_a_warning() {
    given(
        r#"tasks:
  - id: f
    type: io.kestra.plugin.core.execution.Fail
    condition: "{{ taskrun.attemptsCount == 0 }}"
    retry: {type: constant, interval: PT1S, maxAttempts: 3, warningOnRetry: true}"#,
    )
    .when(keyless(1))
    .then_among("f is tried again +1000 ms")
    .at(1_000)
    .when(time_passes())
    .then(["f runs again", "f succeeds with a warning", "ended WARNING"]);
}

#[test]
fn an_allowed_failure_is_retried_first() {
    given("tasks:\n  - {id: f, type: io.kestra.plugin.core.execution.Fail, errorMessage: no, allowFailure: true, retry: {type: constant, interval: PT1S, maxAttempts: 2}}")
        .when(keyless(1))
        .then_among("f fails for now")
        .at(1_000)
        .when(time_passes())
        .then(["f runs again", "ERROR f: no", "f fails as it may", "ended WARNING"]);
}
