//! One call of a webhook, from the request to the answer. The order of the checks is Kestra's.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use windhover_eventlog::ObjectName;
use windhover_proto::{
    codec::InboxLine,
    core::{self, Execution},
    delivery::{Delivery, Key, RawRequest},
    expr::Value,
    flow::{FetchType, Flow},
    id::{DeliveryId, ExecutionId, Fingerprint},
    input::{Input, WebhookReceived},
    problem::{Code, Problem},
    request::Request,
    time::Timestamp,
    trigger::{self, Sensitive},
};

use crate::{
    answer::Refusal,
    body, conditions,
    context::{Call, Moment, Secrets},
    idempotency, inputs,
    request::{self, Place},
    service::Service,
    sites::{Hook, Site, Table},
    target::{self, Target},
    told,
    verdict::{self, End, Ended, Fate},
};

/// Says that a delivery is a test.
const TEST_EVENT: &str = "x-kestra-test-event";

/// Answers one call.
pub(crate) async fn receive(service: Arc<Service>, parts: Parts, mut body: Body) -> Response {
    let answered = accept(&service, &parts, &mut body).await;
    match answered {
        Ok(response) => response,
        Err(refusal) => {
            body::throw_away(body, &parts.headers).await;
            refusal.into_response()
        }
    }
}

async fn accept(service: &Service, parts: &Parts, body: &mut Body) -> Result<Response, Refusal> {
    if !matches!(parts.method, Method::GET | Method::POST | Method::PUT) {
        let detail = format!("Method [{}] not allowed for a webhook; use GET, POST or PUT", parts.method);
        return Err(Code::MethodNotAllowed.because(detail).into());
    }
    let target = Target::parse(&parts.uri)?;
    let delivery = DeliveryId::from_bytes(random_bits());
    let moment = Moment::of(delivery, service.now());
    let found = find(service, &target, moment).await?;
    let hook = found.hook()?;
    let sent = read(service, parts, body, &hook).await?;
    if hook.trigger.disabled {
        let detail = format!("Cannot execute webhook: the trigger '{}' is disabled.", hook.trigger.id);
        return Err(Code::TriggerDisabled.because(detail).into());
    }
    if target.end == target::End::Beyond {
        return Err(Code::WebhookNotFound.because("the address goes on after the key: Webhook not found").into());
    }
    let received = decide(service, parts, &found, &hook, sent, (delivery, moment))?;
    deliver(service, parts, &found, &hook, received).await
}

/// A trigger that was found, in its flow, in the table that has the flow.
struct Found {
    table: Arc<Table>,
    site: Arc<Site>,
    /// Place of the trigger among those of the flow.
    trigger: usize,
}

/// Finds the flow and checks that the key fits one of its triggers. Before it says no it looks whether one was just deployed.
async fn find(service: &Service, target: &Target<'_>, moment: Moment) -> Result<Found, Problem> {
    match found_now(service, target, moment) {
        Err(problem) if problem.code.status() == 404 => {
            service.refresh().await;
            found_now(service, target, moment)
        }
        found => found,
    }
}

fn found_now(service: &Service, target: &Target<'_>, moment: Moment) -> Result<Found, Problem> {
    let table = service.sites.current();
    let site = table.site(&target.tenant, &target.flow).cloned();
    let site =
        site.ok_or_else(|| Code::FlowNotFound.because(format!("no flow {} is deployed: Flow not found", target.flow)))?;
    let flow = readable(&site)?;
    if flow.disabled {
        return Err(Code::FlowDisabled.because("Cannot execute flow: flow is disabled."));
    }
    let trigger = site.trigger_with(flow, &target.key, service.surroundings(), moment);
    let trigger = trigger.ok_or_else(|| {
        Code::WebhookNotFound.because("no webhook trigger of the flow has this key: Webhook not found")
    })?;
    Ok(Found { table, site, trigger })
}

fn readable(site: &Site) -> Result<&Flow, Problem> {
    site.revision.flow.as_ref().map_err(|errors| {
        Code::FlowInvalid.because(format!("Cannot execute flow: flow is invalid: {errors}; deploy it again"))
    })
}

impl Found {
    /// The trigger that was found, with its flow.
    fn hook(&self) -> Result<Hook<'_>, Problem> {
        let hook = Hook::at(readable(&self.site)?, self.trigger);
        hook.ok_or_else(|| Code::WebhookNotFound.because("Webhook not found"))
    }
}

