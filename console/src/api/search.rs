//! `GET executions/search`: filters, order, pages.

use std::{cmp::Ordering, sync::Arc};

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use windhover_proto::{
    id::{ExecutionId, TenantId},
    problem::{Code, Problem},
    state::State as ExecutionState,
};

use super::{
    Refused,
    parameters::{Parameters, unsupported},
    tenant::{Path, tenant},
};
use crate::{
    Parts,
    document::{self, Detail},
    view::{Failed, Row, Views},
};

/// Most executions on one page: each is read whole.
const SIZE_MAX: usize = 1000;

/// What may be asked for, for messages.
const SUPPORTED: [&str; 11] = [
    "page",
    "size",
    "sort=FIELD:asc|desc (id, namespace, flowId, state.current, state.startDate, state.endDate, state.duration)",
    "filters[state][EQUALS|NOT_EQUALS|IN|NOT_IN]",
    "filters[namespace][EQUALS|NOT_EQUALS|IN|NOT_IN|PREFIX|STARTS_WITH|ENDS_WITH|CONTAINS]",
    "filters[flowId][EQUALS|NOT_EQUALS|IN|NOT_IN|STARTS_WITH|ENDS_WITH|CONTAINS]",
    "filters[labels][EQUALS|NOT_EQUALS][KEY]",
    "state",
    "namespace",
    "flowId",
    "labels",
];

/// One page.
#[derive(Serialize)]
struct Page<T> {
    results: Vec<T>,
    total: usize,
}

/// `GET executions/search`
pub(super) async fn search(
    State(parts): State<Arc<Parts>>,
    path: Path,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let tenant = tenant(&path)?;
    let query = Query::parse(&Parameters::parse(query.as_deref().unwrap_or_default())?)?;
    parts.views.settle(&parts.options.owners).await;
    let reading = parts.clone();
    let found = tokio::task::spawn_blocking(move || find(&reading.views, &tenant, &query)).await;
    let (ids, total) = found.map_err(|_| Code::Internal.because("the search panicked"))??;
    let mut executions = Vec::with_capacity(ids.len());
    for id in ids {
        executions.extend(parts.views.execution(&id)?);
    }
    let results = executions.iter().map(|execution| document::execution(execution, None, Detail::Listed)).collect();
    Ok(Json(Page { results, total }).into_response())
}

/// The ids on the wanted page, and how many match in all.
fn find(views: &Views, tenant: &TenantId, query: &Query) -> Result<(Vec<ExecutionId>, usize), Failed> {
    let mut found = Vec::new();
    for store in views.stores() {
        for item in store.rows() {
            let (id, row) = item?;
            if row.tenant == *tenant && query.filters.iter().all(|filter| filter.holds(&row)) {
                found.push((id, row));
            }
        }
    }
    found.sort_unstable_by(|one, other| query.order(one, other));
    let total = found.len();
    let page = found.into_iter().skip((query.page - 1).saturating_mul(query.size)).take(query.size);
    Ok((page.map(|(id, _)| id).collect(), total))
}

/// A search.
#[derive(Debug)]
struct Query {
    page: usize,
    size: usize,
    sort: Vec<(Field, Direction)>,
    filters: Vec<Filter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Id,
    Namespace,
    Flow,
    State,
    Start,
    End,
    Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

#[derive(Debug)]
enum Filter {
    State(Match),
    Namespace(Match),
    Flow(Match),
    Label { key: String, value: Match },
}

/// How a text is compared.
#[derive(Debug)]
enum Match {
    OneOf(Vec<String>),
    NoneOf(Vec<String>),
    Path(String),
    Start(String),
    End(String),
    Part(String),
}

impl Match {
    fn parse(operator: &str, value: &str) -> Option<Self> {
        let list = || value.split(',').map(|part| part.trim().to_owned()).collect();
        Some(match operator {
            "EQUALS" => Match::OneOf(vec![value.to_owned()]),
            "NOT_EQUALS" => Match::NoneOf(vec![value.to_owned()]),
            "IN" => Match::OneOf(list()),
            "NOT_IN" => Match::NoneOf(list()),
            "PREFIX" => Match::Path(value.to_owned()),
            "STARTS_WITH" => Match::Start(value.to_owned()),
            "ENDS_WITH" => Match::End(value.to_owned()),
            "CONTAINS" => Match::Part(value.to_owned()),
            _ => return None,
        })
    }

