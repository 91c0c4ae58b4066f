//! `POST executions/{id}/actions/replay`: an ended execution once more, under an id of its own.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::Response,
};
use windhover_proto::{
    core::Execution,
    definitions::Revision,
    delivery::Delivery,
    id::{DeliveryId, ExecutionId},
    input::{ExecutionRequested, Replay},
    problem::{Code, Problem},
};

use super::{
    Api, Call,
    create::executable,
    form,
    inputs::Asked,
    labels, query,
    submit::{Waits, submit},
};
use crate::{answer::Refusal, context::Moment, inputs::Inputs, receive::random_bits};

/// The label of every replay.
const REPLAY: &str = "system.replay";

/// `POST executions/{id}/actions/replay`: with the same inputs.
pub(super) async fn replay(
    State(api): State<Arc<Api>>,
    Path(path): Path<HashMap<String, String>>,
    request: Request,
) -> Response {
    match Call::new(api, path, request) {
        Ok((call, mut body)) => {
            let done = replay_one(&call, &mut body, From::Replayed).await;
            call.answer(done, body).await
        }
        Err(response) => *response,
    }
}

/// `POST executions/{id}/actions/replay-with-inputs`: with others.
pub(super) async fn replay_with_inputs(
    State(api): State<Arc<Api>>,
    Path(path): Path<HashMap<String, String>>,
    request: Request,
) -> Response {
    match Call::new(api, path, request) {
        Ok((call, mut body)) => {
            let done = replay_one(&call, &mut body, From::Form).await;
            call.answer(done, body).await
        }
        Err(response) => *response,
    }
}

/// Where the inputs of a replay come from.
#[derive(Clone, Copy)]
enum From {
    Replayed,
    Form,
}

async fn replay_one(call: &Call, body: &mut Body, inputs: From) -> Result<Response, Refusal> {
    let number = revision_number(call)?;
    let replayed = call.execution().await?;
    if !replayed.state().is_terminal() {
        let detail = format!("the execution is {}; it can be replayed once it has ended", replayed.state());
        return Err(Code::Conflict.because(detail).into());
    }
    let (position, revision) = revision(call, &replayed, number).await?;
    let flow = executable(&revision)?;
    let (execution, delivery) = (ExecutionId::from_bytes(random_bits()), DeliveryId::from_bytes(random_bits()));
    let moment = Moment::of(delivery, call.service().now());
    let inputs = match inputs {
        From::Replayed => Inputs { shown: replayed.inputs.clone(), sealed: replayed.secret_inputs.clone() },
        From::Form => {
            let fields = form::read(call, body).await?;
            let (reference, surroundings) = (&revision.reference, call.service().surroundings());
            let seal = call.service().seal.as_ref();
            Asked { reference, flow, execution, moment, surroundings, seal }.resolve(&fields)?
        }
    };
    let mut labels = replayed.labels.clone();
    labels::put(&mut labels, REPLAY, "true");
    let request = ExecutionRequested {
        execution,
        flow: revision.reference.clone(),
        definitions_at: position,
        delivery: Delivery { id: delivery, received_at: moment.now, key: None, ..replayed.delivery.clone() },
        labels,
        inputs: inputs.shown,
        secret_inputs: inputs.sealed,
        replay: Some(Replay { of: replayed.id, original: replayed.original(), attempt: replayed.attempt() + 1 }),
    };
    Ok(submit(call, request, Waits::Stored).await?)
}

fn revision_number(call: &Call) -> Result<Option<u32>, Problem> {
    let mut number = None;
    for (name, value) in query::pairs(call.parts.uri.query().unwrap_or_default())? {
        match name.as_str() {
            "revision" => number = query::revision(&value)?,
            "taskRunId" | "breakpoints" => return Err(query::not_yet(&name)),
            _ => return Err(query::unknown(&name, &["revision"])),
        }
    }
    Ok(number)
}

/// The revision that is asked for, else the one that ran.
async fn revision(call: &Call, replayed: &Execution, number: Option<u32>) -> Result<(u64, Arc<Revision>), Problem> {
    let mut reference = replayed.flow.clone();
    reference.revision = number.unwrap_or(reference.revision);
    let found = || {
        let table = call.service().sites.current();
        table.revision(&reference).map(|revision| (table.position(), revision.clone()))
    };
    if let Some(found) = found() {
        return Ok(found);
    }
    call.service().refresh().await;
    found().ok_or_else(|| {
        let detail = format!(
            "Flow not found: {}.{} has no revision {}",
            reference.namespace, reference.flow, reference.revision
        );
        Code::FlowNotFound.because(detail)
    })
}
