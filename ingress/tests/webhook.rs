//! The webhook route over real HTTP.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use support::{LAYOUT, Mood, World, execution_id, faulty::Faulty, flow, within};
use windhover_eventlog::{Append, Expect, LogName, ObjectName, ask::Until, memory::Memory};
use windhover_proto::{
    codec,
    definitions::Definition,
    id::TenantId,
    request::{Body, HeaderValue},
    time::Timestamp,
};

fn plain() -> Vec<String> {
    vec![flow("f", "k", "", "")]
}

#[tokio::test]
async fn an_accepted_delivery_is_on_disk_with_every_byte_and_answered_as_kestra_does() {
    let labels = "    labels:\n      who: \"{{ trigger.body.who }}\"\n      broken: \"{{ trigger.body.no }}\"\n";
    let world = World::start(&[flow("f", "k", labels, "labels:\n  team: shop\n")]).await;
    let body = "{ \"who\": \"ann\",\n \"n\": null }";
    let reply = world.call("POST", "/api/v1/main/executions/webhook/a.b/f/k?x=1&x=2", &[("x-a", "1")], body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("windhover-durability"), Some("unsynced"), "the log in memory says so");
    let (json, id) = (reply.json(), reply.id());
    let variables = &json["trigger"]["variables"];
    assert_eq!(variables["body"].to_string(), r#"{"who":"ann","n":null}"#);
    assert_eq!(variables["parameters"].to_string(), r#"{"x":["1","2"]}"#);
    assert_eq!(variables["headers"]["X-A"].to_string(), r#"["1"]"#);
    let labels = format!(
        r#"[{{"key":"team","value":"shop"}},{{"key":"system.from","value":"trigger"}},{{"key":"who","value":"ann"}},{{"key":"system.correlationId","value":"{id}"}}]"#
    );
    assert_eq!(json["labels"].to_string(), labels);
    assert_eq!(json["state"]["current"], "CREATED");
    assert_eq!(json["state"]["histories"].as_array().unwrap().len(), 1);
    assert_eq!(json["url"], format!("http://h:1/ui/main/executions/a.b/f/{id}"));
    let [received] = &world.received().await[..] else { panic!("one delivery") };
    assert_eq!(received.execution, execution_id(&id));
    assert_eq!(received.labels, [("who".to_owned(), "ann".to_owned())]);
    let request = received.delivery.request.parse().unwrap();
    assert_eq!(request.body, Some(Body::Text(body.to_owned())));
    assert_eq!((request.method.as_str(), request.query.as_str()), ("POST", "x=1&x=2"));
}

#[tokio::test]
async fn get_post_and_put_start_an_execution_and_other_methods_are_told_so() {
    let world = World::start(&plain()).await;
    for path in ["/api/v1/executions/webhook/a.b/f/k", "/api/v1/main/executions/webhook/a.b/f/k"] {
        for method in ["GET", "POST", "PUT"] {
            assert_eq!(world.call(method, path, &[], "").await.status, 200, "{method} {path}");
        }
        for method in ["HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"] {
            let reply = world.call(method, path, &[], "").await;
            assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, POST, PUT")), "{method}");
        }
    }
    assert_eq!(world.received().await.len(), 6);
    assert!(world.owner.asked.lock().unwrap().is_empty(), "without a key nobody is asked");
}

#[tokio::test]
async fn an_address_that_fits_nothing_is_refused_with_kestras_words() {
    let disabled = flow("off", "k", "", "disabled: true\n");
    let trigger_off = flow("trigger-off", "k", "    disabled: true\n", "");
    let world = World::start(&[plain().remove(0), disabled, trigger_off]).await;
    let cases = [
        ("a.b/f/other", 404, "Webhook not found"),
        ("a.b/f/K", 404, "Webhook not found"),
        ("a.b/f/kk", 404, "Webhook not found"),
        ("a.b/nope/k", 404, "Flow not found"),
        ("nope/f/k", 404, "Flow not found"),
        ("a.b/f/k/", 404, "Webhook not found"),
        ("a.b/f/k/x/y", 404, "Webhook not found"),
        ("a.b/f/%zz", 400, "hexadecimal"),
        ("a.b/f/%ff", 400, "UTF-8"),
        ("a.b/f/k?x=%2", 400, "hexadecimal"),
        ("a.b/off/k", 409, "Cannot execute flow: flow is disabled."),
        ("a.b/off/wrong", 409, "Cannot execute flow: flow is disabled."),
        ("a.b/trigger-off/k", 409, "Cannot execute webhook: the trigger 'hook' is disabled."),
    ];
    for (path, status, words) in cases {
        let reply = world.call("POST", &format!("/api/v1/main/executions/webhook/{path}"), &[], "{}").await;
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        let json = reply.json();
        assert!(json["detail"].as_str().unwrap().contains(words), "{path}: {json}");
        assert_eq!(json["status"], status);
    }
    assert_eq!(world.received().await, []);
}

#[tokio::test]
async fn keys_are_rendered_trimmed_and_the_first_that_fits_wins() {
    let more = "  - id: second\n    type: io.kestra.plugin.core.trigger.Webhook\n    key: k\n\
                \x20 - id: encoded\n    type: io.kestra.plugin.core.trigger.Webhook\n    key: a/b\n\
                \x20 - id: secret\n    type: io.kestra.plugin.core.trigger.Webhook\n    key: \"{{ secret('HOOK_KEY') }}\"\n";
    let first = flow("f", "\"{{ secret('MISSING') }}\"", more, "");
    let world = World::start(&[first]).await;
    for (key, trigger) in [("k", "second"), ("a%2Fb", "encoded"), ("s3cr3t-key", "secret")] {
        let reply = world.call("POST", &format!("/api/v1/executions/webhook/a.b/f/{key}"), &[], "").await;
        assert_eq!((reply.status, reply.json()["trigger"]["id"].as_str()), (200, Some(trigger)), "{key}");
    }
    assert_eq!(world.call("POST", "/api/v1/executions/webhook/a.b/f/%20s3cr3t-key", &[], "").await.status, 404);
    assert_eq!(world.call("POST", "/api/v1/executions/webhook/a.b/f/", &[], "").await.status, 404);
}

#[tokio::test]
async fn a_flow_that_was_just_deployed_elsewhere_is_never_missed() {
    let world = World::with(&[], Faulty::late(Duration::from_millis(150)), |_| {}).await;
    assert_eq!(world.post("f", &[], "").await.status, 404);
    append_flow(&world, plain().remove(0)).await;
    assert_eq!(world.post("f", &[], "").await.status, 200);
}

/// Deploys `f` as another process does: it shares the log and nothing else.
async fn append_flow(world: &World, source: String) {
    let deployed = Definition::FlowDeployed {
        tenant: TenantId::main(),
        namespace: "a.b".parse().unwrap(),
        flow: "f".parse().unwrap(),
        revision: 1,
        source,
        at: Timestamp::from_millis(0),
    };
    let bytes = codec::encode_definitions(&[deployed]).into();
    let append = Append { log: LogName::Definitions, bytes, expect: Expect::Anything, resend_id: None };
    world.log.append(append).await.unwrap();
}

#[tokio::test]
async fn a_flow_that_cannot_be_read_under_todays_rules_is_409_with_all_that_is_wrong() {
    let world = World::with(&[], Faulty::late(Duration::from_millis(1)), |_| {}).await;
    append_flow(&world, "id: f\nnamespace: a.b\ntasks:\n  - id: t\n    type: io.kestra.gone.Task\n".to_owned()).await;
    let reply = world.post("f", &[], "{}").await;
    assert_eq!(reply.status, 409, "{reply:?}");
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("Cannot execute flow: flow is invalid: "), "{detail}");
    assert!(detail.contains("Invalid type: io.kestra.gone.Task") && detail.contains("at line 5, column"), "{detail}");
    assert_eq!(world.received().await, []);
}

#[tokio::test]
async fn many_wrong_addresses_cost_few_looks_at_the_log() {
    let world = World::start(&plain()).await;
    let began = Instant::now();
    for _ in 0..4 {
        assert_eq!(world.post("nope", &[], "").await.status, 404);
    }
    assert!(began.elapsed() >= Duration::from_millis(600), "one look in 200 ms: {:?}", began.elapsed());
}

#[tokio::test]
async fn a_draft_never_runs_and_the_revision_before_it_does() {
    let world = World::start(&plain()).await;
    let draft = flow("f", "k2", "", "draft: true\n");
    world.deployments.deploy(&TenantId::main(), &draft, Timestamp::from_millis(0)).await.unwrap();
    let only_draft = flow("g", "k", "", "draft: true\n");
    world.deployments.deploy(&TenantId::main(), &only_draft, Timestamp::from_millis(0)).await.unwrap();
    assert_eq!(world.post("f", &[], "").await.json()["flowRevision"], 1);
    assert_eq!(world.post("g", &[], "").await.status, 404);
}

#[tokio::test]
async fn a_call_that_the_trigger_does_not_want_is_answered_204_and_starts_nothing() {
    let flows = [
        flow("when", "k", "    when: \"{{ trigger.body.go == true and vars.v == 'x' }}\"\n", "variables:\n  v: x\n"),
        flow("labels", "k", "    when: \"{{ labels.l == 'v' }}\"\n", "labels:\n  l: v\n"),
        flow("header", "k", "    when: \"{{ trigger.headers['X-GitHub-Event'] | first == 'push' }}\"\n", ""),
    ];
    let world = World::start(&flows).await;
    assert_eq!(world.post("when", &[], r#"{"go": true}"#).await.status, 200);
    let refused = world.post("when", &[], r#"{"go": false}"#).await;
    assert_eq!((refused.status, refused.body.as_str()), (204, ""));
    assert_eq!(world.post("when", &[], "").await.status, 204);
    assert_eq!(world.post("labels", &[], "{}").await.status, 204);
    assert_eq!(world.post("header", &[("x-github-event", "push")], "{}").await.status, 200);
    assert_eq!(world.received().await.len(), 2);
}

#[tokio::test]
async fn conditions_of_1x_must_all_hold() {
    let conditions = "    conditions:\n      - type: io.kestra.plugin.core.condition.Expression\n        expression: \"{{ trigger.body.a }}\"\n\
        \x20     - type: io.kestra.plugin.core.condition.Not\n        conditions:\n          - type: io.kestra.plugin.core.condition.DayWeek\n\
        \x20           date: \"{{ trigger.body.date }}\"\n            dayOfWeek: MONDAY\n";
    let world = World::start(&[flow("f", "k", conditions, "")]).await;
    // 2026-11-24 is a Tuesday, 2026-11-23 a Monday.
    let cases = [
        (r#"{"a":0,"date":"2026-11-24T00:30:00+02:00"}"#, 200),
        (r#"{"a":false,"date":"2026-11-24T00:30:00+02:00"}"#, 204),
        (r#"{"a":1,"date":"2026-11-23T10:00:00Z"}"#, 204),
        (r#"{"a":1,"date":"soon"}"#, 204),
    ];
    for (body, status) in cases {
        assert_eq!(world.post("f", &[], body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn a_key_names_one_execution_whatever_number_of_times_it_comes() {
    let world = World::start(&plain()).await;
    let first = world.post("f", &[("idempotency-key", "order-17")], "{}").await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, None));
    assert_eq!(first.json()["state"]["current"], "CREATED");
    assert_eq!(first.json()["labels"][1]["value"], "order-17");
    let again = world.post("f", &[("Idempotency-Key", "\"order-17\"")], "{}").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(again.id(), first.id());
    assert_eq!(again.json()["state"]["current"], "SUCCESS");
    let other = world.post("f", &[("idempotency-key", "order-18")], "{}").await;
    assert_ne!(other.id(), first.id());
    let reused = world.post("f", &[("idempotency-key", "order-17")], "{ }").await;
    assert_eq!(reused.status, 422);
    let problem = reused.json();
    assert_eq!(problem["code"], "key-reused");
    assert_ne!(problem["first"], problem["this"]);
    assert_eq!(problem["first"], "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    assert_eq!(world.owner.asked.lock().unwrap()[..], [Until::Verdict; 4]);
}

#[tokio::test]
async fn an_empty_key_is_none_and_a_bad_one_is_refused() {
    let world = World::start(&plain()).await;
    let (one, two) = (
        world.post("f", &[("idempotency-key", "")], "").await,
        world.post("f", &[("idempotency-key", "\"\"")], "").await,
    );
    assert_ne!(one.id(), two.id());
    let long = "a".repeat(256);
    for headers in [vec![("idempotency-key", long.as_str())], vec![("idempotency-key", "a"), ("idempotency-key", "b")]]
    {
        let reply = world.post("f", &headers, "").await;
        assert_eq!((reply.status, reply.json()["code"].as_str()), (400, Some("key-malformed")));
    }
    assert_eq!(world.received().await.len(), 2);
}

#[tokio::test]
async fn a_verdict_that_is_not_known_in_time_does_not_hold_the_sender_up() {
    let world = World::start(&plain()).await;
    for (mood, at_most) in [(Mood::Away, 200), (Mood::Silent, 900)] {
        world.owner.set(mood.clone());
        let began = Instant::now();
        let reply = world.post("f", &[("idempotency-key", "k1")], "{}").await;
        assert_eq!((reply.status, reply.header("windhover-verdict")), (200, Some("pending")));
        assert!(began.elapsed() < Duration::from_millis(at_most), "{mood:?}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_waited_call_is_answered_with_the_end_and_its_duplicates_with_the_same() {
    let world = World::start(&[flow("f", "k", "    wait: true\n", "")]).await;
    world.owner.set(Mood::Away);
    *world.owner.end.lock().unwrap() = ("SUCCESS", Some(r#"{"status":"ok"}"#));
    let (first, ()) = tokio::join!(world.post("f", &[("idempotency-key", "w")], "{}"), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.owner.set(Mood::Answering);
    });
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, None));
    assert_eq!(first.json()["state"]["current"], "SUCCESS");
    assert_eq!(first.json()["outputs"].to_string(), r#"{"status":"ok"}"#);
    assert_eq!(first.json()["state"]["duration"], "PT0.005S");
    assert!(first.json()["state"]["endDate"].is_string());
    let again = world.post("f", &[("idempotency-key", "w")], "{}").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(again.body, first.body);
    let keyless = world.post("f", &[], "{}").await;
    assert_ne!(keyless.id(), first.id());
}

#[tokio::test]
async fn the_status_and_body_of_a_waited_call_are_the_triggers_choice() {
    let wait = "    wait: true\n    returnOutputs: true\n";
    let flows = [
        flow("wait", "k", "    wait: true\n", ""),
        flow("outputs", "k", wait, ""),
        flow("text", "k", &format!("{wait}    responseContentType: text/plain\n"), ""),
        flow("fixed", "k", "    wait: true\n    responseCode: 418\n", ""),
        flow("none", "k", "    wait: true\n    responseCode: 799\n", ""),
        flow("rendered", "k", &format!("{wait}    responseCode: \"{{{{ trigger.body.code }}}}\"\n"), ""),
    ];
    let world = World::start(&flows).await;
    let end = |state, outputs| *world.owner.end.lock().unwrap() = (state, outputs);
    end("FAILED", Some(r#"{"a":1}"#));
    assert_eq!(world.post("wait", &[], "").await.status, 500);
    let outputs = world.post("outputs", &[], "").await;
    assert_eq!((outputs.status, outputs.body.as_str()), (500, r#"{"a":1}"#));
    assert_eq!(world.post("fixed", &[], "").await.status, 418);
    end("KILLED", None);
    assert_eq!(world.post("wait", &[], "").await.status, 200);
    let none = world.post("outputs", &[], "").await;
    assert_eq!((none.status, none.body.as_str()), (200, ""));
    end("SUCCESS", Some(r#"{"a":1}"#));
    let text = world.post("text", &[], "").await;
    assert_eq!((text.header("content-type"), text.body.as_str()), (Some("text/plain"), r#"{"a":1}"#));
    assert_eq!(world.post("rendered", &[], r#"{"code": 201}"#).await.status, 201);
    for body in [r#"{"code": 799}"#, r#"{"code": "x"}"#, "{}", r#"{"code": 101}"#] {
        assert_eq!(world.post("rendered", &[], body).await.status, 500, "{body}");
    }
    assert_eq!(world.post("none", &[], "").await.status, 500);
    let empty = world.post("rendered", &[], r#"{"code": 204}"#).await;
    assert_eq!((empty.status, empty.body.as_str(), empty.header("content-type")), (204, "", None));
}

#[tokio::test]
async fn a_trigger_starts_its_flow_whatever_the_checks_say() {
    let checks = "checks:\n  - when: \"{{ false }}\"\n    message: blocked\n";
    let world = World::start(&[flow("f", "k", "", checks)]).await;
    assert_eq!(world.post("f", &[], "").await.status, 200);
    assert_eq!(world.received().await.len(), 1);
}

#[tokio::test]
async fn a_sender_that_goes_away_ends_only_its_own_wait() {
    let world = World::start(&[flow("f", "k", "    wait: true\n", "")]).await;
    world.owner.set(Mood::Away);
    let gone =
        tokio::time::timeout(Duration::from_millis(300), world.post("f", &[("idempotency-key", "w")], "{}")).await;
    assert!(gone.is_err());
    tokio::time::sleep(Duration::from_millis(250)).await;
    let asked = world.owner.asked.lock().unwrap().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.owner.asked.lock().unwrap().len(), asked, "nobody asks for a sender that is gone");
    world.owner.set(Mood::Answering);
    let found = world.post("f", &[("idempotency-key", "w")], "{}").await;
    assert_eq!((found.status, found.header("idempotent-replayed")), (200, Some("true")));
}

#[tokio::test]
async fn a_large_body_is_kept_beside_the_log_before_a_record_names_it() {
    let world = World::start(&plain()).await;
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
    let reply = world.post("f", &[], &body).await;
    assert_eq!(reply.json()["trigger"]["variables"]["body"]["a"].as_str().unwrap().len(), 100_000);
    let received = world.received().await;
    let request = received[0].delivery.request.parse().unwrap();
    let Some(Body::Blob { fingerprint, size_bytes }) = request.body else { panic!("a blob") };
    assert_eq!((fingerprint, size_bytes), (received[0].delivery.fingerprint, body.len() as u64));
    let name = ObjectName::new(format!("blob/{fingerprint}")).unwrap();
    assert_eq!(world.log.object(name).await.unwrap().unwrap(), body.as_bytes());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_the_sender_can_read_why() {
    let world = World::with(&plain(), Memory::new(LAYOUT), |options| options.body_bytes_max = 1000).await;
    assert_eq!(world.post("f", &[], &"x".repeat(1000)).await.status, 200);
    for size in [1001, 3_000_000] {
        let reply = world.post("f", &[], &"x".repeat(size)).await;
        assert_eq!((reply.status, reply.json()["limitBytes"].as_str()), (413, Some("1000")), "{size}");
    }
    let chunk = "x".repeat(600);
    let head = "POST /api/v1/executions/webhook/a.b/f/k HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunked = format!("{head}258\r\n{chunk}\r\n258\r\n{chunk}\r\n0\r\n\r\n");
    assert_eq!(world.send(chunked).await.status, 413);
    assert_eq!(world.received().await.len(), 1);
}

#[tokio::test]
async fn a_sensitive_header_is_neither_in_the_log_nor_in_the_answer() {
    let label = "    labels:\n      auth: \"{{ trigger.headers['Authorization'] | first }}\"\n      loud: \"{{ secret('HOOK_KEY') | upper }}\"\n      \
                 kept: \"<{{ secret('HOOK_KEY') | trim }}>\"\n";
    let world = World::start(&[flow("f", "k", label, "")]).await;
    let headers = [("authorization", "Bearer hunter2"), ("cookie", "hunter2=1"), ("x-gitlab-token", "hunter2")];
    let reply = world.post("f", &headers, "{}").await;
    assert_eq!(reply.status, 200);
    assert!(!reply.body.contains("hunter2"), "{}", reply.body);
    let received = world.received().await;
    assert!(!received[0].delivery.request.as_json().contains("hunter2"));
    let labels: Vec<_> = received[0].labels.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(labels, ["******", "******", "<******>"]);
    assert!(!reply.body.to_lowercase().contains("s3cr3t"));
    let request = received[0].delivery.request.parse().unwrap();
    assert!(matches!(request.header("authorization").next(), Some(HeaderValue::Sealed(_))));
}

#[tokio::test]
async fn bodies_of_every_kind_are_seen_as_kestra_shows_them() {
    let world = World::start(&[flow("f", "k", "", ""), flow("none", "k", "    fetchType: NONE\n", "")]).await;
    let shown = async |flow: &str, headers: &[(&str, &str)], body: &str| {
        world.post(flow, headers, body).await.json()["trigger"]["variables"]["body"].clone()
    };
    assert_eq!(shown("f", &[], "123").await, "123");
    assert_eq!(shown("f", &[], "[1, null]").await.to_string(), "[1,null]");
    assert_eq!(shown("f", &[("content-type", "application/x-www-form-urlencoded")], "a=1&b=2").await, "a=1&b=2");
    assert_eq!(shown("f", &[("content-type", "application/octet-stream")], "ab").await, "YWI=");
    assert!(shown("f", &[], "").await.is_null());
    assert!(shown("none", &[], "{}").await.is_null());
    let multipart = world.post("f", &[("content-type", "multipart/form-data; boundary=x")], "--x--").await;
    assert_eq!(multipart.status, 415);
    let get = world.call("GET", "/api/v1/executions/webhook/a.b/f/k", &[], "{}").await;
    assert_eq!((get.status, get.json()["trigger"]["variables"].get("body")), (200, None));
    let test = world.post("f", &[("x-kestra-test-event", "true")], "{}").await;
    assert_eq!(test.json()["labels"][0]["value"], "testEvent");
}

#[tokio::test]
async fn the_public_url_is_where_the_page_is() {
    let world = World::with(&plain(), Memory::new(LAYOUT), |options| {
        options.public_url = Some("https://flows.example.org/".to_owned());
    })
    .await;
    let reply = world.post("f", &[], "").await;
    assert_eq!(reply.json()["url"], format!("https://flows.example.org/ui/main/executions/a.b/f/{}", reply.id()));
}

#[tokio::test]
async fn concurrent_deliveries_share_records() {
    let world = World::start(&plain()).await;
    let replies = within(10, futures_util::future::join_all((0..200).map(|_| world.post("f", &[], "{}")))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let ids: std::collections::HashSet<_> = replies.iter().map(support::Reply::id).collect();
    assert_eq!((ids.len(), world.received().await.len()), (200, 200));
}

#[tokio::test]
async fn the_triggers_inputs_are_read_as_the_flow_declares_them_or_the_call_is_refused() {
    let give =
        "    inputs:\n      name: \"{{ trigger.body.name }}\"\n      n: \"{{ trigger.body.n }}\"\n      zzz: 1\n";
    let take = "inputs:\n  - id: name\n    type: STRING\n    validator: \"[a-z]+\"\n  - id: n\n    type: INT\n    required: false\n\
                \x20 - id: d\n    type: STRING\n    defaults: \"hi {{ inputs.name }}\"\n";
    let world = World::start(&[flow("f", "k", give, take)]).await;
    assert_eq!(world.post("f", &[], r#"{"name":"bob","n":3}"#).await.status, 200);
    let given = world.received().await[0].inputs.as_ref().unwrap().to_json();
    assert_eq!(given, r#"{"name":"bob","n":3,"d":"hi {{ trigger.body.name }}"}"#);
    for (body, words) in [
        (r#"{"name":"BOB","n":3}"#, "it must match the pattern `[a-z]+`"),
        (r#"{"name":"bob","n":"x"}"#, "Invalid value for input `n`"),
        ("{}", "Invalid value for input `name`"),
    ] {
        let reply = world.post("f", &[], body).await;
        assert_eq!(reply.status, 422);
        assert!(reply.json()["detail"].as_str().unwrap().contains(words), "{}", reply.body);
    }
    assert_eq!(world.received().await.len(), 1);
}

#[tokio::test]
async fn a_compressed_body_is_kept_as_it_came_and_seen_as_it_was_meant() {
    let world = World::with(&plain(), Memory::new(LAYOUT), |options| options.body_bytes_max = 2000).await;
    let head = "POST /api/v1/executions/webhook/a.b/f/k HTTP/1.1\r\nhost: h\r\ncontent-encoding: gzip\r\n";
    let send = async |body: &[u8]| {
        let mut bytes = format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        world.send(bytes).await
    };
    // gzip of {"a":1}
    let hex = "1f8b0800000000000203ab564a54b232ac0500afac1b5607000000";
    let gzip: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let reply = send(&gzip).await;
    assert_eq!(reply.json()["trigger"]["variables"]["body"].to_string(), r#"{"a":1}"#);
    let received = world.received().await;
    assert_eq!(received[0].delivery.request.parse().unwrap().body, Some(Body::Bytes(gzip)));
    assert_eq!(send(b"{\"a\":1}").await.status, 400);
    // An empty body is none, whatever its headers say.
    assert_eq!(send(b"").await.status, 200);
}

#[tokio::test]
async fn a_secret_never_becomes_an_input_because_inputs_are_kept_in_clear() {
    let give = |value: &str| format!("    inputs:\n      i: \"{{{{ {value} }}}}\"\n");
    let take = "inputs:\n  - id: i\n    type: STRING\n";
    let flows = [
        flow("secret", "k", &give("secret('HOOK_KEY') | upper"), take),
        flow("header", "k", &give("trigger.headers.Authorization | first"), take),
        flow("other", "k", &give("trigger.headers['X-A'] | first"), take),
    ];
    let world = World::start(&flows).await;
    let headers = [("authorization", "Bearer hunter2"), ("x-a", "1")];
    for (flow, status) in [("secret", 422), ("header", 422), ("other", 200)] {
        let reply = world.post(flow, &headers, "{}").await;
        assert_eq!(reply.status, status, "{flow}: {}", reply.body);
        assert!(!reply.body.contains("hunter2") && !reply.body.contains("S3CR3T"));
    }
    assert_eq!(world.received().await.len(), 1);
}

#[tokio::test]
async fn an_input_that_holds_a_secret_is_refused_for_that_and_not_in_words_that_quote_it() {
    let int = "inputs:\n  - id: n\n    type: INT\n";
    let give = |value: &str| format!("    inputs:\n      n: \"{{{{ {value} }}}}\"\n");
    let derived = "inputs:\n  - id: pass\n    type: SECRET\n    defaults: s3cr3t-pass\n  - id: n\n    type: INT\n    \
                   defaults: \"{{ inputs.pass | upper }}\"\n  - id: x\n    type: STRING\n    required: false\n";
    let flows = [
        flow("given", "k", &give("secret('HOOK_KEY')"), int),
        flow("changed", "k", &give("secret('HOOK_KEY') | base64encode"), int),
        flow("header", "k", &give("trigger.headers.Authorization | first | upper"), int),
        flow("derived", "k", "    inputs:\n      x: a\n", derived),
    ];
    let world = World::start(&flows).await;
    for flow in ["given", "changed", "header", "derived"] {
        let reply = world.post(flow, &[("authorization", "Bearer hunter2")], "{}").await;
        assert_eq!(reply.status, 422, "{flow}: {}", reply.body);
        assert!(reply.body.contains("hold a secret or a sensitive header"), "{flow}: {}", reply.body);
        let body = reply.body.to_lowercase();
        assert!(!["s3cr3t", "hunter2", "ihmzy3izdc1rzxkg"].iter().any(|text| body.contains(text)), "{flow}: {body}");
    }
    assert_eq!(world.received().await.len(), 0);
}

#[tokio::test]
async fn a_default_that_holds_a_secret_or_does_not_render_is_refused_without_quoting_it() {
    let default = |kind: &str, value: &str| {
        format!(
            "inputs:\n  - id: x\n    type: STRING\n    required: false\n  - id: n\n    type: {kind}\n    defaults: \"{{{{ {value} }}}}\"\n"
        )
    };
    let give = "    inputs:\n      x: a\n";
    let flows = [
        flow("int", "k", give, &default("INT", "secret('HOOK_KEY')")),
        flow("failing", "k", give, &default("INT", "secret('HOOK_KEY') | number")),
        flow("sealed", "k", give, &default("SECRET", "secret('HOOK_KEY') | number")),
    ];
    let world = World::start(&flows).await;
    let number = "java.lang.NumberFormatException: For input string: \\\"******\\\"";
    for (flow, words) in [("int", "hold a secret"), ("failing", number), ("sealed", number)] {
        let reply = world.post(flow, &[], "{}").await;
        assert!(!reply.body.contains("s3cr3t"), "{flow}: {}", reply.body);
        assert_eq!(reply.status, 422, "{flow}: {}", reply.body);
        assert!(reply.body.contains(words), "{flow}: {}", reply.body);
    }
}

#[tokio::test]
async fn an_input_of_the_type_secret_may_decide_which_other_inputs_are_asked_for() {
    let top = "inputs:\n  - id: pass\n    type: SECRET\n    defaults: s3cr3t-pass\n  - id: n\n    type: STRING\n    \
               defaults: asked\n    dependsOn:\n      inputs: [pass]\n      condition: \"{{ inputs.pass == 's3cr3t-pass' }}\"\n  \
               - id: x\n    type: STRING\n    required: false\n";
    let world = World::start(&[flow("f", "k", "    inputs:\n      x: a\n", top)]).await;
    assert_eq!(world.post("f", &[], "{}").await.status, 200);
    let shown = world.received().await[0].inputs.as_ref().unwrap().to_json();
    assert_eq!(shown, r#"{"pass":"******","n":"asked","x":"a"}"#);
}

#[tokio::test]
async fn a_response_code_that_is_none_does_not_quote_the_secret_it_is_made_of() {
    for made in ["secret('HOOK_KEY')", "secret('HOOK_KEY') | number"] {
        let code = format!("    wait: true\n    responseCode: \"{{{{ {made} }}}}\"\n");
        let world = World::start(&[flow("f", "k", &code, "")]).await;
        let reply = world.post("f", &[], "{}").await;
        assert_eq!(reply.status, 500, "{}", reply.body);
        assert!(reply.body.contains("******") && !reply.body.contains("s3cr3t"), "{}", reply.body);
    }
}

#[tokio::test]
async fn dates_and_times_are_compared_as_the_clock_of_their_offset_shows_them() {
    let condition = |kind: &str, rest: &str| {
        let kind = format!("io.kestra.plugin.core.condition.{kind}");
        format!("    conditions:\n      - type: {kind}\n        date: \"{{{{ trigger.body.d }}}}\"\n{rest}")
    };
    let flows = [
        flow("last", "k", &condition("DayWeekInMonth", "        dayOfWeek: MONDAY\n        dayInMonth: LAST\n"), ""),
        flow("weekend", "k", &condition("Weekend", ""), ""),
        flow(
            "time",
            "k",
            &condition("TimeBetween", "        after: \"08:00:00+02:00\"\n        before: \"18:00:00+02:00\"\n"),
            "",
        ),
        flow("point", "k", &condition("DateTimeBetween", "        after: \"2026-11-23T10:00:00Z\"\n"), ""),
    ];
    let world = World::start(&flows).await;
    let cases = [
        ("last", "2026-11-30", 200),
        ("last", "2026-11-23", 204),
        ("last", "2026-11-24", 204),
        ("weekend", "2026-11-29T23:59:00+01:00", 200),
        ("weekend", "2026-11-30T00:01:00+01:00", 204),
        ("time", "2026-11-23T06:30:00Z", 200),
        ("time", "2026-11-23T08:00:00+02:00", 204),
        ("time", "2026-11-23T17:30:00Z", 204),
        ("point", "2026-11-23T11:00:01+01:00", 200),
        ("point", "2026-11-23T11:00:00+01:00", 204),
    ];
    for (flow, date, status) in cases {
        assert_eq!(world.post(flow, &[], &format!(r#"{{"d":"{date}"}}"#)).await.status, status, "{flow} {date}");
    }
}
