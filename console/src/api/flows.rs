//! Deployed flows.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value as JsonValue;
use windhover_proto::{
    definitions::{FlowKey, Revision},
    problem::{Code, Problem},
};

use super::{
    Refused,
    parameters::{Parameters, unsupported},
    tenant::{Path, part, tenant},
};
use crate::Parts;

/// The document of a flow, and the source it was read from.
#[derive(Serialize)]
struct FlowDocument<'a> {
    #[serde(flatten)]
    members: serde_json::Map<String, JsonValue>,
    #[serde(rename = "tenantId")]
    tenant: &'a str,
    revision: u32,
    updated: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<String>,
}

/// `GET flows/{namespace}/{flow}`, with `source` and `revision`.
pub(super) async fn flow(
    State(parts): State<Arc<Parts>>,
    path: Path,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let wanted = Wanted::parse(&Parameters::parse(query.as_deref().unwrap_or_default())?)?;
    let key = flow_key(&path)?;
    let unreadable = |_| Code::Unavailable.because("the definitions cannot be read now");
    let definitions = parts.options.deployments.refreshed().await.map_err(unreadable)?;
    let found = match wanted.revision {
        Some(number) => definitions.revisions(&key).find(|revision| revision.reference.revision == number),
        None => definitions.newest(&key),
    };
    let not_found =
        || Code::FlowNotFound.because(format!("Flow not found: {}.{}", part(&path, "namespace"), part(&path, "flow")));
    let revision = found.ok_or_else(not_found)?;
    Ok(Json(document(revision, wanted.source)).into_response())
}

fn flow_key(path: &Path) -> Result<FlowKey, Problem> {
    let not_found =
        |error: windhover_proto::id::BadName| Code::FlowNotFound.because(format!("Flow not found: {error}"));
    let namespace = part(path, "namespace").parse().map_err(not_found)?;
    Ok((tenant(path)?, namespace, part(path, "flow").parse().map_err(not_found)?))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Shown,
    Left,
}

struct Wanted {
    revision: Option<u32>,
    source: Source,
}

impl Wanted {
    fn parse(parameters: &Parameters) -> Result<Self, Problem> {
        let mut wanted = Self { revision: None, source: Source::Left };
        for (name, value) in parameters.pairs() {
            let bad = |what: &str| Code::Unprocessable.because(format!("`{name}` is `{value}`, but must be {what}"));
            match (name, value) {
                ("revision", _) => wanted.revision = Some(value.parse().map_err(|_| bad("a revision number"))?),
                ("source", "true") => wanted.source = Source::Shown,
                ("source", "false") => wanted.source = Source::Left,
                ("source", _) => return Err(bad("`true` or `false`")),
                _ => return Err(unsupported(name, &["revision", "source"])),
            }
        }
        Ok(wanted)
    }
}

fn document(revision: &Revision, source: Source) -> FlowDocument<'_> {
    let parsed: Option<JsonValue> = serde_yaml::from_str(&revision.source).ok();
    let members = match parsed {
        Some(JsonValue::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    FlowDocument {
        members,
        tenant: revision.reference.tenant.as_str(),
        revision: revision.reference.revision,
        updated: revision.deployed_at.to_string(),
        source: (source == Source::Shown).then_some(&*revision.source),
        exception: revision.flow.as_ref().err().map(ToString::to_string),
    }
}
