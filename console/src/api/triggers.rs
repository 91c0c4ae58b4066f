//! Webhook triggers of all flows, with the address to call and a line to copy.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json as value};
use windhover_proto::{
    api::{Address::OfTenant, Answer, Method, Operation, Parameter},
    definitions::Revision,
    flow::{Flow, Trigger, Webhook},
    problem::{Code, Problem},
};

use super::{
    Refused,
    call::Call,
    flows::document::{Source, document},
    matching::{Anywhere, Match},
    page::{PAGE, Page, SIZE, Wanted},
    parameters::{Parameters, unsupported},
    route::{Route, TEXT, json, query},
};
use crate::address::{self, Key};

const SUPPORTED: [&str; 3] = [
    "filters[namespace|flowId|triggerId][EQUALS|NOT_EQUALS|IN|NOT_IN|PREFIX|STARTS_WITH|ENDS_WITH|CONTAINS]",
    "filters[q][EQUALS]",
    "sort=flowId|namespace|triggerId:asc|desc",
];

const ANSWERS: &[Answer] = &[json("One page of triggers.", r##"{"$ref": "#/components/schemas/Triggers"}"##)];

const SORT: Parameter = query(
    "sort",
    r#"{"type": "string", "pattern": "^(flowId|namespace|triggerId):(asc|desc)$"}"#,
    "Field and direction; by namespace, flow and place in the flow when absent.",
);

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(SEARCH, search), Route::new(OF_FLOW, of_flow)]
}

const SEARCH: Operation = Operation {
    id: "searchTriggers",
    tag: "triggers",
    method: Method::Get,
    path: OfTenant("/triggers/search"),
    summary: "Searches the triggers of all flows. A secret in an address is named and not shown.",
    parameters: &[
        PAGE,
        SIZE,
        SORT,
        query("q", TEXT, "A text in the namespace, the flow or the trigger, in any case."),
        query("namespace", TEXT, "The namespace, or one above it."),
        query("flowId", TEXT, "The flow."),
    ],
    body: None,
    answers: ANSWERS,
};

async fn search(mut call: Call) -> Result<Response, Refused> {
    let asked = Asked::take(&mut call.query)?;
    answer(call, asked).await
}

const OF_FLOW: Operation = Operation {
    id: "triggersOfFlow",
    tag: "triggers",
    method: Method::Get,
    path: OfTenant("/triggers/{namespace}/{flow}"),
    summary: "The triggers of a flow.",
    parameters: &[PAGE, SIZE, SORT, query("q", TEXT, "A text in the trigger, in any case.")],
    body: None,
    answers: ANSWERS,
};

async fn of_flow(mut call: Call) -> Result<Response, Refused> {
    let mut asked = Asked::take(&mut call.query)?;
    asked.filters.push((Field::Namespace, Match::exactly(call.part("namespace"))));
    asked.filters.push((Field::Flow, Match::exactly(call.part("flow"))));
    answer(call, asked).await
}

#[derive(Clone, Copy)]
enum Field {
    Namespace,
    Flow,
    Trigger,
}

#[derive(Clone, Copy)]
enum Direction {
    Ascending,
    Descending,
}

/// What is asked for.
struct Asked {
    page: Wanted,
    sort: Option<(Field, Direction)>,
    text: Option<Anywhere>,
    filters: Vec<(Field, Match)>,
}

impl Asked {
    fn take(parameters: &mut Parameters) -> Result<Self, Problem> {
        let page = Wanted::take(parameters)?;
        let sort = parameters.one("sort")?.map(|text| sort(&text)).transpose()?;
        let mut text = parameters.one("q")?.map(|text| Anywhere::new(&text));
        let mut filters = Vec::new();
        if let Some(namespace) = parameters.one("namespace")? {
            filters.push((Field::Namespace, Match::Path(namespace)));
        }
        if let Some(flow) = parameters.one("flowId")? {
            filters.push((Field::Flow, Match::exactly(&flow)));
        }
        for filter in parameters.filters()? {
            let unknown = || unsupported(&filter.name, &SUPPORTED);
            let matches = Match::parse(&filter.operator, &filter.value).filter(|_| filter.key.is_none());
            match (filter.field.as_str(), matches) {
                ("namespace", Some(matches)) => filters.push((Field::Namespace, matches)),
                ("flowId", Some(matches)) => filters.push((Field::Flow, matches)),
                ("triggerId", Some(matches)) => filters.push((Field::Trigger, matches)),
                ("q" | "query", Some(Match::OneOf(_))) => text = Some(Anywhere::new(&filter.value)),
                _ => return Err(unknown()),
            }
        }
        parameters.also(&SUPPORTED);
        Ok(Self { page, sort, text, filters })
    }

