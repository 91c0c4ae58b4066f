//! Executions that the API is asked for, replays, and executions that somebody wants to be gone.

use crate::world::{answered_late, deleted, delivered, given, killed, logs_forgotten, requested, states, time_passes};

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

#[test]
fn a_killed_execution_stops_with_its_task_runs_and_only_after_execution_runs() {
    let log = |id: &str| format!("{{id: {id}, type: io.kestra.plugin.core.log.Log, message: {id}}}");
    let flow = format!(
        "tasks:\n  - {{id: call, type: io.kestra.plugin.core.http.Request, uri: 'http://sink/'}}\nerrors: [{}]\n\
         finally: [{}]\nafterExecution: [{}]",
        log("e"),
        log("f"),
        log("after")
    );
    let scenario = given(&flow).when(delivered("k", 1)).when(killed(2));
    let scenario = scenario.then(["killed", "after runs", "INFO after: after", "after succeeds", "over"]);
    let execution = scenario.execution();
    assert_eq!(states(&execution.history), ["CREATED", "RUNNING", "KILLING", "KILLED"]);
    assert_eq!(states(&execution.task_runs[0].history), ["CREATED", "SUBMITTED", "RUNNING", "KILLED"]);
    assert_eq!(states(&execution.task_runs[0].attempts[0].history), ["CREATED", "RUNNING", "KILLED"]);
    scenario.refold();
}

#[test]
fn what_a_call_answers_after_the_kill_is_for_nobody_and_what_has_ended_is_not_killed() {
    let call = "tasks:\n  - {id: call, type: io.kestra.plugin.core.http.Request, uri: 'http://sink/'}";
    let scenario = given(call).when(delivered("k", 1)).when(killed(2)).then(["killed"]);
    let scenario = scenario.when(answered_late("call", 1, 200, "late")).then([]).when(killed(3)).then([]);
    scenario.refold();
    given(QUICK).when(delivered("k", 1)).when(killed(2)).then([]).refold();
}

#[test]
fn an_execution_that_waits_for_a_retry_is_killed_too() {
    let retry = "tasks:\n  - {id: a, type: io.kestra.plugin.core.execution.Fail, retry: {type: constant, interval: PT1S, maxAttempts: 3}}";
    let scenario = given(retry).when(delivered("k", 1)).when(killed(2)).then(["killed"]);
    assert_eq!(states(&scenario.execution().history).last().map(String::as_str), Some("KILLED"));
    scenario.at(5_000).when(time_passes()).then([]).refold();
}

#[test]
fn log_lines_are_forgotten_of_what_runs_and_of_what_has_ended_and_once() {
    let scenario = given(SLOW).when(delivered("k", 1)).when(logs_forgotten(2)).then(["logs deleted"]);
    let scenario = scenario.when(logs_forgotten(2)).then([]);
    assert_eq!(scenario.execution().state().as_str(), "RUNNING");
    scenario.refold();
    given(QUICK).when(delivered("k", 1)).when(logs_forgotten(2)).then(["logs deleted"]).refold();
}
