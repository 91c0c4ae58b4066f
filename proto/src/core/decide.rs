//! What follows from one input, one call's result or one due timer, for one execution.

use super::{
    execution::{Execution, Wait},
    labels::execution_labels,
    run::Work,
    task::{
        self,
        http::{Call, CallFailure, CallResult},
    },
};
use crate::{
    definitions::Definitions,
    delivery::{Delivery, FlowRef, KeySource},
    event::{DeliverySuppressed, Event, ExecutionCreated},
    expr::{Surroundings, Value},
    flow::{Flow, TaskKind},
    id::{DeliveryId, ExecutionId, Fingerprint, TaskRunId, id_of_parts},
    input::{Input, LogsDeletionRequested, Replay, WebhookReceived},
    request::{Body, Request},
    seal::{SealKey, Sealed},
    time::Timestamp,
};

/// Everything a decision depends on besides the execution: the same turn gives the same events on every replay.
pub struct Turn<'a> {
    /// The time of the turn.
    pub now: Timestamp,
    /// Randomness of the turn.
    pub seed: u64,
    /// Deployed flows.
    pub definitions: &'a Definitions,
    /// Secrets and whatever else is read from outside.
    pub surroundings: &'a dyn Surroundings,
    /// The key for sealed values.
    pub seal: Option<&'a SealKey>,
    /// What `{{ kestra }}` is.
    pub kestra: Value,
    /// Contents of bodies that are kept in the blob store, by name.
    pub blobs: &'a std::collections::BTreeMap<Fingerprint, bytes::Bytes>,
}

impl Turn<'_> {
    /// The content of a request's body when it is kept in the blob store.
    pub(super) fn blob(&self, request: &Request) -> Option<bytes::Bytes> {
        match request.body.as_ref()? {
            Body::Blob { fingerprint, .. } => self.blobs.get(fingerprint).cloned(),
            Body::Text(_) | Body::Bytes(_) => None,
        }
    }
}

impl std::fmt::Debug for Turn<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Turn({}, seed {})", self.now, self.seed)
    }
}

/// Something that an execution reacts to.
#[derive(Clone, Debug, PartialEq)]
pub enum Stimulus {
    /// An input out of the inbox.
    Input(Input),
    /// A call ended.
    CallEnded {
        /// The execution that made it.
        execution: ExecutionId,
        /// The task run that waits for it.
        task_run: TaskRunId,
        /// Its number.
        n: u32,
        /// How it ended.
        result: CallResult,
    },
    /// A point in time came that the execution waits for.
    TimerDue {
        /// The execution.
        execution: ExecutionId,
    },
}

impl Stimulus {
    /// The execution it is for.
    pub fn execution(&self) -> ExecutionId {
        match self {
            Stimulus::Input(input) => input.execution(),
            Stimulus::CallEnded { execution, .. } | Stimulus::TimerDue { execution } => *execution,
        }
    }
}

/// What is known of an execution before it is decided.
#[derive(Clone, Debug)]
pub enum Known {
    /// Nothing: it does not exist.
    New,
    /// It is not over.
    Live(Box<Execution>),
    /// It is over; only duplicates can reach it.
    Over {
        /// The body of the delivery that started it.
        fingerprint: Fingerprint,
    },
}

/// What follows.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The execution afterwards; absent when it was over before.
    pub execution: Option<Execution>,
    /// What happened. Empty: it was decided already; a repeated stimulus is no error.
    pub events: Vec<Event>,
    /// Calls to start once the events are on disk.
    pub calls: Vec<Call>,
}

/// Decides what follows from a stimulus. Pure: the same arguments give the same answer.
pub fn decide(known: Known, stimulus: &Stimulus, turn: &Turn<'_>) -> Decision {
    match (known, stimulus) {
        (known, Stimulus::Input(Input::KillRequested(request))) => kill(known, request.id, turn),
        (known, Stimulus::Input(Input::LogsDeletionRequested(request))) => delete_logs(known, request, turn),
        (known, Stimulus::Input(Input::DeletionRequested(request))) => delete(known, request.id, turn),
        (Known::New, Stimulus::Input(input)) => Start::of(input).map(|start| create(&start, turn)).unwrap_or_default(),
        (Known::Live(execution), Stimulus::Input(input)) => follow_up(*execution, input, turn),
        (Known::Over { fingerprint }, Stimulus::Input(input)) => {
            let event = input.delivery().map(|delivery| suppressed(delivery, &fingerprint));
            Decision { events: event.into_iter().collect(), ..Decision::default() }
        }
        (Known::Live(execution), Stimulus::CallEnded { task_run, n, result, .. }) => {
            react(*execution, turn, |work| end_call(work, *task_run, *n, result))
        }
        (Known::Live(execution), Stimulus::TimerDue { .. }) => react(*execution, turn, |_| {}),
        (Known::New | Known::Over { .. }, Stimulus::CallEnded { .. } | Stimulus::TimerDue { .. }) => {
            Decision::default()
        }
    }
}