/// What was sent, read and checked as far as no expression is needed.
struct Sent {
    key: Option<Key>,
    fingerprint: Fingerprint,
    /// The body, when it is kept beside the log.
    object: Option<Bytes>,
    request: Request,
}

async fn read(service: &Service, parts: &Parts, body: &mut Body, hook: &Hook<'_>) -> Result<Sent, Problem> {
    let key = idempotency::key(&parts.headers)?;
    // Kestra does not look at the body of a GET.
    if parts.method != Method::GET {
        check_type(&parts.headers)?;
    }
    let bytes_max = hook.webhook.body_bytes_max.unwrap_or(service.body_bytes_max);
    let bytes = body::read(body, bytes_max).await?;
    let bytes = if parts.method == Method::GET { Bytes::new() } else { bytes };
    body::check_coding(&parts.headers, &bytes, bytes_max)?;
    let fingerprint = Fingerprint::of(&bytes);
    let kept = match hook.webhook.fetch_type {
        FetchType::Fetch => bytes,
        FetchType::None => Bytes::new(),
    };
    let (place, object) = match Place::of(kept) {
        Place::Record(body) => (body, None),
        Place::Object(bytes) => (Some(request::blob(fingerprint, &bytes)), Some(bytes)),
    };
    let query = parts.uri.query().unwrap_or_default();
    let request = request::kept(&parts.method, query, &parts.headers, place, service.seal.as_ref());
    Ok(Sent { key, fingerprint, object, request })
}

/// Refuses bodies that cannot be read: files, and text in a charset that nobody knows.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if value.get(..19).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/form-data")) {
        let detail = "multipart/form-data is not supported: files are not stored yet; send JSON, text or a form";
        return Err(Code::UnsupportedMediaType.because(detail));
    }
    let unknown = std::str::from_utf8(value).ok().and_then(trigger::unknown_charset);
    unknown.map_or(Ok(()), |charset| {
        let detail = format!("the charset `{charset}` of the Content-Type is not known; send the body in UTF-8");
        Err(Code::Unprocessable.because(detail))
    })
}

/// A delivery about which everything is decided, ready to be kept.
struct Received {
    input: WebhookReceived,
    object: Option<Bytes>,
    /// JSON of the trigger's variables, sensitive headers masked.
    variables: String,
}

/// Decides everything that only the ingress decides: the execution, whether the trigger wants the call, inputs and labels.
fn decide(
    service: &Service,
    parts: &Parts,
    found: &Found,
    hook: &Hook<'_>,
    sent: Sent,
    (delivery, moment): (DeliveryId, Moment),
) -> Result<Received, Refusal> {
    let reference = &found.site.revision.reference;
    let execution = execution_id(found, hook, sent.key.as_ref());
    let call = Call {
        reference,
        flow: hook.flow,
        trigger: hook.trigger,
        execution,
        request: &sent.request,
        blob: sent.object.as_deref(),
        seal: service.seal.as_ref(),
        surroundings: service.surroundings(),
        moment,
        secrets: Secrets::opened(),
        ended: None,
    };
    if !conditions::hold(hook.webhook, &call) {
        return Err(Refusal::NotWanted);
    }
    let inputs = inputs::given(hook, &call)?;
    let labels = labels(hook, &call);
    let variables = trigger::variables(&sent.request, sent.object.as_deref(), Sensitive::Masked);
    let delivery = Delivery {
        id: delivery,
        trigger: Some(hook.trigger.id.clone()),
        received_at: moment.now,
        key: sent.key,
        fingerprint: sent.fingerprint,
        request: RawRequest::new(&sent.request),
    };
    let input = WebhookReceived {
        execution,
        flow: reference.clone(),
        definitions_at: found.table.position(),
        delivery,
        labels,
        inputs: inputs.shown,
        secret_inputs: inputs.sealed,
        from: from(&parts.headers).to_owned(),
    };
    Ok(Received { input, object: sent.object, variables: Value::Map(variables.map.into()).to_json() })
}

fn execution_id(found: &Found, hook: &Hook<'_>, key: Option<&Key>) -> ExecutionId {
    let reference = &found.site.revision.reference;
    key.map_or_else(
        || ExecutionId::from_bytes(random_bits()),
        |key| {
            let trigger = &hook.trigger.id;
            ExecutionId::of_correlation(&reference.tenant, &reference.namespace, &reference.flow, trigger, &key.id)
        },
    )
}

