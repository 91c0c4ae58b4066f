//! What is secret never stands in the log in clear, and still works.

use windhover_proto::event::Kept;

use crate::world::{SECRET, Scenario, answered, given, keyless, unanswered};

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

/// The secret as filters change it; none of these may stand in the log either.
const FORMS: [&str; 4] = [SECRET, "S3CRET-VALUE", "czNjcmV0LXZhbHVl", "s3cret-"];

#[track_caller]
fn hides_the_secret(scenario: &Scenario) {
    FORMS.iter().for_each(|form| assert!(!scenario.stands_in_the_log(form), "{form}"));
}

#[track_caller]
fn says(tasks: &str, expected: &str) {
    let scenario = given(&format!("tasks:\n  - {tasks}")).when(keyless(1)).then_among(expected);
    hides_the_secret(&scenario);
}

#[test]
fn a_line_hides_what_filters_made_of_a_secret() {
    let made = "\"{{ secret('TOKEN') | upper }} {{ secret('TOKEN') | base64encode }}\"";
    says(&format!("{{id: a, type: io.kestra.plugin.core.debug.Return, format: {made}}}"), "DEBUG a: ******");
    says(&format!("{{id: a, type: io.kestra.plugin.core.log.Log, message: {made}}}"), "INFO a: ******");
    says(&format!("{{id: a, type: io.kestra.plugin.core.execution.Fail, errorMessage: {made}}}"), "ERROR a: ******");
    let part = "\"it is {{ secret('TOKEN') }}, loud {{ secret('TOKEN') | upper }}.\"";
    says(
        &format!("{{id: a, type: io.kestra.plugin.core.log.Log, message: {part}}}"),
        "INFO a: it is ******, loud ******.",
    );
}

#[test]
fn an_output_hides_a_secret_that_stands_in_it_twice_and_once_changed() {
    let twice = "\"{{ secret('TOKEN') }} {{ secret('TOKEN') | base64encode }}\"";
    says(
        &format!("{{id: a, type: io.kestra.plugin.core.output.OutputValues, values: {{x: {twice}, y: clear}}}}"),
        "a succeeds {\"values\":{\"x\":\"******\",\"y\":\"clear\"}}",
    );
}

#[test]
fn what_does_not_depend_on_the_secret_is_shown() {
    let is_there = "\"{{ secret('TOKEN') is defined ? 'ready' : 'not ready' }}\"";
    says(&format!("{{id: a, type: io.kestra.plugin.core.log.Log, message: {is_there}}}"), "INFO a: ready");
}

#[test]
fn an_expression_that_fails_does_not_quote_the_secret() {
    let hidden = "****** (the reason is hidden: it may quote a secret)";
    let cases = [
        ("{{ secret('TOKEN') | number }}", "java.lang.NumberFormatException: For input string: \"******\""),
        ("{{ secret('TOKEN') | upper | number }}", "java.lang.NumberFormatException: For input string: \"******\""),
        ("{{ secret('TOKEN') | base64encode | number }}", hidden),
        ("{{ secret('TOKEN') | slice(0, 7) | number }}", hidden),
        (
            "{{ secret('TOKEN') ~ missing }}",
            "Unable to find `missing` used in the expression `{{ secret('TOKEN') ~ missing }}` at line 1",
        ),
    ];
    for (expression, words) in cases {
        says(
            &format!("{{id: a, type: io.kestra.plugin.core.debug.Return, format: \"{expression}\"}}"),
            &format!("ERROR a: {words}"),
        );
    }
    let date = "{id: a, type: io.kestra.plugin.core.log.Log, message: \"{{ secret('TOKEN') | date }}\"}";
    let scenario = given(&format!("tasks:\n  - {date}")).when(keyless(1)).then_among("a fails");
    hides_the_secret(&scenario);
    assert!(scenario.stands_in_the_log("Text '******' could not be parsed"));
}

#[test]
fn a_member_that_is_named_by_a_secret_is_missing_without_its_name() {
    let member = "{{ vars.x[secret('TOKEN')] }}";
    let flow = format!(
        "variables: {{x: {{a: 1}}}}\ntasks:\n  - {{id: a, type: io.kestra.plugin.core.debug.Return, format: \"{member}\"}}"
    );
    let words = format!("ERROR a: Unable to find `******` used in the expression `{member}` at line 1");
    hides_the_secret(&given(&flow).when(keyless(1)).then_among(&words));
}

