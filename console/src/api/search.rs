//! `GET executions/search`: filters, order, pages.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

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
    view::{Failed, Kept, Opened, RowView, Settled, ViewError},
};

/// Most executions on one page: each is read whole.
const SIZE_MAX: usize = 1000;

/// How far pages reach: what stands before a page is sorted too. Filters reach everything.
const DEPTH_MAX: usize = 100_000;

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
    answer(&parts, tenant, query).await
}

/// `GET executions?namespace=…&flowId=…`: the executions of one flow.
pub(super) async fn of_flow(
    State(parts): State<Arc<Parts>>,
    path: Path,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let tenant = tenant(&path)?;
    let query = Query::of_flow(&Parameters::parse(query.as_deref().unwrap_or_default())?)?;
    answer(&parts, tenant, query).await
}

/// Answers a search with what was appended before it.
async fn answer(parts: &Arc<Parts>, tenant: TenantId, query: Query) -> Result<Response, Refused> {
    if parts.views.settle(&parts.options.owners).await == Settled::Making {
        return Err(ViewError::Making.into());
    }
    let shown = Shown { tenant, firsts: parts.views.firsts().await?, kept: parts.views.kept(), now_ms: now_ms() };
    let reading = parts.clone();
    let finding = move || reading.views.noting_damage(|opened| find(opened, &shown, &query));
    let found = tokio::task::spawn_blocking(finding).await;
    let found = found.map_err(|_| Code::Internal.because("the search panicked"))??;
    let (ids, total) = found.page()?;
    let executions = parts.views.executions(&ids).await?;
    let results = executions.iter().map(|execution| document::execution(execution, None, Detail::Listed)).collect();
    Ok(Json(Page { results, total }).into_response())
}

fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// Which executions a request may see at all.
struct Shown {
    tenant: TenantId,
    /// Where the log of each partition begins.
    firsts: Vec<u64>,
    kept: Kept,
    now_ms: i64,
}

impl Shown {
    fn shows(&self, partition: u16, row: &RowView<'_>) -> bool {
        row.tenant == self.tenant.as_str()
            && self.firsts.get(usize::from(partition)).is_none_or(|first| row.first_commit >= *first)
            && self.kept.shows(row.start_ms, row.state, self.now_ms)
    }
}

/// The best executions up to the end of the wanted page, and how many match in all.
struct Found {
    best: BinaryHeap<Ranked>,
    total: usize,
    skipped: usize,
    size: usize,
}

impl Found {
    fn new(query: &Query) -> Self {
        let skipped = (query.page - 1).saturating_mul(query.size);
        Self { best: BinaryHeap::new(), total: 0, skipped, size: query.size }
    }

    fn depth(&self) -> usize {
        self.skipped.saturating_add(self.size).min(DEPTH_MAX)
    }

    fn add(&mut self, ranked: Ranked) {
        self.total += 1;
        if self.best.len() < self.depth() {
            self.best.push(ranked);
        } else if let Some(mut worst) = self.best.peek_mut()
            && ranked < *worst
        {
            *worst = ranked;
        }
    }

    /// The ids on the page, and the total.
    fn page(self) -> Result<(Vec<ExecutionId>, usize), Problem> {
        if self.skipped < self.total && self.skipped.saturating_add(self.size) > DEPTH_MAX {
            let text =
                format!("`page` and `size` reach beyond the first {DEPTH_MAX} results; narrow the filters instead");
            return Err(Code::Unprocessable.because(text));
        }
        let sorted = self.best.into_sorted_vec();
        let page = sorted.into_iter().skip(self.skipped).take(self.size);
        Ok((page.map(|ranked| ExecutionId::from_bytes(ranked.id)).collect(), self.total))
    }
}

fn find(opened: &Opened, shown: &Shown, query: &Query) -> Result<Found, Failed> {
    let mut found = Found::new(query);
    for store in &opened.stores {
        store.each_row(|id, row| {
            if shown.shows(store.partition, &row) && query.filters.iter().all(|filter| filter.holds(row)) {
                found.add(query.rank(id, row));
            }
        })?;
    }
    Ok(found)
}

/// The place of an execution in the asked order; ids break ties, so that every list has one order. Ids compare as their texts
/// do: both are of one length and in the order of the alphabet.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    keys: Vec<SortKey>,
    id: [u8; 16],
}

/// One field in its direction. The same place of two rows always holds the same kind.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    Ascending(SortValue),
    Descending(Reverse<SortValue>),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SortValue {
    Number(Option<i64>),
    Text(String),
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
    fn holds(&self, row: RowView<'_>) -> bool {
        match self {
            Filter::State(state) => state.holds(row.state.as_str()),
            Filter::Namespace(namespace) => namespace.holds(row.namespace),
            Filter::Flow(flow) => flow.holds(row.flow),
            Filter::Label { key, value } => {
                let own = row.labels().find(|(own, _)| own == key).map(|(_, value)| value);
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

    /// Reads what the executions of one flow can be asked with.
    fn of_flow(parameters: &Parameters) -> Result<Self, Problem> {
        let mut query = Self { page: 1, size: 10, sort: Vec::new(), filters: Vec::new() };
        for (name, value) in parameters.pairs() {
            match name {
                "namespace" => query.filters.push(Filter::Namespace(Match::OneOf(vec![value.to_owned()]))),
                "flowId" | "page" | "size" | "sort" => query.take(name, value)?,
                _ => return Err(unsupported(name, &["namespace", "flowId", "page", "size", "sort"])),
            }
        }
        for name in ["namespace", "flowId"] {
            if !parameters.pairs().any(|(given, _)| given == name) {
                return Err(Code::Malformed.because(format!("the parameter `{name}` is required")));
            }
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

    /// The asked order; the newest first when none is asked for.
    fn rank(&self, id: &ExecutionId, row: RowView<'_>) -> Ranked {
        let newest = [(Field::Start, Direction::Descending)];
        let sort = if self.sort.is_empty() { newest.as_slice() } else { &self.sort };
        let keys = sort.iter().map(|(field, direction)| match direction {
            Direction::Ascending => SortKey::Ascending(field.value(id, row)),
            Direction::Descending => SortKey::Descending(Reverse(field.value(id, row))),
        });
        Ranked { keys: keys.collect(), id: *id.as_bytes() }
    }
}

impl Field {
    fn value(self, id: &ExecutionId, row: RowView<'_>) -> SortValue {
        match self {
            Field::Id => SortValue::Text(id.to_string()),
            Field::Namespace => SortValue::Text(row.namespace.to_owned()),
            Field::Flow => SortValue::Text(row.flow.to_owned()),
            Field::State => SortValue::Text(row.state.as_str().to_owned()),
            Field::Start => SortValue::Number(Some(row.start_ms)),
            Field::End => SortValue::Number(row.end_ms),
            Field::Duration => SortValue::Number(row.end_ms.map(|end_ms| end_ms - row.start_ms)),
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
#[path = "search_tests.rs"]
mod tests;