    fn holds(&self, text: &str) -> bool {
        match self {
            Match::OneOf(all) => all.iter().any(|one| one == text),
            Match::NoneOf(all) => all.iter().all(|one| one != text),
            Match::Path(path) => {
                text.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
            Match::Start(start) => text.starts_with(start),
            Match::End(end) => text.ends_with(end),
            Match::Part(part) => text.contains(part),
        }
    }
}

impl Filter {
    fn holds(&self, row: &Row) -> bool {
        match self {
            Filter::State(state) => state.holds(row.state.as_str()),
            Filter::Namespace(namespace) => namespace.holds(row.namespace.as_str()),
            Filter::Flow(flow) => flow.holds(row.flow.as_str()),
            Filter::Label { key, value } => {
                let own = row.labels.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str());
                match value {
                    Match::NoneOf(_) => own.is_none_or(|own| value.holds(own)),
                    _ => own.is_some_and(|own| value.holds(own)),
                }
            }
        }
    }
}

impl Query {
    fn parse(parameters: &Parameters) -> Result<Self, Problem> {
        let mut query = Self { page: 1, size: 10, sort: Vec::new(), filters: Vec::new() };
        for (name, value) in parameters.pairs() {
            query.take(name, value)?;
        }
        Ok(query)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        match name {
            "page" => self.page = number(name, value, usize::MAX)?,
            "size" => self.size = number(name, value, SIZE_MAX)?,
            "sort" => self.sort.push(sort(value)?),
            "state" => self.filters.push(state_filter("IN", value)?),
            "namespace" => self.filters.push(Filter::Namespace(Match::Path(value.to_owned()))),
            "flowId" => self.filters.push(Filter::Flow(Match::OneOf(vec![value.to_owned()]))),
            "labels" => self.filters.push(label_pair(value)?),
            _ => self.filters.push(filter(name, value)?),
        }
        Ok(())
    }

