//! What is wrong with flow texts, without deploying them.

use axum::{
    Json,
    extract::Request,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use windhover_proto::{
    api::{Address::OfTenant, Method, Operation},
    definitions::Definitions,
    flow::{Flow, ParsedDocument},
    id::TenantId,
    limit::FLOW_SOURCE_BYTES_MAX,
};

use super::{SOURCE, YAML};
use crate::api::{
    Refused, body,
    call::Call,
    route::{Route, json},
};

/// Types that still run and that Kestra 2.0 does not have any more.
const DEPRECATED: [&str; 3] = [
    "io.kestra.plugin.core.debug.Echo",
    "io.kestra.core.models.triggers.types.Webhook",
    "io.kestra.plugin.core.flow.ForEach",
];

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(VALIDATE, validate)]
}

const VALIDATE: Operation = Operation {
    id: "validateFlows",
    tag: "flows",
    method: Method::Post,
    path: OfTenant("/flows/validate"),
    summary: "Checks flow texts, separated by `---`, and deploys nothing.",
    parameters: &[],
    body: SOURCE,
    answers: &[json(
        "One entry for each text; `constraints` holds everything that is wrong, one finding a line.",
        r##"{"type": "array", "items": {"$ref": "#/components/schemas/Validated"}}"##,
    )],
};

/// What was found out about one text.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Validated {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constraints: Option<String>,
    outdated: bool,
    deprecation_paths: Vec<String>,
    warnings: Vec<String>,
    infos: Vec<String>,
}

async fn validate(call: Call, request: Request) -> Result<Response, Refused> {
    let source = body::text(request, &YAML, FLOW_SOURCE_BYTES_MAX).await?;
    let definitions = call.definitions().await?;
    let Call { tenant, query, .. } = call;
    query.finish()?;
    let documents = Flow::parse_all(&source).into_iter().enumerate();
    let validated = documents.map(|(index, document)| validated(index, document, &tenant, &definitions));
    Ok(Json(validated.collect::<Vec<_>>()).into_response())
}

fn validated(index: usize, document: ParsedDocument, tenant: &TenantId, definitions: &Definitions) -> Validated {
    let ParsedDocument { source, id, namespace, flow, .. } = document;
    let mut validated = Validated {
        index,
        flow: id,
        namespace,
        constraints: None,
        outdated: false,
        deprecation_paths: Vec::new(),
        warnings: Vec::new(),
        infos: Vec::new(),
    };
    match flow {
        Ok(flow) => {
            validated.outdated = is_outdated(&source, &flow, tenant, definitions);
            validated.deprecation_paths = deprecated(&flow);
        }
        Err(errors) => validated.constraints = Some(errors.to_string()),
    }
    validated
}

/// Whether the text names a revision that is not the newest one: somebody edits what was changed meanwhile.
fn is_outdated(source: &str, flow: &Flow, tenant: &TenantId, definitions: &Definitions) -> bool {
    let document: Option<serde_json::Value> = serde_yaml::from_str(source).ok();
    let Some(named) = document.and_then(|document| document["revision"].as_u64()) else { return false };
    let newest = definitions.newest(&(tenant.clone(), flow.namespace.clone(), flow.id.clone()));
    newest.is_none_or(|newest| u64::from(newest.reference.revision) != named)
}

/// Where types stand that are deprecated.
fn deprecated(flow: &Flow) -> Vec<String> {
    let lists = [
        ("tasks", &flow.tasks),
        ("errors", &flow.errors),
        ("finally", &flow.finally),
        ("afterExecution", &flow.after_execution),
    ];
    let tasks = lists.into_iter().flat_map(|(name, tasks)| {
        tasks.iter().enumerate().map(move |(place, task)| (format!("{name}[{place}]"), task.type_name.as_str()))
    });
    let triggers = flow.triggers.iter().enumerate();
    let triggers = triggers.map(|(place, trigger)| (format!("triggers[{place}]"), trigger.type_name.as_str()));
    tasks.chain(triggers).filter(|(_, name)| DEPRECATED.contains(name)).map(|(path, _)| path).collect()
}
