//! Commits as an engine would append them, over a log in memory.

#![allow(dead_code, unreachable_pub, unused_imports, clippy::unwrap_used)]

mod stuck;

pub use stuck::{Fails, Stuck};

use std::collections::HashMap;

use axum::{Router, body::Body, http::Request};
use bytes::Bytes;
use tower::ServiceExt;
use windhover_eventlog::{Append, Expect, Layout, LogName, SharedLog, memory::Memory};
use windhover_proto::{
    codec::{self, CommitHeader, Consumed, Line, RecordHash},
    delivery::{Delivery, FlowRef, RawRequest},
    event::{Event, ExecutionCreated},
    id::{DeliveryId, ExecutionId, Fingerprint, TenantId},
    request::{Body as RequestBody, Request as Delivered},
    state::State,
    time::Timestamp,
};

pub const LAYOUT: Layout = Layout { format: 1, partitions: 2, shards: 1 };

/// Appends commits as an engine would.
pub struct Writer {
    pub log: SharedLog,
    heads: HashMap<u16, (u64, RecordHash)>,
}

impl Writer {
    pub fn new() -> Self {
        Self::on(Memory::new(LAYOUT))
    }

    pub fn on(log: SharedLog) -> Self {
        Self { log, heads: HashMap::new() }
    }

    /// One commit about one execution.
    pub async fn commit(&mut self, id: ExecutionId, at: i64, events: Vec<Event>) -> u64 {
        let line = Line { at: Timestamp::from_millis(at), events };
        self.commit_lines(id.partition(LAYOUT.partitions), &[(id, line)]).await
    }

    /// One commit about several executions of one partition.
    pub async fn commit_lines(&mut self, partition: u16, lines: &[(ExecutionId, Line)]) -> u64 {
        let before = self.heads.get(&partition);
        let header = CommitHeader {
            partition,
            epoch: 1,
            now: lines.first().map(|(_, line)| line.at).unwrap_or_default(),
            seed: 0,
            logic_version: 1,
            definitions_at: 0,
            consumed: Consumed::default(),
            prev_position: before.map_or(0, |(position, _)| *position),
            prev_hash: before.map(|(_, hash)| *hash),
        };
        let bytes = Bytes::from(codec::encode_commit(&header, lines.iter().map(|(id, line)| (*id, line))));
        let log = LogName::Executions { partition };
        let append = Append { log, bytes: bytes.clone(), expect: Expect::Anything, resend_id: None };
        let position = self.log.append(append).await.unwrap().0;
        self.heads.insert(partition, (position, codec::hash(&bytes)));
        position
    }
}

pub fn id(number: u8) -> ExecutionId {
    ExecutionId::from_bytes([number; 16])
}

pub fn created(flow: &str) -> Event {
    created_by(flow, RequestBody::Text(r#"{"n":null}"#.into()))
}

pub fn created_by(flow: &str, body: RequestBody) -> Event {
    let request = Delivered { method: "POST".into(), query: String::new(), headers: vec![], body: Some(body) };
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
        secret_inputs: None,
        delivery: Delivery {
            id: DeliveryId::from_bytes([1; 16]),
            trigger: Some("hook".parse().unwrap()),
            received_at: Timestamp::from_millis(1),
            key: None,
            fingerprint: Fingerprint::of(b"x"),
            request: RawRequest::new(&request),
        },
        replay: None,
    }))
}

pub fn ended(state: State) -> Event {
    Event::ExecutionEnded { state, outputs: None, afterwards: Default::default() }
}

pub fn logged(message: String) -> Event {
    let level = windhover_proto::flow::LogLevel::Info;
    Event::Logged(windhover_proto::event::Logged { task_run: None, level, message })
}

/// Status and bytes of an answer.
pub async fn get_bytes(router: &Router, path: &str) -> (u16, Bytes) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    (status, axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap())
}

/// Status and JSON of an answer.
pub async fn get(router: &Router, path: &str) -> (u16, serde_json::Value) {
    let (status, bytes) = get_bytes(router, path).await;
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}
