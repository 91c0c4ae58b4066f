//! What is secret never stands in the log in clear, and still works.

use windhover_proto::event::Kept;

use crate::world::{SECRET, answered, given, keyless};

#[test]
fn a_secret_is_masked_in_logs_and_sealed_in_outputs_and_later_tasks_still_see_it() {
    let scenario = given(
        r#"tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "it is {{ secret('TOKEN') }}"}
  - {id: give, type: io.kestra.plugin.core.debug.Return, format: "<{{ secret('TOKEN') }}>"}
  - {id: use, type: io.kestra.plugin.core.http.Request, uri: "http://sink/", body: "{{ outputs.give.value }}"}"#,
    )
    .when(keyless(1))
    .then([
        "created",
        "started",
        "say runs",
        "INFO say: it is ******",
        "read secret",
        "say succeeds",
        "give runs",
        "DEBUG give: <******>",
        "read secret",
        "give succeeds {\"value\":\"<******>\"}",
        "use runs and awaits a call",
    ]);
    assert!(matches!(scenario.execution().task_runs[1].outputs, Some(Kept::Sealed { sealed: Some(_), .. })));
    assert_eq!(scenario.started_calls()[0].http.body.as_deref(), Some(format!("<{SECRET}>").as_str()));
    assert!(!scenario.stands_in_the_log(SECRET));
}

#[test]
fn a_secret_that_comes_back_in_an_answer_or_an_error_is_masked() {
    let flow = "tasks:\n  - {id: get, type: io.kestra.plugin.core.http.Request, uri: \"http://sink/\", headers: {authorization: \"{{ secret('TOKEN') }}\"}}";
    for code in [200, 401] {
        let echoed = answered("get", code, &format!("you sent {SECRET}"));
        let scenario = given(flow).when(keyless(1)).when(echoed);
        assert!(!scenario.stands_in_the_log(SECRET), "{code}");
        assert!(scenario.stands_in_the_log("you sent ******"), "{code}");
    }
}

#[test]
fn a_secret_in_a_failure_or_an_output_of_the_flow_is_masked() {
    let failing =
        "tasks:\n  - {id: f, type: io.kestra.plugin.core.execution.Fail, errorMessage: \"bad {{ secret('TOKEN') }}\"}";
    let scenario = given(failing).when(keyless(1)).then_among("ERROR f: bad ******");
    assert!(!scenario.stands_in_the_log(SECRET));
    let giving = "tasks:\n  - {id: a, type: io.kestra.plugin.core.debug.Return, format: a}\noutputs:\n  - {id: o, type: STRING, value: \"{{ secret('TOKEN') | upper }}\"}";
    let scenario = given(giving).when(keyless(1)).then_among("ended SUCCESS {\"o\":\"******\"}");
    assert!(!scenario.stands_in_the_log(&SECRET.to_uppercase()));
}

#[test]
fn a_secret_that_is_missing_fails_the_task_by_name() {
    given("tasks:\n  - {id: a, type: io.kestra.plugin.core.debug.Return, format: \"{{ secret('MISSING') }}\"}")
        .when(keyless(1))
        .then_among("a fails");
}
