//! Calls to other systems: numbered, repeated as they were, recorded once.

use crate::world::{answered, answered_late, delivered, given, keyless, time_passes, unanswered};

const CALL: &str = r#"tasks:
  - id: pay
    type: io.kestra.plugin.core.http.Request
    method: POST
    uri: "http://sink/{{ trigger.body.n }}"
    body: "{{ uuid() }} {{ randomInt(0, 1000000) }} {{ now() }} {{ secret('TOKEN') }}"
    headers: {authorization: "Bearer {{ secret('TOKEN') }}"}
    retry: {type: constant, interval: PT1S, maxAttempts: 3}
  - {id: after, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.pay.body }}"}"#;

#[test]
fn an_answer_becomes_the_outputs_of_its_task() {
    given("tasks:\n  - {id: get, type: io.kestra.plugin.core.http.Request, uri: \"http://sink/\"}\n  - {id: out, type: io.kestra.plugin.core.debug.Return, format: \"{{ outputs.get.body }}\"}")
        .when(keyless(1))
        .then(["created", "started", "get runs and awaits a call"])
        .calls(["GET http://sink/ n=1"])
        .when(answered("get", 200, "hello"))
        .then([
            "get succeeds {\"uri\":\"http://sink/\",\"code\":200,\"headers\":{},\"body\":\"hello\"}",
            "out runs",
            "out succeeds {\"value\":\"hello\"}, told at DEBUG",
            "ended SUCCESS",
        ]);
}

#[test]
fn a_call_made_again_after_a_crash_is_the_same_to_the_byte() {
    let scenario = given(CALL).when(keyless(1)).calls_again_after_a_crash();
    let call = &scenario.started_calls()[0];
    let expected = format!("{}/{}/1", call.execution, call.task_run);
    assert_eq!(call.idempotency_key(), expected);
    let body = call.http.body.as_deref().unwrap().to_owned();
    // Another attempt is another call, at another time and with other random values.
    let scenario =
        scenario.when(answered("pay", 503, "later")).at(1_000).when(time_passes()).calls_again_after_a_crash();
    assert_ne!(scenario.started_calls()[0].http.body.as_deref(), Some(body.as_str()));
}

#[test]
fn the_number_grows_after_an_answer_and_only_then() {
    let scenario = given(CALL).when(keyless(1)).when(unanswered("pay", "connection reset"));
    let scenario = scenario.then(["ERROR pay: connection reset", "pay fails for now", "pay is tried again +1000 ms"]);
    let scenario = scenario.at(1_000).when(time_passes()).then_among("pay runs again and awaits a call");
    assert_eq!(scenario.started_calls()[0].n, 1);
    let scenario = scenario.when(answered("pay", 503, "busy")).then([
        "ERROR pay: Failed http request with response code '503' and body: busy",
        "pay fails for now answered",
        "pay is tried again +2000 ms",
    ]);
    let scenario = scenario.at(2_000).when(time_passes());
    assert_eq!(scenario.started_calls()[0].n, 2);
}

#[test]
fn a_result_is_recorded_once_and_one_for_another_number_not_at_all() {
    given(CALL)
        .when(keyless(1))
        .when(answered("pay", 503, "busy"))
        .at(1_000)
        .when(time_passes())
        .when(answered_late("pay", 1, 200, "too late"))
        .then([])
        .when(answered("pay", 200, "paid"))
        .then_among("ended SUCCESS")
        .when(answered_late("pay", 2, 200, "paid"))
        .then([]);
}

#[test]
fn a_duplicate_does_not_make_a_waiting_call_again() {
    given(CALL).when(delivered("k", 1)).when(delivered("k", 2)).then(["suppressed: same body"]).calls([]);
}

#[test]
fn a_status_over_399_fails_unless_it_is_allowed() {
    let flow = |options: &str| {
        format!("tasks:\n  - {{id: get, type: io.kestra.plugin.core.http.Request, uri: \"http://sink/\"{options}}}")
    };
    given(&flow("")).when(keyless(1)).when(answered("get", 400, "no")).then_among("get fails answered");
    for options in [", options: {allowFailed: true}", ", options: {allowedResponseCodes: [400]}"] {
        given(&flow(options)).when(keyless(1)).when(answered("get", 400, "no")).then_among("ended SUCCESS");
    }
}
