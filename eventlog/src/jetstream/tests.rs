//! The log in NATS against the contract, on one server and on three, and against what only a network can do to it.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;
use crate::{
    Expect, SharedLog,
    contract::{Backend, LAYOUT, claims},
    nats_server::{NatsCluster, NatsServer, Sync},
};

mod credentials;

fn options(server: &NatsServer) -> Options {
    Options { monitors: vec![server.monitor()], append_timeout: Duration::from_secs(3), ..Options::new(server.url()) }
}

async fn open(options: Options) -> Arc<JetStream> {
    JetStream::open(options, LAYOUT).await.expect("the log opens")
}

async fn append(log: &JetStream, text: &str) -> Result<Position, AppendError> {
    append_to(log, LogName::Inbox { shard: 0 }, text, Expect::Anything).await
}

async fn append_to(log: &JetStream, name: LogName, text: &str, expect: Expect) -> Result<Position, AppendError> {
    log.append(Append { log: name, bytes: text.to_owned().into(), expect, resend_id: None }).await
}

/// All streams there are. A cluster that is electing a leader is waited for.
async fn streams_of(log: &JetStream) -> Vec<jetstream::stream::Config> {
    let list = || async {
        let streams = log.context().streams().map_ok(|stream| stream.config);
        streams.try_collect().await.map_err(|cause| connect::store_error(&log.inner.options, cause))
    };
    streams::patiently("all", list).await.expect("a list of streams")
}

impl Backend for NatsServer {
    fn open(&self) -> BoxFuture<'_, SharedLog> {
        async { open(options(self)).await as SharedLog }.boxed()
    }
}

mod contract_on_one_server {
    use super::{NatsServer, Sync};
    crate::contract_tests!(std::future::ready(NatsServer::start(Sync::Always, "")));
}

/// A part of a cluster's names for each claim, so that the servers start only once.
struct Part<'a> {
    cluster: &'a NatsCluster,
    prefix: String,
}

impl Part<'_> {
    fn options(&self) -> Options {
        Options {
            prefix: self.prefix.clone(),
            monitors: self.cluster.monitors(),
            replicas: Some(3),
            append_timeout: Duration::from_secs(10),
            ..Options::new(self.cluster.url())
        }
    }

    /// Idle replicated streams cost time, so each claim's are removed.
    async fn remove(&self) {
        let log = open(self.options()).await;
        for stream in streams_of(&log).await {
            log.context().delete_stream(stream.name).await.expect("a deletion");
        }
    }
}

