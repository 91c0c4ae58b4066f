//! Streams of events, outputs, log lines and expressions of executions.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::*;

/// The events of a stream until it ends: id and data.
async fn events(api: &Api, path: &str, after: Option<&str>) -> (u16, Vec<(String, String)>) {
    let mut request = api.webhook_at(Method::GET, path).header("Accept", "text/event-stream");
    if let Some(id) = after {
        request = request.header("Last-Event-ID", id);
    }
    let answer = request.send().await;
    let text = answer.text();
    let blocks = text.split("\n\n").filter(|block| block.starts_with("id:"));
    let read = |block: &str| {
        let member = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        (member("id:").to_owned(), member("data:").to_owned())
    };
    (answer.status.as_u16(), blocks.map(read).collect())
}

/// A flow of three tasks with a pause of this length before the last one.
fn slow(pause: &str) -> String {
    let sleep = format!("  - id: nap\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: {pause}");
    let say = |id: &str| {
        format!("  - id: {id}\n    type: io.kestra.plugin.core.log.Log\n    message: said by {id}\n    level: WARN")
    };
    flow("slow", &[say("before"), sleep, say("after"), returns("out", "{{ trigger.body.n }}")].join("\n"), "")
}

async fn start_slow(api: &Api) -> String {
    api.webhook(NAMESPACE, "slow", "key").json(&json!({"n": 17})).send().await.id()
}

#[tokio::test]
async fn an_execution_is_followed_to_its_end_and_the_stream_ends_after_it() {
    let server = launch().flow("slow.yaml", &slow("PT0.5S")).start();
    let id = start_slow(&server.api).await;
    let (status, events) = events(&server.api, &format!("/api/v1/main/executions/{id}/follow"), None).await;
    assert_eq!(status, 200);
    assert!(events.len() >= 2, "{events:?}");
    let states: Vec<Value> = events.iter().map(|(_, data)| serde_json::from_str(data).expect("JSON")).collect();
    assert!(
        states.iter().all(|state| state["id"] == id && state["taskRunList"].is_array()),
        "each is the whole execution"
    );
    assert_eq!(states.last().map(|state| &state["state"]["current"]), Some(&json!("SUCCESS")));
    let ids: Vec<_> = events.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids.iter().filter(|id| **id == "end").count(), 1);
    assert_eq!(ids.last(), Some(&"end"));
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len(), "no id stands twice: {ids:?}");
}