/// What a delivery means for an execution that is not over: nothing when it is the one that started it.
fn follow_up(execution: Execution, input: &Input, turn: &Turn<'_>) -> Decision {
    let other = input.delivery().filter(|delivery| delivery.id != execution.delivery.id);
    let Some(delivery) = other else { return Decision { execution: Some(execution), ..Decision::default() } };
    let event = suppressed(delivery, &execution.delivery.fingerprint);
    react(execution, turn, |work| work.emit(event))
}

/// An execution that has not ended stops; of one that has, nothing is left to stop.
fn kill(known: Known, input: DeliveryId, turn: &Turn<'_>) -> Decision {
    match known {
        Known::New | Known::Over { .. } => Decision::default(),
        Known::Live(execution) if execution.state().is_terminal() => {
            Decision { execution: Some(*execution), ..Decision::default() }
        }
        Known::Live(execution) => react(*execution, turn, |work| {
            let afterwards = work.afterwards();
            work.emit(Event::ExecutionKilled { input, afterwards });
        }),
    }
}

/// Log lines are shown by whoever folds the events; nothing else changes.
fn delete_logs(known: Known, request: &LogsDeletionRequested, turn: &Turn<'_>) -> Decision {
    let event = Event::LogsDeleted { input: request.id, lowest: request.lowest };
    match known {
        Known::New => Decision::default(),
        Known::Over { .. } => Decision { events: vec![event], ..Decision::default() },
        Known::Live(execution) => react(*execution, turn, |work| work.emit(event)),
    }
}

/// An execution that somebody wants to be gone ends here and now; what its calls still answer is for nobody.
fn delete(known: Known, input: DeliveryId, turn: &Turn<'_>) -> Decision {
    let events = vec![Event::ExecutionDeleted { input }];
    match known {
        Known::New => Decision::default(),
        Known::Over { .. } => Decision { events, ..Decision::default() },
        Known::Live(execution) => {
            let id = execution.id;
            let mut execution = Some(*execution);
            events.iter().for_each(|event| super::apply(&mut execution, id, event, turn.now));
            Decision { execution, events, calls: Vec::new() }
        }
    }
}

/// An input that starts an execution when there is none yet.
pub(super) struct Start<'a> {
    pub(super) execution: ExecutionId,
    flow: &'a FlowRef,
    delivery: &'a Delivery,
    inputs: Option<&'a Value>,
    secret_inputs: Option<&'a Sealed>,
    replay: Option<Replay>,
    input: &'a Input,
}

impl<'a> Start<'a> {
    /// None of an input that starts nothing.
    pub(super) fn of(input: &'a Input) -> Option<Self> {
        let (execution, delivery) = (input.execution(), input.delivery()?);
        let (flow, inputs, secret_inputs, replay) = match input {
            Input::WebhookReceived(webhook) => (&webhook.flow, &webhook.inputs, &webhook.secret_inputs, None),
            Input::ExecutionRequested(request) => {
                (&request.flow, &request.inputs, &request.secret_inputs, request.replay)
            }
            Input::KillRequested(_) | Input::LogsDeletionRequested(_) | Input::DeletionRequested(_) => return None,
        };
        let (inputs, secret_inputs) = (inputs.as_ref(), secret_inputs.as_ref());
        Some(Self { execution, flow, delivery, inputs, secret_inputs, replay, input })
    }

    /// The first event of the execution, whose flow has these labels.
    pub(super) fn created(&self, flow_labels: &[(String, String)], turn: &Turn<'_>) -> Event {
        Event::ExecutionCreated(Box::new(ExecutionCreated {
            flow: self.flow.clone(),
            seed: derive_seed(turn.seed, self.execution.as_bytes(), 0),
            labels: self.labels(flow_labels),
            inputs: self.inputs.cloned(),
            secret_inputs: self.secret_inputs.cloned(),
            delivery: self.delivery.clone(),
            replay: self.replay,
        }))
    }

    fn labels(&self, flow_labels: &[(String, String)]) -> Vec<(String, String)> {
        match self.input {
            Input::WebhookReceived(webhook) => {
                execution_labels(flow_labels, &webhook.from, &webhook.labels, &correlation_of(webhook))
            }
            Input::ExecutionRequested(request) => request.labels.clone(),
            Input::KillRequested(_) | Input::LogsDeletionRequested(_) | Input::DeletionRequested(_) => Vec::new(),
        }
    }
}

/// Whether a delivery that started nothing breaks the promise of its `Idempotency-Key`: same key, another body.
pub(super) fn breaks_key(delivery: &Delivery, first: &Fingerprint) -> bool {
    delivery.fingerprint != *first && delivery.key.as_ref().is_some_and(|key| key.source == KeySource::Header)
}