impl Backend for Part<'_> {
    fn open(&self) -> BoxFuture<'_, SharedLog> {
        async {
            let log = open(self.options()).await;
            assert_eq!(log.durability(), Durability::FsyncReplicated(3));
            log as SharedLog
        }
        .boxed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_three_replicas() {
    let cluster = NatsCluster::start(Sync::Always);
    for (number, (name, claim)) in claims().into_iter().enumerate() {
        let part = Part { cluster: &cluster, prefix: format!("claim-{number}") };
        let started = Instant::now();
        claim(&part).await;
        part.remove().await;
        println!("{name}: {} ms", started.elapsed().as_millis());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_syncs_lazily_is_refused_with_the_line_for_its_configuration() {
    let server = NatsServer::start(Sync::Lazily, "");
    let refused = JetStream::open(options(&server), LAYOUT).await.expect_err("lazily synced");
    assert!(matches!(refused, OpenError::Unsynced(_)), "{refused:?}");
    assert!(refused.to_string().contains("sync_interval: always"), "{refused}");
    let allowed = open(Options { unsynced: Unsynced::Allow, ..options(&server) }).await;
    assert_eq!(allowed.durability(), Durability::Unsynced);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_which_nobody_knows_whether_it_syncs_is_refused_naming_the_flag() {
    let server = NatsServer::start(Sync::Always, "");
    let unknown = Options { monitors: Vec::new(), ..options(&server) };
    let refused = JetStream::open(unknown, LAYOUT).await.expect_err("unknown");
    assert!(refused.to_string().contains("--nats-monitor"), "{refused}");
    let wrong = Options { monitors: vec!["http://127.0.0.1:9".into()], ..options(&server) };
    let refused = JetStream::open(wrong, LAYOUT).await.expect_err("nobody there");
    assert!(refused.to_string().contains("http://127.0.0.1:9"), "{refused}");
    assert_eq!(open(options(&server)).await.durability(), Durability::Fsync);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_never_work_is_refused_as_such_and_names_the_option() {
    let server = NatsServer::start(Sync::Always, "authorization { user: me, password: secret }");
    let me = |password: &str| Credentials::UserPassword { user: "me".into(), password: password.into() };
    let known = Options { credentials: me("secret"), ..options(&server) };
    let missing = || Some("/does/not/exist.pem".into());
    let with_ca = Tls { ca_file: missing(), ..Tls::default() };
    for (wrong, named) in [
        (Options { prefix: "a b".into(), ..known.clone() }, "--nats-prefix"),
        (Options { url: "http://h:1".into(), ..known.clone() }, "--nats http://h:1"),
        (Options { credentials: me("wrong"), ..known.clone() }, "--nats-password"),
        (Options { credentials: Credentials::Token("wrong".into()), ..known.clone() }, "--nats-token"),
        (Options { credentials: Credentials::Nkey("wrong".into()), ..known.clone() }, "--nats-nkey"),
        (Options { credentials: Credentials::File("/does/not/exist".into()), ..known.clone() }, "--nats-creds"),
        (Options { credentials: Credentials::None, ..known.clone() }, "--nats-user"),
        (Options { tls: with_ca, ..known.clone() }, "--nats-ca"),
        (Options { replicas: Some(3), ..known.clone() }, "--nats-replicas 3"),
        (Options { access: Access::Look, ..known }, "--nats-prefix windhover"),
    ] {
        match JetStream::open(wrong, LAYOUT).await {
            Err(OpenError::Misconfigured(text)) => assert!(text.contains(named), "{named}: {text}"),
            other => panic!("{named}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_jetstream_is_refused_with_the_line_for_its_configuration() {
    let server = NatsServer::start(Sync::Always, "jetstream: disabled");
    match JetStream::open(options(&server), LAYOUT).await {
        Err(OpenError::Misconfigured(text)) => assert!(text.contains("jetstream {"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_looks_changes_nothing() {
    let server = NatsServer::start(Sync::Always, "");
    let log = open(options(&server)).await;
    let before = streams_of(&log).await;
    let look = Options { access: Access::Look, inbox_bytes_max: Some(1 << 20), ..options(&server) };
    assert_eq!(open(look).await.head(LogName::Definitions).await.expect("a head"), Position::ORIGIN);
    assert_eq!(streams_of(&log).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_layout_or_another_key_is_refused_and_another_prefix_is_another_installation() {
    let server = NatsServer::start(Sync::Always, "");
    let with_key = |key: &str| Options { key_fingerprint: Some(key.into()), ..options(&server) };
    let newer = Layout { format: 2, ..LAYOUT };
    JetStream::open(options(&server), newer).await.expect("a new installation");
    for (wanted, text) in [
        (Layout { partitions: 8, ..newer }, "4 partitions"),
        (Layout { shards: 2, ..newer }, "1 shards"),
        (LAYOUT, "record format 2"),
    ] {
        match JetStream::open(options(&server), wanted).await {
            Err(OpenError::Layout { found, .. }) => assert_eq!(found, text),
            other => panic!("{other:?}"),
        }
    }
    JetStream::open(with_key("aa"), newer).await.expect("the first key");
    JetStream::open(options(&server), newer).await.expect("no key is no other key");
    let refused = JetStream::open(with_key("bb"), newer).await.expect_err("another key");
    assert!(refused.to_string().contains("key bb"), "{refused}");
    let other = Options { prefix: "other".into(), ..with_key("bb") };
    JetStream::open(other, Layout { partitions: 2, ..LAYOUT }).await.expect("another installation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_would_drop_records_by_age_is_set_right() {
    let server = NatsServer::start(Sync::Always, "");
    let log = open(options(&server)).await;
    let name = log.inner.names.stream(&LogName::Inbox { shard: 0 });
    let mut config = log.context().get_stream(&name).await.expect("a stream").cached_info().config.clone();
    config.max_age = Duration::from_secs(3600);
    config.discard = jetstream::stream::DiscardPolicy::Old;
    log.context().update_stream(config).await.expect("an update");
    open(options(&server)).await;
    let config = log.context().get_stream(&name).await.expect("a stream").cached_info().config.clone();
    assert_eq!((config.max_age, config.discard), (Duration::ZERO, jetstream::stream::DiscardPolicy::New));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_sent_again_within_two_minutes_has_the_position_of_the_first() {
    let server = NatsServer::start(Sync::Always, "");
    let log = open(options(&server)).await;
    let sent = Append {
        log: LogName::Inbox { shard: 0 },
        bytes: "once".into(),
        expect: Expect::Anything,
        resend_id: Some([7; 16]),
    };
    let first = log.append(sent.clone()).await.expect("an append");
    assert_eq!(log.append(sent).await.expect("an append"), first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_killed_server_and_appends_and_readers_go_on() {
    let mut server = NatsServer::start(Sync::Always, "");
    let log = open(options(&server)).await;
    let mut reader = log.read(LogName::Inbox { shard: 0 }, Position::ORIGIN);
    let mut acked = Vec::new();
    for round in 0..3 {
        for number in 0..20 {
            let text = format!("{round} {number}");
            acked.push((append(&log, &text).await.expect("an append"), text));
        }
        server.kill();
        let began = Instant::now();
        let refused = append(&log, "lost?").await.expect_err("no server");
        assert!(matches!(refused, AppendError::Unavailable { .. } | AppendError::Unknown { .. }), "{refused:?}");
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        let unmade = LogName::Kv { namespace: format!("round-{round}") };
        let refused = append_to(&log, unmade, "nothing", Expect::Anything).await.expect_err("no server");
        assert!(matches!(refused, AppendError::Unavailable { .. }), "{refused:?}");
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        server.restart();
        let deadline = Instant::now() + Duration::from_secs(15);
        while let Err(cause) = append(&log, "again").await {
            assert!(Instant::now() < deadline, "{cause}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let last = acked.last().expect("acks").0;
    let mut read = Vec::new();
    while read.last().is_none_or(|record: &Record| record.position < last) {
        let next = tokio::time::timeout(Duration::from_secs(15), reader.next()).await.expect("the reader goes on");
        read.push(next.expect("a record").expect("no error"));
    }
    for (position, text) in acked {
        let record = &read[usize::try_from(position.0).unwrap() - 1];
        assert_eq!((record.position, &record.bytes), (position, &Bytes::from(text)));
    }
}

/// The address of a go-between that passes on what a server and its clients say. When the server is about to say `words` for the
/// first time, it cuts the connection instead.
async fn cutting_before(words: &'static str, server: &NatsServer) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("nats://{}", listener.local_addr().expect("an address"));
    let server = server.url().trim_start_matches("nats://").to_owned();
    let is_cut = Arc::new(AtomicBool::new(false));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = tokio::net::TcpStream::connect(&server).await.expect("the server");
            tokio::spawn(pass_on(client, server, words, is_cut.clone()));
        }
    });
    url
}

async fn pass_on(client: TcpStream, server: TcpStream, words: &'static str, is_cut: Arc<AtomicBool>) {
    let ((mut asking, mut told), (mut telling, mut asked)) = (client.into_split(), server.into_split());
    let asking = tokio::spawn(async move { tokio::io::copy(&mut asking, &mut asked).await });
    let mut said = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = telling.read(&mut said).await {
        if contains(&said[..count], words) && !is_cut.swap(true, Ordering::AcqRel) {
            break;
        }
        if told.write_all(&said[..count]).await.is_err() {
            break;
        }
    }
    asking.abort();
}

fn contains(said: &[u8], words: &str) -> bool {
    said.windows(words.len()).any(|part| part == words.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_records_are_read_though_the_connection_was_lost_while_they_were_on_their_way() {
    let server = NatsServer::start(Sync::Always, "");
    let writer = open(options(&server)).await;
    for text in ["one", "two", "last words"] {
        append(&writer, text).await.expect("an append");
    }
    let cut = cutting_before("last words", &server).await;
    let log = open(Options { monitors: vec![server.monitor()], ..Options::new(cut) }).await;
    let mut reader = log.read(LogName::Inbox { shard: 0 }, Position::ORIGIN);
    for text in ["one", "two", "last words"] {
        let next = tokio::time::timeout(Duration::from_secs(15), reader.next()).await.expect("the reader goes on");
        assert_eq!(next.expect("a record").expect("no error").bytes, text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_to_a_frozen_server_is_unknown_after_its_own_deadline_and_the_head_tells_the_truth() {
    let server = NatsServer::start(Sync::Always, "");
    let log = open(options(&server)).await;
    let name = LogName::Executions { partition: 0 };
    let head = append_to(&log, name.clone(), "before", Expect::Anything).await.expect("an append");
    let signal = |signal: &str| {
        let sent = Command::new("kill").args([signal, &server.process_id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    };
    signal("-STOP");
    let began = Instant::now();
    let outcome = append_to(&log, name.clone(), "frozen", Expect::Head(head)).await;
    assert!(matches!(outcome, Err(AppendError::Unknown { .. })), "{outcome:?}");
    assert!((2500..4500).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    signal("-CONT");
    let deadline = Instant::now() + Duration::from_secs(15);
    let settled = loop {
        match log.head(name.clone()).await {
            Ok(head) => break head,
            Err(cause) => assert!(Instant::now() < deadline, "{cause}"),
        }
    };
    // It was sent, so it stands there once the server runs again; or it came too late for the expectation to hold.
    let next = append_to(&log, name.clone(), "after", Expect::Head(settled)).await;
    match next {
        Ok(position) => assert_eq!(position.0, settled.0 + 1),
        Err(AppendError::Conflict { head: newer, .. }) => assert!(newer > settled),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_inbox_says_so_and_takes_records_again_after_a_trim() {
    let server = NatsServer::start(Sync::Always, "");
    let log = open(Options { inbox_bytes_max: Some(1024 * 1024), ..options(&server) }).await;
    let text = "x".repeat(100_000);
    let mut newest = Position::ORIGIN;
    let refused = loop {
        match append(&log, &text).await {
            Ok(position) => newest = position,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, AppendError::Full { .. }), "{refused:?}");
    assert!((5..12).contains(&newest.0), "{newest}");
    log.trim(LogName::Inbox { shard: 0 }, newest).await.expect("a trim");
    assert_eq!(append(&log, &text).await.expect("room again").0, newest.0 + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_reached_its_storage_cap_says_full() {
    let server = NatsServer::start(
        Sync::Always,
        "accounts { A { jetstream { max_file: 2M }, users: [{user: a, password: a}] } }",
    );
    let credentials = Credentials::UserPassword { user: "a".into(), password: "a".into() };
    let log = open(Options { credentials, ..options(&server) }).await;
    let text = "x".repeat(200_000);
    let refused = loop {
        if let Err(refused) = append(&log, &text).await {
            break refused;
        }
    };
    assert!(matches!(refused, AppendError::Full { .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_get_the_copies_that_are_wanted_and_lose_none() {
    let cluster = NatsCluster::start(Sync::Always);
    let three = Part { cluster: &cluster, prefix: "windhover".into() }.options();
    let unsaid = Options { replicas: None, ..three.clone() };
    let log = open(unsaid.clone()).await;
    assert_eq!(log.durability(), Durability::Fsync);
    log.join(Duration::from_secs(2)).await.expect("a heartbeat");
    let log = open(three.clone()).await;
    log.join(Duration::from_secs(2)).await.expect("a heartbeat");
    let streams: Vec<_> = streams_of(&log).await.into_iter().map(|one| (one.name, one.num_replicas)).collect();
    // Inbox, executions, definitions, refusals, objects, heartbeats.
    assert_eq!(streams.len(), 4 + usize::from(LAYOUT.partitions) + 1, "{streams:?}");
    assert!(streams.iter().all(|(_, copies)| *copies == 3), "{streams:?}");
    assert_eq!(open(unsaid).await.durability(), Durability::FsyncReplicated(3));
    let refused = JetStream::open(Options { replicas: Some(1), ..three }, LAYOUT).await.expect_err("fewer copies");
    assert!(refused.to_string().contains("3 copies"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_go_on_without_one_of_them() {
    let mut cluster = NatsCluster::start(Sync::Always);
    let part = Part { cluster: &cluster, prefix: "windhover".into() };
    let log = open(part.options()).await;
    let mut reader = log.read(LogName::Inbox { shard: 0 }, Position::ORIGIN);
    let mut acked = Vec::new();
    for number in 0..3 {
        acked.push(append(&log, &format!("before {number}")).await.expect("an append"));
    }
    cluster.servers[0].kill();
    let deadline = Instant::now() + Duration::from_secs(40);
    while acked.len() < 10 {
        match append(&log, "without one").await {
            Ok(position) => acked.push(position),
            Err(cause) => assert!(Instant::now() < deadline, "{cause}"),
        }
    }
    let last = *acked.last().expect("acks");
    let mut read = Position::ORIGIN;
    while read < last {
        let next = tokio::time::timeout(Duration::from_secs(30), reader.next()).await.expect("the reader goes on");
        read = next.expect("a record").expect("no error").position;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_with_dots_and_its_parent_have_logs_of_their_own() {
    let server = NatsServer::start(Sync::Always, "");
    let log = open(options(&server)).await;
    let kv = |namespace: &str| LogName::Kv { namespace: namespace.into() };
    let one = append_to(&log, kv("company.team"), "team", Expect::Head(Position::ORIGIN)).await.expect("an append");
    let other = append_to(&log, kv("company"), "company", Expect::Head(Position::ORIGIN)).await.expect("an append");
    assert_eq!((one, other), (Position(1), Position(1)));
    assert_eq!(log.head(kv("nobody")).await.expect("the head"), Position::ORIGIN);
}

/// What one owner of a partition does: appends with the head it knows, and after any doubt asks for the head.
struct Owner {
    log: Arc<JetStream>,
    name: LogName,
    head: Position,
    doubts: usize,
}

impl Owner {
    async fn commit(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < deadline, "{text} cannot be appended");
            match append_to(&self.log, self.name.clone(), text, Expect::Head(self.head)).await {
                Ok(position) => {
                    assert_eq!(position.0, self.head.0 + 1);
                    self.head = position;
                    return;
                }
                Err(error) => {
                    assert!(!matches!(error, AppendError::TooLarge { .. } | AppendError::Full { .. }), "{error}");
                    self.doubts += 1;
                    if self.stands(text).await {
                        return;
                    }
                }
            }
        }
    }

    /// Whether the record is in the log after all. Nobody else appends, so what is new is ours.
    async fn stands(&mut self, text: &str) -> bool {
        let Ok(head) = self.log.head(self.name.clone()).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            return false;
        };
        assert!(head >= self.head, "the log went backwards from {} to {head}", self.head);
        assert!(head.0 <= self.head.0 + 1, "two records for one append");
        if head == self.head {
            return false;
        }
        match self.log.record(self.name.clone(), head).await {
            Ok(Some(record)) => assert_eq!(record.bytes, text),
            other => panic!("{other:?}"),
        }
        self.head = head;
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_asks_for_the_head_after_every_doubt_stores_each_record_once_while_servers_are_killed() {
    const RECORDS: usize = 400;
    const KILLS: usize = 4;
    let mut cluster = NatsCluster::start(Sync::Always);
    let part = Part { cluster: &cluster, prefix: "windhover".into() };
    let options = Options { append_timeout: Duration::from_secs(1), ..part.options() };
    let log = open(options).await;
    let name = LogName::Executions { partition: 0 };
    let mut owner = Owner { log: log.clone(), name: name.clone(), head: Position::ORIGIN, doubts: 0 };
    let kills = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let killer = std::thread::spawn({
        let kills = kills.clone();
        move || {
            for number in 0..KILLS {
                std::thread::sleep(Duration::from_millis(700));
                cluster.servers[number % 3].kill();
                cluster.servers[number % 3].restart();
                kills.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            cluster
        }
    });
    let mut number = 0;
    while number < RECORDS || kills.load(std::sync::atomic::Ordering::Relaxed) < KILLS {
        owner.commit(&format!("{number}")).await;
        number += 1;
    }
    let _cluster = killer.join().expect("the killer");
    println!("{number} records, {KILLS} kills, {} doubts", owner.doubts);
    let stored = log.read(name, Position::ORIGIN).take(number);
    let stored: Vec<_> =
        tokio::time::timeout(Duration::from_secs(30), stored.collect::<Vec<_>>()).await.expect("records");
    for (index, record) in stored.into_iter().enumerate() {
        assert_eq!(record.expect("a record").bytes, format!("{index}"));
    }
}