pub(crate) fn random_bits() -> [u8; 16] {
    *uuid::Uuid::new_v4().as_bytes()
}

/// The value of the label `system.from`.
fn from(headers: &HeaderMap) -> &'static str {
    let is_test = headers.get(TEST_EVENT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if is_test { "testEvent" } else { "trigger" }
}

/// The trigger's labels; one that cannot be rendered is left out, and so are those that belong to the system.
fn labels(hook: &Hook<'_>, call: &Call<'_>) -> Vec<(String, String)> {
    let own = hook.webhook.labels.iter().filter(|(key, _)| !key.starts_with("system."));
    own.filter_map(|(key, value)| Some((key.clone(), call.render(value).ok()?.shown().clone()))).collect()
}

/// Stores a delivery and tells its sender what became of it.
async fn deliver(
    service: &Service,
    parts: &Parts,
    found: &Found,
    hook: &Hook<'_>,
    received: Received,
) -> Result<Response, Refusal> {
    let Received { input, object, variables } = received;
    if let Some(bytes) = object {
        store_object(service, input.delivery.fingerprint, bytes).await?;
    }
    let input = Input::WebhookReceived(Box::new(input));
    let line = InboxLine::new(&input, service.partitions);
    let keyed = input.delivery().is_some_and(|delivery| delivery.key.is_some()) && !hook.webhook.wait;
    let keyed = keyed.then(|| (input.execution(), input.id()));
    let stored = service.batcher(input.execution()).append(line, keyed).await?;
    let Input::WebhookReceived(input) = input else { unreachable!("it was made above") };
    let (execution, delivery) = (input.execution, input.delivery.id);
    let base_url = service.base_url(parts);
    if hook.webhook.wait {
        return match verdict::end_of(&service.owners, execution, delivery).await? {
            End::Reached(Ended { execution, sent }) => {
                let blob = load_object(service, &execution).await?;
                Ok(told::of_ended(service, &found.table, hook, &execution, sent, blob.as_deref(), &base_url)?)
            }
            End::Unanswered => Ok(told::of_started(hook, &input, &variables, Fate::Pending, service.now(), &base_url)),
        };
    }
    let fate = match &input.delivery.key {
        Some(_) => verdict::of_keyed(&service.owners, execution, delivery, stored).await?,
        None => Fate::First,
    };
    Ok(told::of_started(hook, &input, &variables, fate, service.now(), &base_url))
}

/// Stores a large body beside the log, before any record names it.
async fn store_object(service: &Service, fingerprint: Fingerprint, bytes: Bytes) -> Result<(), Problem> {
    let stored =
        tokio::time::timeout(service.append_max, service.log.put_object(object_name(fingerprint), bytes)).await;
    match stored {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error @ windhover_eventlog::ObjectError::Full { .. })) => Err(Code::Full.because(error.to_string())),
        Ok(Err(error)) => {
            Err(Code::Unavailable.because(format!("nothing was stored: {error}; retry with the same key")))
        }
        Err(_) => Err(Code::Unavailable.because("the body was not stored in time; retry with the same key")),
    }
}

fn object_name(fingerprint: Fingerprint) -> ObjectName {
    let name = ObjectName::new(format!("blob/{fingerprint}"));
    name.unwrap_or_else(|error| unreachable!("hexadecimal digits make a name: {error}"))
}

/// The body of the delivery that started an execution, when it is kept beside the log.
async fn load_object(service: &Service, execution: &Execution) -> Result<Option<Bytes>, Problem> {
    let request = execution.delivery.request.parse();
    let Ok(Request { body: Some(windhover_proto::request::Body::Blob { fingerprint, .. }), .. }) = request else {
        return Ok(None);
    };
    let loaded = service.log.object(object_name(fingerprint)).await;
    loaded.map_err(|error| Code::Unavailable.because(format!("the body of the delivery cannot be read: {error}")))
}

/// The labels that the execution of a delivery has.
pub(crate) fn execution_labels(hook: &Hook<'_>, input: &WebhookReceived) -> Vec<(String, String)> {
    let id = input.execution.to_string();
    let correlation = input.delivery.key.as_ref().map_or(id.as_str(), |key| key.id.as_str());
    core::execution_labels(&hook.flow.labels, &input.from, &input.labels, correlation)
}

/// The time now.
pub(crate) fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