/// The event of a delivery that started nothing.
pub(super) fn suppressed(delivery: &Delivery, first: &Fingerprint) -> Event {
    let same_body = delivery.fingerprint == *first;
    Event::DeliverySuppressed(Box::new(DeliverySuppressed { delivery: delivery.clone(), same_body }))
}

/// The correlation id of the execution that a delivery starts: its key, else the execution's own id.
fn correlation_of(webhook: &WebhookReceived) -> String {
    let key = webhook.delivery.key.as_ref().map(|key| key.id.to_string());
    key.unwrap_or_else(|| webhook.execution.to_string())
}

fn create(start: &Start<'_>, turn: &Turn<'_>) -> Decision {
    let flow = flow_of(start.flow, turn);
    let event = start.created(flow.map_or(&[][..], |flow| &flow.labels), turn);
    let Some(flow) = flow else {
        let reason = format!("revision {} of flow {} is not deployed", start.flow.revision, start.flow.flow);
        return stuck(start.execution, None, vec![event], reason, turn);
    };
    let mut work = Work::new(start.execution, None, flow, turn);
    work.emit(event);
    work.run_to_rest();
    decision(work)
}

/// Gives a live execution something to react to, and runs it until it rests.
fn react(execution: Execution, turn: &Turn<'_>, stimulus: impl FnOnce(&mut Work<'_>)) -> Decision {
    let Some(flow) = flow_of(&execution.flow, turn) else {
        let reason = format!("revision {} of flow {} is gone", execution.flow.revision, execution.flow.flow);
        return stuck(execution.id, Some(execution), Vec::new(), reason, turn);
    };
    let mut work = Work::new(execution.id, Some(execution), flow, turn);
    stimulus(&mut work);
    work.run_to_rest();
    decision(work)
}

fn decision(work: Work<'_>) -> Decision {
    let (execution, events, calls) = work.into_parts();
    Decision { execution, events, calls }
}

fn flow_of<'a>(reference: &FlowRef, turn: &Turn<'a>) -> Option<&'a Flow> {
    turn.definitions.revision(reference)?.flow.as_ref().ok()
}

/// Takes an execution out of service: it is visible, ends FAILED, and nothing else of it runs.
pub(super) fn stuck(
    id: ExecutionId,
    mut execution: Option<Execution>,
    mut events: Vec<Event>,
    reason: String,
    turn: &Turn<'_>,
) -> Decision {
    events.push(Event::ExecutionStuck { reason });
    events.iter().for_each(|event| super::apply(&mut execution, id, event, turn.now));
    Decision { execution, events, calls: Vec::new() }
}

fn end_call(work: &mut Work<'_>, task_run: TaskRunId, n: u32, result: &CallResult) {
    let flow = work.flow;
    let Some(run) = work.run(task_run).filter(|run| run.wait == Some(Wait::Effect { n })) else { return };
    let Some(task) = flow.task(&run.task) else { return };
    let TaskKind::HttpRequest(request) = &task.kind else { return };
    match task::http::judge(work, task, task_run, request, result.clone()) {
        Ok(outputs) => work.succeed(task, task_run, Some(outputs), None),
        Err(error) => work.fail(task, task_run, error),
    }
}

/// The calls that an execution waits for, rendered again as they were: after a crash they are made again with the same
/// numbers. One that cannot be rendered any more (a secret is gone) comes back as its result.
pub fn pending_calls(execution: &Execution, turn: &Turn<'_>) -> Vec<Result<Call, Stimulus>> {
    let Some(flow) = flow_of(&execution.flow, turn) else { return Vec::new() };
    let pending: Vec<_> = execution.pending_calls().map(|(run, n)| (run.id, run.task.clone(), n)).collect();
    let work = Work::new(execution.id, Some(execution.clone()), flow, turn);
    let again = |(task_run, task, n): (TaskRunId, _, u32)| {
        let task = flow.task(&task)?;
        let TaskKind::HttpRequest(request) = &task.kind else { return None };
        let failed = |error: task::TaskError| Stimulus::CallEnded {
            execution: execution.id,
            task_run,
            n,
            result: Err(CallFailure { message: error.message }),
        };
        Some(task::http::render(&work, task, task_run, request).map_err(failed))
    };
    pending.into_iter().filter_map(again).collect()
}

/// A random number of its own for a purpose, the same on every replay.
pub(super) fn derive_seed(seed: u64, purpose: &[u8], number: u64) -> u64 {
    let bits = id_of_parts("windhover seed", &[&seed.to_be_bytes(), purpose, &number.to_be_bytes()]);
    let mut low = [0; 8];
    low.copy_from_slice(&bits[..8]);
    u64::from_be_bytes(low)
}
