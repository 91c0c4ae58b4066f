//! What was asked of an execution, as the inbox log carries it. Nothing here is decided yet.

use serde::{Deserialize, Serialize};

use crate::{
    delivery::{Delivery, FlowRef},
    expr::Value,
    flow::LogLevel,
    id::{DeliveryId, ExecutionId},
    seal::Sealed,
};

/// One input. The partition of its execution decides what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// A delivery reached a trigger and was found genuine.
    WebhookReceived(Box<WebhookReceived>),
    /// The API was asked for an execution.
    ExecutionRequested(Box<ExecutionRequested>),
    /// The API was asked to stop an execution.
    KillRequested(KillRequested),
    /// The API was asked to forget log lines.
    LogsDeletionRequested(LogsDeletionRequested),
    /// The API was asked to forget an execution.
    DeletionRequested(DeletionRequested),
}

/// A genuine delivery with everything that the ingress decided once; the engine evaluates none of it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebhookReceived {
    /// The execution that it starts, or belongs to when it is a duplicate.
    pub execution: ExecutionId,
    /// The flow and the revision that the ingress chose.
    pub flow: FlowRef,
    /// The `definitions` position that the ingress had folded; the owner waits until its own fold is there.
    pub definitions_at: u64,
    /// The delivery.
    pub delivery: Delivery,
    /// The trigger's labels, rendered; in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
    /// The flow's inputs as the trigger's `inputs` gave them, rendered and validated; absent when the trigger has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// Those of the type SECRET, sealed; `inputs` has them masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_inputs: Option<Sealed>,
    /// The label `system.from`: `trigger`, or `testEvent` for a delivery that says it is a test.
    pub from: String,
}

/// An execution that somebody asked the API for, or one that is replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionRequested {
    /// The execution that it starts, or belongs to when it was asked for before under the same key.
    pub execution: ExecutionId,
    /// The flow and the revision that was chosen.
    pub flow: FlowRef,
    /// The `definitions` position at which it was chosen; the owner waits until its own fold is there.
    pub definitions_at: u64,
    /// Who asked. Of a replay: the delivery that started the replayed execution, under a new id and without a key.
    pub delivery: Delivery,
    /// All labels of the execution, those of the flow and of the system included; in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
    /// The flow's inputs, validated, defaults filled in; absent when the flow has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// Those of the type SECRET, sealed; `inputs` has them masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_inputs: Option<Sealed>,
    /// What is replayed; absent when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
}

/// Where a replay stands in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The execution that is replayed.
    pub of: ExecutionId,
    /// The first one of the chain.
    pub original: ExecutionId,
    /// Which run of the chain this is; the first one is number 1.
    pub attempt: u32,
}

/// Somebody wants an execution to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillRequested {
    /// Names the request.
    pub id: DeliveryId,
    /// The execution.
    pub execution: ExecutionId,
}

/// Somebody wants log lines of an execution to be gone: hidden at once, their bytes leave with retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogsDeletionRequested {
    /// Names the request.
    pub id: DeliveryId,
    /// The execution.
    pub execution: ExecutionId,
    /// Lines of this level and above; absent: all lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowest: Option<LogLevel>,
}

/// Somebody wants an execution to be gone: hidden at once, its bytes leave with retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionRequested {
    /// Names the request.
    pub id: DeliveryId,
    /// The execution.
    pub execution: ExecutionId,
}

impl Input {
    /// The execution that the input is about.
    pub fn execution(&self) -> ExecutionId {
        match self {
            Input::WebhookReceived(webhook) => webhook.execution,
            Input::ExecutionRequested(request) => request.execution,
            Input::KillRequested(request) => request.execution,
            Input::LogsDeletionRequested(request) => request.execution,
            Input::DeletionRequested(request) => request.execution,
        }
    }

    /// What names the input: a later copy with the same id is ignored.
    pub fn id(&self) -> DeliveryId {
        match self {
            Input::WebhookReceived(webhook) => webhook.delivery.id,
            Input::ExecutionRequested(request) => request.delivery.id,
            Input::KillRequested(request) => request.id,
            Input::LogsDeletionRequested(request) => request.id,
            Input::DeletionRequested(request) => request.id,
        }
    }

    /// The delivery, of an input that can start an execution.
    pub fn delivery(&self) -> Option<&Delivery> {
        match self {
            Input::WebhookReceived(webhook) => Some(&webhook.delivery),
            Input::ExecutionRequested(request) => Some(&request.delivery),
            Input::KillRequested(_) | Input::LogsDeletionRequested(_) | Input::DeletionRequested(_) => None,
        }
    }

    /// The `definitions` position that must be folded before the input can be decided.
    pub fn definitions_at(&self) -> u64 {
        match self {
            Input::WebhookReceived(webhook) => webhook.definitions_at,
            Input::ExecutionRequested(request) => request.definitions_at,
            Input::KillRequested(_) | Input::LogsDeletionRequested(_) | Input::DeletionRequested(_) => 0,
        }
    }
}
