//! `POST executions/{namespace}/{flow}`: an execution that no trigger starts.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::Response,
};
use http::HeaderMap;
use windhover_proto::{
    definitions::{FlowKey, Revision},
    delivery::{Delivery, Key, RawRequest},
    expr::Map,
    flow::Flow,
    id::{DeliveryId, ExecutionId, Fingerprint},
    input::ExecutionRequested,
    problem::{Code, Problem},
};

use super::{
    Api, Call, form,
    inputs::Asked,
    labels::Given,
    query,
    submit::{Waits, submit},
};
use crate::{
    answer::Refusal,
    context::Moment,
    idempotency,
    receive::random_bits,
    request,
    service::Service,
    sites::{Table, runnable},
};

/// What can stand in the query.
const KNOWN: [&str; 3] = ["labels", "wait", "revision"];

/// `POST executions/{namespace}/{flow}`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Path(path): Path<HashMap<String, String>>,
    request: Request,
) -> Response {
    match Call::new(api, path, request) {
        Ok((call, mut body)) => {
            let done = create_one(&call, &mut body).await;
            call.answer(done, body).await
        }
        Err(response) => *response,
    }
}

async fn create_one(call: &Call, body: &mut Body) -> Result<Response, Refusal> {
    let asked = Parameters::parse(call.parts.uri.query().unwrap_or_default())?;
    let key = idempotency::key(&call.parts.headers)?;
    let (table, revision) = chosen(call, asked.revision).await?;
    let flow = executable(&revision)?;
    let fields = form::read(call, body).await?;
    let delivery = DeliveryId::from_bytes(random_bits());
    let moment = Moment::of(delivery, call.service().now());
    let execution = execution_id(&revision, key.as_ref());
    let reference = &revision.reference;
    let (surroundings, seal) = (call.service().surroundings(), call.service().seal.as_ref());
    let inputs = Asked { reference, flow, execution, moment, surroundings, seal }.admit(&fields)?;
    let labels = asked.labels.of_execution(&flow.labels, key.as_ref().map(|key| key.id.as_str()), &execution);
    let delivery = Delivery {
        id: delivery,
        trigger: None,
        received_at: moment.now,
        key,
        fingerprint: asked.fingerprint(&fields),
        request: RawRequest::new(&kept(call)),
    };
    let definitions_at = table.position();
    let request = ExecutionRequested {
        execution,
        flow: reference.clone(),
        definitions_at,
        delivery,
        labels,
        inputs: inputs.shown,
        secret_inputs: inputs.sealed,
        replay: None,
    };
    Ok(submit(call, request, asked.waits).await?)
}

/// The request without its body: the inputs are what it said.
fn kept(call: &Call) -> windhover_proto::request::Request {
    let query = call.parts.uri.query().unwrap_or_default();
    request::kept(&call.parts.method, query, &HeaderMap::new(), None, call.service().seal.as_ref())
}

fn execution_id(revision: &Revision, key: Option<&Key>) -> ExecutionId {
    let reference = &revision.reference;
    key.map_or_else(
        || ExecutionId::from_bytes(random_bits()),
        |key| ExecutionId::of_request(&reference.tenant, &reference.namespace, &reference.flow, &key.id),
    )
}

/// What the query asks for.
struct Parameters {
    labels: Given,
    waits: Waits,
    revision: Option<u32>,
}

impl Parameters {
    fn parse(text: &str) -> Result<Self, Problem> {
        let mut parameters = Self { labels: Given::default(), waits: Waits::Stored, revision: None };
        for (name, value) in query::pairs(text)? {
            match name.as_str() {
                "labels" => parameters.labels.take(&value)?,
                "wait" if query::flag(&name, &value)? == Some(true) => parameters.waits = Waits::Ended,
                "wait" => parameters.waits = Waits::Stored,
                "revision" => parameters.revision = query::revision(&value)?,
                "scheduleDate" | "breakpoints" | "kind" => return Err(query::not_yet(&name)),
                _ => return Err(query::unknown(&name, &KNOWN)),
            }
        }
        Ok(parameters)
    }

    /// What two requests under one key must agree in. A form is compared by its fields: clients choose boundaries anew.
    fn fingerprint(&self, fields: &Map) -> Fingerprint {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect();
        let asked = (fields, self.labels.pairs(), self.revision);
        let bytes = serde_json::to_vec(&asked).unwrap_or_else(|error| unreachable!("texts serialise: {error}"));
        Fingerprint::of(&bytes)
    }
}

/// The revision that is asked for, else the one that triggers run. Before the answer is no, deployments are looked up.
pub(super) async fn chosen(call: &Call, number: Option<u32>) -> Result<(Arc<Table>, Arc<Revision>), Problem> {
    let key: Option<FlowKey> = (|| {
        let (namespace, flow) = (call.part("namespace").parse().ok()?, call.part("flow").parse().ok()?);
        Some((call.tenant.clone(), namespace, flow))
    })();
    let found = |service: &Service| {
        let table = service.sites.current();
        let revision = revision_of(&table, key.as_ref()?, number)?;
        Some((table, revision))
    };
    if let Some(found) = found(call.service()) {
        return Ok(found);
    }
    call.service().refresh().await;
    found(call.service()).ok_or_else(|| not_found(call.part("namespace"), call.part("flow"), number))
}

fn revision_of(table: &Table, key: &FlowKey, number: Option<u32>) -> Option<Arc<Revision>> {
    let definitions = table.definitions();
    let newest = definitions.newest(key)?;
    match number {
        Some(number) => definitions.revisions(key).find(|revision| revision.reference.revision == number).cloned(),
        None => runnable(definitions, newest).cloned(),
    }
}

fn not_found(namespace: &str, flow: &str, number: Option<u32>) -> Problem {
    let which = number.map(|number| format!(" in revision {number}")).unwrap_or_default();
    Code::FlowNotFound.because(format!("Requested Flow is not found: no flow {namespace}.{flow} is deployed{which}"))
}

/// The flow of a revision, when it may run.
///
/// # Errors
/// 409 when it is disabled, or cannot be read any more.
pub(super) fn executable(revision: &Revision) -> Result<&Flow, Problem> {
    let flow = revision.flow.as_ref().map_err(|errors| {
        Code::FlowInvalid.because(format!("Requested Flow is not valid. Error: {errors}; deploy it again"))
    })?;
    match flow.disabled {
        true => Err(Code::FlowDisabled.because("Requested Flow is disabled.")),
        false => Ok(flow),
    }
}
