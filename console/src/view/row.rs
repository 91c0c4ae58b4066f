//! What a search reads of an execution.

use serde::{Deserialize, Serialize};
use windhover_proto::{
    id::{FlowId, Namespace, TenantId},
    state::State,
};

/// One execution in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// When it was created, in milliseconds.
    pub(crate) start_ms: i64,
    /// When it ended, in milliseconds.
    pub(crate) end_ms: Option<i64>,
    /// Its tenant.
    pub(crate) tenant: TenantId,
    /// Its namespace.
    pub(crate) namespace: Namespace,
    /// Its flow.
    pub(crate) flow: FlowId,
    /// The state now.
    pub(crate) state: State,
    /// Its labels.
    pub(crate) labels: Vec<(String, String)>,
}
