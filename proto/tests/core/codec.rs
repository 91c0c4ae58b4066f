//! Records survive the log to the byte, damage is an error and never a panic, and old formats stay readable.

use proptest::prelude::*;
use windhover_proto::{
    codec::{
        self, CommitHeader, Consumed, DecodeError, InboxLine, Line, decode_commit, decode_definitions, decode_inbox,
        decode_line, encode_commit, encode_inbox,
    },
    core::partition::{Head, Rules, fold},
    delivery::{Delivery, FlowRef, Key, KeySource, RawRequest},
    event::{Answer, Event, Failure, Kept, Logged, Outcome},
    expr::Value,
    flow::LogLevel,
    id::{DeliveryId, ExecutionId, Fingerprint, TaskRunId, TenantId},
    input::{DeletionRequested, ExecutionRequested, Input, Replay, WebhookReceived},
    request::{Body, HeaderValue, Request},
    seal::SealKey,
    time::Timestamp,
};

use crate::world::{Map, Scenario, answered, delivered, given, time_passes, unanswered};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::integer),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::Double),
        any::<String>().prop_map(Value::text),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::list),
            prop::collection::btree_map(any::<String>(), inner, 0..5).prop_map(|map| Value::map(map.into_iter())),
        ]
    })
}

fn header_value() -> impl Strategy<Value = HeaderValue> {
    prop_oneof![
        any::<String>().prop_map(HeaderValue::Text),
        any::<Vec<u8>>().prop_map(|bytes| HeaderValue::Sealed(SealKey::from_bytes([1; 32]).seal("header:x", &bytes))),
        Just(HeaderValue::NotKept),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let body = prop_oneof![
        Just(None),
        any::<Vec<u8>>().prop_map(|bytes| Some(Body::from(bytes))),
        any::<u64>().prop_map(|size_bytes| Some(Body::Blob { fingerprint: Fingerprint::of(b"x"), size_bytes })),
    ];
    let headers = prop::collection::vec((any::<String>(), header_value()), 0..6);
    ("GET|POST|PUT", any::<String>(), headers, body).prop_map(|(method, query, headers, body)| Request {
        method,
        query,
        headers,
        body,
    })
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let source = prop::sample::select(vec![KeySource::Header, KeySource::Preset, KeySource::Expression]);
    let key = prop::option::of(("[ -~]{1,255}", source));
    (any::<[u8; 16]>(), any::<i64>(), key, request()).prop_map(|(id, at, key, request)| Delivery {
        id: DeliveryId::from_bytes(id),
        trigger: Some("hook".parse().unwrap()),
        received_at: Timestamp::from_millis(at),
        key: key.map(|(id, source)| Key { id: id.parse().unwrap(), source }),
        fingerprint: Fingerprint::of(&id),
        request: RawRequest::new(&request),
    })
}

fn flow_ref() -> FlowRef {
    let (namespace, flow) = ("company.team".parse().unwrap(), "example".parse().unwrap());
    FlowRef { tenant: TenantId::main(), namespace, flow, revision: 3 }
}

fn input() -> impl Strategy<Value = Input> {
    let labels = prop::collection::vec((any::<String>(), any::<String>()), 0..4);
    (
        any::<[u8; 16]>(),
        delivery(),
        labels,
        prop::option::of(value().prop_filter("inputs are a map", |inputs| !inputs.is_null())),
    )
        .prop_map(|(id, delivery, labels, inputs)| {
            let execution = ExecutionId::from_bytes(id);
            match id[0] % 3 {
                0 => return Input::DeletionRequested(DeletionRequested { id: delivery.id, execution }),
                1 => {
                    return Input::ExecutionRequested(Box::new(ExecutionRequested {
                        execution,
                        flow: flow_ref(),
                        definitions_at: 7,
                        delivery: Delivery { trigger: None, ..delivery },
                        labels,
                        inputs,
                        secret_inputs: None,
                        replay: (id[1] > 127).then_some(Replay { of: execution, original: execution, attempt: 2 }),
                    }));
                }
                _ => {}
            }
            Input::WebhookReceived(Box::new(WebhookReceived {
                execution: ExecutionId::from_bytes(id),
                flow: flow_ref(),
                definitions_at: 7,
                delivery,
                labels,
                inputs,
                secret_inputs: None,
                from: "trigger".to_owned(),
            }))
        })
}

fn event() -> impl Strategy<Value = Event> {
    let run = any::<[u8; 16]>().prop_map(TaskRunId::from_bytes);
    let at = any::<i64>().prop_map(Timestamp::from_millis);
    prop_oneof![
        (run.clone(), any::<String>()).prop_map(|(run, message)| {
            Event::Logged(Logged { task_run: Some(run), level: LogLevel::Warn, message })
        }),
        (run.clone(), prop::option::of(value())).prop_map(|(task_run, outputs)| Event::TaskRunSucceeded {
            task_run,
            outputs: outputs.map(Kept::Clear),
            outcome: Outcome::Warning,
            told: Some(LogLevel::Debug),
        }),
        (run.clone(), value()).prop_map(|(task_run, shown)| Event::TaskRunFailed {
            task_run,
            outputs: Some(Kept::Sealed { shown, sealed: Some(SealKey::from_bytes([1; 32]).seal("x", b"y")) }),
            failure: Failure::Retried,
            answer: Answer::Recorded,
        }),
        (run, at).prop_map(|(task_run, wake_at)| Event::RetryScheduled { task_run, wake_at }),
        any::<String>().prop_map(|reason| Event::ExecutionStuck { reason }),
    ]
}

fn header() -> impl Strategy<Value = CommitHeader> {
    let numbers = (any::<u16>(), any::<u64>(), any::<i64>(), any::<u64>(), any::<u64>(), any::<u32>());
    (numbers, any::<Option<[u8; 32]>>()).prop_map(|((partition, epoch, now, seed, through, within), hash)| {
        CommitHeader {
            partition,
            epoch,
            now: Timestamp::from_millis(now),
            seed,
            logic_version: codec::LOGIC_VERSION,
            definitions_at: through,
            consumed: Consumed { through, within },
            prev_position: epoch,
            prev_hash: hash.map(Fingerprint::from_bytes),
        }
    })
}

/// The same inbox record with the members of its objects in another order.
fn with_members_reversed(record: &[u8]) -> Vec<u8> {
    let mut lines = std::str::from_utf8(record).unwrap().lines();
    let mut reversed_record = format!("{}\n", lines.next().unwrap());
    for line in lines {
        let (partition, json) = line.split_once(' ').unwrap();
        reversed_record += &format!("{partition} {}\n", reversed(serde_json::from_str(json).unwrap()));
    }
    reversed_record.into_bytes()
}

fn reversed(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(members) => {
            members.into_iter().rev().map(|(name, value)| (name, reversed(value))).collect()
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inputs_survive_the_inbox(inputs in prop::collection::vec(input(), 0..6)) {
        let lines: Vec<InboxLine> = inputs.iter().map(|input| InboxLine::new(input, 16)).collect();
        let record = encode_inbox(&lines);
        let items = decode_inbox(&record).unwrap();
        let read: Vec<Input> = items.iter().map(|item| item.input().unwrap()).collect();
        prop_assert_eq!(&read, &inputs);
        let reversed = with_members_reversed(&record);
        let reversed = decode_inbox(&reversed).unwrap();
        for ((item, reversed), input) in items.iter().zip(&reversed).zip(&inputs) {
            prop_assert_eq!(item.partition, input.execution().partition(16));
            let keyed = input.delivery().filter(|delivery| delivery.key.is_some());
            let keyed = keyed.map(|delivery| (input.execution(), delivery.id, delivery.received_at));
            for item in [item, reversed] {
                let arrival = item.arrival().unwrap();
                prop_assert_eq!(arrival.map(|arrival| (arrival.execution, arrival.delivery, arrival.received_at)), keyed);
            }
        }
    }

    #[test]
    fn commits_survive_their_log(header in header(), events in prop::collection::vec((any::<[u8; 16]>(), prop::collection::vec(event(), 0..5)), 0..5)) {
        let line = |events: &Vec<Event>| Line { at: header.now, events: events.clone() };
        let lines: Vec<(ExecutionId, Line)> = events.iter().map(|(id, events)| (ExecutionId::from_bytes(*id), line(events))).collect();
        let record = encode_commit(&header, lines.iter().map(|(id, line)| (*id, line)));
        let commit = decode_commit(&record).unwrap();
        let read: Vec<(ExecutionId, Line)> = commit.items().map(|(id, json)| (id, decode_line(json).unwrap())).collect();
        prop_assert_eq!(&commit.header, &header);
        prop_assert_eq!(read, lines);
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let commits = whole_life().commits;
        let mut record = which.get(&commits).clone();
        let at = at.index(record.len());
        if cut { record.truncate(at) } else { record[at] = byte }
        read_anything(&record);
        let inbox = String::from_utf8_lossy(INBOX).into_owned().into_bytes();
        let mut inbox = inbox;
        let at = at % inbox.len();
        if cut { inbox.truncate(at) } else { inbox[at] = byte }
        read_anything(&inbox);
    }

    #[test]
    fn noise_is_an_error_and_never_a_panic(noise in any::<Vec<u8>>()) {
        read_anything(&noise);
    }
}

/// Reads bytes as every kind of record, to the last line.
fn read_anything(record: &[u8]) {
    let rules = Rules { partition: 0, key_horizon_ms: 1, quarantine: None };
    for item in decode_inbox(record).unwrap_or_default() {
        let _ = item.input();
        let _ = item.arrival();
    }
    if let Ok(commit) = decode_commit(record) {
        commit.items().for_each(|(_, json)| drop(decode_line(json)));
    }
    let _ = decode_definitions(record);
    // Without the chain before it the record is refused; as the first one its events may still make no sense.
    let first = String::from_utf8_lossy(record).replacen("\"prev_hash\"", "\"before\"", 1).into_bytes();
    let _ = fold(&Head::empty(), &Map::default(), &first, 1, rules);
}

const INBOX: &[u8] = include_bytes!("../data/format-1/inbox.txt");
const COMMITS: &str = include_str!("../data/format-1/commits.txt");
const EVENTS: &str = include_str!("../data/format-1/events.txt");

/// Executions that meet every kind of event.
fn whole_life() -> Scenario {
    given(
        r#"tasks:
  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}
  - {id: no, type: io.kestra.plugin.core.log.Log, message: x, runIf: "false"}
  - {id: pay, type: io.kestra.plugin.core.http.Request, uri: "http://sink/", retry: {type: constant, interval: PT1S, maxAttempts: 3}}
  - {id: give, type: io.kestra.plugin.core.debug.Return, format: "<{{ secret('TOKEN') }}>"}
  - {id: bad, type: io.kestra.plugin.core.execution.Fail, errorMessage: "\u2028 \" \\ \n end"}
outputs:
  - {id: o, type: INT, value: "5"}
afterExecution:
  - {id: boom, type: io.kestra.plugin.core.debug.Return, format: "{{ trigger.body.n }}"}"#,
    )
    .when(delivered("k", 1))
    .when(delivered("k", 2))
    .at(1_000)
    .when(time_passes())
    .when(unanswered("pay", "reset"))
    .at(2_000)
    .when(time_passes())
    .when(answered("pay", 503, "busy"))
    .at(3_000)
    .when(time_passes())
    .when(answered("pay", 200, "paid"))
    .when(delivered("k", 3))
}

/// All events of commits, one a line, as JSON.
fn events_of(commits: &[Vec<u8>]) -> String {
    let mut events = String::new();
    for commit in commits {
        for (id, json) in decode_commit(commit).unwrap().items() {
            for event in decode_line(json).unwrap().events {
                events.push_str(&format!("{id} {event:?}\n"));
            }
        }
    }
    events
}

/// The fixture's records: each ends with a line break, and an empty line stands between two.
fn fixture_commits() -> Vec<Vec<u8>> {
    COMMITS.split("\n\n").map(|record| format!("{}\n", record.trim_end()).into_bytes()).collect()
}

#[test]
fn records_of_format_1_are_read_to_the_last_event() {
    let commits = fixture_commits();
    assert_eq!(events_of(&commits), EVENTS);
    let (mut head, mut store) = (Head::empty(), Map::default());
    let rules = Rules { partition: 0, key_horizon_ms: 1, quarantine: None };
    for (position, commit) in (1..).zip(&commits) {
        let (next, changes) = fold(&head, &store, commit, position, rules).unwrap();
        head = next;
        store.apply(changes);
    }
    let inputs: Vec<Input> = decode_inbox(INBOX).unwrap().iter().map(|item| item.input().unwrap()).collect();
    assert_eq!(inputs.len(), 1);
    assert_eq!(inputs[0].execution().to_string(), EVENTS.split(' ').next().unwrap());
}

#[test]
fn what_is_written_today_is_format_1_to_the_byte() {
    if std::env::var_os("WINDHOVER_WRITE_FIXTURES").is_some() {
        return write_fixtures();
    }
    for record in fixture_commits() {
        let commit = decode_commit(&record).unwrap();
        let lines: Vec<(ExecutionId, Line)> =
            commit.items().map(|(id, json)| (id, decode_line(json).unwrap())).collect();
        let written = encode_commit(&commit.header, lines.iter().map(|(id, line)| (*id, line)));
        let (written, record) = (String::from_utf8(written).unwrap(), String::from_utf8(record).unwrap());
        assert_eq!(written, record, "a changed format needs a new number and its own fixtures");
    }
    let inputs = decode_inbox(INBOX).unwrap();
    let lines: Vec<InboxLine> = inputs.iter().map(|item| InboxLine::new(&item.input().unwrap(), 1)).collect();
    assert_eq!(encode_inbox(&lines), INBOX);
}

#[expect(clippy::disallowed_methods, reason = "a person asked for new fixtures")]
fn write_fixtures() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format-1");
    let commits: Vec<String> =
        whole_life().commits.iter().map(|commit| String::from_utf8(commit.clone()).unwrap()).collect();
    let commits = commits.join("\n");
    let records: Vec<Vec<u8>> =
        commits.split("\n\n").map(|record| format!("{}\n", record.trim_end()).into_bytes()).collect();
    let inbox = encode_inbox(&[InboxLine::new(&whole_life().input_of(&delivered("k", 1)), 1)]);
    std::fs::write(format!("{folder}/commits.txt"), commits).unwrap();
    std::fs::write(format!("{folder}/events.txt"), events_of(&records)).unwrap();
    std::fs::write(format!("{folder}/inbox.txt"), inbox).unwrap();
}

#[test]
fn a_newer_format_and_another_kind_are_refused_by_name() {
    let newer = String::from_utf8_lossy(INBOX).replacen("\"format\":1", "\"format\":2", 1).into_bytes();
    let error = decode_inbox(&newer).unwrap_err();
    assert!(matches!(error, DecodeError::Newer { found: 2 }));
    let expected = "the record has format 2, this version reads up to 1; use the version that wrote it, or a newer one";
    assert_eq!(error.to_string(), expected);
    let error = decode_commit(INBOX).unwrap_err();
    assert_eq!(error.to_string(), "the record is \"inbox\", expected \"commit\"");
}

#[test]
fn an_execution_and_its_entry_survive_a_snapshot() {
    let scenario = whole_life();
    let execution = scenario.execution();
    let text = serde_json::to_string(execution).unwrap();
    assert_eq!(serde_json::from_str::<windhover_proto::core::Execution>(&text).unwrap(), *execution);
}
