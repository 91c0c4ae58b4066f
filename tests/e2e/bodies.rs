//! What a flow sees of a call: one test a row of Kestra's tables of variables and of bodies.

use serde_json::json;

use super::*;

/// A server whose flow returns an expression.
fn showing(expression: &str) -> windhover_testing::Server {
    launch().flow("f.yaml", &flow("f", &returns("out", expression), "")).start()
}

/// What the task of an execution returned.
async fn returned(api: &Api, id: &str) -> String {
    let execution = api.ended(id).await;
    let value = &execution["taskRunList"][0]["outputs"]["value"];
    value.as_str().unwrap_or_else(|| panic!("no value in {execution}")).to_owned()
}

/// Sends a body of a content type, and gives what the flow's task returned.
async fn seen(api: &Api, content_type: &str, body: impl AsRef<[u8]>) -> String {
    let call = api.webhook(NAMESPACE, "f", "key").header("Content-Type", content_type).body(body.as_ref().to_vec());
    let answer = call.send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    returned(api, &answer.id()).await
}

const BODY: &str = "{{ trigger.body | toJson }}";

#[tokio::test]
async fn an_object_and_a_list_are_parsed_with_nulls_order_and_digits_kept() {
    let server = showing(BODY);
    for body in [
        r#"{"z":1,"a":null,"m":{"x":null},"l":[null,{"y":null}]}"#,
        r#"[1,"x",null,true]"#,
        r#"{"i":12345678901234567890123,"d":0.1234567890123456789}"#,
        r#"{"":1,"a.b":{"c":2}}"#,
        "{}",
        "[]",
    ] {
        assert_eq!(seen(&server.api, "application/json", body).await, body);
    }
    assert_eq!(seen(&server.api, "application/json", r#"{"a":1,"b":2,"a":3}"#).await, r#"{"a":3,"b":2}"#);
}

#[tokio::test]
async fn scalars_broken_json_and_more_than_one_value_stay_text() {
    let server = showing("{{ trigger.body }}");
    for body in
        ["123", "\"x\"", "true", "null", "{\"a\":1", "[1,]", "{\"a\":1} x", "{\"a\":1}\n{\"a\":2}\n", "// c\n{}", " "]
    {
        assert_eq!(seen(&server.api, "application/json", body).await, body);
    }
}

#[tokio::test]
async fn a_call_without_a_body_has_none() {
    let server = showing("{{ trigger.body is defined }}/{{ trigger.body ?? 'absent' }}");
    let api = &server.api;
    for method in ["GET", "POST"] {
        let path = format!("/api/v1/main/executions/webhook/{NAMESPACE}/f/key");
        let answer = api.webhook_at(method.parse().expect("a method"), &path).send().await;
        assert_eq!(returned(api, &answer.id()).await, "false/absent", "{method}");
    }
    assert_eq!(seen(api, "application/json", "").await, "false/absent");
}

#[tokio::test]
async fn a_task_that_needs_a_body_fails_without_one() {
    let server = showing("{{ trigger.body }}");
    let answer = server.api.webhook(NAMESPACE, "f", "key").send().await;
    assert_eq!(server.api.ended(&answer.id()).await["state"]["current"], "FAILED");
}

#[tokio::test]
async fn forms_xml_yaml_csv_and_suffixes_are_text_and_json_in_them_is_parsed() {
    let server = showing("{{ trigger.body }}");
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", "a=1&b=2"),
        ("application/xml", "<a>1</a>"),
        ("application/soap+xml", "<a/>"),
        ("text/csv", "a,b"),
        ("application/yaml", "a: 1"),
        ("text/plain", "words"),
        ("application/vnd.api+json", "{\"a\":1}"),
        ("text/plain", "{\"a\":1}"),
    ] {
        assert_eq!(seen(&server.api, content_type, body).await, body, "{content_type}");
    }
}

#[tokio::test]
async fn text_is_read_in_its_charset() {
    let server = showing("{{ trigger.body }}");
    assert_eq!(seen(&server.api, "text/plain; charset=ISO-8859-1", &b"caf\xe9"[..]).await, "café");
    assert_eq!(seen(&server.api, "text/plain; charset=utf-8", "café").await, "café");
    assert_eq!(seen(&server.api, "application/json; charset=UTF-16BE", &b"\0{\0}"[..]).await, "{}");
    for bad in ["text/plain; charset=nope", "application/json;charset="] {
        let call = server.api.webhook(NAMESPACE, "f", "key").header("Content-Type", bad).body("{}");
        let answer = call.send().await;
        assert!(answer.status == 422 && answer.text().contains("charset"), "{bad}: {}", answer.text());
    }
}

#[tokio::test]
async fn anything_else_is_base64() {
    let server = showing("{{ trigger.body }}");
    assert_eq!(seen(&server.api, "application/octet-stream", &[0_u8, 1, 2, 255, 254][..]).await, "AAEC//4=");
    assert_eq!(seen(&server.api, "image/png", "{\"a\":1}").await, "eyJhIjoxfQ==");
}

#[tokio::test]
async fn compressed_bodies_are_seen_as_they_were_meant_and_false_claims_are_refused() {
    let server = showing(BODY);
    // gzip and deflate of `{"a":1}`.
    let gzip: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xabVJT\xb22\xac\x05\0\xaf\xac\x1bV\x07\0\0\0";
    let call = server.api.webhook(NAMESPACE, "f", "key").header("Content-Encoding", "gzip");
    assert_eq!(returned(&server.api, &call.body(gzip).send().await.id()).await, r#"{"a":1}"#);
    let plain = server.api.webhook(NAMESPACE, "f", "key").header("Content-Encoding", "gzip").body("{\"a\":1}");
    assert_eq!(plain.send().await.status, 400);
    assert_eq!(count(&server.api, "").await, 1);
}

#[tokio::test]
async fn fetch_type_none_keeps_the_body_from_the_flow() {
    let source = flow("f", &returns("out", "{{ trigger.body ?? 'absent' }}"), "    fetchType: NONE\n");
    let server = launch().flow("f.yaml", &source).start();
    assert_eq!(seen(&server.api, "application/json", "{\"a\":1}").await, "absent");
}

#[tokio::test]
async fn headers_are_lists_looked_up_without_regard_to_case_and_printed_in_one_spelling() {
    let server = showing(
        "{{ trigger.headers['x-github-event'][0] }} {{ trigger.headers['X-TWICE'] | toJson }} {{ trigger.headers | toJson }}",
    );
    let call = server.api.webhook(NAMESPACE, "f", "key");
    let call = call.header("X-GITHUB-event", "push").header("x-twice", "1").header("X-Twice", "2");
    let shown = returned(&server.api, &call.body("{}").send().await.id()).await;
    assert!(shown.starts_with(r#"push ["1","2"] {"#), "{shown}");
    let printed: Value = serde_json::from_str(shown.splitn(3, ' ').nth(2).expect("three parts")).expect("headers");
    assert_eq!(printed["X-GitHub-Event"], json!(["push"]));
    let names: Vec<_> = printed.as_object().expect("a map").keys().collect();
    assert!(names.is_sorted(), "{names:?}");
}

#[tokio::test]
async fn parameters_are_lists_in_order_decoded_once_and_a_flag_is_null() {
    let server = showing("{{ trigger.parameters | toJson }}");
    let shown = async |query: &str| {
        let path = format!("/api/v1/main/executions/webhook/{NAMESPACE}/f/key{query}");
        let answer = server.api.webhook_at(reqwest::Method::GET, &path).send().await;
        returned(&server.api, &answer.id()).await
    };
    assert_eq!(
        shown("?a=1&a=2&b=x+y%20z&flag&e=&c=%2526").await,
        r#"{"a":["1","2"],"b":["x y z"],"flag":[null],"e":[""],"c":["%26"]}"#
    );
    assert_eq!(shown("?wait=true&labels=a:b").await, r#"{"wait":["true"],"labels":["a:b"]}"#);
    assert_eq!(shown("").await, "{}");
}

#[tokio::test]
async fn the_context_of_the_trigger_is_there_and_its_id_and_type_are_not_members() {
    let server = showing("{{ trigger._context.id }} {{ trigger._context.type }} {{ trigger.id is defined }}");
    assert_eq!(seen(&server.api, "text/plain", "x").await, "hook io.kestra.plugin.core.trigger.Webhook false");
}
