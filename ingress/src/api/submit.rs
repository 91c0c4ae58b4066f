//! What an execution that was asked for comes to: appended, answered at once or when it has ended.

use axum::response::Response;
use http::{HeaderValue, StatusCode};
use windhover_eventlog::ask::{Question, Until};
use windhover_proto::{
    codec::InboxLine,
    core::{self, Execution},
    delivery::FlowRef,
    event::{Event, ExecutionCreated},
    id::{DeliveryId, ExecutionId},
    input::{ExecutionRequested, Input},
    problem::Problem,
    state::History,
};

use super::Call;
use crate::{
    answer,
    batch::{Keyed, Stored},
    limits,
    service::Service,
    verdict::{self, End, Ended, Fate, Sent},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What the caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// That it is on disk.
    Stored,
    /// That it has ended.
    Ended,
}

/// Appends a request for an execution and tells what became of it.
pub(super) async fn submit(call: &Call, request: ExecutionRequested, waits: Waits) -> Result<Response, Problem> {
    let (execution, delivery) = (request.execution, request.delivery.id);
    let is_keyed = request.delivery.key.is_some();
    let mut begun = begun(&request);
    let keyed = (is_keyed && waits == Waits::Stored).then_some((execution, delivery));
    let stored = store(call.service(), &Input::ExecutionRequested(Box::new(request)), keyed).await?;
    if waits == Waits::Ended {
        return ended(call, execution, delivery, &begun).await;
    }
    let fate = match is_keyed {
        true => verdict::of_keyed(&call.service().owners, execution, delivery, stored).await?,
        false => Fate::First,
    };
    let mark = match fate {
        Fate::First => None,
        Fate::Pending => Some((answer::VERDICT, "pending")),
        Fate::Replayed(history) => {
            begun.history = history;
            Some((answer::REPLAYED, "true"))
        }
    };
    shown(call, &begun, mark).await
}

/// Waits for the end; after a while the execution is told as it is.
async fn ended(
    call: &Call,
    execution: ExecutionId,
    delivery: DeliveryId,
    begun: &Execution,
) -> Result<Response, Problem> {
    let waiting = verdict::end_of(&call.service().owners, execution, delivery);
    match tokio::time::timeout(limits::END_WAIT_MAX, waiting).await {
        Ok(ended) => {
            let End::Reached(Ended { execution, sent }) = ended? else {
                return shown(call, begun, Some((answer::VERDICT, "pending"))).await;
            };
            let mark = (sent == Sent::Before).then_some((answer::REPLAYED, "true"));
            shown(call, &execution, mark).await
        }
        Err(_) => shown(call, call.find(execution).await?.as_ref().unwrap_or(begun), None).await,
    }
}

/// An execution as it stands right after its first event.
fn begun(request: &ExecutionRequested) -> Execution {
    let created = Event::ExecutionCreated(Box::new(ExecutionCreated {
        flow: request.flow.clone(),
        seed: 0,
        labels: request.labels.clone(),
        inputs: request.inputs.clone(),
        secret_inputs: request.secret_inputs.clone(),
        delivery: request.delivery.clone(),
        replay: request.replay,
    }));
    let mut execution = None;
    core::apply(&mut execution, request.execution, &created, request.delivery.received_at);
    execution.unwrap_or_else(|| unreachable!("the first event makes the execution"))
}

/// Appends an input; it is on disk then.
pub(super) async fn append(service: &Service, input: &Input) -> Result<(), Problem> {
    store(service, input, None).await.map(drop)
}

async fn store(service: &Service, input: &Input, keyed: Option<Keyed>) -> Result<Stored, Problem> {
    let line = InboxLine::new(input, service.partitions);
    service.batcher(input.execution()).append(line, keyed).await
}

/// Waits a moment until an input is decided, when an engine answers for it; the states of its execution then.
pub(super) async fn decided(service: &Service, execution: ExecutionId, input: DeliveryId) -> Option<History> {
    let asked = service.owners.ask(Question { execution, delivery: input, until: Until::Verdict });
    let answer = tokio::time::timeout(limits::DECIDED_MAX, asked).await.ok()??;
    Some(answer.history)
}

/// 200 with an execution and the address of its page.
pub(super) async fn shown(
    call: &Call,
    execution: &Execution,
    mark: Option<(&'static str, &'static str)>,
) -> Result<Response, Problem> {
    let mut document = call.api.executions.document(execution).await?;
    let url = page(&call.service().base_url(&call.parts), &execution.flow, execution.id);
    let url = serde_json::to_string(&url).unwrap_or_else(|error| unreachable!("a text serialises: {error}"));
    // The document is an object with members, so one more goes in front of its end.
    document.truncate(document.len().saturating_sub(1));
    document.push_str(&format!(",\"url\":{url}}}"));
    let mut response = answer::with_body(StatusCode::OK, JSON, document.into_bytes());
    if let Some((name, value)) = mark {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

fn page(base_url: &str, flow: &FlowRef, execution: ExecutionId) -> String {
    let FlowRef { tenant, namespace, flow, revision: _ } = flow;
    format!("{base_url}/ui/{tenant}/executions/{namespace}/{flow}/{execution}")
}
