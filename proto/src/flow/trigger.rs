//! Triggers: what starts a flow.

use crate::{
    expr::{Template, Templated},
    id::TriggerId,
};

use super::{condition::Condition, task::Dynamic};

/// One thing that starts a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// Unique among the triggers of the flow.
    pub id: TriggerId,
    /// The type as the document writes it.
    pub type_name: String,
    /// What it reacts to.
    pub kind: TriggerKind,
    /// For people only.
    pub description: Option<String>,
    /// A disabled trigger answers 409 and starts nothing.
    pub disabled: bool,
}

/// What a trigger reacts to.
#[derive(Clone, Debug, PartialEq)]
pub enum TriggerKind {
    /// `trigger.Webhook`: an HTTP call.
    Webhook(Box<Webhook>),
}

/// A webhook: an HTTP call to `/api/v1/{tenant}/executions/webhook/{namespace}/{flow}/{key}` starts the flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// The last part of the URL, rendered and trimmed when it is compared. 1 to 256 characters, not blank.
    pub key: Template,
    /// Falsy or failing: 204 and no execution. Absent: always.
    pub when: Option<Template>,
    /// The 1.x form of `when`: all must hold; one that fails does not hold.
    pub conditions: Vec<Condition>,
    /// Values for the flow's inputs, by input id, in the order of the document. Absent: only defaults.
    pub inputs: Option<Vec<(String, Templated)>>,
    /// Labels of the execution; a value that fails to render leaves its label out.
    pub labels: Vec<(String, Template)>,
    /// True: the answer waits for the end of the execution.
    pub wait: bool,
    /// True, with `wait`: the answer is the outputs of the flow.
    pub return_outputs: bool,
    /// With `wait` and `return_outputs`: the content type of the answer. Absent: JSON.
    pub response_content_type: Option<ResponseContentType>,
    /// With `wait`: the status of the answer, rendered after the end. One that [`is_registered_status`] does not know
    /// answers 500.
    pub response_code: Option<Dynamic<u16>>,
    /// Whether the body becomes `trigger.body`.
    pub fetch_type: FetchType,
    /// Largest body, in bytes. Absent: as the server says.
    pub body_bytes_max: Option<usize>,
}

impl Webhook {
    /// Names of the secrets that the key reads by `secret('NAME')`, in order, each once.
    pub fn key_secrets(&self) -> Vec<String> {
        super::secrets::named_in(&self.key)
    }
}

/// The content type of an answer with outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseContentType {
    /// `application/json`
    Json,
    /// `text/plain`
    Text,
}

impl ResponseContentType {
    /// The value of the `Content-Type` header.
    pub const fn as_str(self) -> &'static str {
        match self {
            ResponseContentType::Json => "application/json",
            ResponseContentType::Text => "text/plain",
        }
    }
}

/// What becomes of the body of a webhook call. `STORE` is refused at deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FetchType {
    /// It becomes `trigger.body`.
    #[default]
    Fetch,
    /// It is not kept.
    None,
}

/// Whether a status may be an answer of a webhook: those registered with IANA, and 418. Kestra refuses the others too.
pub const fn is_registered_status(status: u16) -> bool {
    matches!(
        status,
        100..=103 | 200..=208 | 226 | 300..=308 | 400..=418 | 421..=426 | 428 | 429 | 431 | 451 | 500..=508 | 510 | 511
    )
}
