//! What was asked of an execution, as the inbox log carries it. Nothing here is decided yet.

use serde::{Deserialize, Serialize};

use crate::{
    delivery::{Delivery, FlowRef},
    expr::Value,
    id::{DeliveryId, ExecutionId},
};

/// One input. The partition of its execution decides what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// A delivery reached a trigger and was found genuine.
    WebhookReceived(Box<WebhookReceived>),
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
    /// The label `system.from`: `trigger`, or `testEvent` for a delivery that says it is a test.
    pub from: String,
}

impl Input {
    /// The execution that the input is about.
    pub fn execution(&self) -> ExecutionId {
        match self {
            Input::WebhookReceived(webhook) => webhook.execution,
        }
    }

    /// What names the input: a later copy with the same id is ignored.
    pub fn id(&self) -> DeliveryId {
        match self {
            Input::WebhookReceived(webhook) => webhook.delivery.id,
        }
    }

    /// The `definitions` position that must be folded before the input can be decided.
    pub fn definitions_at(&self) -> u64 {
        match self {
            Input::WebhookReceived(webhook) => webhook.definitions_at,
        }
    }
}
