//! One delivery of one webhook, as the log keeps it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{
    id::{CorrelationId, DeliveryId, Fingerprint, FlowId, Namespace, TenantId, TriggerId},
    request::Request,
    time::Timestamp,
};

/// Which flow, in which revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FlowRef {
    /// The tenant that owns it.
    pub tenant: TenantId,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its id.
    pub flow: FlowId,
    /// The revision, from 1.
    pub revision: u32,
}

/// Where a correlation id came from; what a different body under the same key means depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// The `Idempotency-Key` header: the sender promised the same body.
    Header,
    /// The delivery id of a provider, which may change the envelope between attempts.
    Preset,
    /// The trigger's own `idempotencyKey` expression.
    Expression,
}

/// What names a delivery whatever number of times it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The correlation id.
    pub id: CorrelationId,
    /// Where it came from.
    pub source: KeySource,
}

/// What somebody sent that starts an execution. Of a webhook: which trigger it reached, under which key, and the request byte
/// for byte. Of a call of the API: no trigger, and of the request all but its body, which the inputs stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Names this delivery; a resent copy of the same input has the same id.
    pub id: DeliveryId,
    /// The trigger it reached; none when the API was asked for an execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<TriggerId>,
    /// When it arrived at the ingress.
    pub received_at: Timestamp,
    /// Its key; absent when the sender gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// SHA-256 of the raw body bytes; of a call of the API, of what it asked for.
    pub fingerprint: Fingerprint,
    /// The request.
    pub request: RawRequest,
}

/// A [`Request`] in its JSON form: copied from record to record without being parsed, until an expression asks for it.
#[derive(Clone)]
pub struct RawRequest(Arc<RawValue>);

impl RawRequest {
    /// Encodes a request.
    ///
    /// # Panics
    /// Never: a request is plain data.
    pub fn new(request: &Request) -> Self {
        let raw = serde_json::value::to_raw_value(request);
        Self(raw.unwrap_or_else(|error| unreachable!("a request is plain data: {error}")).into())
    }

    /// Decodes the request.
    ///
    /// # Errors
    /// When the record was written by something that is not Windhover.
    pub fn parse(&self) -> Result<Request, serde_json::Error> {
        serde_json::from_str(self.0.get())
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for RawRequest {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for RawRequest {}

impl fmt::Debug for RawRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RawRequest({} bytes)", self.0.get().len())
    }
}

impl Serialize for RawRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.into()))
    }
}
