//! Flows over the API: made, changed, found, checked and deleted.

use reqwest::Method;
use serde_json::json;
use windhover_testing::Answer;

use super::*;

const FLOWS: &str = "/api/v1/main/flows";

async fn send(api: &Api, method: Method, path: &str, source: &str) -> Answer {
    let request = api.webhook_at(method, path).header("Content-Type", "application/x-yaml");
    request.body(source.to_owned()).send().await
}

async fn create(api: &Api, source: &str) -> Answer {
    send(api, Method::POST, FLOWS, source).await
}

fn life(description: &str) -> String {
    format!("{}description: {description}\n", flow("life", &returns("out", "hi"), ""))
}

#[tokio::test]
async fn a_flow_goes_through_its_revisions_and_counts_on_after_its_deletion() {
    let server = launch().start();
    let api = &server.api;
    let first = create(api, &life("first")).await;
    assert_eq!((first.status.as_u16(), &first.json()["revision"]), (200, &json!(1)), "{}", first.text());
    assert_eq!(first.json()["source"], life("first"));
    let again = create(api, &life("first")).await;
    assert_eq!(again.status, 422);
    assert!(again.text().contains("Flow id already exists"), "{}", again.text());
    let path = format!("{FLOWS}/{NAMESPACE}/life");
    let revision_after = async |source: &str| send(api, Method::PUT, &path, source).await.json()["revision"].clone();
    assert_eq!(revision_after(&life("first")).await, 1, "the same text keeps the revision");
    assert_eq!(revision_after(&life("second")).await, 2);
    assert_eq!(api.get(&format!("{path}?revision=1")).await.json()["description"], "first");
    assert_eq!(api.get(&format!("{path}?revision=9")).await.status, 404);
    assert_eq!(api.get(&format!("{path}?revision=x")).await.status, 422);
    assert_eq!(api.webhook_at(Method::DELETE, &path).send().await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
    assert_eq!(api.webhook_at(Method::DELETE, &path).send().await.status, 404);
    assert_eq!(api.get(&format!("{path}?allowDeleted=true")).await.json()["deleted"], true);
    assert_eq!(create(api, &life("third")).await.json()["revision"], 4, "a deletion is a revision");
    let revisions = api.get(&format!("{path}/revisions")).await.json();
    let seen: Vec<_> =
        revisions.as_array().expect("a list").iter().map(|one| (&one["revision"], &one["deleted"])).collect();
    let wanted =
        [(1, false), (2, false), (3, true), (4, false)].map(|(revision, deleted)| (json!(revision), json!(deleted)));
    assert_eq!(seen, wanted.iter().map(|(revision, deleted)| (revision, deleted)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_flow_that_was_just_deployed_can_be_called_at_once() {
    let server = launch().start();
    for n in 0..20 {
        let id = format!("f{n}");
        assert_eq!(create(&server.api, &flow(&id, &returns("out", "hi"), "")).await.status, 200);
        let answer = server.api.webhook(NAMESPACE, &id, "key").body("{}").send().await;
        assert_eq!(answer.status, 200, "{id}: {}", answer.text());
    }
}

#[tokio::test]
async fn two_who_create_the_same_flow_at_once_are_not_both_right() {
    let server = launch().start();
    let racers: Vec<_> = (0..8)
        .map(|n| {
            let api = server.api.clone();
            tokio::spawn(async move { create(&api, &life(&format!("racer {n}"))).await.status.as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for racer in racers {
        statuses.push(racer.await.expect("a racer"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422, 422, 422, 422, 422, 422, 422]);
    let revisions = server.api.get(&format!("{FLOWS}/{NAMESPACE}/life/revisions")).await.json();
    assert_eq!(revisions.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_a_change_may_not_do_is_said_in_kestras_words() {
    let server = launch().start();
    let api = &server.api;
    assert_eq!(create(api, &life("x")).await.status, 200);
    let path = format!("{FLOWS}/{NAMESPACE}/life");
    let other_id = life("x").replace("id: life", "id: other");
    let other_namespace = life("x").replace(NAMESPACE, "company.other");
    for (path, source, status, words) in [
        (path.as_str(), other_id.as_str(), 422, "Illegal flow id update"),
        (path.as_str(), other_namespace.as_str(), 422, "Illegal namespace update"),
        ("/api/v1/main/flows/company.team/nobody", &life("x"), 404, "Flow not found"),
        (path.as_str(), "id: life", 422, "tasks: must not be empty at line 1, column 1"),
        (path.as_str(), "", 422, "Required Body"),
    ] {
        let answer = send(api, Method::PUT, path, source).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(words), "{words}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let json = api.webhook_at(Method::POST, FLOWS).json(&json!({"id": "x"})).send().await;
    assert_eq!(json.status, 415);
    assert!(json.text().contains("application/x-yaml"), "{}", json.text());
    let large = create(api, &format!("{}#{}", life("x"), "x".repeat(300_000))).await;
    assert_eq!(large.status, 413);
}

#[tokio::test]
async fn texts_are_checked_without_being_deployed() {
    let server = launch().start();
    let wrong = "id: broken\nnamespace: company.team\ntasks:\n  - id: a\n    type: io.kestra.plugin.core.log.Log\n    mesage: x\n";
    let source = format!("{}---\n{wrong}", life("x"));
    let answer = send(&server.api, Method::POST, &format!("{FLOWS}/validate"), &source).await;
    assert_eq!(answer.status, 200);
    let found = answer.json();
    assert_eq!((&found[0]["flow"], &found[0]["index"]), (&json!("life"), &json!(0)));
    assert!(found[0]["constraints"].is_null(), "{found}");
    let constraints = found[1]["constraints"].as_str().expect("constraints");
    let lines: Vec<_> = constraints.lines().collect();
    assert_eq!(lines.len(), 2, "all errors at once: {constraints}");
    assert!(lines.iter().all(|line| line.contains(" at line ")), "{constraints}");
    assert!(constraints.contains("did you mean `message`"), "{constraints}");
    assert_eq!(server.api.get(&format!("{FLOWS}/search")).await.json()["total"], 0);
}

#[tokio::test]
async fn flows_are_found_by_name_namespace_label_and_text() {
    let server = launch().start();
    let api = &server.api;
    for (namespace, id, team) in
        [("a.one", "x", "red"), ("a.one", "y", "blue"), ("a.two.deep", "x", "red"), ("b", "z", "red")]
    {
        let source = flow(id, &returns("out", id), "").replace(NAMESPACE, namespace);
        assert_eq!(create(api, &format!("{source}labels:\n  team: {team}\n")).await.status, 200);
    }
    let found = async |query: &str| {
        let page = api.get(&format!("{FLOWS}/search?{query}")).await.json();
        let results = page["results"].as_array().unwrap_or_else(|| panic!("{query}: {page}")).clone();
        let name = |flow: &Value| format!("{}/{}", flow["namespace"].as_str().unwrap(), flow["id"].as_str().unwrap());
        (results.iter().map(name).collect::<Vec<_>>().join(" "), page["total"].clone())
    };
    assert_eq!(found("").await, ("a.one/x a.one/y a.two.deep/x b/z".to_owned(), json!(4)));
    assert_eq!(found("namespace=a.two").await.0, "a.two.deep/x");
    assert_eq!(found("filters[namespace][EQUALS]=a.one&filters[flowId][IN]=x,q").await.0, "a.one/x");
    assert_eq!(found("labels=team:blue").await.0, "a.one/y");
    assert_eq!(found("filters[labels][NOT_EQUALS][team]=red").await.0, "a.one/y");
    assert_eq!(found("q=DEEP").await.0, "a.two.deep/x");
    assert_eq!(found("sort=id:desc&size=2&page=2").await, ("a.one/x a.two.deep/x".to_owned(), json!(4)));
    assert_eq!(found("page=9").await, (String::new(), json!(4)), "the true total beyond the end");
    for bad in [
        "page=0",
        "size=x",
        "size=1001",
        "sort=nope:asc",
        "sort=id:up",
        "labels=x",
        "colour=red",
        "filters[x][EQUALS]=y",
    ] {
        let status = api.get(&format!("{FLOWS}/search?{bad}")).await.status.as_u16();
        assert!(matches!(status, 400 | 422), "{bad}: {status}");
    }
    assert_eq!(api.get(&format!("{FLOWS}/distinct-namespaces")).await.json(), json!(["a.one", "a.two.deep", "b"]));
    assert_eq!(api.get(&format!("{FLOWS}/distinct-namespaces?q=TWO")).await.json(), json!(["a.two.deep"]));
    assert_eq!(api.get(&format!("{FLOWS}/a.one")).await.json().as_array().map(Vec::len), Some(2));
    assert_eq!(api.get("/api/v1/flows/a").await.json(), json!([]), "a namespace above has none of its own");
    let texts = api.get(&format!("{FLOWS}/source?q=format:%20%22z")).await.json();
    assert_eq!((&texts["total"], &texts["results"][0]["fragments"]), (&json!(1), &json!(["    format: \"z\""])));
}

#[tokio::test]
async fn several_flows_are_deployed_switched_and_deleted_all_or_none() {
    let server = launch().start();
    let api = &server.api;
    let two = format!("{}---\n{}", flow("b1", &returns("out", "1"), ""), flow("b2", &returns("out", "2"), ""));
    let deployed = send(api, Method::POST, &format!("{FLOWS}/bulk"), &two).await;
    assert_eq!(
        (deployed.status.as_u16(), deployed.json().as_array().map(Vec::len)),
        (200, Some(2)),
        "{}",
        deployed.text()
    );
    let twice = format!("{}---\n{}", life("x"), life("y"));
    let refused = send(api, Method::POST, &format!("{FLOWS}/bulk"), &twice).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("Duplicate flow id"), "{}", refused.text());
    assert_eq!(
        api.get(&format!("{FLOWS}/{NAMESPACE}/life")).await.status,
        404,
        "none of a refused request is deployed"
    );
    let by_ids = async |method: Method, path: &str, ids: &[&str]| {
        let names: Vec<_> = ids.iter().map(|id| json!({"namespace": NAMESPACE, "id": id})).collect();
        api.webhook_at(method, &format!("{FLOWS}/{path}")).json(&json!(names)).send().await
    };
    assert_eq!(by_ids(Method::POST, "disable/by-ids", &["b1", "nobody"]).await.status, 404);
    assert_eq!(api.webhook(NAMESPACE, "b1", "key").body("{}").send().await.status, 200, "not switched by half");
    assert_eq!(by_ids(Method::POST, "disable/by-ids", &["b1"]).await.json(), json!({"count": 1}));
    assert_eq!(api.webhook(NAMESPACE, "b1", "key").body("{}").send().await.status, 409);
    assert_eq!(by_ids(Method::POST, "enable/by-ids", &["b1", "b2"]).await.json(), json!({"count": 2}));
    assert_eq!(api.webhook(NAMESPACE, "b1", "key").body("{}").send().await.status, 200);
    let only = send(api, Method::POST, &format!("{FLOWS}/{NAMESPACE}"), &flow("b2", &returns("out", "2"), "")).await;
    assert_eq!(only.status, 200, "{}", only.text());
    assert_eq!(
        api.get(&format!("{FLOWS}/{NAMESPACE}/b1")).await.status,
        404,
        "the others of the namespace are deleted"
    );
    assert_eq!(api.webhook_at(Method::DELETE, &format!("{FLOWS}/delete/by-query")).send().await.status, 422);
    assert_eq!(by_ids(Method::DELETE, "delete/by-ids", &["b2"]).await.json(), json!({"count": 1}));
    assert_eq!(api.get(&format!("{FLOWS}/search")).await.json()["total"], 0);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let server = launch().start();
    let post = |origin: &str| {
        let request = server.api.webhook_at(Method::POST, FLOWS).header("Content-Type", "application/x-yaml");
        request.header("Origin", origin).body(life("x")).send()
    };
    for foreign in ["https://evil.example", "null", "http://localhost:1"] {
        let answer = post(foreign).await;
        assert_eq!(answer.status, 403, "{foreign}");
        assert!(answer.text().contains("another origin"), "{}", answer.text());
    }
    assert_eq!(server.api.get(&format!("{FLOWS}/search")).await.json()["total"], 0);
    assert_eq!(post(server.api.base()).await.status, 200);
}

#[tokio::test]
async fn triggers_are_listed_with_an_address_that_can_be_called() {
    let server = with_example()
        .flow("secret.yaml", include_str!("../../flows/webhook_secret.yaml"))
        .variable("SECRET_WEBHOOK_KEY", "czNjcmV0")
        .start();
    let found = server.api.get("/api/v1/main/triggers/search").await;
    assert!(!found.text().contains("s3cret"), "{}", found.text());
    let page = found.json();
    assert_eq!(page["total"], 2);
    let of =
        |flow: &str| page["results"].as_array().unwrap().iter().find(|one| one["flowId"] == flow).cloned().unwrap();
    let url = of(EXAMPLE)["url"].as_str().expect("a URL").to_owned();
    let called = server.api.get(url.strip_prefix(server.api.base()).expect("our address")).await;
    assert_eq!(called.status, 200);
    let line = of(EXAMPLE)["curl"].as_str().expect("a line").to_owned();
    let copied = std::process::Command::new("sh").args(["-c", &line]).output().expect("a shell");
    let answer: Value = serde_json::from_slice(&copied.stdout).expect("an answer in JSON");
    assert_eq!(answer["trigger"]["variables"]["body"], json!({"hello": "world"}));
    assert!(of("webhook_secret")["url"].as_str().is_some_and(|url| url.ends_with("/<secret WEBHOOK_KEY>")));
    let one = server.api.get(&format!("/api/v1/triggers/{NAMESPACE}/{EXAMPLE}")).await.json();
    assert_eq!((&one["total"], &one["results"][0]["trigger"]["id"]), (&json!(1), &json!("webhook")));
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_and_say_what_is_allowed() {
    let server = launch().start();
    let unknown = server.api.get("/api/v1/main/nothing").await;
    assert_eq!((unknown.status.as_u16(), unknown.header("content-type")), (404, "application/problem+json"));
    let method = server.api.webhook_at(Method::PATCH, &format!("{FLOWS}/search")).send().await;
    assert_eq!((method.status.as_u16(), method.header("content-type")), (405, "application/problem+json"));
    assert!(method.header("allow").contains("GET"), "{:?}", method.headers);
    let other = server.api.get("/api/v1/other/flows/search").await.json();
    assert_eq!(other["total"], 0, "another tenant has none of main's flows");
}
