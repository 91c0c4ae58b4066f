//! The status of a webhook call, one test a row of Kestra's table.

use serde_json::json;
use windhover_testing::Answer;

use super::*;

/// Calls the webhook `key` of a flow with a body.
async fn call(api: &Api, flow: &str, body: &Value) -> Answer {
    api.webhook(NAMESPACE, flow, "key").json(body).send().await
}

/// Checks status and words of a problem document.
fn is_problem(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains(words), "{detail:?} does not say {words:?}");
}

/// A flow whose webhook has these lines, and that takes these inputs.
fn with_inputs(id: &str, inputs: &str, webhook: &str) -> String {
    format!("{}inputs:\n{inputs}", flow(id, &returns("out", "{{ inputs | toJson }}"), webhook))
}

#[tokio::test]
async fn a_run_that_is_not_waited_for_is_200_created() {
    let server = launch().flow("f.yaml", &flow("f", &returns("out", "x"), "")).start();
    let answer = call(&server.api, "f", &json!({})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(states(&answer.json()), ["CREATED"]);
}

#[tokio::test]
async fn an_unknown_namespace_or_flow_and_a_wrong_key_are_404() {
    let server = launch().flow("f.yaml", &flow("f", &returns("out", "x"), "")).start();
    is_problem(&server.api.webhook("no.where", "f", "key").body("{}").send().await, 404, "Flow not found");
    is_problem(&call(&server.api, "nope", &json!({})).await, 404, "Flow not found");
    is_problem(&server.api.webhook(NAMESPACE, "f", "other").body("{}").send().await, 404, "Webhook not found");
}

#[tokio::test]
async fn a_flow_without_a_webhook_is_404_for_every_key() {
    let source = format!("id: bare\nnamespace: {NAMESPACE}\ntasks:\n{}\n", returns("out", "x"));
    let server = launch().flow("bare.yaml", &source).start();
    is_problem(&call(&server.api, "bare", &json!({})).await, 404, "Webhook not found");
}

#[tokio::test]
async fn a_flow_that_is_only_a_draft_is_404_and_a_draft_leaves_the_revision_before_it_running() {
    let draft = format!("{}draft: true\n", flow("f", &returns("out", "draft"), ""));
    let server = launch().flow("f.yaml", &draft).start();
    is_problem(&call(&server.api, "f", &json!({})).await, 404, "Flow not found");
    drop(server);
    let launch = launch().flow("f.yaml", &flow("f", &returns("out", "first"), ""));
    let server = launch.start();
    launch.write_flow("f.yaml", &draft);
    windhover_testing::eventually("the draft", async || {
        let flow = server.api.get(&format!("/api/v1/main/flows/{NAMESPACE}/f")).await.json();
        (flow["revision"] == 2).then_some(())
    })
    .await;
    assert_eq!(call(&server.api, "f", &json!({})).await.json()["flowRevision"], 1);
}

#[tokio::test]
async fn a_disabled_flow_is_409_before_its_key_is_looked_at() {
    let source = format!("{}disabled: true\n", flow("off", &returns("out", "x"), ""));
    let server = launch().flow("off.yaml", &source).start();
    for key in ["key", "wrong"] {
        let answer = server.api.webhook(NAMESPACE, "off", key).body("{}").send().await;
        is_problem(&answer, 409, "Cannot execute flow: flow is disabled.");
    }
}

#[tokio::test]
async fn a_disabled_trigger_is_409_and_only_for_its_own_key() {
    let server = launch().flow("f.yaml", &flow("f", &returns("out", "x"), "    disabled: true\n")).start();
    is_problem(
        &call(&server.api, "f", &json!({})).await,
        409,
        "Cannot execute webhook: the trigger 'hook' is disabled.",
    );
    is_problem(&server.api.webhook(NAMESPACE, "f", "other").body("{}").send().await, 404, "Webhook not found");
}

#[tokio::test]
async fn a_condition_that_is_false_or_cannot_be_rendered_is_204_without_a_body_and_starts_nothing() {
    let when = |text: &str| flow("w", &returns("out", "x"), &format!("    when: \"{text}\"\n"));
    for text in ["{{ trigger.body.a == 1 }}", "{{ trigger.body.missing }}", "{{ nobody }}", " 0 ", "{{ labels.team }}"]
    {
        let server = launch().flow("w.yaml", &when(text)).start();
        let answer = call(&server.api, "w", &json!({"a": 2})).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "{text}");
        assert_eq!(count(&server.api, "").await, 0, "{text}");
    }
}

