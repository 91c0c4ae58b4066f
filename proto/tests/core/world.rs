//! The words of the tests: `given(flow).when(delivered("a")).then(["created", …])`.

use std::collections::BTreeMap;

use windhover_proto::{
    codec::{self, Consumed},
    core::{
        Call, CallFailure, Execution, HttpResponse, Stimulus, Turn,
        partition::{self, Change, Entry, Fate, Head, Rules, Store},
        pending_calls,
    },
    definitions::{Definition, Definitions},
    delivery::{Delivery, FlowRef, Key, KeySource, RawRequest},
    event::{Afterwards, Answer, Awaits, Event, Failure, Kept, Outcome, Refusal},
    expr::{Surroundings, Value},
    flow::Flow,
    id::{DeliveryId, ExecutionId, Fingerprint, TaskRunId, TenantId, TriggerId},
    input::{
        DeletionRequested, ExecutionRequested, Input, KillRequested, LogsDeletionRequested, Replay, WebhookReceived,
    },
    request::{Body, HeaderValue, Request},
    seal::SealKey,
    time::Timestamp,
};

/// The value of every secret, unless a test changes it.
pub(crate) const SECRET: &str = "s3cret-value";

/// When each scenario begins.
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// What surrounds the flows: one secret for all names, `BOOM` panics, `MISSING` is missing.
struct Around;

impl Surroundings for Around {
    fn secret(&self, _namespace: &str, name: &str) -> Option<String> {
        match name {
            "MISSING" | "NOT_THERE" => None,
            "BOOM" => panic!("planted"),
            "WEBHOOK_KEY" => Some("secretKey".to_owned()),
            _ => Some(SECRET.to_owned()),
        }
    }
}

/// Something that happens to the partition.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Delivered {
        number: u8,
        key: Option<(String, KeySource)>,
        body: String,
    },
    Ended {
        task: String,
        result: Result<HttpResponse, CallFailure>,
        n: Option<u32>,
    },
    TimePasses,
    /// The API was asked for an execution: a replay of one that exists when there is one, else a new one.
    Requested {
        number: u8,
    },
    /// The API was asked to stop the newest execution.
    Killed {
        number: u8,
    },
    /// The API was asked to forget the newest execution.
    Deleted {
        number: u8,
    },
    /// The API was asked to forget the newest execution's log lines.
    LogsForgotten {
        number: u8,
    },
}

/// The API is asked for an execution.
pub(crate) fn requested(number: u8) -> Happening {
    Happening::Requested { number }
}

/// The API is asked to stop the newest execution.
pub(crate) fn killed(number: u8) -> Happening {
    Happening::Killed { number }
}

/// The API is asked to forget the newest execution.
pub(crate) fn deleted(number: u8) -> Happening {
    Happening::Deleted { number }
}

/// The API is asked to forget the newest execution's log lines.
pub(crate) fn logs_forgotten(number: u8) -> Happening {
    Happening::LogsForgotten { number }
}

/// A delivery under a key in the `Idempotency-Key` header, always with the same body; `number` names the delivery.
pub(crate) fn delivered(key: &str, number: u8) -> Happening {
    sent(key, KeySource::Header, number, "{\"n\":1}")
}

/// A delivery with everything chosen.
pub(crate) fn sent(key: &str, source: KeySource, number: u8, body: &str) -> Happening {
    Happening::Delivered { number, key: Some((key.to_owned(), source)), body: body.to_owned() }
}

/// A delivery without a key.
pub(crate) fn keyless(number: u8) -> Happening {
    Happening::Delivered { number, key: None, body: "{\"n\":1}".to_owned() }
}

/// The call that a task waits for was answered.
pub(crate) fn answered(task: &str, code: u16, body: &str) -> Happening {
    Happening::Ended { task: task.to_owned(), result: Ok(response(code, body)), n: None }
}

/// A result comes for a call that was answered before.
pub(crate) fn answered_late(task: &str, n: u32, code: u16, body: &str) -> Happening {
    Happening::Ended { task: task.to_owned(), result: Ok(response(code, body)), n: Some(n) }
}

/// The call that a task waits for was not answered.
pub(crate) fn unanswered(task: &str, message: &str) -> Happening {
    Happening::Ended { task: task.to_owned(), result: Err(CallFailure { message: message.to_owned() }), n: None }
}

/// Nothing but time.
pub(crate) fn time_passes() -> Happening {
    Happening::TimePasses
}

