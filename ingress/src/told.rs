//! The answers to accepted deliveries.

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use windhover_proto::{
    core::Execution,
    expr::Value,
    flow::{Dynamic, FromDocument, ResponseContentType, TriggerKind, is_registered_status},
    input::WebhookReceived,
    problem::{Code, Problem},
    state::{History, State},
    time::Timestamp,
    trigger::{self, Sensitive},
};

use crate::{
    answer,
    context::{Call, Moment, Secrets},
    receive::execution_labels,
    respond::Told,
    service::Service,
    sites::{Hook, Table},
    verdict::{Fate, Sent},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The answer while the execution goes on.
pub(crate) fn of_started(
    hook: &Hook<'_>,
    input: &WebhookReceived,
    variables: &str,
    fate: Fate,
    now: Timestamp,
    base_url: &str,
) -> Response {
    let (history, mark) = match fate {
        Fate::First => (History::created(input.delivery.received_at), None),
        Fate::Replayed(history) => (history, Some((answer::REPLAYED, "true"))),
        Fate::Pending => (History::created(input.delivery.received_at), Some((answer::VERDICT, "pending"))),
    };
    let told = Told {
        reference: &input.flow,
        execution: input.execution,
        trigger: hook.trigger.id.as_str(),
        trigger_type: &hook.trigger.type_name,
        variables,
        outputs: None,
        labels: &execution_labels(hook, input),
        history: &history,
        now,
        base_url,
    };
    let mut response = answer::with_body(StatusCode::OK, JSON, told.to_json());
    if let Some((name, value)) = mark {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The answer when the end was waited for. It is made from the execution alone, so every delivery of one key gets the same.
///
/// # Errors
/// 500 when the trigger's `responseCode` gives no status.
pub(crate) fn of_ended(
    service: &Service,
    table: &Table,
    hook: &Hook<'_>,
    execution: &Execution,
    sent: Sent,
    blob: Option<&[u8]>,
    base_url: &str,
) -> Result<Response, Problem> {
    // The revision that ran decides, even when a newer one was deployed meanwhile.
    let ran = table.revision(&execution.flow).and_then(|revision| {
        let flow = revision.flow.as_ref().ok()?;
        let trigger = flow.trigger(execution.delivery.trigger.as_ref()?)?;
        let TriggerKind::Webhook(webhook) = &trigger.kind;
        Some(Hook { flow, trigger, webhook })
    });
    let hook = ran.unwrap_or(*hook);
    let status = status(service, &hook, execution, blob)?;
    let (content_type, body) = match hook.webhook.return_outputs {
        true => outputs(&hook, execution),
        false => (JSON, whole(service, &hook, execution, blob, base_url)),
    };
    let mut response = answer::with_body(status, content_type, body);
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED) {
        response.headers_mut().remove(header::CONTENT_TYPE);
        *response.body_mut() = axum::body::Body::empty();
    }
    if sent == Sent::Before {
        response.headers_mut().insert(answer::REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The status: as `responseCode` says, else 500 for what FAILED, else 200.
fn status(
    service: &Service,
    hook: &Hook<'_>,
    execution: &Execution,
    blob: Option<&[u8]>,
) -> Result<StatusCode, Problem> {
    let code = match &hook.webhook.response_code {
        None if execution.state() == State::Failed => 500,
        None => 200,
        Some(Dynamic::Fixed(code)) => *code,
        Some(Dynamic::Rendered(template)) => {
            let request = execution.delivery.request.parse();
            let request = request.map_err(|error| invalid(execution, &error.to_string()))?;
            let call = Call {
                reference: &execution.flow,
                flow: hook.flow,
                trigger: hook.trigger,
                execution: execution.id,
                request: &request,
                blob,
                seal: service.seal.as_ref(),
                surroundings: service.surroundings(),
                moment: Moment { now: execution.history.changed_at(), seed: execution.seed },
                secrets: Secrets::opened(),
                ended: Some(execution),
            };
            let text = call.render(template).map_err(|error| invalid(execution, &error.to_string()))?;
            text.read(|text| u16::from_document(text)).map_err(|reason| invalid(execution, &reason))?
        }
    };
    let sendable = code >= 200 && is_registered_status(code);
    let status = StatusCode::from_u16(code).ok().filter(|_| sendable);
    status.ok_or_else(|| invalid(execution, &format!("{code} is not a registered status of an answer")))
}

fn invalid(execution: &Execution, reason: &str) -> Problem {
    let detail =
        format!("execution {} ended {}, but its responseCode fails: {reason}", execution.id, execution.state());
    Code::AnswerInvalid.because(detail).with("execution", execution.id.to_string())
}

/// The flow's outputs alone; nothing when it has none.
fn outputs(hook: &Hook<'_>, execution: &Execution) -> (HeaderValue, Vec<u8>) {
    let content_type = hook.webhook.response_content_type.unwrap_or(ResponseContentType::Json);
    let body = execution.outputs.as_ref().map(|kept| kept.shown().to_json().into_bytes());
    (HeaderValue::from_static(content_type.as_str()), body.unwrap_or_default())
}

/// The whole response.
fn whole(service: &Service, hook: &Hook<'_>, execution: &Execution, blob: Option<&[u8]>, base_url: &str) -> Vec<u8> {
    let variables = execution.delivery.request.parse().map(|request| {
        let masked = trigger::variables(&request, blob, Sensitive::Masked);
        Value::Map(masked.map.into()).to_json()
    });
    let told = Told {
        reference: &execution.flow,
        execution: execution.id,
        trigger: hook.trigger.id.as_str(),
        trigger_type: &hook.trigger.type_name,
        variables: variables.as_deref().unwrap_or("{}"),
        outputs: execution.outputs.as_ref().map(windhover_proto::event::Kept::shown),
        labels: &execution.labels,
        history: &execution.history,
        now: service.now(),
        base_url,
    };
    told.to_json()
}