#[tokio::test]
async fn the_first_trigger_with_a_key_decides_even_when_its_condition_is_false() {
    let second = "    when: \"{{ trigger.body.n == 1 }}\"\n  - id: second\n    type: io.kestra.plugin.core.trigger.Webhook\n    key: key\n";
    let server = launch().flow("f.yaml", &flow("f", &returns("out", "x"), second)).start();
    assert_eq!(call(&server.api, "f", &json!({"n": 2})).await.status, 204);
    assert_eq!(call(&server.api, "f", &json!({"n": 1})).await.json()["trigger"]["id"], "hook");
}

#[tokio::test]
async fn trigger_inputs_that_fail_are_422_with_everything_that_is_wrong_and_start_nothing() {
    let inputs = "  - id: n\n    type: INT\n    max: 10\n  - id: b\n    type: BOOL\n";
    let given = "    inputs:\n      n: \"{{ trigger.body.n }}\"\n      b: \"{{ trigger.body.b }}\"\n";
    let server = launch().flow("f.yaml", &with_inputs("f", inputs, given)).start();
    let answer = call(&server.api, "f", &json!({"n": 11, "b": "maybe"})).await;
    is_problem(&answer, 422, "Invalid value for input `n`. Cause: it must be less than `10`");
    is_problem(&answer, 422, "Invalid value for input `b`.");
    is_problem(&call(&server.api, "f", &json!({"b": true})).await, 422, "Invalid value for input `n`.");
    assert_eq!(count(&server.api, "").await, 0);
    let good = call(&server.api, "f", &json!({"n": 5, "b": "true"})).await;
    assert_eq!(server.api.ended(&good.id()).await["inputs"], json!({"n": 5, "b": true}));
}

#[tokio::test]
async fn a_required_input_that_no_trigger_gives_is_refused_when_the_flow_is_deployed() {
    let server = launch().flow("f.yaml", &with_inputs("f", "  - id: who\n    type: STRING\n", "")).start();
    let words = "Missing inputs for Webhook Trigger 'hook', missing inputs: 'who'";
    assert!(server.printed().contains(words), "{}", server.printed());
    is_problem(&call(&server.api, "f", &json!({})).await, 404, "Flow not found");
}

#[tokio::test]
async fn a_slash_or_more_behind_the_key_is_404() {
    let server = launch().flow("f.yaml", &flow("f", &returns("out", "x"), "")).start();
    for beyond in ["/", "/extra", "/extra/more"] {
        let path = format!("/api/v1/main/executions/webhook/{NAMESPACE}/f/key{beyond}");
        let answer = server.api.webhook_at(reqwest::Method::POST, &path).body("{}").send().await;
        is_problem(&answer, 404, "Webhook not found");
    }
    assert_eq!(count(&server.api, "").await, 0);
}

#[tokio::test]
async fn a_waited_run_that_fails_is_500_with_the_usual_body_and_others_are_200() {
    let fail = "  - id: boom\n    type: io.kestra.plugin.core.execution.Fail";
    let allowed = format!("{fail}\n    allowFailure: true");
    let server = launch()
        .flow("bad.yaml", &flow("bad", fail, "    wait: true\n"))
        .flow("warns.yaml", &flow("warns", &allowed, "    wait: true\n"))
        .start();
    let failed = call(&server.api, "bad", &json!({})).await;
    assert_eq!((failed.status.as_u16(), &failed.json()["state"]["current"]), (500, &json!("FAILED")));
    let warned = call(&server.api, "warns", &json!({})).await;
    assert_eq!((warned.status.as_u16(), &warned.json()["state"]["current"]), (200, &json!("WARNING")));
}

