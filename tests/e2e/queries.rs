//! What the API shows, and that it shows what was just written.

use serde_json::json;

use super::*;

#[tokio::test]
async fn an_execution_is_found_directly_after_the_answer() {
    let server = with_example().start();
    for n in 0..200 {
        let id = deliver_example(&server.api, &json!({"n": n})).await;
        let answer = server.api.get(&format!("/api/v1/main/executions/{id}")).await;
        assert_eq!(answer.status, 200, "delivery {n}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_search_directly_after_the_answer_sees_the_execution() {
    let server = with_example().start();
    for n in 1..=100 {
        deliver_example(&server.api, &json!({"n": n})).await;
        assert_eq!(count(&server.api, &format!("filters[flowId][EQUALS]={EXAMPLE}&size=1")).await, n);
    }
}

#[tokio::test]
async fn an_unknown_execution_is_404_after_a_second_at_most() {
    let server = with_example().start();
    let began = std::time::Instant::now();
    let answer = server.api.get("/api/v1/main/executions/7777777777777777777777").await;
    assert_eq!(answer.status, 404);
    assert!(began.elapsed().as_millis() < 2_000, "{:?}", began.elapsed());
}

#[tokio::test]
async fn searches_filter_by_state_namespace_flow_and_labels() {
    let fail = "  - id: no\n    type: io.kestra.plugin.core.execution.Fail";
    let labels = "labels:\n  team: shop\n";
    let failing = format!("{}\n{labels}", flow("fails", fail, ""));
    let server = with_example().flow("fails.yaml", &failing).start();
    let good = deliver_example(&server.api, &json!({})).await;
    let bad = server.api.webhook(NAMESPACE, "fails", "key").body("{}").send().await.id();
    server.api.ended(&good).await;
    server.api.ended(&bad).await;
    let found = async |query: &str| {
        let results = server.api.search(query).await["results"].clone();
        results
            .as_array()
            .expect("results")
            .iter()
            .map(|one| one["id"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("filters[state][EQUALS]=SUCCESS").await, [good.as_str()]);
    assert_eq!(found("filters[state][IN]=FAILED,KILLED").await, [bad.as_str()]);
    assert_eq!(found("filters[flowId][EQUALS]=fails").await, [bad.as_str()]);
    assert_eq!(found("filters[labels][EQUALS][team]=shop").await, [bad.as_str()]);
    assert_eq!(found("filters[namespace][EQUALS]=company.team").await.len(), 2);
    assert_eq!(found("filters[namespace][EQUALS]=company.other").await.len(), 0);
}

#[tokio::test]
async fn pages_hold_every_execution_once_in_one_order() {
    let server = with_example().start();
    let deliveries: Vec<_> = (0..60)
        .map(|n| {
            let api = server.api.clone();
            tokio::spawn(async move { deliver_example(&api, &json!({"n": n})).await })
        })
        .collect();
    let mut sent = Vec::new();
    for delivery in deliveries {
        sent.push(delivery.await.expect("a delivery"));
    }
    sent.sort_unstable();
    for sort in ["state.startDate:desc", "state.startDate:asc"] {
        let mut seen: Vec<(String, String)> = Vec::new();
        for page in 1..=5 {
            let found = server.api.search(&format!("page={page}&size=13&sort={sort}")).await;
            assert_eq!(found["total"], 60);
            seen.extend(found["results"].as_array().expect("results").iter().map(|one| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (text(&one["state"]["startDate"]), text(&one["id"]))
            }));
        }
        let mut ids: Vec<_> = seen.iter().map(|(_, id)| id.clone()).collect();
        ids.sort_unstable();
        assert_eq!(ids, sent, "{sort}");
        let dates: Vec<_> = seen.iter().map(|(date, _)| date.clone()).collect();
        let mut ordered = dates.clone();
        ordered.sort_unstable();
        if sort.ends_with("desc") {
            ordered.reverse();
        }
        assert_eq!(dates, ordered, "{sort}");
    }
}

#[tokio::test]
async fn a_page_beyond_the_end_still_tells_the_total() {
    let server = with_example().start();
    deliver_example(&server.api, &json!({})).await;
    let found = server.api.search("page=9&size=10").await;
    assert_eq!((found["total"].as_u64(), found["results"].as_array().map(Vec::len)), (Some(1), Some(0)));
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let server = with_example().start();
    for query in ["page=x", "size=-1", "sort=nothing:asc", "filters[nothing][EQUALS]=x"] {
        let answer = server.api.get(&format!("/api/v1/main/executions/search?{query}")).await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{query}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_flow_is_shown_with_its_revision() {
    let server = with_example().start();
    let flow = server.api.get(&format!("/api/v1/main/flows/{NAMESPACE}/{EXAMPLE}")).await.json();
    assert_eq!((&flow["id"], &flow["namespace"], &flow["revision"]), (&json!(EXAMPLE), &json!(NAMESPACE), &json!(1)));
    let missing = server.api.get(&format!("/api/v1/main/flows/{NAMESPACE}/nobody")).await;
    assert_eq!(missing.status, 404);
}
