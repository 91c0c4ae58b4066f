//! Executions that the API is asked for, replays, and executions that somebody wants to be gone.

use crate::world::{deleted, delivered, given, requested, time_passes};

const QUICK: &str = "labels: {team: a}\ntasks:\n  - {id: a, type: io.kestra.plugin.core.debug.Return, format: '{{ trigger is defined }}'}";
const SLOW: &str = "tasks:\n  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}";

#[test]
fn a_requested_execution_runs_without_a_trigger_and_with_the_labels_that_were_decided() {
    let scenario = given(QUICK).when(requested(1));
    let execution = scenario.execution();
    assert_eq!(execution.labels, [("asked".to_owned(), "yes".to_owned())]);
    assert_eq!((execution.original(), execution.attempt()), (execution.id, 1));
    assert_eq!(execution.task_runs[0].outputs.as_ref().unwrap().shown().to_json(), r#"{"value":"false"}"#);
    scenario.refold();
}

#[test]
fn a_replay_knows_what_it_replays_and_the_first_of_its_chain() {
    let scenario = given(QUICK).when(delivered("k", 1));
    let first = scenario.execution().id;
    let scenario = scenario.when(requested(2));
    let second = scenario.execution().clone();
    assert_eq!(second.replay.map(|replay| replay.of), Some(first));
    assert_eq!(second.task_runs[0].outputs.as_ref().unwrap().shown().to_json(), r#"{"value":"true"}"#);
    let scenario = scenario.when(requested(3));
    let third = scenario.execution();
    assert_eq!(third.replay.map(|replay| replay.of), Some(second.id));
    assert_eq!((third.original(), third.attempt()), (first, 3));
    scenario.refold();
}

#[test]
fn a_deleted_execution_ends_at_once_and_its_key_still_starts_nothing() {
    let scenario = given(SLOW).when(delivered("k", 1)).when(deleted(2)).then(["deleted"]);
    let execution = scenario.execution();
    assert!(execution.deleted && execution.over && execution.state().as_str() == "KILLED");
    let scenario =
        scenario.at(1_000).when(time_passes()).then([]).when(delivered("k", 3)).then(["suppressed: same body"]);
    scenario.refold();
}

#[test]
fn an_ended_execution_can_be_deleted_and_a_copy_of_the_request_is_ignored() {
    let scenario = given(QUICK).when(delivered("k", 1)).when(deleted(2)).then(["deleted"]);
    let scenario = scenario.when(deleted(2)).then([]).when(delivered("k", 3)).then(["suppressed: same body"]);
    scenario.refold();
}

#[test]
fn one_turn_may_create_and_delete() {
    let scenario = given(SLOW).when(delivered("k", 1));
    let scenario = scenario.when_all([delivered("k", 2), deleted(3), delivered("k", 4)]);
    let scenario = scenario.then(["suppressed: same body", "deleted", "suppressed: same body"]);
    scenario.refold();
}
