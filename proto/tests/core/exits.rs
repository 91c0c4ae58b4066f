//! `execution.Exit`: an execution ends where it stands.

use crate::world::{Scenario, given, keyless, states, time_passes};

/// An Exit named `x` with these further properties.
fn exit(properties: &str) -> String {
    format!("  - {{id: x, type: io.kestra.plugin.core.execution.Exit{properties}}}\n")
}

/// A task that leaves one line in the log.
fn log(id: &str) -> String {
    format!("  - {{id: {id}, type: io.kestra.plugin.core.log.Log, message: {id}}}\n")
}

fn fail(id: &str) -> String {
    format!("  - {{id: {id}, type: io.kestra.plugin.core.execution.Fail, errorMessage: no}}\n")
}

/// A delivery for a flow of these blocks.
#[track_caller]
fn run(blocks: &[(&str, &[String])]) -> Scenario {
    let flow: String = blocks.iter().map(|(name, tasks)| format!("{name}:\n{}", tasks.concat())).collect();
    given(&flow).when(keyless(1))
}

#[test]
fn an_execution_that_exits_with_its_first_task_never_runs() {
    for state in ["SUCCESS", "WARNING", "KILLED", "FAILED", "CANCELLED"] {
        let scenario = run(&[("tasks", &[exit(&format!(", state: {state}")), log("never")])]);
        let scenario = scenario.then(["created", "x runs", &format!("x exits {state}"), &format!("ended {state}")]);
        let execution = scenario.execution();
        assert_eq!(states(&execution.history), ["CREATED", state]);
        let run = &execution.task_runs[0];
        assert_eq!(states(&run.history), ["CREATED", "RUNNING", state]);
        assert_eq!(states(&run.attempts[0].history), ["CREATED", "RUNNING", state]);
        assert!(execution.over && run.outputs.is_none());
    }
}

#[test]
fn an_exit_without_a_state_ends_well_and_the_rest_does_not_run() {
    run(&[("tasks", &[log("a"), exit(""), log("never")]), ("finally", &[log("f")])]).then([
        "created",
        "started",
        "a runs",
        "INFO a: a",
        "a succeeds",
        "x runs",
        "x exits SUCCESS",
        "ended SUCCESS",
    ]);
}

#[test]
fn after_an_exit_neither_handlers_nor_finally_run_but_what_follows_the_end_does() {
    for state in ["SUCCESS", "WARNING", "KILLED", "FAILED", "CANCELLED"] {
        let blocks: [(&str, &[String]); 4] = [
            ("tasks", &[exit(&format!(", state: {state}"))]),
            ("errors", &[log("e")]),
            ("finally", &[log("f")]),
            ("afterExecution", &[log("after")]),
        ];
        let ended = format!("ended {state}, more follows");
        run(&blocks).then_among(&ended).then([
            "created",
            "x runs",
            &format!("x exits {state}"),
            &ended,
            "after runs",
            "INFO after: after",
            "after succeeds",
            "over",
        ]);
    }
}

#[test]
fn an_exit_among_the_handlers_says_how_the_failed_execution_ends() {
    run(&[("tasks", &[fail("bad")]), ("errors", &[exit(", state: WARNING"), log("never")]), ("finally", &[log("f")])])
        .then([
            "created",
            "started",
            "bad runs",
            "ERROR bad: no",
            "bad fails",
            "x runs",
            "x exits WARNING",
            "ended WARNING",
        ]);
}

#[test]
fn an_exit_in_finally_says_how_the_execution_ends() {
    run(&[("tasks", &[log("a")]), ("finally", &[exit(", state: CANCELLED"), log("never")])])
        .then_among("x exits CANCELLED")
        .then_among("ended CANCELLED");
}

#[test]
fn an_exit_after_the_execution_ends_what_follows_it_and_not_how_it_ended() {
    let scenario = run(&[("tasks", &[log("a")]), ("afterExecution", &[exit(", state: FAILED"), log("never")])]);
    let scenario = scenario.then([
        "created",
        "started",
        "a runs",
        "INFO a: a",
        "a succeeds",
        "ended SUCCESS, more follows",
        "x runs",
        "x exits FAILED",
        "over",
    ]);
    assert_eq!(states(&scenario.execution().history), ["CREATED", "RUNNING", "SUCCESS"]);
}

#[test]
fn outputs_of_the_flow_are_not_rendered_after_an_exit() {
    let outputs = "outputs:\n  - {id: o, type: STRING, value: \"{{ outputs.never.value }}\"}\n";
    given(&format!("{outputs}tasks:\n{}", exit(""))).when(keyless(1)).then_among("ended SUCCESS");
}

#[test]
fn an_exit_whose_condition_is_false_lets_the_execution_run() {
    run(&[("tasks", &[exit(", runIf: \"false\""), log("a")])]).then([
        "created",
        "started",
        "x is skipped",
        "a runs",
        "INFO a: a",
        "a succeeds",
        "ended SUCCESS",
    ]);
}

#[test]
fn the_state_to_exit_with_may_be_rendered() {
    run(&[("tasks", &[exit(", state: \"{{ trigger.body.n == 1 ? 'KILLED' : 'FAILED' }}\"")])]).then([
        "created",
        "x runs",
        "x exits KILLED",
        "ended KILLED",
    ]);
}

#[test]
fn an_exit_that_renders_to_no_state_fails_as_any_task_does() {
    let state = ", state: \"{{ 'CANCELED' }}\"";
    run(&[("tasks", &[exit(state), log("never")]), ("errors", &[log("e")])]).then([
        "created",
        "x runs",
        "started",
        "ERROR x: \"CANCELED\" is not one of [SUCCESS, WARNING, KILLED, FAILED, CANCELLED]",
        "x fails",
        "e runs",
        "INFO e: e",
        "e succeeds",
        "ended FAILED",
    ]);
}

#[test]
fn an_exit_that_is_tried_again_ends_the_execution_then() {
    let properties = ", state: \"{{ execution.state == 'CREATED' ? 'NOPE' : 'KILLED' }}\", retry: {type: constant, interval: PT1S, maxAttempts: 2}";
    run(&[("tasks", &[exit(properties)])])
        .then_among("x is tried again +1000 ms")
        .at(1_000)
        .when(time_passes())
        .then(["x runs again", "x exits KILLED", "ended KILLED"]);
}
