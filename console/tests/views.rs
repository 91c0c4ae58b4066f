//! Views over a log: what was committed is found, in one order, and found again after the views were deleted.

use std::{path::Path, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use bytes::Bytes;
use tower::ServiceExt;
use windhover_console::{Console, Kept, Options};
use windhover_eventlog::{
    Append, Expect, Layout, LogName, SharedLog, ask::NoOwners, definitions::Deployments, memory::Memory,
};
use windhover_proto::{
    codec::{self, CommitHeader, Consumed, Line, RecordHash},
    delivery::{Delivery, FlowRef, RawRequest},
    event::{Event, ExecutionCreated},
    id::{DeliveryId, ExecutionId, Fingerprint, TenantId},
    request::{Body as RequestBody, Request as Delivered},
    state::State,
    time::Timestamp,
};

const LAYOUT: Layout = Layout { format: 1, partitions: 2, shards: 1 };

/// Appends commits as an engine would.
struct Writer {
    log: SharedLog,
    heads: [(u64, Option<RecordHash>); 2],
}

impl Writer {
    fn new() -> Self {
        Self { log: Memory::new(LAYOUT), heads: [(0, None); 2] }
    }

    async fn commit(&mut self, id: ExecutionId, at: i64, events: Vec<Event>) {
        let partition = id.partition(LAYOUT.partitions);
        let (position, hash) = self.heads[usize::from(partition)];
        let header = CommitHeader {
            partition,
            epoch: 1,
            now: Timestamp::from_millis(at),
            seed: 0,
            logic_version: 1,
            definitions_at: 0,
            consumed: Consumed::default(),
            prev_position: position,
            prev_hash: hash,
        };
        let line = Line { at: Timestamp::from_millis(at), events };
        let bytes = Bytes::from(codec::encode_commit(&header, [(id, &line)]));
        let log = LogName::Executions { partition };
        let append = Append { log, bytes: bytes.clone(), expect: Expect::Anything, resend_id: None };
        let position = self.log.append(append).await.unwrap();
        self.heads[usize::from(partition)] = (position.0, Some(codec::hash(&bytes)));
    }

    async fn console(&self, folder: &Path) -> Console {
        Console::start(Options {
            log: self.log.clone(),
            owners: Arc::new(NoOwners),
            deployments: Deployments::open(self.log.clone()).await.unwrap(),
            folder: folder.join("console"),
            kept: Kept { ended_days: 1_000_000, failed_days: 1_000_000 },
            not_ready: Arc::new(|| None),
        })
        .unwrap()
    }
}

fn id(number: u8) -> ExecutionId {
    ExecutionId::from_bytes([number; 16])
}

fn created(flow: &str) -> Event {
    let body = Some(RequestBody::Text(r#"{"n":null}"#.into()));
    let request = Delivered { method: "POST".into(), query: String::new(), headers: vec![], body };
    Event::ExecutionCreated(Box::new(ExecutionCreated {
        flow: FlowRef {
            tenant: TenantId::main(),
            namespace: "company.team".parse().unwrap(),
            flow: flow.parse().unwrap(),
            revision: 1,
        },
        seed: 1,
        labels: vec![("team".into(), flow.into())],
        inputs: None,
        delivery: Delivery {
            id: DeliveryId::from_bytes([1; 16]),
            trigger: "hook".parse().unwrap(),
            received_at: Timestamp::from_millis(1),
            key: None,
            fingerprint: Fingerprint::of(b"x"),
            request: RawRequest::new(&request),
        },
    }))
}

fn ended(state: State) -> Event {
    Event::ExecutionEnded { state, outputs: None, afterwards: Default::default() }
}

async fn get(router: &Router, path: &str) -> (u16, serde_json::Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_is_found_right_after_its_commit_and_an_unknown_one_is_404() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    let console = writer.console(folder.path()).await;
    let router = console.router();
    for number in 1..=20 {
        writer.commit(id(number), 1000, vec![created("echo"), Event::ExecutionStarted]).await;
        let (status, body) = get(&router, &format!("/api/v1/main/executions/{}", id(number))).await;
        assert_eq!((status, body["state"]["current"].as_str()), (200, Some("RUNNING")));
        assert_eq!(body["trigger"]["variables"]["body"], serde_json::json!({"n": null}));
    }
    let (status, body) = get(&router, &format!("/api/v1/executions/{}", id(99))).await;
    assert_eq!((status, body["code"].as_str()), (404, Some("execution-not-found")));
    let (status, _) = get(&router, &format!("/api/v1/other/executions/{}", id(1))).await;
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_filters_orders_and_counts_across_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    for number in 1..=30u8 {
        let flow = if number % 3 == 0 { "third" } else { "echo" };
        let state = if number % 2 == 0 { State::Success } else { State::Failed };
        writer.commit(id(number), 1000 + i64::from(number / 4), vec![created(flow), Event::ExecutionStarted]).await;
        writer.commit(id(number), 5000, vec![ended(state)]).await;
    }
    let console = writer.console(folder.path()).await;
    let router = console.router();
    let ids = |body: &serde_json::Value| -> Vec<String> {
        body["results"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let (_, body) = get(&router, "/api/v1/main/executions/search?size=100").await;
    assert_eq!(body["total"], 30);
    let all = ids(&body);
    let expected: Vec<String> = {
        let mut numbers: Vec<u8> = (1..=30).collect();
        numbers.sort_by_key(|number| (std::cmp::Reverse(number / 4), id(*number).to_string()));
        numbers.into_iter().map(|number| id(number).to_string()).collect()
    };
    assert_eq!(all, expected);
    let (_, second) = get(&router, "/api/v1/main/executions/search?size=10&page=2").await;
    assert_eq!((ids(&second), second["total"].as_u64()), (expected[10..20].to_vec(), Some(30)));
    let (_, past) = get(&router, "/api/v1/main/executions/search?size=10&page=9").await;
    assert_eq!((past["results"].as_array().map(Vec::len), past["total"].as_u64()), (Some(0), Some(30)));
    let (_, some) =
        get(&router, "/api/v1/main/executions/search?filters[state][IN]=FAILED&filters[flowId][EQUALS]=third").await;
    assert_eq!(some["total"], 5);
    let (status, problem) = get(&router, "/api/v1/main/executions/search?colour=red").await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("colour"));
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_were_deleted_or_damaged_are_made_again_with_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    for number in 1..=50u8 {
        let logged = Event::Logged(windhover_proto::event::Logged {
            task_run: None,
            level: windhover_proto::flow::LogLevel::Info,
            message: format!("line {number}"),
        });
        let events = vec![created("echo"), Event::ExecutionStarted, logged, ended(State::Success)];
        writer.commit(id(number), i64::from(number), events).await;
    }
    let answers = async |folder: &Path| {
        let console = writer.console(folder).await;
        let router = console.router();
        let mut all = vec![get(&router, "/api/v1/main/executions/search?size=100").await];
        for number in 1..=50 {
            all.push(get(&router, &format!("/api/v1/main/executions/{}", id(number))).await);
            all.push(get(&router, &format!("/api/v1/main/logs/{}", id(number))).await);
        }
        all
    };
    let before = answers(folder.path()).await;
    assert_eq!(before[0].1["total"], 50);
    assert_eq!(before[2].1[0]["message"], "line 1");
    assert_eq!(answers(folder.path()).await, before, "after a restart");
    std::fs::remove_dir_all(folder.path().join("console")).unwrap();
    assert_eq!(answers(folder.path()).await, before, "after deletion");
    tokio::time::sleep(Duration::from_millis(100)).await;
    std::fs::write(folder.path().join("console/conf"), b"not sled's").unwrap();
    assert_eq!(answers(folder.path()).await, before, "after damage");
    let aside = std::fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().contains("damaged")));
    assert_eq!(aside.count(), 1);
}
