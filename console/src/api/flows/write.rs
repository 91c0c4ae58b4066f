//! One flow is made, changed or deleted. The definitions log decides: whoever comes second sees what the first did.

use axum::{
    Json,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use windhover_eventlog::{
    AppendError,
    definitions::{Changed, DefinitionsError, deleted, deployed},
};
use windhover_proto::{
    api::{Address::OfTenant, Answer, Method, Operation, Parameter},
    definitions::{Definition, Definitions, FlowKey},
    flow::Flow,
    limit::FLOW_SOURCE_BYTES_MAX,
    problem::{Code, Problem},
    time::Timestamp,
};

use super::{
    SOURCE, YAML,
    document::{Source, document},
    switch::{Switch, To, switched},
};
use crate::api::{
    Refused, body,
    call::Call,
    route::{FLAG, Route, empty, json, query},
    search::now_ms,
};

const DRAFT: &[Parameter] = &[query("draft", FLAG, "Keep it as a draft, which never runs.")];

const DEPLOYED: &[Answer] = &[json("The flow with its text.", r##"{"$ref": "#/components/schemas/Flow"}"##)];

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(CREATE, create), Route::new(UPDATE, update), Route::new(DELETE, delete)]
}

/// Why a change was not made, before it becomes an answer.
pub(super) enum NotChanged {
    Refused(Problem),
    Definitions(DefinitionsError),
}

impl From<DefinitionsError> for NotChanged {
    fn from(error: DefinitionsError) -> Self {
        NotChanged::Definitions(error)
    }
}

impl From<Problem> for NotChanged {
    fn from(problem: Problem) -> Self {
        NotChanged::Refused(problem)
    }
}

impl From<NotChanged> for Refused {
    fn from(not: NotChanged) -> Self {
        let error = match not {
            NotChanged::Refused(problem) => return problem.into(),
            NotChanged::Definitions(error) => error,
        };
        tracing::warn!(error = &error as &dyn std::error::Error, "a flow was not changed");
        let problem = match error {
            DefinitionsError::Read(_) | DefinitionsError::Decode(_) => {
                Code::Unavailable.because("the definitions cannot be read now")
            }
            DefinitionsError::Append(AppendError::Unknown { .. }) => Code::NotConfirmed
                .because("the log did not confirm in time; ask for the flow to see whether it was changed"),
            DefinitionsError::Append(error) => Code::Unavailable.because(format!("nothing was changed: {error}")),
            DefinitionsError::Flow(errors) => Code::Unprocessable.because(format!("Invalid entity: {errors}")),
            DefinitionsError::Contended => Code::Unavailable.because("other deployments kept coming first; try again"),
        };
        problem.into()
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(now_ms())
}

const CREATE: Operation = Operation {
    id: "createFlow",
    tag: "flows",
    method: Method::Post,
    path: OfTenant("/flows"),
    summary: "Deploys a new flow from its YAML.",
    parameters: DRAFT,
    body: SOURCE,
    answers: DEPLOYED,
};

async fn create(mut call: Call, request: Request) -> Result<Response, Refused> {
    let text = text(&mut call, request).await?;
    let flow = parse(&text)?;
    let text = without_revision(&text);
    let key: FlowKey = (call.tenant.clone(), flow.namespace, flow.id);
    let changed = call.parts.options.deployments.change(|definitions| {
        if definitions.newest(&key).is_some() {
            let next = format!("change it with PUT /flows/{}/{}", key.1, key.2);
            return Err(NotChanged::from(invalid(format!(
                "flow.id: Flow id already exists: {}.{}; {next}",
                key.1, key.2
            ))));
        }
        Ok(vec![deployed(definitions, &key, &text, now())])
    });
    answer(&changed.await?, &key)
}

const UPDATE: Operation = Operation {
    id: "updateFlow",
    tag: "flows",
    method: Method::Put,
    path: OfTenant("/flows/{namespace}/{flow}"),
    summary: "Deploys the next revision of a flow; the same text keeps the revision.",
    parameters: DRAFT,
    body: SOURCE,
    answers: DEPLOYED,
};

async fn update(mut call: Call, request: Request) -> Result<Response, Refused> {
    let text = text(&mut call, request).await?;
    let key = call.flow_key()?;
    if call.definitions().await?.newest(&key).is_none() {
        return Err(call.no_flow().into());
    }
    let flow = parse(&text)?;
    if flow.id != key.2 {
        return Err(invalid(format!("flow.id: Illegal flow id update: the text says `{}`", flow.id)).into());
    }
    if flow.namespace != key.1 {
        let detail = format!("flow.namespace: Illegal namespace update: the text says `{}`", flow.namespace);
        return Err(invalid(detail).into());
    }
    let text = without_revision(&text);
    let changed = call.parts.options.deployments.change(|definitions| {
        let newest = definitions.newest(&key).ok_or_else(|| NotChanged::from(call.no_flow()))?;
        Ok::<_, NotChanged>(if Flow::same_revision(&newest.source, &text) {
            vec![]
        } else {
            vec![deployed(definitions, &key, &text, now())]
        })
    });
    answer(&changed.await?, &key)
}

const DELETE: Operation = Operation {
    id: "deleteFlow",
    tag: "flows",
    method: Method::Delete,
    path: OfTenant("/flows/{namespace}/{flow}"),
    summary: "Deletes a flow. Its executions stay, and a flow of the same name goes on counting revisions.",
    parameters: &[],
    body: None,
    answers: &[empty(204, "It is deleted.")],
};

async fn delete(mut call: Call) -> Result<Response, Refused> {
    std::mem::take(&mut call.query).finish()?;
    let key = call.flow_key()?;
    let changed = call.parts.options.deployments.change(|definitions| {
        definitions.newest(&key).ok_or_else(|| NotChanged::from(call.no_flow()))?;
        Ok::<_, NotChanged>(vec![deleted(definitions, &key, now())])
    });
    changed.await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The text to deploy.
async fn text(call: &mut Call, request: Request) -> Result<String, Problem> {
    let draft = call.query.flag("draft")?;
    std::mem::take(&mut call.query).finish()?;
    let text = body::text(request, &YAML, FLOW_SOURCE_BYTES_MAX).await?;
    if !draft {
        return Ok(text);
    }
    parse(&text)?;
    switched(&text, Switch::Draft, To::On)
}

/// The text without a line that says its revision: the server counts, as in Kestra.
fn without_revision(text: &str) -> String {
    let is_revision = |line: &&str| {
        let number = line.strip_prefix("revision:").map(str::trim);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    text.split_inclusive('\n').filter(|line| !is_revision(line)).collect()
}

pub(super) fn parse(text: &str) -> Result<Flow, Problem> {
    Flow::parse(text).map_err(|errors| invalid(errors.to_string()))
}

pub(super) fn invalid(detail: impl std::fmt::Display) -> Problem {
    Code::Unprocessable.because(format!("Invalid entity: {detail}"))
}

/// The flow as it was deployed by this change, or as it was already.
fn answer(changed: &Changed, key: &FlowKey) -> Result<Response, Refused> {
    let flow = written(&changed.definitions, &changed.wrote, key).map(|revision| document(revision, Source::Shown));
    let gone = || Code::Conflict.because("the flow was deleted by somebody else at the same time");
    Ok(Json(flow.ok_or_else(gone)?).into_response())
}

/// The revision that these changes made of a flow; without one, the newest.
pub(super) fn written<'a>(
    definitions: &'a Definitions,
    wrote: &[Definition],
    key: &FlowKey,
) -> Option<&'a windhover_proto::definitions::Revision> {
    let own = wrote.iter().find_map(|change| match change {
        Definition::FlowDeployed { namespace, flow, revision, .. } if (namespace, flow) == (&key.1, &key.2) => {
            Some(*revision)
        }
        Definition::FlowDeployed { .. } | Definition::FlowDeleted { .. } => None,
    });
    let found = match own {
        Some(number) => definitions.revisions(key).find(|revision| revision.reference.revision == number),
        None => definitions.newest(key),
    };
    found.map(std::convert::AsRef::as_ref)
}
