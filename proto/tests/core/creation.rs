//! What a first delivery starts.

use crate::world::{answered, delivered, given, given_document, keyless, states, time_passes};

#[test]
fn the_webhook_example_runs_in_one_commit() {
    let example = "id: webhook_example\nnamespace: company.team\ntasks:\n  - {id: out, type: io.kestra.plugin.core.debug.Return, format: \"{{ trigger | json }}\"}\ntriggers:\n  - {id: webhook, type: io.kestra.plugin.core.trigger.Webhook, key: 1KERKzRQZSMtLdMdNI7Nkr}\n";
    let scenario = given_document(example).when(delivered("a", 1));
    assert_eq!(scenario.commits.len(), 1);
    assert_eq!(states(&scenario.execution().history), ["CREATED", "RUNNING", "SUCCESS"]);
    let run = &scenario.execution().task_runs[0];
    assert_eq!(states(&run.history), ["CREATED", "SUBMITTED", "RUNNING", "SUCCESS"]);
    let value = run.outputs.as_ref().unwrap().shown().to_json();
    assert!(value.contains(r#"\"body\":{\"n\":1}"#) && value.contains(r#"\"X-Test\":[\"1\"]"#), "{value}");
}

#[test]
fn tasks_run_in_order_and_see_what_earlier_ones_gave() {
    given(
        r#"tasks:
  - {id: a, type: io.kestra.plugin.core.debug.Return, format: "{{ trigger.body.n }}"}
  - {id: b, type: io.kestra.plugin.core.output.OutputValues, values: {twice: "{{ outputs.a.value }}{{ outputs.a.value }}"}}
  - {id: c, type: io.kestra.plugin.core.log.Log, level: WARN, message: ["one", "{{ outputs.b.values.twice }}"]}"#,
    )
    .when(keyless(1))
    .then([
        "created",
        "started",
        "a runs",
        "a succeeds {\"value\":\"1\"}, told at DEBUG",
        "b runs",
        "b succeeds {\"values\":{\"twice\":\"11\"}}",
        "c runs",
        "WARN c: one",
        "WARN c: 11",
        "c succeeds",
        "ended SUCCESS",
    ]);
}

#[test]
fn a_condition_that_is_false_skips_and_one_that_cannot_be_rendered_fails() {
    given(
        r#"tasks:
  - {id: no, type: io.kestra.plugin.core.log.Log, message: x, runIf: "{{ trigger.body.n == 2 }}"}
  - {id: bad, type: io.kestra.plugin.core.log.Log, message: x, runIf: "{{ nothing.here }}"}
  - {id: never, type: io.kestra.plugin.core.log.Log, message: x}"#,
    )
    .when(keyless(1))
    .then([
        "created",
        "started",
        "no is skipped",
        "bad is refused",
        "ERROR bad: Failed to evaluate the runIf condition for task bad. Cause: Unable to find `nothing` used in the expression `{{ nothing.here }}` at line 1",
        "ended FAILED",
    ]);
}

#[test]
fn a_sleeping_task_goes_on_when_its_time_has_come_and_not_before() {
    given("tasks:\n  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT2S}")
        .when(keyless(1))
        .then(["created", "started", "nap runs", "INFO nap: Waiting for PT2S", "nap sleeps until +2000 ms"])
        .at(1_999)
        .when(time_passes())
        .then([])
        .at(2_000)
        .when(time_passes())
        .then(["nap succeeds", "ended SUCCESS"]);
}

#[test]
fn labels_stand_in_the_order_flow_system_trigger_correlation() {
    let scenario = given("labels: {team: a}\ntasks:\n  - {id: a, type: io.kestra.plugin.core.debug.Return, format: \"{{ labels.team }} {{ labels.system.correlationId }}\"}")
        .when(delivered("key-1", 1))
        .then_among("a succeeds {\"value\":\"a key-1\"}, told at DEBUG");
    let labels: Vec<String> = scenario.execution().labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let expected = ["team=a", "system.from=trigger", "from-trigger=yes", "system.correlationId=key-1"];
    assert_eq!(labels, expected);
}

#[test]
fn outputs_of_the_flow_have_their_types() {
    given(
        r#"tasks:
  - {id: a, type: io.kestra.plugin.core.debug.Return, format: "5"}
outputs:
  - {id: n, type: INT, value: "{{ outputs.a.value }}"}
  - {id: list, type: JSON, value: "[1, {{ outputs.a.value }}]"}
  - {id: gone, type: STRING, required: false, value: "{{ null }}"}"#,
    )
    .when(keyless(1))
    .then_among("ended SUCCESS {\"n\":5,\"list\":[1,5],\"gone\":\"\"}");
}

#[test]
fn an_output_of_the_flow_that_is_not_of_its_type_fails_the_execution() {
    given("tasks:\n  - {id: a, type: io.kestra.plugin.core.debug.Return, format: abc}\noutputs:\n  - {id: n, type: INT, value: \"{{ outputs.a.value }}\"}")
        .when(keyless(1))
        .then_among("ERROR flow: Failed to render output values: Invalid value for output `n`. Cause: Cannot convert value 'abc' to Integer")
        .then_among("ended FAILED");
}

#[test]
fn tasks_after_the_execution_follow_its_end_and_see_it() {
    given(
        r#"tasks:
  - {id: a, type: io.kestra.plugin.core.debug.Return, format: a}
afterExecution:
  - {id: tell, type: io.kestra.plugin.core.http.Request, uri: "http://sink/{{ execution.state }}"}"#,
    )
    .when(keyless(1))
    .then([
        "created",
        "started",
        "a runs",
        "a succeeds {\"value\":\"a\"}, told at DEBUG",
        "ended SUCCESS, more follows",
        "tell runs and awaits a call",
    ])
    .calls(["GET http://sink/SUCCESS n=1"])
    .when(answered("tell", 500, "no"))
    .then(["ERROR tell: Failed http request with response code '500' and body: no", "tell fails answered", "over"]);
}
