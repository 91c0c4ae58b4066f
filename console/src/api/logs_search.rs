//! A search of log lines over executions. Lines are read from the log, so the executions are narrowed first.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use windhover_proto::{
    api::{Address::OfTenant, Method, Operation},
    problem::{Code, Problem},
};

use super::{
    Refused,
    call::Call,
    logs::{Choice, MIN_LEVEL, too_much},
    page::{PAGE, Page, SIZE, Wanted},
    parameters::Parameters,
    route::{Route, TEXT, json, query},
    search::{find_ids, now_ms},
    search_query::{self, Filter, Query, TIME},
};
use crate::document::{self, LogDocument};

/// Most executions whose lines one search reads.
const EXECUTIONS_MAX: usize = 10_000;

/// Executions whose lines are read at once.
const SLICE_MAX: usize = 200;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(SEARCH, search)]
}

const SEARCH: Operation = Operation {
    id: "searchLogs",
    tag: "logs",
    method: Method::Get,
    path: OfTenant("/logs/search"),
    summary: "Searches log lines over executions; the newest first unless another order is asked for.",
    parameters: &[
        PAGE,
        SIZE,
        query("sort", r#"{"enum": ["timestamp:asc", "timestamp:desc"]}"#, "The order."),
        MIN_LEVEL,
        query("q", TEXT, "A text in the message, in any case."),
        query("namespace", TEXT, "The namespace, or one above it."),
        query("flowId", TEXT, "The flow."),
        query("startDate", TIME, "Lines of executions that started at this time or later."),
        query("endDate", TIME, "Lines of executions that started at this time or earlier."),
    ],
    body: None,
    answers: &[json("One page of lines.", r##"{"$ref": "#/components/schemas/LogEntries"}"##)],
};

/// What is asked for.
struct Asked {
    page: Wanted,
    order: Order,
    executions: Vec<Filter>,
    lines: Choice,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    OldestFirst,
    NewestFirst,
}

impl Asked {
    fn take(parameters: &mut Parameters, now_ms: i64) -> Result<Self, Problem> {
        let page = Wanted::take(parameters)?;
        let order = match parameters.one("sort")?.as_deref() {
            None | Some("timestamp:desc") => Order::NewestFirst,
            Some("timestamp:asc") => Order::OldestFirst,
            Some(other) => {
                let detail =
                    format!("Invalid sort parameter: `sort` is `{other}`; write timestamp:asc or timestamp:desc");
                return Err(Code::Unprocessable.because(detail));
            }
        };
        let mut lines = Choice::of_level(parameters)?;
        if let Some(text) = parameters.one("q")? {
            lines.search(&text);
        }
        let mut executions = search_query::filters(parameters, now_ms)?;
        for filter in parameters.filters()? {
            if !lines.narrow(&filter)? {
                executions.push(search_query::read(&filter, now_ms)?);
            }
        }
        Ok(Self { page, order, executions, lines })
    }
}

async fn search(mut call: Call) -> Result<Response, Refused> {
    let Asked { page, order, executions, lines } = Asked::take(&mut call.query, now_ms())?;
    std::mem::take(&mut call.query).finish()?;
    let query = Query::newest(EXECUTIONS_MAX, executions);
    let (ids, found) = find_ids(&call.parts, call.tenant.clone(), query).await?;
    if found > EXECUTIONS_MAX {
        return Err(too_much(found, EXECUTIONS_MAX).into());
    }
    let (mut best, mut total) = (Vec::new(), 0);
    for slice in ids.chunks(SLICE_MAX) {
        for (id, events) in slice.iter().zip(call.parts.views.lines(slice).await?) {
            best.extend(document::logs(*id, &events).into_iter().filter(|line| lines.holds(line)));
        }
        total += keep_best(&mut best, order, page.skipped().saturating_add(page.size), total);
    }
    let results: Vec<_> = best.into_iter().skip(page.skipped()).take(page.size).collect();
    Ok(Json(Page { results, total }).into_response())
}

/// Sorts what was found, and lets go of what no page will show. Gives how many lines were new.
fn keep_best(best: &mut Vec<LogDocument>, order: Order, depth: usize, total: usize) -> usize {
    let new = best.len() - total.min(depth);
    match order {
        Order::OldestFirst => best.sort_by_key(|line| line.at),
        Order::NewestFirst => best.sort_by_key(|line| std::cmp::Reverse(line.at)),
    }
    best.truncate(depth);
    new
}