fn response(code: u16, body: &str) -> HttpResponse {
    HttpResponse { uri: "http://sink/".to_owned(), code, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

#[derive(Default)]
pub(crate) struct Map(BTreeMap<ExecutionId, (Entry, Option<Execution>)>);

impl Store for Map {
    fn entry(&self, id: &ExecutionId) -> Option<Entry> {
        self.0.get(id).map(|(entry, _)| entry.clone())
    }

    fn live(&self, id: &ExecutionId) -> Option<Execution> {
        self.0.get(id)?.1.clone().filter(|execution| !execution.over)
    }
}

impl Map {
    pub(crate) fn apply(&mut self, changes: Vec<Change>) {
        for Change { id, entry, execution } in changes {
            let before = self.0.remove(&id).and_then(|(_, execution)| execution);
            self.0.insert(id, (entry, execution.or(before)));
        }
    }
}

/// A partition with one flow, between two happenings.
pub(crate) struct Scenario {
    definitions: Definitions,
    flow: FlowRef,
    pub(crate) rules: Rules,
    pub(crate) inputs: Option<Value>,
    now: Timestamp,
    head: Head,
    store: Map,
    pub(crate) commits: Vec<Vec<u8>>,
    events: Vec<String>,
    logged: Vec<(String, Option<String>, String)>,
    calls: Vec<Call>,
    pub(crate) fates: Vec<Fate>,
    newest: Option<ExecutionId>,
}

/// A flow, given as the part of its document that matters.
#[track_caller]
pub(crate) fn given(flow: &str) -> Scenario {
    given_document(&format!(
        "id: under-test\nnamespace: tests\ntriggers:\n  - {{id: hook, type: io.kestra.plugin.core.trigger.Webhook, key: k}}\n{flow}"
    ))
}

/// A flow as a whole document.
#[track_caller]
pub(crate) fn given_document(source: &str) -> Scenario {
    let flow = Flow::parse(source).unwrap_or_else(|errors| panic!("{source}\n{errors:?}"));
    let deployed = Definition::FlowDeployed {
        tenant: TenantId::main(),
        namespace: flow.namespace.clone(),
        flow: flow.id.clone(),
        revision: 1,
        source: source.to_owned(),
        at: START,
    };
    let mut definitions = Definitions::default();
    definitions.fold(1, &[deployed]);
    let flow = FlowRef { tenant: TenantId::main(), namespace: flow.namespace, flow: flow.id, revision: 1 };
    Scenario {
        definitions,
        flow,
        rules: Rules { partition: 0, key_horizon_ms: 1_000_000, quarantine: None },
        inputs: None,
        now: START,
        head: Head::empty(),
        store: Map::default(),
        commits: Vec::new(),
        events: Vec::new(),
        logged: Vec::new(),
        calls: Vec::new(),
        fates: Vec::new(),
        newest: None,
    }
}

impl Scenario {
    /// So many milliseconds after the beginning.
    pub(crate) fn at(mut self, ms: i64) -> Self {
        self.now = START.plus_millis(ms);
        self
    }

    /// Something happens; it is decided, appended and folded.
    #[track_caller]
    pub(crate) fn when(self, happening: Happening) -> Self {
        self.when_all([happening])
    }

    /// Several things happen, and one turn takes them all.
    #[track_caller]
    pub(crate) fn when_all<const N: usize>(mut self, happenings: [Happening; N]) -> Self {
        let stimuli: Vec<Stimulus> = happenings.into_iter().filter_map(|happening| self.stimulus(&happening)).collect();
        let inputs = stimuli.iter().filter(|stimulus| matches!(stimulus, Stimulus::Input(_))).count() as u64;
        let consumed = Consumed { through: self.head.consumed.through + inputs, within: 0 };
        let outcome = {
            let turn = self.turn();
            partition::turn(&self.head, &self.store, &stimuli, consumed, 1, &turn, self.rules)
        };
        self.events.clear();
        self.logged.clear();
        self.fates = outcome.fates;
        if let Some(commit) = outcome.commit {
            let position = self.head.position + 1;
            let folded = partition::fold(&self.head, &self.store, &commit, position, self.rules);
            let (head, changes) = folded.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(head, Head::after(&outcome.header, &commit, position));
            assert_eq!(changes, outcome.changes, "the fold of a commit is not what the turn gave");
            self.head = head;
            self.store.apply(changes);
            self.note_events(&commit);
            self.commits.push(commit);
        }
        self.calls = outcome.calls;
        self
    }

    fn note_events(&mut self, commit: &[u8]) {
        for (id, json) in codec::decode_commit(commit).unwrap().items() {
            self.newest = Some(id);
            let execution = self.execution_of(id);
            let events = codec::decode_line(json).unwrap().events;
            let described: Vec<String> = events.iter().map(|event| describe(event, execution)).collect();
            let lines: Vec<_> = events.iter().filter_map(|event| log_line(event, execution)).collect();
            self.events.extend(described);
            self.logged.extend(lines);
        }
    }

    /// Exactly these events followed.
    #[track_caller]
    pub(crate) fn then<const N: usize>(self, expected: [&str; N]) -> Self {
        assert_eq!(self.events, expected, "events (left: what happened)");
        self
    }

    /// These are among the events that followed.
    #[track_caller]
    pub(crate) fn then_among(self, expected: &str) -> Self {
        assert!(self.events.iter().any(|event| event == expected), "{expected:?} is not in {:#?}", self.events);
        self
    }

    /// Exactly these calls were started.
    #[track_caller]
    pub(crate) fn calls<const N: usize>(self, expected: [&str; N]) -> Self {
        let calls: Vec<String> = self.calls.iter().map(called).collect();
        assert_eq!(calls, expected, "calls (left: what was started)");
        self
    }

    /// The calls that a recovery makes again are the ones that were started, to the byte.
    #[track_caller]
    pub(crate) fn calls_again_after_a_crash(self) -> Self {
        let turn = Turn { now: self.now.plus_millis(77_777), ..self.turn() };
        let again: Vec<Call> = pending_calls(self.execution(), &turn).into_iter().map(Result::unwrap).collect();
        assert_eq!(again, self.calls);
        self
    }

    /// The execution that the newest event was about.
    #[track_caller]
    pub(crate) fn execution(&self) -> &Execution {
        self.execution_of(self.newest.unwrap())
    }

    fn execution_of(&self, id: ExecutionId) -> &Execution {
        self.store.0.get(&id).and_then(|(_, execution)| execution.as_ref()).unwrap()
    }

    /// The log lines of the last turn.
    pub(crate) fn logged(&self) -> Vec<(String, Option<String>, String)> {
        self.logged.clone()
    }

    /// The input that a delivery is.
    #[track_caller]
    pub(crate) fn input_of(&self, happening: &Happening) -> Input {
        match self.stimulus(happening) {
            Some(Stimulus::Input(input)) => input,
            other => panic!("{other:?} is no input"),
        }
    }

    /// The calls that the last turn started.
    pub(crate) fn started_calls(&self) -> &[Call] {
        &self.calls
    }

    /// Deliveries name this revision from now on, deployed or not.
    pub(crate) fn with_revision(mut self, revision: u32) -> Self {
        self.flow.revision = revision;
        self
    }

    /// Folds the whole log once more under the rules of now: it must come to the same.
    #[track_caller]
    pub(crate) fn refold(&self) {
        let (mut head, mut store) = (Head::empty(), Map::default());
        for (position, commit) in (1..).zip(&self.commits) {
            let (next, changes) = partition::fold(&head, &store, commit, position, self.rules).unwrap();
            head = next;
            store.apply(changes);
        }
        assert_eq!((head, store.0), (self.head.clone(), self.store.0.clone()));
    }

    /// Folds the log once more from every point, where the store has executions already that began and ended after it: a crash
    /// may leave that. It must come to the same.
    #[track_caller]
    pub(crate) fn refold_with_entries_ahead(&self) {
        for cut in 0..=self.commits.len() as u64 {
            let (mut head, mut store) = (Head::empty(), Map::default());
            for (position, commit) in (1..).zip(&self.commits) {
                if position == cut + 1 {
                    let began_and_ended = |(_, (entry, _)): &(_, &(Entry, _))| entry.over && entry.first_commit > cut;
                    let ahead = self.store.0.iter().filter(began_and_ended);
                    store.0.extend(ahead.map(|(id, (entry, _))| (*id, (entry.clone(), None))));
                }
                let (next, changes) = partition::fold(&head, &store, commit, position, self.rules).unwrap();
                head = next;
                store.apply(changes);
            }
            assert_eq!((head, store.0), (self.head.clone(), self.store.0.clone()), "from commit {cut} on");
        }
    }

    /// The clock goes on to the next timer.
    pub(crate) fn until_next_wake(mut self) -> Option<Self> {
        self.now = self.execution().next_wake()?.max(self.now);
        Some(self)
    }

    /// The commits in which a text stands in clear.
    pub(crate) fn stands_in_the_log(&self, text: &str) -> bool {
        self.commits.iter().any(|commit| String::from_utf8_lossy(commit).contains(text))
    }

    pub(crate) fn turn(&self) -> Turn<'_> {
        static KEY: SealKey = SealKey::from_bytes([3; 32]);
        static NO_BLOBS: BTreeMap<Fingerprint, bytes::Bytes> = BTreeMap::new();
        Turn {
            now: self.now,
            seed: 7,
            definitions: &self.definitions,
            surroundings: &Around,
            seal: Some(&KEY),
            kestra: Value::Null,
            blobs: &NO_BLOBS,
        }
    }

    fn stimulus(&self, happening: &Happening) -> Option<Stimulus> {
        match happening {
            Happening::Delivered { number, key, body } => {
                Some(Stimulus::Input(self.input(*number, key.as_ref(), body)))
            }
            Happening::Ended { task, result, n } => {
                let execution = self.execution();
                let task = task.parse().unwrap();
                let run = execution.runs_of(&task).next_back().unwrap();
                let waits = execution.pending_calls().find(|(pending, _)| pending.id == run.id);
                let n = n.or(waits.map(|(_, n)| n)).unwrap();
                let result = result.clone();
                Some(Stimulus::CallEnded { execution: execution.id, task_run: run.id, n, result })
            }
            Happening::TimePasses => Some(Stimulus::TimerDue { execution: self.newest? }),
            Happening::Requested { number } => Some(Stimulus::Input(self.request(*number))),
            Happening::Killed { number } => Some(Stimulus::Input(Input::KillRequested(KillRequested {
                id: DeliveryId::from_bytes([*number; 16]),
                execution: self.newest?,
            }))),
            Happening::Deleted { number } => Some(Stimulus::Input(Input::DeletionRequested(DeletionRequested {
                id: DeliveryId::from_bytes([*number; 16]),
                execution: self.newest?,
            }))),
            Happening::LogsForgotten { number } => {
                Some(Stimulus::Input(Input::LogsDeletionRequested(LogsDeletionRequested {
                    id: DeliveryId::from_bytes([*number; 16]),
                    execution: self.newest?,
                    lowest: None,
                })))
            }
        }
    }

    fn request(&self, number: u8) -> Input {
        let Input::WebhookReceived(mut webhook) = self.input(number, None, "") else { unreachable!() };
        let replayed = self.newest.map(|id| self.execution_of(id));
        webhook.delivery.trigger = replayed.and_then(|replayed| replayed.delivery.trigger.clone());
        Input::ExecutionRequested(Box::new(ExecutionRequested {
            execution: webhook.execution,
            flow: webhook.flow,
            definitions_at: webhook.definitions_at,
            delivery: webhook.delivery,
            labels: vec![("asked".to_owned(), "yes".to_owned())],
            inputs: webhook.inputs,
            secret_inputs: None,
            replay: replayed.map(|replayed| Replay {
                of: replayed.id,
                original: replayed.original(),
                attempt: replayed.attempt() + 1,
            }),
        }))
    }

    fn input(&self, number: u8, key: Option<&(String, KeySource)>, body: &str) -> Input {
        let trigger: TriggerId = "hook".parse().unwrap();
        let key = key.map(|(id, source)| Key { id: id.parse().unwrap(), source: *source });
        let execution = key.as_ref().map_or(ExecutionId::from_bytes([number; 16]), |key| {
            let (tenant, namespace, flow) = (TenantId::main(), &self.flow.namespace, &self.flow.flow);
            ExecutionId::of_correlation(&tenant, namespace, flow, &trigger, &key.id)
        });
        let request = Request {
            method: "POST".to_owned(),
            query: String::new(),
            headers: vec![("x-test".to_owned(), HeaderValue::Text("1".to_owned()))],
            body: Some(Body::Text(body.to_owned())),
        };
        let delivery = Delivery {
            id: DeliveryId::from_bytes([number; 16]),
            trigger: Some(trigger),
            received_at: self.now,
            key,
            fingerprint: Fingerprint::of(body.as_bytes()),
            request: RawRequest::new(&request),
        };
        Input::WebhookReceived(Box::new(WebhookReceived {
            execution,
            flow: self.flow.clone(),
            definitions_at: 1,
            delivery,
            labels: vec![("from-trigger".to_owned(), "yes".to_owned())],
            inputs: self.inputs.clone(),
            secret_inputs: None,
            from: "trigger".to_owned(),
        }))
    }
}

/// Level, task and message of a log line.
fn log_line(event: &Event, execution: &Execution) -> Option<(String, Option<String>, String)> {
    let (task_run, level, message) = event.log_line()?;
    let task = task_run.and_then(|id| execution.task_run(&id)).map(|run| run.task.to_string());
    Some((level.to_string(), task, message.to_owned()))
}

fn called(call: &Call) -> String {
    let body = call.http.body.as_ref().map(|body| format!(" {body}")).unwrap_or_default();
    format!("{} {}{body} n={}", call.http.method, call.http.uri, call.n)
}

fn after(at: Timestamp) -> String {
    format!("+{} ms", at.as_millis() - START.as_millis())
}

/// An event as the tests write it.
fn describe(event: &Event, execution: &Execution) -> String {
    let task = |id: &TaskRunId| execution.task_run(id).map(|run| run.task.to_string()).unwrap_or_default();
    let kept =
        |kept: &Option<Kept>| kept.as_ref().map(|kept| format!(" {}", kept.shown().to_json())).unwrap_or_default();
    let awaits = |awaits: Awaits| match awaits {
        Awaits::Nothing => "",
        Awaits::Effect => " and awaits a call",
    };
    match event {
        Event::ExecutionCreated(_) => "created".to_owned(),
        Event::DeliverySuppressed(suppressed) if suppressed.same_body => "suppressed: same body".to_owned(),
        Event::DeliverySuppressed(_) => "suppressed: other body".to_owned(),
        Event::ExecutionStarted => "started".to_owned(),
        Event::TaskRunStarted(started) => format!("{} runs{}", started.task, awaits(started.awaits)),
        Event::TaskRunRefused(refused) => match refused.because {
            Refusal::Skipped => format!("{} is skipped", refused.task),
            Refusal::Failed => format!("{} is refused", refused.task),
        },
        Event::TimerSet { task_run, wake_at } => format!("{} sleeps until {}", task(task_run), after(*wake_at)),
        Event::TaskRunSucceeded { task_run, outputs, outcome, told } => {
            let told = told.map(|level| format!(", told at {level}")).unwrap_or_default();
            match outcome {
                Outcome::Well => format!("{} succeeds{}{told}", task(task_run), kept(outputs)),
                Outcome::Warning => format!("{} succeeds with a warning{}{told}", task(task_run), kept(outputs)),
            }
        }
        Event::TaskRunFailed { task_run, outputs, failure, answer } => {
            let failure = match failure {
                Failure::Plain => "fails",
                Failure::Allowed => "fails as it may",
                Failure::Retried => "fails for now",
            };
            let answer = match answer {
                Answer::None => "",
                Answer::Recorded => " answered",
            };
            format!("{} {failure}{answer}{}", task(task_run), kept(outputs))
        }
        Event::TaskRunExited { task_run, state } => format!("{} exits {state}", task(task_run)),
        Event::RetryScheduled { task_run, wake_at } => format!("{} is tried again {}", task(task_run), after(*wake_at)),
        Event::AttemptStarted { task_run, awaits: on } => format!("{} runs again{}", task(task_run), awaits(*on)),
        Event::Logged(line) => {
            let task = line.task_run.as_ref().map_or_else(|| "flow".to_owned(), task);
            format!("{} {task}: {}", line.level, line.message)
        }
        Event::ValueRead { name, .. } => format!("read {name}"),
        Event::ExecutionEnded { state, outputs, afterwards } => match afterwards {
            Afterwards::Nothing => format!("ended {state}{}", kept(outputs)),
            Afterwards::Tasks => format!("ended {state}{}, more follows", kept(outputs)),
        },
        Event::AfterExecutionEnded => "over".to_owned(),
        Event::ExecutionStuck { reason } => format!("stuck: {reason}"),
        Event::ExecutionKilled { .. } => "killed".to_owned(),
        Event::LogsDeleted { .. } => "logs deleted".to_owned(),
        Event::ExecutionDeleted { .. } => "deleted".to_owned(),
    }
}

/// States, joined.
pub(crate) fn states(history: &windhover_proto::state::History) -> Vec<String> {
    history.entries().iter().map(|(state, _)| state.to_string()).collect()
}
