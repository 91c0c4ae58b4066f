//! Views over a log: what was committed is found, in one order, and found again after the views were deleted.

#![allow(clippy::unwrap_used)]

mod support;

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use support::{Fails, LAYOUT, Stuck, Writer, created, created_by, ended, get, get_bytes, id, logged};
use tower::ServiceExt;
use windhover_console::{Console, Kept, Options};
use windhover_eventlog::{
    Append, Expect, LogName, ObjectName, Position, SharedLog,
    ask::{Answer, NoOwners, Owners, Question, SharedOwners},
    definitions::Deployments,
    memory::Memory,
};
use windhover_proto::{event::Event, id::Fingerprint, request::Body, state::State};

const FOREVER: Kept = Kept { ended_days: 1_000_000, failed_days: 1_000_000 };

async fn console(writer: &Writer, folder: &Path) -> Console {
    console_with(writer, folder, FOREVER, Arc::new(NoOwners)).await
}

async fn console_with(writer: &Writer, folder: &Path, kept: Kept, owners: SharedOwners) -> Console {
    Console::start(Options {
        log: writer.log.clone(),
        owners,
        deployments: Deployments::open(writer.log.clone()).await.unwrap(),
        folder: folder.join("console"),
        kept,
        surroundings: Arc::new(windhover_proto::expr::NoSurroundings),
        public_url: "http://127.0.0.1:8080".to_owned(),
        operations: &[],
        not_ready: Arc::new(|| None),
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_is_found_right_after_its_commit_and_an_unknown_one_is_404() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    let console = console(&writer, folder.path()).await;
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
    let console = console(&writer, folder.path()).await;
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
        let logged = logged(format!("line {number}"));
        let events = vec![created("echo"), Event::ExecutionStarted, logged, ended(State::Success)];
        writer.commit(id(number), i64::from(number), events).await;
    }
    let answers = async |folder: &Path| {
        let console = console(&writer, folder).await;
        let router = console.router();
        let mut all = vec![get_bytes(&router, "/api/v1/main/executions/search?size=100").await];
        for number in 1..=50 {
            all.push(get_bytes(&router, &format!("/api/v1/main/executions/{}", id(number))).await);
            all.push(get_bytes(&router, &format!("/api/v1/main/logs/{}", id(number))).await);
        }
        all
    };
    let before = answers(folder.path()).await;
    let json = |index: usize| serde_json::from_slice::<serde_json::Value>(&before[index].1).unwrap();
    assert_eq!(json(0)["total"], 50);
    assert_eq!(json(2)[0]["message"], "line 1");
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

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_of_many_commits_is_shown_as_its_newest_one_left_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    let console = console(&writer, folder.path()).await;
    let router = console.router();
    writer.commit(id(1), 1000, vec![created("echo")]).await;
    for (at, event, state) in [
        (1001, Event::ExecutionStarted, "RUNNING"),
        (1002, logged("one".into()), "RUNNING"),
        (1003, logged("two".into()), "RUNNING"),
        (1004, ended(State::Failed), "FAILED"),
    ] {
        writer.commit(id(1), at, vec![event]).await;
        writer.commit(id(3), at, vec![created("other"), ended(State::Success)]).await;
        let (_, body) = get(&router, "/api/v1/executions/search?filters[flowId][EQUALS]=echo").await;
        assert_eq!((body["total"].as_u64(), body["results"][0]["state"]["current"].as_str()), (Some(1), Some(state)));
    }
    let (_, body) = get(&router, &format!("/api/v1/executions/{}", id(1))).await;
    assert_eq!(body["state"]["endDate"], "1970-01-01T00:00:01.004Z");
    let (_, lines) = get(&router, &format!("/api/v1/logs/{}", id(1))).await;
    assert_eq!(lines.as_array().map(Vec::len), Some(2));
    let (_, body) = get(&router, "/api/v1/executions/search").await;
    assert_eq!(body["total"], 2, "an execution that was made anew under its id is listed once");
}

/// An engine that commits what is in the inbox a while after it was asked.
#[derive(Debug)]
struct Slow(SharedLog);

impl Owners for Slow {
    fn ask(&self, _question: Question) -> BoxFuture<'static, Option<Answer>> {
        Box::pin(std::future::ready(None))
    }

    fn settled(&self, inbox: Position) -> BoxFuture<'static, Option<Vec<Position>>> {
        let log = self.0.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let mut writer = Writer::on(log);
            writer.commit(id(u8::try_from(inbox.0).unwrap()), 1000, vec![created("echo"), ended(State::Success)]).await;
            Some(vec![])
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_what_was_accepted_before_the_request() {
    for path in
        [format!("/api/v1/executions/{}", id(1)), "/api/v1/executions/search".into(), format!("/api/v1/logs/{}", id(1))]
    {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::new();
        let console = console_with(&writer, folder.path(), FOREVER, Arc::new(Slow(writer.log.clone()))).await;
        let router = console.router();
        accept(&writer).await;
        let (status, body) = get(&router, &path).await;
        assert_eq!(status, 200, "{path}");
        assert!(
            path.ends_with("1111") || body["total"] == 1 || body["id"].is_string() || body.is_array(),
            "{path}: {body}"
        );
    }
}

/// A delivery in the inbox, which nobody has decided.
async fn accept(writer: &Writer) {
    let log = LogName::Inbox { shard: 0 };
    let accepted = Append { log, bytes: "accepted".into(), expect: Expect::Anything, resend_id: None };
    assert_eq!(writer.log.append(accepted).await.unwrap(), Position(1));
}

/// Status, `code` and `Retry-After` of an answer.
async fn refusal(console: &Console, path: &str) -> (u16, String, Option<String>) {
    let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
    let response = console.router().oneshot(request).await.unwrap();
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    (status, body["code"].as_str().unwrap_or_default().to_owned(), retry_after)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_no_engine_answers_an_unknown_execution_is_503_and_a_known_one_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    writer.commit(id(1), 1000, vec![created("echo"), Event::ExecutionStarted]).await;
    accept(&writer).await;
    let console = console(&writer, folder.path()).await;
    let (status, body) = get(&console.router(), &format!("/api/v1/main/executions/{}", id(1))).await;
    assert_eq!((status, body["state"]["current"].as_str()), (200, Some("RUNNING")));
    for path in [format!("executions/{}", id(9)), format!("logs/{}", id(9)), format!("executions/{}/flow", id(9))] {
        let answer = refusal(&console, &format!("/api/v1/main/{path}")).await;
        assert_eq!(answer, (503, "undecided".to_owned(), Some("1".to_owned())), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_log_does_not_say_where_it_ends_an_unknown_execution_is_503() {
    let folder = tempfile::tempdir().unwrap();
    let headless = Writer::on(Arc::new(Stuck { log: Writer::new().log, fails: Fails::Heads }));
    let console = console(&headless, folder.path()).await;
    let answer = refusal(&console, &format!("/api/v1/main/executions/{}", id(9))).await;
    assert_eq!(answer, (503, "unavailable".to_owned(), Some("1".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_time_or_trimmed_is_not_shown_before_and_after_a_rebuild() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    let now = i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let day = 24 * 60 * 60 * 1000;
    let same_partition: Vec<_> = (1..=200).map(id).filter(|id| id.partition(LAYOUT.partitions) == 0).take(5).collect();
    let ages = [50, 40, 31, 31, 1];
    let states = [State::Success, State::Failed, State::Success, State::Failed, State::Success];
    let mut positions = vec![];
    for ((id, age), state) in same_partition.iter().zip(ages).zip(states) {
        positions.push(writer.commit(*id, now - age * day, vec![created("echo"), ended(state)]).await);
    }
    let shown = async || {
        let console =
            console_with(&writer, folder.path(), Kept { ended_days: 30, failed_days: 90 }, Arc::new(NoOwners)).await;
        let router = console.router();
        let (_, body) = get(&router, "/api/v1/executions/search").await;
        let mut statuses = vec![];
        for id in &same_partition {
            statuses.push(get(&router, &format!("/api/v1/executions/{id}")).await.0);
        }
        (body["total"].as_u64(), statuses)
    };
    let remake = || std::fs::remove_dir_all(folder.path().join("console")).unwrap();
    let kept = (Some(3), vec![404, 200, 404, 200, 200]);
    assert_eq!(shown().await, kept);
    remake();
    assert_eq!(shown().await, kept);
    writer.log.trim(LogName::Executions { partition: 0 }, Position(positions[2])).await.unwrap();
    let left = (Some(2), vec![404, 404, 404, 200, 200]);
    assert_eq!(shown().await, left);
    remake();
    assert_eq!(shown().await, left);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_the_one_that_was_folded_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    writer.commit(id(1), 1000, vec![created("echo")]).await;
    writer.commit(id(1), 1001, vec![ended(State::Success)]).await;
    let first = console(&writer, folder.path()).await;
    assert_eq!(get(&first.router(), &format!("/api/v1/executions/{}", id(1))).await.0, 200);
    drop(first);
    let mut other = Writer::on(Memory::new(LAYOUT));
    other.commit(id(1), 5000, vec![created("other")]).await;
    let lost = console(&other, folder.path()).await;
    let router = lost.router();
    get(&router, "/api/v1/executions/search").await;
    let (status, body) = get(&router, "/ready").await;
    assert_eq!(status, 503);
    assert!(body["reason"].as_str().unwrap().contains("ends at 1, but 2 was seen"), "{body}");
    drop((lost, router));
    other.commit(id(1), 5001, vec![ended(State::Success)]).await;
    let changed = console(&other, folder.path()).await;
    let router = changed.router();
    get(&router, "/api/v1/executions/search").await;
    let (_, body) = get(&router, "/ready").await;
    assert!(body["reason"].as_str().unwrap().contains("is another one"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_kept_apart_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    let bytes = br#"{"big":[1,2]}"#.to_vec();
    let fingerprint = Fingerprint::of(&bytes);
    let body = Body::Blob { fingerprint, size_bytes: bytes.len() as u64 };
    writer.log.put_object(ObjectName::new(format!("blob/{fingerprint}")).unwrap(), bytes.into()).await.unwrap();
    writer.commit(id(1), 1, vec![created_by("echo", body), ended(State::Success)]).await;
    let console = console(&writer, folder.path()).await;
    let (_, body) = get(&console.router(), &format!("/api/v1/executions/{}", id(1))).await;
    assert_eq!(body["trigger"]["variables"]["body"], serde_json::json!({"big": [1, 2]}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_executions_of_a_flow_are_listed_and_logs_are_downloaded_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    for number in 1..=6 {
        let flow = if number % 2 == 0 { "even" } else { "odd" };
        let events = vec![created(flow), logged("one".into()), logged("two".into()), ended(State::Success)];
        writer.commit(id(number), 5, events).await;
    }
    let console = console(&writer, folder.path()).await;
    let router = console.router();
    let (status, body) = get(&router, "/api/v1/main/executions?namespace=company.team&flowId=even&size=2").await;
    assert_eq!((status, body["total"].as_u64(), body["results"].as_array().map(Vec::len)), (200, Some(3), Some(2)));
    let (_, body) = get(&router, "/api/v1/executions?namespace=company&flowId=even").await;
    assert_eq!(body["total"], 0);
    for query in
        ["namespace=company.team", "flowId=even", "namespace=a&flowId=b&state=SUCCESS", "namespace=a&flowId=b&page=0"]
    {
        let (status, _) = get(&router, &format!("/api/v1/main/executions?{query}")).await;
        assert!(matches!(status, 400 | 422), "{query}: {status}");
    }
    let (status, text) = get_bytes(&router, &format!("/api/v1/main/logs/{}/download", id(1))).await;
    let lines = "1970-01-01T00:00:00.005Z INFO one\n1970-01-01T00:00:00.005Z INFO two";
    assert_eq!((status, std::str::from_utf8(&text)), (200, Ok(lines)));
}

#[tokio::test(start_paused = true)]
async fn a_search_is_503_with_retry_after_while_the_views_are_being_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    writer.commit(id(1), 1000, vec![created("echo"), ended(State::Success)]).await;
    let making = Writer::on(Arc::new(Stuck { log: writer.log.clone(), fails: Fails::Reading }));
    let console = console(&making, folder.path()).await;
    for path in ["executions/search", "executions?namespace=company.team&flowId=echo"] {
        let request = axum::http::Request::get(format!("/api/v1/main/{path}")).body(axum::body::Body::empty()).unwrap();
        let response = console.router().oneshot(request).await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!((response.status().as_u16(), header("retry-after").as_deref()), (503, Some("1")), "{path}");
        assert_eq!(header("content-type").as_deref(), Some("application/problem+json"));
    }
    let (status, body) = get(&console.router(), "/ready").await;
    assert_eq!((status, body["status"].as_str()), (503, Some("NOT_READY")));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_keep_their_digits_wherever_an_execution_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new();
    let body = r#"{"price":1.10,"big":123456789012345678901234567890}"#;
    writer.commit(id(1), 1, vec![created_by("echo", Body::Text(body.into())), ended(State::Success)]).await;
    let console = console(&writer, folder.path()).await;
    for path in [format!("executions/{}", id(1)), "executions/search".into(), format!("executions/{}/follow", id(1))] {
        let (status, bytes) = get_bytes(&console.router(), &format!("/api/v1/main/{path}")).await;
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(status == 200 && text.contains("123456789012345678901234567890"), "{path}: {text}");
    }
}