#[test]
fn a_property_that_is_no_duration_level_or_condition_does_not_quote_the_secret() {
    let sleep = "{id: a, type: io.kestra.plugin.core.flow.Sleep, duration: \"{{ secret('TOKEN') }}\"}";
    let scenario = given(&format!("tasks:\n  - {sleep}")).when(keyless(1)).then_among("a fails");
    hides_the_secret(&scenario);
    assert!(scenario.stands_in_the_log("\\\"******\\\" is not an ISO 8601 duration"));
    let level =
        "{id: a, type: io.kestra.plugin.core.log.Log, message: m, level: \"{{ secret('TOKEN') | base64encode }}\"}";
    hides_the_secret(&given(&format!("tasks:\n  - {level}")).when(keyless(1)).then_among("a fails"));
    let run_if = "{id: a, type: io.kestra.plugin.core.log.Log, message: m, runIf: \"{{ secret('TOKEN') | number }}\"}";
    says(
        run_if,
        "ERROR a: Failed to evaluate the runIf condition for task a. Cause: java.lang.NumberFormatException: For input string: \"******\"",
    );
}

#[test]
fn an_output_of_the_flow_that_is_not_of_its_type_does_not_quote_the_secret() {
    for changed in ["", " | upper", " | base64encode"] {
        let output = format!("outputs:\n  - {{id: o, type: INT, value: \"{{{{ secret('TOKEN'){changed} }}}}\"}}");
        let flow = format!("tasks:\n  - {{id: a, type: io.kestra.plugin.core.debug.Return, format: a}}\n{output}");
        let cause = "Invalid value for output `o`. Cause: Cannot convert value '******' to Integer";
        let words = format!("ERROR flow: Failed to render output values: {cause}");
        hides_the_secret(&given(&flow).when(keyless(1)).then_among(&words));
    }
}

#[test]
fn an_answer_or_an_error_that_repeats_what_was_made_of_a_secret_is_masked() {
    let request = |more: &str| format!("tasks:\n  - {{id: get, type: io.kestra.plugin.core.http.Request, {more}}}");
    let basic = request(
        "uri: \"http://sink/\", headers: {authorization: \"Basic {{ ('u:' ~ secret('TOKEN')) | base64encode }}\"}",
    );
    for code in [200, 401] {
        let echoed = answered("get", code, "you sent Basic dTpzM2NyZXQtdmFsdWU=");
        let scenario = given(&basic).when(keyless(1)).when(echoed);
        assert!(!scenario.stands_in_the_log("dTpzM2NyZXQtdmFsdWU="), "{code}");
        assert!(scenario.stands_in_the_log("you sent ******"), "{code}");
    }
    let address = request("uri: \"http://sink/?k={{ secret('TOKEN') | upper }}\"");
    let unreachable = unanswered("get", "cannot connect to http://sink/?k=S3CRET-VALUE");
    hides_the_secret(&given(&address).when(keyless(1)).when(unreachable));
    hides_the_secret(&given(&address).when(keyless(1)).when(answered("get", 200, "fine")));
}

#[test]
fn an_input_of_the_type_secret_is_hidden_by_the_same_rule() {
    let flow = |task: &str| {
        format!(
            "inputs:\n  - {{id: pass, type: SECRET, defaults: s3cret-value}}\ntasks:\n  - {{id: a, type: io.kestra.plugin.core.{task}}}"
        )
    };
    let cases = [
        ("log.Log, message: \"{{ inputs.pass | upper }}\"", "INFO a: ******"),
        ("log.Log, message: \"<{{ inputs.pass }}>\"", "INFO a: <******>"),
        (
            "debug.Return, format: \"{{ inputs.pass | number }}\"",
            "ERROR a: java.lang.NumberFormatException: For input string: \"******\"",
        ),
        ("execution.Fail, errorMessage: \"no: {{ inputs.pass | base64encode }}\"", "ERROR a: ******"),
    ];
    for (task, expected) in cases {
        let scenario = given(&flow(task)).when(keyless(1)).then_among(expected);
        hides_the_secret(&scenario);
    }
}
