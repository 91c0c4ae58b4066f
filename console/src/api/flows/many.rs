//! Several flows at once: all of a change happens, or nothing of it.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::Request,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json as value;
use windhover_eventlog::definitions::{deleted, deployed};
use windhover_proto::{
    api::{Address::OfTenant, Answer, Method, Operation, Taken},
    definitions::{Definition, Definitions, FlowKey},
    flow::{Flow, ParsedDocument},
    limit::FLOW_SOURCE_BYTES_MAX,
    problem::{Code, Problem},
};

use super::{
    SOURCE, YAML,
    document::{Source, document},
    search::{self, Asked},
    switch::{Switch, To, switched},
    write::{NotChanged, invalid, now, written},
};
use crate::api::{
    Refused, body,
    call::Call,
    route::{FLAG, Route, TEXT, json, query, takes},
};

const FLOWS: &[Answer] = &[json(
    "The flows with their texts, in the order of the texts.",
    r##"{"type": "array", "items": {"$ref": "#/components/schemas/Flow"}}"##,
)];

const COUNT: &[Answer] = &[json("How many flows were changed.", r##"{"$ref": "#/components/schemas/Count"}"##)];

const IDS: Option<Taken> =
    takes(&["application/json"], r##"{"type": "array", "items": {"$ref": "#/components/schemas/FlowName"}}"##);

pub(super) fn routes() -> Vec<Route> {
    let disable = Operation { id: "disableFlows", path: OfTenant("/flows/disable/by-ids"), ..ENABLE };
    let disable_found =
        Operation { id: "disableFoundFlows", path: OfTenant("/flows/disable/by-query"), ..ENABLE_FOUND };
    let delete_found = Operation {
        id: "deleteFoundFlows",
        method: Method::Delete,
        path: OfTenant("/flows/delete/by-query"),
        summary: "Deletes the flows that a search finds, all or none.",
        ..ENABLE_FOUND
    };
    vec![
        Route::new(BULK, bulk),
        Route::new(OF_NAMESPACE, of_namespace),
        Route::new(ENABLE, |call: Call, request: Request| by_ids(call, request, Act::Enable)),
        Route::new(disable, |call: Call, request: Request| by_ids(call, request, Act::Disable)),
        Route::new(DELETE, |call: Call, request: Request| by_ids(call, request, Act::Delete)),
        Route::new(ENABLE_FOUND, |call: Call| by_query(call, Act::Enable)),
        Route::new(disable_found, |call: Call| by_query(call, Act::Disable)),
        Route::new(delete_found, |call: Call| by_query(call, Act::Delete)),
    ]
}

const BULK: Operation = Operation {
    id: "deployFlows",
    tag: "flows",
    method: Method::Post,
    path: OfTenant("/flows/bulk"),
    summary: "Deploys several flows, separated by `---`, all or none.",
    parameters: &[
        query("delete", FLAG, "Delete the other flows of the namespace that is given."),
        query("namespace", TEXT, "The namespace of all of them."),
    ],
    body: SOURCE,
    answers: FLOWS,
};

async fn bulk(mut call: Call, request: Request) -> Result<Response, Refused> {
    let rest = if call.query.flag("delete")? { Rest::Deleted } else { Rest::Kept };
    let namespace = call.query.one("namespace")?;
    if rest == Rest::Deleted && namespace.is_none() {
        let detail = "`delete=true` without `namespace` would delete every other flow; name the namespace";
        return Err(Code::Unprocessable.because(detail).into());
    }
    std::mem::take(&mut call.query).finish()?;
    let text = body::text(request, &YAML, FLOW_SOURCE_BYTES_MAX).await?;
    deploy(&call, &text, namespace.as_deref(), rest).await
}

const OF_NAMESPACE: Operation = Operation {
    id: "deployFlowsOfNamespace",
    tag: "flows",
    method: Method::Post,
    path: OfTenant("/flows/{namespace}"),
    summary: "Deploys the flows of a namespace, separated by `---`, all or none.",
    parameters: &[query("delete", r#"{"type": "boolean", "default": true}"#, "Delete its other flows.")],
    body: SOURCE,
    answers: FLOWS,
};

async fn of_namespace(mut call: Call, request: Request) -> Result<Response, Refused> {
    let rest = if call.query.parsed("delete")?.unwrap_or(true) { Rest::Deleted } else { Rest::Kept };
    std::mem::take(&mut call.query).finish()?;
    let text = body::text(request, &YAML, FLOW_SOURCE_BYTES_MAX).await?;
    deploy(&call, &text, Some(call.part("namespace")), rest).await
}

/// What becomes of flows of the namespace that are not among the texts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Kept,
    Deleted,
}

async fn deploy(call: &Call, text: &str, namespace: Option<&str>, rest: Rest) -> Result<Response, Refused> {
    let flows = read(call, text, namespace)?;
    let changed = call.parts.options.deployments.change(|definitions| {
        let mut changes = Vec::new();
        for (key, source) in &flows {
            let newest = definitions.newest(key);
            if newest.is_none_or(|newest| !Flow::same_revision(&newest.source, source)) {
                changes.push(deployed(definitions, key, source, now()));
            }
        }
        if let (Rest::Deleted, Some(namespace)) = (rest, namespace) {
            changes.extend(others(definitions, &flows, call, namespace));
        }
        Ok::<_, NotChanged>(changes)
    });
    let changed = changed.await?;
    let revisions = flows.iter().filter_map(|(key, _)| written(&changed.definitions, &changed.wrote, key));
    Ok(Json(revisions.map(|revision| document(revision, Source::Shown)).collect::<Vec<_>>()).into_response())
}

/// Every flow of the texts, each once.
fn read(call: &Call, text: &str, namespace: Option<&str>) -> Result<Vec<(FlowKey, String)>, Problem> {
    let (mut flows, mut names, mut wrong) = (Vec::new(), BTreeSet::new(), Vec::new());
    for ParsedDocument { source, flow, .. } in Flow::parse_all(text) {
        let flow = match flow {
            Ok(flow) => flow,
            Err(errors) => {
                wrong.push(errors.to_string());
                continue;
            }
        };
        let name = (flow.namespace.clone(), flow.id.clone());
        if namespace.is_some_and(|namespace| namespace != flow.namespace.as_str()) {
            wrong.push(format!(
                "flow.namespace: Flow namespace is invalid: `{}` of the flow `{}`",
                flow.namespace, flow.id
            ));
        } else if !names.insert(name) {
            wrong.push(format!("flow.id: Duplicate flow id: {}.{}", flow.namespace, flow.id));
        }
        flows.push(((call.tenant.clone(), flow.namespace, flow.id), source.trim_end().to_owned()));
    }
    if wrong.is_empty() { Ok(flows) } else { Err(invalid(wrong.join("\n"))) }
}

fn others(definitions: &Definitions, flows: &[(FlowKey, String)], call: &Call, namespace: &str) -> Vec<Definition> {
    let all = definitions.all().map(|revision| &revision.reference);
    let own = all.filter(|reference| reference.tenant == call.tenant && reference.namespace.as_str() == namespace);
    let keys = own.map(|reference| (reference.tenant.clone(), reference.namespace.clone(), reference.flow.clone()));
    let others = keys.filter(|key| flows.iter().all(|(named, _)| named != key));
    others.map(|key| deleted(definitions, &key, now())).collect()
}

const ENABLE: Operation = Operation {
    id: "enableFlows",
    tag: "flows",
    method: Method::Post,
    path: OfTenant("/flows/enable/by-ids"),
    summary: "Changes `disabled` in the texts of flows, all or none.",
    parameters: &[],
    body: IDS,
    answers: COUNT,
};

const DELETE: Operation = Operation {
    id: "deleteFlows",
    tag: "flows",
    method: Method::Delete,
    path: OfTenant("/flows/delete/by-ids"),
    summary: "Deletes flows, all or none.",
    parameters: &[],
    body: IDS,
    answers: COUNT,
};

const ENABLE_FOUND: Operation = Operation {
    id: "enableFoundFlows",
    tag: "flows",
    method: Method::Post,
    path: OfTenant("/flows/enable/by-query"),
    summary: "Changes `disabled` in the texts of the flows that a search finds, all or none.",
    parameters: search::PARAMETERS,
    body: None,
    answers: COUNT,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Enable,
    Disable,
    Delete,
}

#[derive(Deserialize)]
struct FlowName {
    namespace: String,
    id: String,
}

async fn by_ids(mut call: Call, request: Request, act: Act) -> Result<Response, Refused> {
    std::mem::take(&mut call.query).finish()?;
    let text = body::text(request, &["application/json"], FLOW_SOURCE_BYTES_MAX).await?;
    let bad =
        |error| Code::Unprocessable.because(format!("Invalid json: a list of {{namespace, id}} is wanted: {error}"));
    let names: Vec<FlowName> = serde_json::from_str(&text).map_err(bad)?;
    let keys = names.iter().map(|name| key(&call, name)).collect::<Result<BTreeSet<_>, _>>()?;
    let changed = call.parts.options.deployments.change(|definitions| {
        let changes = keys.iter().map(|key| change(definitions, key, act));
        Ok::<_, NotChanged>(changes.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    });
    changed.await?;
    Ok(Json(value!({"count": keys.len()})).into_response())
}

async fn by_query(mut call: Call, act: Act) -> Result<Response, Refused> {
    let asked = Asked::to_change(&mut call.query)?;
    std::mem::take(&mut call.query).finish()?;
    let changed = call.parts.options.deployments.change(|definitions| {
        let keys = asked.keys(&call.tenant, definitions);
        let changes = keys.iter().map(|key| change(definitions, key, act));
        Ok::<_, NotChanged>(changes.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    });
    Ok(Json(value!({"count": changed.await?.wrote.len()})).into_response())
}

fn no_flow(namespace: &str, id: &str) -> Problem {
    Code::FlowNotFound.because(format!("Flow not found: {namespace}.{id}"))
}

fn key(call: &Call, FlowName { namespace, id }: &FlowName) -> Result<FlowKey, Problem> {
    let key = namespace.parse().ok().zip(id.parse().ok());
    let (own, flow) = key.ok_or_else(|| no_flow(namespace, id))?;
    Ok((call.tenant.clone(), own, flow))
}

fn change(definitions: &Definitions, key: &FlowKey, act: Act) -> Result<Option<Definition>, Problem> {
    let newest = definitions.newest(key).ok_or_else(|| no_flow(key.1.as_str(), key.2.as_str()))?;
    let to = match act {
        Act::Delete => return Ok(Some(deleted(definitions, key, now()))),
        Act::Enable => To::Off,
        Act::Disable => To::On,
    };
    let is = newest.flow.as_ref().is_ok_and(|flow| flow.disabled);
    if is == (to == To::On) {
        return Ok(None);
    }
    let source = switched(&newest.source, Switch::Disabled, to)?;
    Ok(Some(deployed(definitions, key, &source, now())))
}
