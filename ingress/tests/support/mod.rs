//! A running ingress over a log in memory, a client that sends exactly the bytes it is given, and an owner of executions that
//! decides by the inbox alone.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::type_complexity)]

pub mod faulty;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use windhover_eventlog::{
    Layout, LogName, Position, SharedLog,
    ask::{Answer, Owners, Question, Until, Verdict},
    definitions::Deployments,
    memory::Memory,
};
use windhover_ingress::{Ingress, Options, naming_durability, server};
use windhover_proto::{
    codec,
    core::Execution,
    event::Kept,
    expr::{Surroundings, Value},
    id::{ExecutionId, TenantId},
    input::{Input, WebhookReceived},
    seal::SealKey,
    time::Timestamp,
};

pub const LAYOUT: Layout = Layout { format: codec::FORMAT, partitions: 4, shards: 1 };

/// A flow with one webhook trigger; `more` stands under the trigger, `top` at the end of the flow.
pub fn flow(id: &str, key: &str, more: &str, top: &str) -> String {
    format!(
        "id: {id}\nnamespace: a.b\ntasks:\n  - id: out\n    type: io.kestra.plugin.core.debug.Return\n    format: x\n\
         triggers:\n  - id: hook\n    type: io.kestra.plugin.core.trigger.Webhook\n    key: {key}\n{more}{top}"
    )
}

pub struct World {
    pub address: String,
    pub log: SharedLog,
    pub owner: Arc<Owner>,
    pub deployments: Deployments,
    pub stop: Option<oneshot::Sender<()>>,
    pub server: JoinHandle<()>,
}

#[derive(Default)]
pub struct Secrets(pub HashMap<String, String>);