    /// The asked order, then the newest first, then the id: every list has one order.
    fn order(&self, (one_id, one): &(ExecutionId, Row), (other_id, other): &(ExecutionId, Row)) -> Ordering {
        let asked = self.sort.iter().map(|(field, direction)| {
            let order = field.compare((one_id, one), (other_id, other));
            if *direction == Direction::Descending { order.reverse() } else { order }
        });
        let newest = if self.sort.is_empty() { other.start_ms.cmp(&one.start_ms) } else { Ordering::Equal };
        asked
            .chain([newest])
            .find(|order| order.is_ne())
            .unwrap_or_else(|| one_id.to_string().cmp(&other_id.to_string()))
    }
}

impl Field {
    fn compare(self, one: (&ExecutionId, &Row), other: (&ExecutionId, &Row)) -> Ordering {
        let duration = |row: &Row| row.end_ms.map(|end| end - row.start_ms);
        match self {
            Field::Id => one.0.to_string().cmp(&other.0.to_string()),
            Field::Namespace => one.1.namespace.cmp(&other.1.namespace),
            Field::Flow => one.1.flow.cmp(&other.1.flow),
            Field::State => one.1.state.as_str().cmp(other.1.state.as_str()),
            Field::Start => one.1.start_ms.cmp(&other.1.start_ms),
            Field::End => one.1.end_ms.cmp(&other.1.end_ms),
            Field::Duration => duration(one.1).cmp(&duration(other.1)),
        }
    }
}

fn number(name: &str, value: &str, most: usize) -> Result<usize, Problem> {
    let parsed = value.parse().ok().filter(|number| (1..=most).contains(number));
    parsed.ok_or_else(|| {
        Code::Unprocessable.because(format!("`{name}` is `{value}`, but must be a number from 1 to {most}"))
    })
}

fn sort(value: &str) -> Result<(Field, Direction), Problem> {
    let bad = || Code::Unprocessable.because(format!("`sort` is `{value}`; write {}", SUPPORTED[2]));
    let (field, direction) = value.split_once(':').ok_or_else(bad)?;
    let field = match field {
        "id" => Field::Id,
        "namespace" => Field::Namespace,
        "flowId" => Field::Flow,
        "state.current" | "state" => Field::State,
        "state.startDate" | "startDate" => Field::Start,
        "state.endDate" | "endDate" => Field::End,
        "state.duration" | "duration" => Field::Duration,
        _ => return Err(bad()),
    };
    match direction {
        "asc" => Ok((field, Direction::Ascending)),
        "desc" => Ok((field, Direction::Descending)),
        _ => Err(bad()),
    }
}

/// `filters[field][OPERATOR]` or `filters[labels][OPERATOR][key]`
fn filter(name: &str, value: &str) -> Result<Filter, Problem> {
    let unknown = || unsupported(name, &SUPPORTED);
    let inner = name.strip_prefix("filters[").and_then(|rest| rest.strip_suffix(']')).ok_or_else(unknown)?;
    let mut parts = inner.splitn(3, "][");
    let (field, operator, key) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let operator = operator.ok_or_else(unknown)?;
    let matches = || Match::parse(operator, value).ok_or_else(unknown);
    match (field, key) {
        ("state", None) => state_filter(operator, value),
        ("namespace", None) => Ok(Filter::Namespace(matches()?)),
        ("flowId", None) if operator != "PREFIX" => Ok(Filter::Flow(matches()?)),
        ("labels", Some(key)) if matches!(operator, "EQUALS" | "NOT_EQUALS") => {
            Ok(Filter::Label { key: key.to_owned(), value: matches()? })
        }
        _ => Err(unknown()),
    }
}

fn state_filter(operator: &str, value: &str) -> Result<Filter, Problem> {
    let value = value.to_ascii_uppercase();
    let known =
        |text: &str| serde_json::from_value::<ExecutionState>(serde_json::Value::String(text.to_owned())).is_ok();
    if let Some(bad) = value.split(',').map(str::trim).find(|text| !known(text)) {
        return Err(Code::Unprocessable.because(format!("`{bad}` is no state of an execution")));
    }
    match Match::parse(operator, &value) {
        Some(matches @ (Match::OneOf(_) | Match::NoneOf(_))) => Ok(Filter::State(matches)),
        _ => Err(unsupported(&format!("filters[state][{operator}]"), &SUPPORTED)),
    }
}

fn label_pair(value: &str) -> Result<Filter, Problem> {
    let bad = || Code::Unprocessable.because(format!("`labels` is `{value}`, but must be `key:value`"));
    let (key, value) = value.split_once(':').ok_or_else(bad)?;
    Ok(Filter::Label { key: key.to_owned(), value: Match::OneOf(vec![value.to_owned()]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(start_ms: i64, flow: &str, state: ExecutionState) -> Row {
        Row {
            start_ms,
            end_ms: None,
            tenant: TenantId::main(),
            namespace: "company.team".parse().unwrap(),
            flow: flow.parse().unwrap(),
            state,
            labels: vec![("team".into(), "a".into())],
        }
    }

    fn query(text: &str) -> Result<Query, Problem> {
        Query::parse(&Parameters::parse(text)?)
    }

    #[test]
    fn filters_hold_for_what_they_name() {
        let row = row(1, "echo", ExecutionState::Success);
        let holds = |text: &str| query(text).unwrap().filters.iter().all(|filter| filter.holds(&row));
        for text in [
            "filters[state][EQUALS]=success",
            "filters[state][IN]=FAILED,SUCCESS",
            "filters[namespace][PREFIX]=company",
            "filters%5BflowId%5D%5BEQUALS%5D=echo",
            "filters[labels][EQUALS][team]=a",
            "labels=team:a&namespace=company.team&flowId=echo",
            "filters[labels][NOT_EQUALS][other]=a",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in ["filters[state][NOT_EQUALS]=SUCCESS", "namespace=comp", "filters[labels][EQUALS][team]=b"] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_does_nothing_is_refused_by_name() {
        for text in [
            "pages=1",
            "size=0",
            "size=1001",
            "page=x",
            "sort=id",
            "sort=id:up",
            "sort=nope:asc",
            "filters[state][EQUALS]=DONE",
            "filters[color][EQUALS]=red",
            "filters[labels][EQUALS]=a",
            "filters[state][CONTAINS]=S",
            "a=%zz",
        ] {
            let problem = query(text).unwrap_err();
            assert!((400..=422).contains(&problem.code.status()), "{text}: {problem}");
        }
    }

    #[test]
    fn ties_are_broken_by_id_in_every_order() {
        let id = |byte| ExecutionId::from_bytes([byte; 16]);
        let rows = || {
            [
                (id(2), row(5, "a", ExecutionState::Success)),
                (id(1), row(5, "a", ExecutionState::Success)),
                (id(3), row(9, "a", ExecutionState::Success)),
            ]
        };
        let sorted = |text: &str| {
            let query = query(text).unwrap();
            let mut rows = rows().to_vec();
            rows.sort_by(|one, other| query.order(one, other));
            rows.into_iter().map(|(id, _)| id.as_bytes()[0]).collect::<Vec<_>>()
        };
        assert_eq!(sorted(""), [3, 1, 2]);
        assert_eq!(sorted("sort=state.startDate:asc"), [1, 2, 3]);
        assert_eq!(sorted("sort=flowId:desc"), [1, 2, 3]);
    }
}
