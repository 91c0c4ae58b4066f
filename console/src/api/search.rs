//! Searches of executions: filters, order, pages.

use std::{
    collections::BinaryHeap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use windhover_proto::{
    api::{Address::OfTenant, Answer, Method, Operation, Parameter, Place},
    id::{ExecutionId, TenantId},
    problem::{Code, Problem},
};

use super::{
    Refused,
    call::Call,
    page::{PAGE, Page, SIZE},
    route::{Route, TEXT, json, query},
    search_query::{PARAMETERS, Query, Ranked, SORT_SCHEMA},
};
use crate::{
    Parts,
    document::{self, Detail},
    view::{Failed, Kept, Opened, RowView, Settled, ViewError},
};

/// How far pages reach: what stands before a page is sorted too. Filters reach everything.
const DEPTH_MAX: usize = 100_000;

const ANSWERS: &[Answer] = &[json("One page of executions.", r##"{"$ref": "#/components/schemas/Executions"}"##)];

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(SEARCH, search), Route::new(OF_FLOW, of_flow)]
}

const SEARCH: Operation = Operation {
    id: "searchExecutions",
    tag: "executions",
    method: Method::Get,
    path: OfTenant("/executions/search"),
    summary: "Searches executions; the newest first unless another order is asked for.",
    parameters: PARAMETERS,
    body: None,
    answers: ANSWERS,
};

async fn search(mut call: Call) -> Result<Response, Refused> {
    let query = Query::take(&mut call.query, now_ms())?;
    answer(call, query).await
}

const OF_FLOW: Operation = Operation {
    id: "executionsOfFlow",
    tag: "executions",
    method: Method::Get,
    path: OfTenant("/executions"),
    summary: "The executions of one flow; the newest first unless another order is asked for.",
    parameters: &[
        Parameter { name: "namespace", place: Place::RequiredQuery, schema: TEXT, about: "The namespace." },
        Parameter { name: "flowId", place: Place::RequiredQuery, schema: TEXT, about: "The flow." },
        PAGE,
        SIZE,
        query("sort", SORT_SCHEMA, "Field and direction; may be repeated."),
    ],
    body: None,
    answers: ANSWERS,
};

async fn of_flow(mut call: Call) -> Result<Response, Refused> {
    let query = Query::of_flow(&mut call.query)?;
    answer(call, query).await
}

async fn answer(call: Call, query: Query) -> Result<Response, Refused> {
    let Call { parts, tenant, query: left, .. } = call;
    left.finish()?;
    let (ids, total) = find_ids(&parts, tenant, query).await?;
    let executions = parts.views.executions(&ids).await?;
    let results = executions.iter().map(|execution| document::execution(execution, None, Detail::Listed)).collect();
    Ok(Json(Page { results, total }).into_response())
}

/// The executions on the wanted page, in order, and how many there are in all; with what was appended before the call.
pub(super) async fn find_ids(
    parts: &Arc<Parts>,
    tenant: TenantId,
    query: Query,
) -> Result<(Vec<ExecutionId>, usize), Refused> {
    if parts.views.settle(&parts.options.owners).await? == Settled::Making {
        return Err(ViewError::Making.into());
    }
    let shown = Shown { tenant, firsts: parts.views.firsts().await?, kept: parts.views.kept(), now_ms: now_ms() };
    let reading = parts.clone();
    let finding = move || reading.views.noting_damage(|opened| find(opened, &shown, &query));
    let found = tokio::task::spawn_blocking(finding).await;
    let found = found.map_err(|_| Code::Internal.because("the search panicked"))??;
    Ok(found.page()?)
}

pub(super) fn now_ms() -> i64 {
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
        Self { best: BinaryHeap::new(), total: 0, skipped: query.page.skipped(), size: query.page.size }
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
            if shown.shows(store.partition, &row) && query.filters.iter().all(|filter| filter.holds(id, row)) {
                found.add(query.rank(id, row));
            }
        })?;
    }
    Ok(found)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