impl Surroundings for Secrets {
    fn secret(&self, _namespace: &str, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

impl World {
    pub async fn start(flows: &[String]) -> Self {
        Self::with(flows, Memory::new(LAYOUT), |_| {}).await
    }

    pub async fn with(flows: &[String], log: SharedLog, change: impl FnOnce(&mut Options)) -> Self {
        Self::within(server::Limits::default(), flows, log, change).await
    }

    pub async fn within(
        limits: server::Limits,
        flows: &[String],
        log: SharedLog,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let deployments = Deployments::open(log.clone()).await.unwrap();
        for source in flows {
            deployments.deploy(&TenantId::main(), source, Timestamp::from_millis(0)).await.unwrap();
        }
        let owner = Arc::new(Owner::new(log.clone()));
        let secrets = Secrets([("HOOK_KEY".to_owned(), " s3cr3t-key ".to_owned())].into());
        let mut options = Options::new(log.clone(), owner.clone(), deployments.clone(), Arc::new(secrets));
        options.seal = Some(SealKey::from_bytes([9; 32]));
        change(&mut options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel();
        let router = naming_durability(Ingress::start(options).router(), log.durability());
        let server = tokio::spawn(async move {
            server::serve_within(limits, listener, router, async { drop(stopped.await) }).await.unwrap();
        });
        Self { address, log, owner, deployments, stop: Some(stop), server }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own and reads one answer.
    pub async fn send(&self, bytes: impl AsRef<[u8]>) -> Reply {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        Reply::read(&mut stream).await.expect("an answer")
    }

    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: h:1\r\n");
        headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
        if method == "HEAD" {
            text.push_str("connection: close\r\n");
        }
        if !body.is_empty() {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        self.send(format!("{text}\r\n{body}")).await
    }

    pub async fn post(&self, flow: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.call("POST", &format!("/api/v1/main/executions/webhook/a.b/{flow}/k"), headers, body).await
    }

    /// Everything in the inbox.
    pub async fn received(&self) -> Vec<WebhookReceived> {
        inbox(&self.log).await
    }
}

async fn inbox(log: &SharedLog) -> Vec<WebhookReceived> {
    let name = LogName::Inbox { shard: 0 };
    let head = log.head(name.clone()).await.unwrap();
    let mut received = Vec::new();
    for position in 1..=head.0 {
        let Some(record) = log.record(name.clone(), Position(position)).await.unwrap() else { continue };
        for item in codec::decode_inbox(&record.bytes).unwrap() {
            if let Input::WebhookReceived(webhook) = item.input().unwrap() {
                received.push(*webhook);
            }
        }
    }
    received
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    /// Reads one answer; `None` when the connection ends before one.
    pub async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            let count = stream.read_buf(&mut bytes).await.ok()?;
            if count == 0 {
                return None;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head[9..12].parse().unwrap();
        if status == 100 {
            let rest = bytes.split_off(end + 4);
            return Box::pin(Self::read_after(stream, rest)).await;
        }
        let mut reply = Self { status, head, body: String::new() };
        let length = reply.header("content-length").map_or(0, |text| text.parse().unwrap());
        let mut body = bytes.split_off(end + 4);
        while body.len() < length {
            if stream.read_buf(&mut body).await.ok()? == 0 {
                break;
            }
        }
        reply.body = String::from_utf8(body).unwrap();
        Some(reply)
    }

    async fn read_after(stream: &mut TcpStream, rest: Vec<u8>) -> Option<Self> {
        assert!(rest.is_empty(), "nothing follows 100 before the body was sent");
        Self::read(stream).await
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }
}

/// How the owner behaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Mood {
    #[default]
    Answering,
    Away,
    Silent,
}

/// Decides by the order of the inbox, as every owner does. An execution ends the moment it is asked about.
#[derive(Debug)]
pub struct Owner {
    log: SharedLog,
    pub mood: Mutex<Mood>,
    pub asked: Mutex<Vec<Until>>,
    /// State and outputs of whatever ends.
    pub end: Mutex<(&'static str, Option<&'static str>)>,
}

impl Owner {
    fn new(log: SharedLog) -> Self {
        let end = Mutex::new(("SUCCESS", None));
        Self { log, mood: Mutex::default(), asked: Mutex::default(), end }
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

impl Owners for Owner {
    fn ask(&self, question: Question) -> BoxFuture<'static, Option<Answer>> {
        self.asked.lock().unwrap().push(question.until);
        let (mood, log, end) = (self.mood.lock().unwrap().clone(), self.log.clone(), *self.end.lock().unwrap());
        Box::pin(async move {
            match mood {
                Mood::Away => return None,
                Mood::Silent => std::future::pending().await,
                Mood::Answering => {}
            }
            let all = inbox(&log).await;
            let first = all.iter().find(|webhook| webhook.execution == question.execution)?;
            let asking = all.iter().find(|webhook| webhook.delivery.id == question.delivery)?;
            let verdict = match (first.delivery.id == asking.delivery.id, asking.delivery.fingerprint) {
                (true, _) => Verdict::First,
                (false, this) if this == first.delivery.fingerprint => Verdict::Duplicate,
                (false, this) => Verdict::KeyReused { first: first.delivery.fingerprint, this },
            };
            let execution = execution(first, end.0, end.1);
            let ended = (question.until == Until::End).then(|| Box::new(execution.clone()));
            Some(Answer { verdict, history: execution.history, ended })
        })
    }

    fn settled(&self, _inbox: Position) -> BoxFuture<'static, Option<Vec<Position>>> {
        Box::pin(std::future::ready(None))
    }
}

fn execution(first: &WebhookReceived, state: &str, outputs: Option<&str>) -> Execution {
    let at = first.delivery.received_at.as_millis();
    let history = format!(r#"[["CREATED",{at}],["RUNNING",{}],["{state}",{}]]"#, at + 1, at + 5);
    Execution {
        id: first.execution,
        flow: first.flow.clone(),
        seed: 1,
        labels: vec![("system.from".to_owned(), first.from.clone())],
        inputs: first.inputs.clone(),
        secret_inputs: None,
        delivery: first.delivery.clone(),
        suppressed: Default::default(),
        history: serde_json::from_str(&history).unwrap(),
        task_runs: Vec::new(),
        outputs: outputs.map(|json| Kept::Clear(Value::from_json(json).unwrap())),
        stuck: None,
        replay: None,
        over: true,
        deleted: false,
        events: 3,
    }
}

pub fn execution_id(text: &str) -> ExecutionId {
    text.parse().unwrap()
}

pub async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), future).await.expect("in time")
}