#[tokio::test]
async fn a_stream_resumes_after_the_last_event_that_was_received() {
    let server = launch().flow("slow.yaml", &slow("PT1S")).start();
    let id = start_slow(&server.api).await;
    let path = format!("/api/v1/main/executions/{id}/follow");
    let (_, all) = events(&server.api, &path, None).await;
    let (first, _) = all.first().expect("an event").clone();
    assert!(first.starts_with("progress-"), "{first}");
    let (_, rest) = events(&server.api, &path, Some(&first)).await;
    assert_eq!(rest.last().map(|(id, _)| id.as_str()), Some("end"));
    assert!(rest.iter().all(|(id, _)| *id != first), "{rest:?}");
    assert_eq!(events(&server.api, &path, Some("end")).await.0, 204, "nothing comes after the end");
    let (_, junk) = events(&server.api, &path, Some("what is this")).await;
    assert_eq!(junk.last().map(|(id, _)| id.as_str()), Some("end"), "an id that is none of ours asks for everything");
    let unknown = server.api.get("/api/v1/main/executions/7777777777777777777777/follow").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn a_stream_lets_the_server_end_and_goes_on_at_the_next_one() {
    let launch = launch().flow("slow.yaml", &slow("PT4S"));
    let server = launch.start();
    let id = start_slow(&server.api).await;
    let path = format!("/api/v1/main/executions/{id}/follow");
    let (api, following) = (server.api.clone(), path.clone());
    let follower = tokio::spawn(async move { events(&api, &following, None).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let stopped = server.terminate();
    assert!(stopped.after < Duration::from_secs(3), "a follower held up the end for {:?}", stopped.after);
    let (_, before) = follower.await.expect("a follower");
    let (last, _) = before.last().expect("an event");
    assert_ne!(last, "end");
    let server = launch.start();
    let (_, rest) = events(&server.api, &path, Some(last)).await;
    assert_eq!(rest.last().map(|(id, _)| id.as_str()), Some("end"));
    assert!(rest.iter().all(|(id, _)| !before.iter().any(|(seen, _)| seen == id)), "{before:?} then {rest:?}");
}

#[tokio::test]
async fn log_lines_are_filtered_searched_followed_and_downloaded() {
    let server = launch().flow("slow.yaml", &slow("PT0.3S")).start();
    let api = &server.api;
    let id = start_slow(api).await;
    let (_, followed) = events(api, &format!("/api/v1/main/logs/{id}/follow?minLevel=WARN"), None).await;
    let messages: Vec<_> = followed
        .iter()
        .filter_map(|(_, data)| Some(serde_json::from_str::<Value>(data).ok()?["message"].as_str()?.to_owned()))
        .collect();
    assert_eq!(messages, ["said by before", "said by after"]);
    assert_eq!(followed.last().map(|(id, data)| (id.as_str(), data.as_str())), Some(("end", "")));
    let (_, rest) = events(api, &format!("/api/v1/main/logs/{id}/follow?minLevel=WARN"), Some(&followed[0].0)).await;
    assert_eq!(rest, followed[1..]);
    api.ended(&id).await;
    let lines = async |query: &str| {
        let answer = api.get(&format!("/api/v1/main/logs/{id}?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json().as_array().map(Vec::len).unwrap_or_default()
    };
    let all = lines("").await;
    assert!(all >= 2);
    assert_eq!(lines("minLevel=warn").await, 2);
    assert_eq!(lines("taskId=before").await, 1);
    assert_eq!(lines("filters[level][EQUALS]=WARN&filters[q][EQUALS]=AFTER").await, 1);
    assert_eq!(lines("minLevel=ERROR").await, 0);
    assert_eq!(api.get(&format!("/api/v1/main/logs/{id}?minLevel=NOPE")).await.status, 422);
    assert_eq!(api.get(&format!("/api/v1/main/logs/{id}?colour=red")).await.status, 400);
    assert_eq!(api.get("/api/v1/main/logs/nope").await.text(), "[]");
    assert_eq!(api.get("/api/v1/main/logs/nope/download").await.status, 404);
    let text = api.get(&format!("/api/v1/main/logs/{id}/download?minLevel=WARN")).await;
    assert!(text.header("content-type").starts_with("text/plain"));
    assert_eq!(text.text().lines().filter(|line| line.contains(" WARN said by ")).count(), 2, "{}", text.text());
    let other = start_slow(api).await;
    api.ended(&other).await;
    let found = api.get("/api/v1/main/logs/search?minLevel=WARN&q=after&size=1&sort=timestamp:asc").await.json();
    assert_eq!((&found["total"], &found["results"][0]["executionId"]), (&json!(2), &json!(id)));
    assert_eq!(api.get("/api/v1/main/logs/search?namespace=company.other").await.json()["total"], 0);
    assert_eq!(api.get("/api/v1/main/logs/search?page=0").await.status, 422);
}

#[tokio::test]
async fn outputs_are_read_inline_and_by_the_routes_of_2_0() {
    let outputs = "outputs:\n  - id: doubled\n    type: INT\n    value: \"{{ outputs.out.value }}\"\n";
    let source = format!("{}{outputs}", flow("gives", &returns("out", "{{ trigger.body.n * 2 }}"), ""));
    let server = launch().flow("gives.yaml", &source).start();
    let id = server.api.webhook(NAMESPACE, "gives", "key").json(&json!({"n": 21})).send().await.id();
    let execution = server.api.ended(&id).await;
    let run = execution["taskRunList"][0].clone();
    assert_eq!((&execution["outputs"], &run["outputs"]), (&json!({"doubled": 42}), &json!({"value": "42"})));
    let run_id = run["id"].as_str().expect("an id");
    for prefix in ["/api/v1/main", "/api/v1"] {
        let get = async |path: String| server.api.get(&format!("{prefix}/outputs/{path}")).await.json();
        assert_eq!(get(format!("executions/{id}")).await, json!({"doubled": 42}));
        let listed = json!([{"taskId": "out", "taskRunId": run_id, "inline": true}]);
        assert_eq!(get(format!("tasks/{id}")).await, listed);
        assert_eq!(get(id.clone()).await, listed);
        assert_eq!(get(format!("tasks/{id}/{run_id}")).await, json!({"value": "42"}));
        assert_eq!(get(format!("{id}/{run_id}")).await, json!({"value": "42"}));
    }
    let nobody = server.api.get(&format!("/api/v1/main/outputs/tasks/{id}/7777777777777777777777")).await;
    assert_eq!(nobody.status, 404);
    let flow = server.api.get(&format!("/api/v1/main/executions/{id}/flow")).await.json();
    assert_eq!(
        (&flow["id"], &flow["tasks"]),
        (&json!("gives"), &json!([{"id": "out", "type": "io.kestra.plugin.core.debug.Return"}]))
    );
}

#[tokio::test]
async fn expressions_are_evaluated_with_an_executions_variables_and_never_show_a_secret() {
    let launch = launch().flow("f.yaml", &flow("f", &returns("out", "{{ trigger.body.n }}"), ""));
    let server = launch.variable("SECRET_TOKEN", "czNjcmV0").start();
    let deliver = async |authorization: Option<&str>| {
        let call = server.api.webhook(NAMESPACE, "f", "key").json(&json!({"n": 7}));
        let call = match authorization {
            Some(value) => call.header("Authorization", value),
            None => call,
        };
        let id = call.send().await.id();
        server.api.ended(&id).await
    };
    let execution = deliver(None).await;
    let evaluate = async |execution: &Value, path: &str, expression: &str| {
        let id = execution["id"].as_str().expect("an id");
        let path = format!("/api/v1/main/executions/{id}/{path}");
        let request = server.api.webhook_at(Method::POST, &path).header("Content-Type", "text/plain");
        request.body(expression.to_owned()).send().await
    };
    let eval = async |path: &str, expression: &str| evaluate(&execution, path, expression).await;
    let all = "{{ outputs.out.value }}-{{ flow.id }}-{{ trigger.body.n + 1 }}";
    for path in ["actions/eval", "eval"] {
        assert_eq!(eval(path, all).await.json(), json!({"result": "7-f-8"}));
    }
    let run = execution["taskRunList"][0]["id"].as_str().expect("an id");
    assert_eq!(eval(&format!("actions/eval/{run}"), "{{ taskrun.id }}").await.json(), json!({"result": run}));
    assert_eq!(eval("actions/eval/7777777777777777777777", "{{ 1 }}").await.status, 404);
    let failed = eval("actions/eval", "{{ nope }}").await;
    assert_eq!(failed.status, 200);
    let words = "Unable to find `nope` used in the expression `{{ nope }}` at line 1";
    assert_eq!(failed.json()["error"], words);
    assert!(failed.json()["stackTrace"].as_str().is_some_and(|trace| trace.contains("line 1")));
    assert!(eval("actions/eval", "{{ 1 +").await.json()["error"].is_string());
    let authorized = deliver(Some("Bearer hidden")).await;
    for expression in [
        "{{ secret('TOKEN') }}",
        "{{ secret('TOKEN') | base64encode }}",
        "{{ secret('TOKEN') | length }} {{ trigger | json }}",
    ] {
        let text = evaluate(&authorized, "actions/eval", expression).await.text();
        assert!(!text.contains("s3cret") && !text.contains("czNj") && !text.contains("hidden"), "{expression}: {text}");
    }
    let path = format!("/api/v1/main/executions/{}/actions/eval", execution["id"].as_str().expect("an id"));
    let wrong = server.api.webhook_at(Method::POST, &path);
    assert_eq!(wrong.json(&json!("x")).send().await.status, 415);
}
