//! Searches of flows, by name and by text.

use std::collections::BTreeSet;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::json as value;
use windhover_proto::{
    api::{Address::OfTenant, Method, Operation, Parameter},
    definitions::{Definitions, FlowKey, Revision},
    id::TenantId,
    problem::{Code, Problem},
};

use super::document::{Source, document};
use crate::api::{
    Refused,
    call::Call,
    matching::{Anywhere, LabelMatch, Match},
    page::{PAGE, SIZE, Wanted},
    parameters::{FilterParameter, Parameters, bad, unsupported},
    route::{Route, TEXT, json, query},
};

const SUPPORTED: [&str; 5] = [
    "sort=id|namespace|revision:asc|desc",
    "filters[namespace][EQUALS|NOT_EQUALS|IN|NOT_IN|PREFIX|STARTS_WITH|ENDS_WITH|CONTAINS]",
    "filters[flowId][EQUALS|NOT_EQUALS|IN|NOT_IN|STARTS_WITH|ENDS_WITH|CONTAINS]",
    "filters[labels][EQUALS|NOT_EQUALS|IN|NOT_IN][KEY]",
    "filters[q|scope][EQUALS]",
];

/// Characters of a line of text that a search shows.
const LINE_CHARS_MAX: usize = 500;

pub(super) const PARAMETERS: &[Parameter] = &[
    PAGE,
    SIZE,
    query(
        "sort",
        r#"{"type": "string", "pattern": "^(id|namespace|revision):(asc|desc)$"}"#,
        "Field and direction; may be repeated.",
    ),
    query("q", TEXT, "A text: in the id, the namespace or the description; of searches by text, in the text."),
    query("scope", r#"{"enum": ["USER", "SYSTEM"]}"#, "Flows of users or of the namespace `system`."),
    query("namespace", TEXT, "The namespace, or one above it."),
    query("labels", r#"{"type": "string", "pattern": "^[^:]+:.+$"}"#, "`key:value`; may be repeated."),
    query("filters[namespace][PREFIX]", TEXT, "The namespace, or one above it."),
    query("filters[flowId][EQUALS]", TEXT, "The flow."),
];

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(SEARCH, search), Route::new(BY_TEXT, by_text)]
}

