//! Executions that the API is asked for, and what is done to them.

use reqwest::Method;
use serde_json::json;
use windhover_testing::{Answer, Server};

use super::*;

const SLOW: &str = "  - id: nap\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT30S";

/// A flow without triggers; `more` are further properties.
fn bare(id: &str, tasks: &str, more: &str) -> String {
    format!("id: {id}\nnamespace: {NAMESPACE}\ntasks:\n{tasks}\n{more}")
}

/// A server with a flow `f`.
fn serving(tasks: &str, more: &str) -> Server {
    launch().flow("f.yaml", &bare("f", tasks, more)).start()
}

async fn call(api: &Api, method: Method, path: &str) -> Answer {
    api.webhook_at(method, &format!("/api/v1/main/executions/{path}")).send().await
}

/// Asks for an execution of `f` with these fields, in a multipart form.
async fn asked(api: &Api, query: &str, fields: &[(&str, &str)]) -> Answer {
    let field = |(name, value): &(&str, &str)| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let form: String = fields.iter().map(field).chain(["--XX--\r\n".to_owned()]).collect();
    let path = format!("/api/v1/main/executions/{NAMESPACE}/f{query}");
    let call = api.webhook_at(Method::POST, &path).header("Content-Type", "multipart/form-data; boundary=XX");
    call.body(form).send().await
}

fn refused(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains(words), "{detail:?} does not say {words:?}");
}

fn label(execution: &Value, key: &str) -> Option<String> {
    let labels = execution["labels"].as_array()?;
    labels.iter().find(|label| label["key"] == key).and_then(|label| Some(label["value"].as_str()?.to_owned()))
}