#[tokio::test]
async fn a_response_code_counts_whatever_the_state_and_must_be_registered() {
    let fail = "  - id: boom\n    type: io.kestra.plugin.core.execution.Fail";
    let code = |code: &str| format!("    wait: true\n    responseCode: \"{code}\"\n");
    let server = launch()
        .flow("fixed.yaml", &flow("fixed", fail, &code("202")))
        .flow("none.yaml", &flow("none", &returns("out", "x"), "    wait: true\n    responseCode: 799\n"))
        .flow("teapot.yaml", &flow("teapot", &returns("out", "x"), &code("{{ trigger.body.code }}")))
        .start();
    assert_eq!(call(&server.api, "fixed", &json!({})).await.status, 202);
    assert_eq!(call(&server.api, "teapot", &json!({"code": 418})).await.status, 418);
    for (name, bad) in [("none", json!(200)), ("teapot", json!(299)), ("teapot", json!("abc")), ("teapot", json!(null))]
    {
        let answer = call(&server.api, name, &json!({"code": bad})).await;
        assert_eq!(answer.status, 500, "{bad}: {}", answer.text());
        let id = answer.json()["execution"].as_str().expect("the execution is named").to_owned();
        assert_eq!(server.api.execution(&id).await["state"]["current"], "SUCCESS");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_with_the_limit_and_a_trigger_may_raise_it() {
    let server = launch()
        .flow("small.yaml", &flow("small", &returns("out", "x"), ""))
        .flow("big.yaml", &flow("big", &returns("out", "{{ trigger.body.a | length }}"), "    maxBody: 5MiB\n"))
        .start();
    let large = json!({"a": "x".repeat(4 << 20)});
    let refused = call(&server.api, "small", &large).await;
    is_problem(&refused, 413, "1048576");
    assert_eq!(refused.json()["limitBytes"], "1048576");
    let execution = server.api.ended(&call(&server.api, "big", &large).await.id()).await;
    assert_eq!(execution["taskRunList"][0]["outputs"]["value"], (4 << 20).to_string());
    is_problem(&call(&server.api, "big", &json!({"a": "x".repeat(6 << 20)})).await, 413, "5242880");
}

#[tokio::test]
async fn multipart_calls_are_415_until_files_can_be_kept() {
    let server = launch().flow("f.yaml", &flow("f", &returns("out", "x"), "")).start();
    let form = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--XX--\r\n";
    let answer = server.api.webhook(NAMESPACE, "f", "key").header("Content-Type", "multipart/form-data; boundary=XX");
    is_problem(&answer.body(form).send().await, 415, "multipart/form-data");
}

#[tokio::test]
async fn a_store_that_is_not_there_yet_is_refused_at_deployment() {
    let server = launch().flow("f.yaml", &flow("f", &returns("out", "x"), "    fetchType: STORE\n")).start();
    assert!(server.printed().contains("`fetchType: STORE` is not supported yet at line"), "{}", server.printed());
}

#[tokio::test]
async fn other_methods_are_405_with_allow() {
    let server = launch().flow("f.yaml", &flow("f", &returns("out", "x"), "")).start();
    let path = format!("/api/v1/executions/webhook/{NAMESPACE}/f/key");
    for method in ["HEAD", "DELETE", "PATCH", "OPTIONS"] {
        let answer = server.api.webhook_at(method.parse().expect("a method"), &path).send().await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET, POST, PUT"), "{method}");
    }
    assert_eq!(count(&server.api, "").await, 0);
}

#[tokio::test]
async fn a_test_event_says_so_in_its_labels() {
    let server = launch().flow("f.yaml", &flow("f", &returns("out", "{{ labels.system.from }}"), "")).start();
    for (value, from) in [("true", "testEvent"), ("TRUE", "testEvent"), ("no", "trigger")] {
        let call = server.api.webhook(NAMESPACE, "f", "key").header("X-Kestra-Test-Event", value);
        let execution = server.api.ended(&call.body("{}").send().await.id()).await;
        assert_eq!(execution["taskRunList"][0]["outputs"]["value"], from, "{value}");
    }
}