    fn holds(&self, entry: &Entry<'_>) -> bool {
        let [namespace, flow, trigger] = [Field::Namespace, Field::Flow, Field::Trigger].map(|field| entry.text(field));
        self.filters.iter().all(|(field, matches)| matches.holds(entry.text(*field)))
            && self.text.as_ref().is_none_or(|text| text.holds([namespace, flow, trigger].into_iter()))
    }
}

fn sort(text: &str) -> Result<(Field, Direction), Problem> {
    let bad =
        || Code::Unprocessable.because(format!("Invalid sort parameter: `sort` is `{text}`; write {}", SUPPORTED[2]));
    let (field, direction) = text.split_once(':').ok_or_else(bad)?;
    let field = match field {
        "namespace" => Field::Namespace,
        "flowId" => Field::Flow,
        "triggerId" | "id" => Field::Trigger,
        _ => return Err(bad()),
    };
    match direction {
        "asc" => Ok((field, Direction::Ascending)),
        "desc" => Ok((field, Direction::Descending)),
        _ => Err(bad()),
    }
}

/// One webhook trigger of a flow.
struct Entry<'a> {
    revision: &'a Revision,
    flow: &'a Flow,
    trigger: &'a Trigger,
    webhook: &'a Webhook,
}

impl Entry<'_> {
    fn text(&self, field: Field) -> &str {
        match field {
            Field::Namespace => self.revision.reference.namespace.as_str(),
            Field::Flow => self.revision.reference.flow.as_str(),
            Field::Trigger => self.trigger.id.as_str(),
        }
    }

    fn to_json(&self, call: &Call) -> Value {
        let reference = &self.revision.reference;
        let key = address::key(self.revision, self.flow, self.webhook, call.parts.options.surroundings.as_ref());
        let base = &call.parts.options.public_url;
        let mut entry = value!({
            "tenantId": reference.tenant.as_str(),
            "namespace": reference.namespace.as_str(),
            "flowId": reference.flow.as_str(),
            "flowRevision": reference.revision,
            "triggerId": self.trigger.id.as_str(),
            "type": self.trigger.type_name,
            "disabled": self.trigger.disabled || self.flow.disabled,
            "trigger": self.definition(),
        });
        if let Some(url) = address::url(base, self.revision, &key) {
            let data = r#"{"hello":"world"}"#;
            entry["curl"] = format!("curl -X POST -H 'Content-Type: application/json' -d '{data}' '{url}'").into();
            entry["url"] = url.into();
        }
        match key {
            Key::Waiting(secrets) => entry["missingSecrets"] = secrets.into(),
            Key::Broken(reason) => entry["problem"] = reason.into(),
            Key::Whole(_) | Key::Secret(_) => {}
        }
        entry
    }

    /// The trigger as the text of the flow says it.
    fn definition(&self) -> Value {
        let flow = document(self.revision, Source::Left);
        let triggers = flow["triggers"].as_array().into_iter().flatten();
        triggers.into_iter().find(|trigger| trigger["id"] == self.trigger.id.as_str()).cloned().unwrap_or_default()
    }
}

async fn answer(mut call: Call, asked: Asked) -> Result<Response, Refused> {
    std::mem::take(&mut call.query).finish()?;
    let definitions = call.definitions().await?;
    let own = definitions.all().filter(|revision| revision.reference.tenant == call.tenant);
    let entries = own.flat_map(|revision| {
        let flow = revision.flow.as_ref().ok();
        flow.into_iter().flat_map(move |flow| {
            flow.webhooks().map(move |(trigger, webhook)| Entry { revision, flow, trigger, webhook })
        })
    });
    let mut entries: Vec<_> = entries.filter(|entry| asked.holds(entry)).collect();
    if let Some((field, direction)) = asked.sort {
        entries.sort_by(|one, other| match direction {
            Direction::Ascending => one.text(field).cmp(other.text(field)),
            Direction::Descending => other.text(field).cmp(one.text(field)),
        });
    }
    let Page { results, total } = asked.page.of(entries);
    let results = results.iter().map(|entry| entry.to_json(&call)).collect();
    Ok(Json(Page { results, total }).into_response())
}