const TYPED: &str = "inputs:
  - {id: s, type: STRING, validator: '[a-z]+'}
  - {id: i, type: INT, min: 1, max: 10, required: false}
  - {id: fl, type: FLOAT, required: false}
  - {id: b, type: BOOL, required: false}
  - {id: d, type: DATE, after: '2020-01-01', required: false}
  - {id: t, type: TIME, required: false}
  - {id: dt, type: DATETIME, required: false}
  - {id: du, type: DURATION, required: false}
  - {id: j, type: JSON, required: false}
  - {id: y, type: YAML, required: false}
  - {id: u, type: URI, required: false}
  - {id: e, type: EMAIL, required: false}
  - {id: sel, type: SELECT, values: [red, green], required: false}
  - {id: m, type: MULTISELECT, values: [x, y], required: false}
  - {id: a, type: ARRAY, itemType: INT, required: false}
  - {id: def, type: STRING, defaults: \"{{ inputs.s }}-{{ flow.id }}\"}
  - {id: nest.ed, type: STRING, required: false}
  - {id: old, type: BOOLEAN, defaults: true}
";

#[tokio::test]
async fn inputs_of_every_type_are_read_from_a_form_and_defaults_fill_the_rest() {
    let server = serving(&returns("out", "{{ inputs.j.x }} {{ inputs.nest.ed }}"), TYPED);
    let fields = [
        ("s", "abc"),
        ("i", "7"),
        ("fl", "1.50"),
        ("b", "TRUE"),
        ("d", "2024-02-29"),
        ("t", "03:04"),
        ("dt", "2024-02-29T10:00:00Z"),
        ("du", "PT5M"),
        ("j", "{\"x\":[1,null]}"),
        ("y", "a: 1"),
        ("u", "https://example.com/a?b=c"),
        ("e", "a@b.example"),
        ("sel", "red"),
        ("m", "[\"y\"]"),
        ("a", "[1,2]"),
        ("nest.ed", "in"),
    ];
    let answer = asked(&server.api, "?wait=true", &fields).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let execution = answer.json();
    let expected = json!({
        "s": "abc", "i": 7, "fl": 1.5, "b": true, "d": "2024-02-29", "t": "03:04:00", "dt": "2024-02-29T10:00:00Z",
        "du": "PT5M", "j": {"x": [1, null]}, "y": {"a": 1}, "u": "https://example.com/a?b=c", "e": "a@b.example",
        "sel": "red", "m": ["y"], "a": [1, 2], "def": "abc-f", "nest": {"ed": "in"}, "old": true,
    });
    assert_eq!(execution["inputs"], expected);
    assert_eq!(execution["taskRunList"][0]["outputs"]["value"], "[1,null] in");
    let (id, page) = (answer.id(), execution["url"].as_str().unwrap_or_default().to_owned());
    assert!(page.ends_with(&format!("/ui/main/executions/{NAMESPACE}/f/{id}")), "{page}");
    assert!(execution.get("trigger").is_none(), "no trigger started it");
}

#[tokio::test]
async fn inputs_that_are_wrong_are_all_named_in_kestras_words() {
    let server = serving(&returns("out", "x"), TYPED);
    for (name, value, words) in [
        ("s", "ABC", "Invalid value for input `s`. Cause: it must match the pattern `[a-z]+`"),
        ("i", "five", "Invalid value for input `i`. Cause: Cannot convert value 'five' to Integer"),
        ("i", "0", "Invalid value for input `i`. Cause: it must be more than `1`"),
        ("i", "11", "Invalid value for input `i`. Cause: it must be less than `10`"),
        ("fl", "x", "Cannot convert value 'x' to Float"),
        ("b", "maybe", "Invalid value for input `b`."),
        ("d", "02/01/2026", "Cannot convert value '02/01/2026' to LocalDate"),
        ("d", "2019-01-01", "it must be after `2020-01-01`"),
        ("t", "25:00", "Cannot convert value '25:00' to LocalTime"),
        ("dt", "yesterday", "Cannot convert value 'yesterday' to Instant"),
        ("du", "5m", "Cannot convert value '5m' to Duration"),
        ("j", "{x", "Expected `JSON` but received `{x` with errors:"),
        ("u", "a b", "Cannot convert value 'a b' to URI"),
        ("e", "nobody", "Cannot convert value 'nobody' to Email"),
        ("sel", "blue", "it must match the values `[red, green]`"),
        ("m", "[\"q\"]", "value `q` doesn't match the values `[x, y]`"),
        ("a", "[1,\"x\"]", "Unable to parse array element as `INT` on `a`"),
    ] {
        let fields = if name == "s" { vec![(name, value)] } else { vec![("s", "abc"), (name, value)] };
        refused(&asked(&server.api, "", &fields).await, 422, words);
    }
    let answer = asked(&server.api, "", &[("i", "x"), ("b", "maybe")]).await;
    for words in ["Missing required input:s", "input `i`", "input `b`"] {
        refused(&answer, 422, words);
    }
    assert_eq!(count(&server.api, "").await, 0);
}

const CHECKED: &str = "inputs:
  - {id: n, type: INT, defaults: 5}
  - {id: text, type: STRING, defaults: 'true'}
checks:
  - {when: '{{ inputs.n > 3 }}', message: 'n is {{ inputs.n }}', style: WARNING}
  - {condition: '{{ inputs.n < 9 }}', message: n too large, behavior: BLOCK_EXECUTION}
  - {when: '{{ inputs.n != 7 }}', message: n is odd, behavior: CREATE_EXECUTION}
  - {when: '{{ inputs.text }}', message: text is no yes}
triggers:
  - {id: hook, type: io.kestra.plugin.core.trigger.Webhook, key: key, inputs: {n: 1}}
";

#[tokio::test]
async fn checks_that_do_not_hold_are_422_with_their_messages_and_nothing_starts() {
    let server = serving(&returns("out", "{{ inputs.n }}"), CHECKED);
    let blocked = "Flow execution blocked: one or more condition checks evaluated to false.\nFailed checks: ";
    for (fields, words) in [
        (vec![("n", "1")], "n is {{ inputs.n }}"),
        (vec![("n", "9")], "n too large"),
        (vec![("n", "9"), ("text", "1")], "n too large, text is no yes"),
        (vec![("n", "7"), ("text", "yes")], "n is odd, text is no yes"),
    ] {
        let answer = asked(&server.api, "", &fields).await;
        refused(&answer, 422, blocked);
        assert_eq!(answer.json()["detail"], format!("{blocked}{words}"));
    }
    assert_eq!(count(&server.api, "").await, 0);
    for n in ["5", "7"] {
        let answer = asked(&server.api, "?wait=true", &[("n", n)]).await;
        assert_eq!(answer.json()["taskRunList"][0]["outputs"]["value"], n, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_check_that_cannot_be_rendered_blocks_and_shows_no_secret() {
    let check = "{when: \"{{ secret('TOKEN') | number }}\", message: never, behavior: CREATE_EXECUTION}";
    let source = bare("f", &returns("out", "x"), &format!("checks:\n  - {check}\n"));
    let server = launch().variable("SECRET_TOKEN", "czNjcjN0").flow("f.yaml", &source).start();
    let answer = asked(&server.api, "", &[]).await;
    refused(&answer, 422, "Failed checks: Failed to evaluate check condition. Cause: ");
    refused(&answer, 422, "******");
    assert_eq!((&answer.json()["code"], answer.text().contains("s3cr3t")), (&json!("check-failed"), false));
}

#[tokio::test]
async fn neither_a_webhook_nor_a_replay_is_held_against_checks() {
    let server = serving(&returns("out", "{{ inputs.n }}"), CHECKED);
    let id = server.api.webhook(NAMESPACE, "f", "key").body("{}").send().await.id();
    assert_eq!(server.api.ended(&id).await["state"]["current"], "SUCCESS");
    let again = call(&server.api, Method::POST, &format!("{id}/actions/replay-with-inputs")).await;
    assert_eq!(again.status, 200, "{}", again.text());
}

#[tokio::test]
async fn a_form_may_be_url_encoded_and_other_bodies_are_415() {
    let server = serving(&returns("out", "{{ inputs.s }}"), "inputs: [{id: s, type: STRING}]\n");
    let path = format!("/api/v1/executions/{NAMESPACE}/f?wait=true");
    let send = async |content_type: &str, body: &str| {
        let call = server.api.webhook_at(Method::POST, &path).header("Content-Type", content_type);
        call.body(body.to_owned()).send().await
    };
    let answer = send("application/x-www-form-urlencoded", "s=a+b%26c").await;
    assert_eq!(answer.json()["taskRunList"][0]["outputs"]["value"], "a b&c", "{}", answer.text());
    refused(&send("application/json", "{\"s\":1}").await, 415, "application/json");
    refused(&send("text/plain", "s=1").await, 415, "text/plain");
    refused(&send("multipart/form-data", "--XX--").await, 422, "boundary");
    let file = "--XX\r\nContent-Disposition: form-data; name=\"files\"; filename=\"s\"\r\n\r\nDATA\r\n--XX--\r\n";
    refused(&send("multipart/form-data; boundary=XX", file).await, 422, "files are not supported yet");
}

#[tokio::test]
async fn labels_are_the_flows_and_the_callers_and_system_labels_stay_ours() {
    let server = serving(&returns("out", "x"), "labels: {team: a, env: dev}\n");
    let execution = asked(&server.api, "?labels=team:b&labels=k:x:y", &[]).await.json();
    assert_eq!((label(&execution, "team"), label(&execution, "k")), (Some("b".to_owned()), Some("x:y".to_owned())));
    assert_eq!(label(&execution, "system.correlationId").as_deref(), execution["id"].as_str());
    let grouped = asked(&server.api, "?labels=system.correlationId:order-17", &[]).await.json();
    assert_eq!(label(&grouped, "system.correlationId").as_deref(), Some("order-17"));
    for (bad, words) in [
        ("a", "Invalid queryString parameter"),
        (":v", "Invalid queryString parameter"),
        ("system.x:1", "System labels can only be set by Kestra itself, offending label: system.x=1"),
        ("a:1&labels=a:2", "given twice"),
    ] {
        refused(&asked(&server.api, &format!("?labels={bad}"), &[]).await, 422, words);
    }
}

#[tokio::test]
async fn a_parameter_that_makes_no_sense_is_named_and_nothing_starts() {
    let server = serving(&returns("out", "x"), "");
    for (query, status, words) in [
        ("?wait=maybe", 422, "`wait`"),
        ("?revision=x", 422, "`revision`"),
        ("?scheduleDate=2030-01-01T00:00:00Z", 422, "`scheduleDate` is not supported yet"),
        ("?nope=1", 400, "`nope`"),
        ("?revision=9", 404, "Requested Flow is not found"),
    ] {
        refused(&asked(&server.api, query, &[]).await, status, words);
    }
    assert_eq!(count(&server.api, "").await, 0);
}

#[tokio::test]
async fn a_flow_that_is_not_there_is_404_and_one_that_is_disabled_409() {
    let server = serving(&returns("out", "x"), "disabled: true\n");
    refused(&call(&server.api, Method::POST, "no.where/f").await, 404, "Requested Flow is not found");
    refused(&call(&server.api, Method::POST, &format!("{NAMESPACE}/f")).await, 409, "Requested Flow is disabled.");
}

#[tokio::test]
async fn an_older_revision_runs_when_it_is_asked_for() {
    let launch = launch().flow("f.yaml", &bare("f", &returns("out", "one"), ""));
    let server = launch.start();
    launch.write_flow("f.yaml", &bare("f", &returns("out", "two"), ""));
    windhover_testing::eventually("the second revision", async || {
        (asked(&server.api, "", &[]).await.json()["flowRevision"] == 2).then_some(())
    })
    .await;
    let first = asked(&server.api, "?revision=1&wait=true", &[]).await.json();
    assert_eq!((&first["flowRevision"], &first["taskRunList"][0]["outputs"]["value"]), (&json!(1), &json!("one")));
}

#[tokio::test]
async fn one_idempotency_key_starts_one_execution_and_another_form_under_it_is_422() {
    let server = serving(&returns("out", "{{ inputs.s }}"), "inputs: [{id: s, type: STRING}]\n");
    let send = async |value: &str, boundary: &str| {
        let path = format!("/api/v1/main/executions/{NAMESPACE}/f");
        let call = server.api.webhook_at(Method::POST, &path).key("order-17");
        let call = call.header("Content-Type", &format!("multipart/form-data; boundary={boundary}"));
        let field = "Content-Disposition: form-data; name=\"s\"";
        call.body(format!("--{boundary}\r\n{field}\r\n\r\n{value}\r\n--{boundary}--\r\n")).send().await
    };
    let (first, second) = (send("a", "XX").await, send("a", "YY").await);
    assert_eq!(first.id(), second.id());
    assert_eq!((first.header("idempotent-replayed"), second.header("idempotent-replayed")), ("", "true"));
    assert_eq!(label(&first.json(), "system.correlationId").as_deref(), Some("order-17"));
    refused(&send("b", "XX").await, 422, "different body");
    assert_eq!(count(&server.api, "").await, 1);
}

#[tokio::test]
async fn the_routes_of_older_versions_are_there() {
    let server = serving(&returns("out", "x"), "");
    for path in [
        format!("/api/v1/executions/trigger/{NAMESPACE}/f"),
        format!("/api/v1/main/executions/trigger/{NAMESPACE}/f"),
        format!("/api/v1/executions/{NAMESPACE}/f"),
    ] {
        let answer = server.api.webhook_at(Method::POST, &path).send().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.json()["tenantId"], "main");
    }
}

#[tokio::test]
async fn a_running_execution_is_killed_and_an_ended_one_is_409() {
    let log = "afterExecution:\n  - id: after\n    type: io.kestra.plugin.core.log.Log\n    message: bye\n";
    let server = serving(SLOW, log);
    let id = asked(&server.api, "", &[]).await.id();
    let killed = call(&server.api, Method::DELETE, &format!("{id}/actions/kill")).await;
    assert_eq!(killed.status, 200, "{}", killed.text());
    let execution = server.api.ended(&id).await;
    assert_eq!(states(&execution), ["CREATED", "RUNNING", "KILLING", "KILLED"]);
    assert_eq!(states(&execution["taskRunList"][0]), ["CREATED", "SUBMITTED", "RUNNING", "KILLED"]);
    assert_eq!(execution["taskRunList"][1]["taskId"], "after");
    refused(&call(&server.api, Method::DELETE, &format!("{id}/actions/kill")).await, 409, "already finished");
    refused(&call(&server.api, Method::DELETE, &format!("{id}/kill")).await, 409, "already finished");
    let unknown = "7777777777777777777777/actions/kill";
    refused(&call(&server.api, Method::DELETE, unknown).await, 404, "Execution not found");
    let other = asked(&server.api, "", &[]).await.id();
    let quiet = call(&server.api, Method::DELETE, &format!("{other}/kill?isOnKillCascade=true")).await;
    assert_eq!((quiet.status.as_u16(), quiet.body.len()), (202, 0));
    assert_eq!(server.api.ended(&other).await["state"]["current"], "KILLED");
}

#[tokio::test]
async fn a_waited_call_ends_when_its_execution_is_killed() {
    let server = launch().flow("f.yaml", &flow("f", SLOW, "    wait: true\n")).start();
    let waiting = {
        let api = server.api.clone();
        tokio::spawn(async move { api.webhook(NAMESPACE, "f", "key").body("{}").send().await })
    };
    let id = windhover_testing::eventually("the execution", async || {
        let found = server.api.search("").await;
        found["results"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    call(&server.api, Method::DELETE, &format!("{id}/actions/kill")).await;
    let answer = waiting.await.expect("a call");
    assert_eq!((answer.status.as_u16(), &answer.json()["state"]["current"]), (200, &json!("KILLED")));
}

#[tokio::test]
async fn a_deleted_execution_is_gone_at_once_and_after_a_restart_and_its_key_still_starts_nothing() {
    let launch = launch().flow("f.yaml", &flow("f", &returns("out", "x"), ""));
    let server = launch.start();
    let deliver =
        async |server: &Server| server.api.webhook(NAMESPACE, "f", "key").key("once").body("{}").send().await.id();
    let id = deliver(&server).await;
    server.api.ended(&id).await;
    assert_eq!(call(&server.api, Method::DELETE, &id).await.status, 204);
    let gone = async |server: &Server| {
        refused(&call(&server.api, Method::GET, &id).await, 404, "Execution not found");
        refused(&call(&server.api, Method::DELETE, &id).await, 404, "Execution not found");
        assert_eq!(count(&server.api, "").await, 0);
    };
    gone(&server).await;
    server.kill();
    let server = launch.start();
    gone(&server).await;
    assert_eq!(deliver(&server).await, id, "the key is still known");
    gone(&server).await;
}

#[tokio::test]
async fn deleting_a_running_execution_ends_it() {
    let server = serving(SLOW, "");
    let id = asked(&server.api, "", &[]).await.id();
    assert_eq!(call(&server.api, Method::DELETE, &format!("{id}?deleteLogs=true")).await.status, 204);
    refused(&call(&server.api, Method::GET, &id).await, 404, "Execution not found");
    refused(&call(&server.api, Method::DELETE, &format!("{id}?deleteLogs=false")).await, 422, "`deleteLogs=false`");
}

#[tokio::test]
async fn log_lines_of_a_level_and_above_are_gone_at_once_and_after_a_restart() {
    let line = |level: &str| {
        format!(
            "  - id: say-{level}\n    type: io.kestra.plugin.core.log.Log\n    message: {level}\n    level: {level}\n"
        )
    };
    let tasks: String = ["INFO", "WARN", "ERROR"].map(line).concat();
    let launch = launch().flow("f.yaml", &bare("f", &tasks, ""));
    let server = launch.start();
    let id = asked(&server.api, "", &[]).await.id();
    server.api.ended(&id).await;
    let path = format!("/api/v1/main/logs/{id}");
    let left = async |server: &Server| {
        let lines = server.api.get(&path).await.json();
        let said =
            lines.as_array().unwrap_or_else(|| panic!("{lines}")).iter().filter(|line| line["taskId"].is_string());
        said.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let delete = async |server: &Server, query: &str| {
        server.api.webhook_at(Method::DELETE, &format!("{path}{query}")).send().await
    };
    assert_eq!(left(&server).await, ["INFO", "WARN", "ERROR"]);
    refused(&delete(&server, "?minLevel=LOUD").await, 422, "no level");
    refused(&delete(&server, "?level=WARN").await, 400, "`level`");
    assert_eq!(delete(&server, "?minLevel=WARN").await.status, 200);
    assert_eq!(left(&server).await, ["INFO"]);
    server.kill();
    let server = launch.start();
    assert_eq!(left(&server).await, ["INFO"]);
    assert_eq!(delete(&server, "").await.status, 200);
    assert!(left(&server).await.is_empty());
}

#[tokio::test]
async fn an_ended_execution_is_replayed_with_its_trigger_inputs_and_labels() {
    let server = launch().flow("f.yaml", &flow("f", &returns("out", "{{ trigger.body.n }}"), "")).start();
    let first = server.api.webhook(NAMESPACE, "f", "key").key("once").json(&json!({"n": 5})).send().await.id();
    server.api.ended(&first).await;
    let answer = call(&server.api, Method::POST, &format!("{first}/actions/replay")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let second = answer.id();
    assert_ne!(first, second);
    let execution = server.api.ended(&second).await;
    assert_eq!((&execution["parentId"], &execution["originalId"]), (&json!(first), &json!(first)));
    assert_eq!(execution["metadata"]["attemptNumber"], 2);
    assert_eq!(execution["taskRunList"][0]["outputs"]["value"], "5");
    assert_eq!(label(&execution, "system.replay").as_deref(), Some("true"));
    assert_eq!(label(&execution, "system.correlationId").as_deref(), Some("once"));
    let third = call(&server.api, Method::POST, &format!("{second}/replay")).await;
    let third = server.api.ended(&third.id()).await;
    assert_eq!((&third["parentId"], &third["originalId"]), (&json!(second), &json!(first)));
    assert_eq!(third["metadata"]["attemptNumber"], 3);
    refused(&call(&server.api, Method::POST, &format!("{first}/actions/replay?revision=7")).await, 404, "revision 7");
    refused(
        &call(&server.api, Method::POST, "7777777777777777777777/actions/replay").await,
        404,
        "Execution not found",
    );
}

#[tokio::test]
async fn a_replay_may_have_other_inputs_and_what_runs_cannot_be_replayed() {
    let server = serving(&returns("out", "{{ inputs.s }}"), "inputs: [{id: s, type: STRING}]\n");
    let first = asked(&server.api, "?wait=true", &[("s", "a")]).await.id();
    let path = format!("/api/v1/main/executions/{first}/actions/replay-with-inputs");
    let with = async |body: &'static str| {
        let call = server.api.webhook_at(Method::POST, &path);
        call.header("Content-Type", "application/x-www-form-urlencoded").body(body).send().await
    };
    let execution = server.api.ended(&with("s=b").await.id()).await;
    assert_eq!((&execution["inputs"], &execution["parentId"]), (&json!({"s": "b"}), &json!(first)));
    refused(&with("").await, 422, "Missing required input:s");
    let slow = serving(SLOW, "");
    let running = asked(&slow.api, "", &[]).await.id();
    refused(&call(&slow.api, Method::POST, &format!("{running}/actions/replay")).await, 409, "once it has ended");
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let server = serving(&returns("out", "x"), "");
    let path = format!("/api/v1/main/executions/{NAMESPACE}/f");
    let answer = server.api.webhook_at(Method::POST, &path).header("Origin", "http://evil.example").send().await;
    refused(&answer, 403, "another origin");
    let own = server.api.webhook_at(Method::POST, &path).header("Origin", server.api.base()).send().await;
    assert_eq!(own.status, 200, "{}", own.text());
    assert_eq!(count(&server.api, "").await, 1);
}

#[tokio::test]
async fn flow_outputs_have_their_types_and_one_that_cannot_be_converted_fails_the_run() {
    let outputs = |value: &str| {
        format!(
            "outputs:\n  - {{id: i, type: INT, value: \"{value}\"}}\n  - {{id: j, type: JSON, value: '{{\"a\": [1]}}'}}\n\
             \x20 - {{id: b, type: BOOL, value: \"true\"}}\n  - {{id: d, type: DATE, value: \"2026-01-02\"}}\n"
        )
    };
    let server = serving(&returns("out", "5"), &outputs("{{ outputs.out.value }}"));
    let execution = asked(&server.api, "?wait=true", &[]).await.json();
    assert_eq!(execution["outputs"], json!({"i": 5, "j": {"a": [1]}, "b": true, "d": "2026-01-02"}));
    let server = serving(&returns("out", "x"), &outputs("{{ outputs.out.value }}"));
    let execution = asked(&server.api, "?wait=true", &[]).await.json();
    assert_eq!(execution["state"]["current"], "FAILED", "{execution}");
}

#[tokio::test]
async fn a_secret_input_is_sealed_shown_masked_and_used_in_clear_also_by_a_replay() {
    let sink = windhover_testing::Sink::start().await;
    let call = format!(
        "  - id: call\n    type: io.kestra.plugin.core.http.Request\n    uri: \"http://{}/x\"\n    headers:\n      X-Token: \"{{{{ inputs.token }}}}\"",
        sink.address()
    );
    let tasks =
        [call, returns("out", "<{{ inputs.token }}> {{ inputs.plain }}"), returns("plain", "{{ inputs.plain }}")];
    let inputs = "inputs:\n  - {id: token, type: SECRET, validator: '[a-z0-9-]+'}\n  - {id: plain, type: STRING}\n";
    let launch = launch().flow("f.yaml", &bare("f", &tasks.join("\n"), inputs));
    let launch = launch.argument("--allow-private-host").argument(sink.address());
    let server = launch.start();
    let refusal = asked(&server.api, "", &[("token", "NO"), ("plain", "x")]).await;
    refused(&refusal, 422, "Invalid value for input `token`. Cause: token: it must match the pattern `[a-z0-9-]+`");
    let answer = asked(&server.api, "", &[("token", "hunter2-token"), ("plain", "x")]).await;
    let first = server.api.ended(&answer.id()).await;
    assert_eq!(first["state"]["current"], "SUCCESS", "{first}");
    let replay = call_replay(&server, &answer.id()).await;
    for execution in [first, replay] {
        assert_eq!(execution["inputs"], json!({"token": "******", "plain": "x"}));
        assert_eq!(execution["taskRunList"][1]["outputs"]["value"], "<******> x");
        assert_eq!(execution["taskRunList"][2]["outputs"]["value"], "x");
    }
    let tokens: Vec<_> = sink.received().iter().map(|call| call.header("x-token").to_owned()).collect();
    assert_eq!(tokens, ["hunter2-token", "hunter2-token"]);
    drop(server);
    assert!(!holds(&launch.data(), b"hunter2-token"), "the token stands in clear in the data folder");
}

async fn call_replay(server: &Server, id: &str) -> Value {
    let replayed = call(&server.api, Method::POST, &format!("{id}/actions/replay")).await;
    server.api.ended(&replayed.id()).await
}

/// Whether bytes stand anywhere in the files of a folder.
fn holds(folder: &std::path::Path, bytes: &[u8]) -> bool {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path()).any(|path| {
        if path.is_dir() {
            return holds(&path, bytes);
        }
        std::fs::read(&path).is_ok_and(|content| content.windows(bytes.len()).any(|window| window == bytes))
    })
}