const SEARCH: Operation = Operation {
    id: "searchFlows",
    tag: "flows",
    method: Method::Get,
    path: OfTenant("/flows/search"),
    summary: "Searches flows; by namespace and id unless another order is asked for.",
    parameters: PARAMETERS,
    body: None,
    answers: &[json("One page of flows.", r##"{"$ref": "#/components/schemas/Flows"}"##)],
};

async fn search(mut call: Call) -> Result<Response, Refused> {
    let asked = Asked::take(&mut call.query)?;
    std::mem::take(&mut call.query).finish()?;
    let definitions = call.definitions().await?;
    let found: Vec<_> = asked.find(&call.tenant, &definitions, Looking::AtNames);
    let page = asked.page.of(found);
    let results: Vec<_> = page.results.into_iter().map(|revision| document(revision, Source::Left)).collect();
    Ok(Json(value!({"results": results, "total": page.total})).into_response())
}

const BY_TEXT: Operation = Operation {
    id: "searchFlowsByText",
    tag: "flows",
    method: Method::Get,
    path: OfTenant("/flows/source"),
    summary: "Searches flows by a text in their YAML.",
    parameters: PARAMETERS,
    body: None,
    answers: &[json("One page of flows and lines.", r##"{"$ref": "#/components/schemas/FlowTexts"}"##)],
};

async fn by_text(mut call: Call) -> Result<Response, Refused> {
    let asked = Asked::take(&mut call.query)?;
    std::mem::take(&mut call.query).finish()?;
    let definitions = call.definitions().await?;
    let found: Vec<_> = asked.find(&call.tenant, &definitions, Looking::AtTexts);
    let page = asked.page.of(found);
    let shown =
        |revision: &Revision| value!({"model": document(revision, Source::Left), "fragments": asked.lines(revision)});
    let results: Vec<_> = page.results.into_iter().map(shown).collect();
    Ok(Json(value!({"results": results, "total": page.total})).into_response())
}

/// Where a text is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looking {
    AtNames,
    AtTexts,
}

#[derive(Clone, Copy)]
enum Field {
    Id,
    Namespace,
    Revision,
}

#[derive(Clone, Copy)]
enum Direction {
    Ascending,
    Descending,
}

enum Filter {
    Namespace(Match),
    Flow(Match),
    Label(LabelMatch),
}

/// What is asked for.
pub(super) struct Asked {
    page: Wanted,
    sort: Vec<(Field, Direction)>,
    text: Option<Anywhere>,
    filters: Vec<Filter>,
}

impl Asked {
    /// Which flows are to be changed. Without any filter it would be all of them, which nobody means by leaving something out.
    pub(super) fn to_change(parameters: &mut Parameters) -> Result<Self, Problem> {
        let asked = Self::take(parameters)?;
        if asked.filters.is_empty() && asked.text.is_none() {
            return Err(Code::Unprocessable.because("without a filter this would change every flow; give one"));
        }
        Ok(asked)
    }

    /// The flows as they are now that are to be changed.
    pub(super) fn keys(&self, tenant: &TenantId, definitions: &Definitions) -> BTreeSet<FlowKey> {
        let found = self.find(tenant, definitions, Looking::AtNames).into_iter().map(|revision| &revision.reference);
        found.map(|flow| (flow.tenant.clone(), flow.namespace.clone(), flow.flow.clone())).collect()
    }

    fn take(parameters: &mut Parameters) -> Result<Self, Problem> {
        let page = Wanted::take(parameters)?;
        let sort = parameters.all("sort");
        let sort = sort.iter().flat_map(|one| one.split(',')).map(sort_field).collect::<Result<_, _>>()?;
        let text = parameters.one("q")?.map(|text| Anywhere::new(&text));
        let mut asked = Self { page, sort, text, filters: Vec::new() };
        if let Some(scope) = parameters.one("scope")? {
            asked.filters.push(scope_filter("scope", &scope)?);
        }
        if let Some(namespace) = parameters.one("namespace")? {
            asked.filters.push(Filter::Namespace(Match::Path(namespace)));
        }
        for label in parameters.all("labels") {
            asked.filters.push(Filter::Label(LabelMatch::pair(&label)?));
        }
        for filter in parameters.filters()? {
            asked.narrow(&filter)?;
        }
        parameters.also(&SUPPORTED);
        Ok(asked)
    }

    fn narrow(&mut self, filter: &FilterParameter) -> Result<(), Problem> {
        let FilterParameter { name, field, operator, key, value } = filter;
        let unknown = || unsupported(name, &SUPPORTED);
        let matches = || Match::parse(operator, value).ok_or_else(unknown);
        match (field.as_str(), operator.as_str(), key) {
            ("labels", _, Some(_)) => self.filters.push(Filter::Label(LabelMatch::filter(filter, &SUPPORTED)?)),
            ("namespace", _, None) => self.filters.push(Filter::Namespace(matches()?)),
            ("flowId", operator, None) if operator != "PREFIX" => self.filters.push(Filter::Flow(matches()?)),
            ("q" | "query", "EQUALS", None) => self.text = Some(Anywhere::new(value)),
            ("scope", "EQUALS", None) => self.filters.push(scope_filter(name, value)?),
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn find<'a>(&self, tenant: &TenantId, definitions: &'a Definitions, looking: Looking) -> Vec<&'a Revision> {
        let all = definitions.all().map(std::convert::AsRef::as_ref);
        let own = all.filter(|revision: &&Revision| revision.reference.tenant == *tenant);
        let mut found: Vec<_> = own.filter(|revision| self.holds(revision, looking)).collect();
        for (field, direction) in self.sort.iter().rev() {
            found.sort_by(|one, other| {
                let order = field.compare(one, other);
                match direction {
                    Direction::Ascending => order,
                    Direction::Descending => order.reverse(),
                }
            });
        }
        found
    }

    fn holds(&self, revision: &Revision, looking: Looking) -> bool {
        let reference = &revision.reference;
        let filters = self.filters.iter().all(|filter| match filter {
            Filter::Namespace(namespace) => namespace.holds(reference.namespace.as_str()),
            Filter::Flow(flow) => flow.holds(reference.flow.as_str()),
            Filter::Label(label) => {
                let labels = revision.flow.as_ref().map(|flow| flow.labels.as_slice()).unwrap_or_default();
                label.holds(labels.iter().map(|(key, value)| (key.as_str(), value.as_str())))
            }
        });
        let description = revision.flow.as_ref().ok().and_then(|flow| flow.description.as_deref());
        let names = [Some(reference.flow.as_str()), Some(reference.namespace.as_str()), description];
        let text = self.text.as_ref().is_none_or(|text| match looking {
            Looking::AtNames => text.holds(names.into_iter().flatten()),
            Looking::AtTexts => text.holds(std::iter::once(&*revision.source)),
        });
        filters && text
    }

    /// The lines that hold the text.
    fn lines(&self, revision: &Revision) -> Vec<String> {
        let Some(text) = &self.text else { return Vec::new() };
        let lines = revision.source.lines().filter(|line| text.holds(std::iter::once(*line)));
        lines.map(|line| line.chars().take(LINE_CHARS_MAX).collect()).collect()
    }
}

impl Field {
    fn compare(self, one: &Revision, other: &Revision) -> std::cmp::Ordering {
        let (one, other) = (&one.reference, &other.reference);
        match self {
            Field::Id => one.flow.as_str().cmp(other.flow.as_str()),
            Field::Namespace => one.namespace.as_str().cmp(other.namespace.as_str()),
            Field::Revision => one.revision.cmp(&other.revision),
        }
    }
}

fn scope_filter(name: &str, text: &str) -> Result<Filter, Problem> {
    match text {
        "USER" => Ok(Filter::Namespace(Match::NoneOf(vec!["system".to_owned()]))),
        "SYSTEM" => Ok(Filter::Namespace(Match::exactly("system"))),
        _ => Err(bad(name, text, &"must be USER or SYSTEM")),
    }
}

fn sort_field(text: &str) -> Result<(Field, Direction), Problem> {
    let bad =
        || Code::Unprocessable.because(format!("Invalid sort parameter: `sort` is `{text}`; write {}", SUPPORTED[0]));
    let (field, direction) = text.split_once(':').ok_or_else(bad)?;
    let field = match field {
        "id" | "flowId" => Field::Id,
        "namespace" => Field::Namespace,
        "revision" => Field::Revision,
        _ => return Err(bad()),
    };
    match direction {
        "asc" => Ok((field, Direction::Ascending)),
        "desc" => Ok((field, Direction::Descending)),
        _ => Err(bad()),
    }
}
