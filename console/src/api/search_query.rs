//! What a search of executions asks for.

use std::cmp::Reverse;

use jiff::Timestamp;
use windhover_proto::{
    api::Parameter,
    flow::duration,
    id::ExecutionId,
    problem::{Code, Problem},
    state::State,
};

use super::{
    matching::{Anywhere, LabelMatch, Match},
    page::{PAGE, SIZE, Wanted},
    parameters::{FilterParameter, Parameters, bad, unsupported},
    route::{TEXT, query},
};
use crate::view::RowView;

/// Filters that may be asked for, for messages.
const SUPPORTED: [&str; 8] = [
    "sort=FIELD:asc|desc (id, namespace, flowId, state.current, state.startDate, state.endDate, state.duration)",
    "filters[state][EQUALS|NOT_EQUALS|IN|NOT_IN]",
    "filters[namespace][EQUALS|NOT_EQUALS|IN|NOT_IN|PREFIX|STARTS_WITH|ENDS_WITH|CONTAINS]",
    "filters[flowId][EQUALS|NOT_EQUALS|IN|NOT_IN|STARTS_WITH|ENDS_WITH|CONTAINS]",
    "filters[labels][EQUALS|NOT_EQUALS|IN|NOT_IN][KEY]",
    "filters[startDate|endDate][GREATER_THAN|GREATER_THAN_OR_EQUAL_TO|LESS_THAN|LESS_THAN_OR_EQUAL_TO]",
    "filters[q|scope|timeRange|triggerExecutionId][EQUALS]",
    "filters[childFilter][EQUALS] (CHILD, MAIN)",
];

/// The schema of a time.
pub(super) const TIME: &str = r#"{"type": "string", "format": "date-time"}"#;

/// The schema of an order.
pub(super) const SORT_SCHEMA: &str = r#"{"type": "string", "pattern": "^(id|namespace|flowId|state|state[.]current|startDate|state[.]startDate|endDate|state[.]endDate|duration|state[.]duration):(asc|desc)$"}"#;

pub(super) const STATES: &str = r#"{"type": "string", "enum": ["CREATED", "RUNNING", "PAUSED", "QUEUED", "RESTARTED", "RETRYING", "KILLING", "SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED"]}"#;

/// The parameters of a search of executions.
pub(super) const PARAMETERS: &[Parameter] = &[
    PAGE,
    SIZE,
    query("sort", SORT_SCHEMA, "Field and direction; may be repeated."),
    query("q", TEXT, "A text in the namespace, the flow or a label, or the beginning of the id."),
    query(
        "scope",
        r#"{"enum": ["USER", "SYSTEM"]}"#,
        "Executions of users' flows or of the namespace `system`; may be repeated.",
    ),
    query("namespace", TEXT, "The namespace, or one above it."),
    query("flowId", TEXT, "The flow."),
    query("state", STATES, "The state; may be repeated."),
    query("labels", r#"{"type": "string", "pattern": "^[^:]+:.+$"}"#, "`key:value`; may be repeated."),
    query("startDate", TIME, "Started at this time or later."),
    query("endDate", TIME, "Started at this time or earlier."),
    query(
        "timeRange",
        r#"{"type": "string", "examples": ["PT24H"], "pattern": "^(P[1-9][0-9]{0,2}D|PT[1-9][0-9]{0,3}[HMS])$"}"#,
        "Started within this time; not together with `startDate`.",
    ),
    query("triggerExecutionId", TEXT, "Started by this execution."),
    query(
        "childFilter",
        r#"{"enum": ["CHILD", "MAIN"]}"#,
        "Only those that another execution started, or only those that none did.",
    ),
    query("filters[state][IN]", STATES, "States, with commas between them."),
    query("filters[namespace][PREFIX]", TEXT, "The namespace, or one above it."),
    query("filters[flowId][EQUALS]", TEXT, "The flow."),
];

/// A search.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) page: Wanted,
    sort: Vec<(Field, Direction)>,
    pub(super) filters: Vec<Filter>,
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

/// What an execution must be.
#[derive(Debug)]
pub(super) enum Filter {
    State(Match),
    Namespace(Match),
    Flow(Match),
    Label(LabelMatch),
    Anywhere(Anywhere),
    /// Started in this span of milliseconds, both ends included.
    Started(std::ops::RangeInclusive<i64>),
    /// Started by another execution, or by none.
    Origin(Origin),
}

/// What started an execution. Nothing here starts one from another yet, so that no execution is a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Child,
    Main,
}

impl Filter {
    pub(super) fn holds(&self, id: &ExecutionId, row: RowView<'_>) -> bool {
        match self {
            Filter::State(state) => state.holds(row.state.as_str()),
            Filter::Namespace(namespace) => namespace.holds(row.namespace),
            Filter::Flow(flow) => flow.holds(row.flow),
            Filter::Label(label) => label.holds(row.labels()),
            Filter::Started(span) => span.contains(&row.start_ms),
            Filter::Origin(origin) => *origin == Origin::Main,
            Filter::Anywhere(text) => {
                let labels = row.labels().flat_map(|(key, value)| [key, value]);
                // Two letters stand somewhere in every hundredth id: ids are found by how they begin.
                id.to_string().starts_with(text.text())
                    || text.holds([row.namespace, row.flow].into_iter().chain(labels))
            }
        }
    }
}

impl Query {
    /// Reads everything that a search can be asked with.
    pub(super) fn take(parameters: &mut Parameters, now_ms: i64) -> Result<Self, Problem> {
        let page = Wanted::take(parameters)?;
        let sort = sorts(&parameters.all("sort"))?;
        let mut filters = filters(parameters, now_ms)?;
        let states = parameters.all("state");
        if !states.is_empty() {
            filters.push(state_filter("state", "IN", &states.join(","))?);
        }
        if parameters.one("triggerExecutionId")?.is_some() {
            filters.push(Filter::Origin(Origin::Child));
        }
        if let Some(text) = parameters.one("childFilter")? {
            filters.push(origin("childFilter", &text)?);
        }
        for label in parameters.all("labels") {
            filters.push(Filter::Label(LabelMatch::pair(&label)?));
        }
        for filter in parameters.filters()? {
            filters.push(read(&filter, now_ms)?);
        }
        parameters.also(&SUPPORTED);
        Ok(Self { page, sort, filters })
    }

    /// Reads what the executions of one flow can be asked with.
    pub(super) fn of_flow(parameters: &mut Parameters) -> Result<Self, Problem> {
        let namespace = Filter::Namespace(Match::exactly(&parameters.required("namespace")?));
        let flow = Filter::Flow(Match::exactly(&parameters.required("flowId")?));
        let page = Wanted::take(parameters)?;
        let sort = sorts(&parameters.all("sort"))?;
        Ok(Self { page, sort, filters: vec![namespace, flow] })
    }

    /// The newest executions that these filters leave.
    pub(super) fn newest(size: usize, filters: Vec<Filter>) -> Self {
        Self { page: Wanted { page: 1, size }, sort: Vec::new(), filters }
    }

    /// The asked order; the newest first when none is asked for.
    pub(super) fn rank(&self, id: &ExecutionId, row: RowView<'_>) -> Ranked {
        let newest = [(Field::Start, Direction::Descending)];
        let sort = if self.sort.is_empty() { newest.as_slice() } else { &self.sort };
        let keys = sort.iter().map(|(field, direction)| match direction {
            Direction::Ascending => SortKey::Ascending(field.value(id, row)),
            Direction::Descending => SortKey::Descending(Reverse(field.value(id, row))),
        });
        Ranked { keys: keys.collect(), id: *id.as_bytes() }
    }
}

/// The filters that searches of executions and of log lines share.
pub(super) fn filters(parameters: &mut Parameters, now_ms: i64) -> Result<Vec<Filter>, Problem> {
    let mut filters = Vec::new();
    if let Some(text) = parameters.one("q")? {
        filters.push(Filter::Anywhere(Anywhere::new(&text)));
    }
    for (name, above) in [("namespace", true), ("flowId", false)] {
        let Some(value) = parameters.one(name)? else { continue };
        filters.push(if above { Filter::Namespace(Match::Path(value)) } else { Filter::Flow(Match::exactly(&value)) });
    }
    let scopes = parameters.all("scope");
    if !scopes.is_empty() {
        filters.push(scope_filter("scope", &scopes.join(","))?);
    }
    let start = parameters.one("startDate")?.map(|text| time("startDate", &text)).transpose()?;
    let end = parameters.one("endDate")?.map(|text| time("endDate", &text)).transpose()?;
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        return Err(Code::Unprocessable.because("`startDate` is after `endDate`"));
    }
    if start.is_some() || end.is_some() {
        filters.push(Filter::Started(start.unwrap_or(i64::MIN)..=end.unwrap_or(i64::MAX)));
    }
    if let Some(text) = parameters.one("timeRange")? {
        if start.is_some() {
            return Err(Code::Unprocessable.because("`startDate` and `timeRange` are mutually exclusive: give one"));
        }
        filters.push(time_range("timeRange", &text, now_ms)?);
    }
    Ok(filters)
}

/// `filters[field][OPERATOR]` or `filters[labels][OPERATOR][key]`
pub(super) fn read(filter: &FilterParameter, now_ms: i64) -> Result<Filter, Problem> {
    let FilterParameter { name, field, operator, key, value } = filter;
    let unknown = || unsupported(name, &SUPPORTED);
    let matches = || Match::parse(operator, value).ok_or_else(unknown);
    match (field.as_str(), operator.as_str(), key) {
        ("labels", _, Some(_)) => Ok(Filter::Label(LabelMatch::filter(filter, &SUPPORTED)?)),
        (_, _, Some(_)) => Err(unknown()),
        ("state", _, None) => state_filter(name, operator, value),
        ("namespace", _, None) => Ok(Filter::Namespace(matches()?)),
        ("flowId", operator, None) if operator != "PREFIX" => Ok(Filter::Flow(matches()?)),
        ("q" | "query", "EQUALS", None) => Ok(Filter::Anywhere(Anywhere::new(value))),
        ("scope", "EQUALS", None) => scope_filter(name, value),
        ("timeRange", "EQUALS", None) => time_range(name, value, now_ms),
        ("triggerExecutionId", "EQUALS", None) => Ok(Filter::Origin(Origin::Child)),
        ("childFilter", "EQUALS", None) => origin(name, value),
        ("startDate" | "endDate", _, None) => started(operator, time(name, value)?).ok_or_else(unknown),
        _ => Err(unknown()),
    }
}

fn started(operator: &str, time_ms: i64) -> Option<Filter> {
    Some(Filter::Started(match operator {
        "GREATER_THAN" => time_ms.saturating_add(1)..=i64::MAX,
        "GREATER_THAN_OR_EQUAL_TO" => time_ms..=i64::MAX,
        "LESS_THAN" => i64::MIN..=time_ms.saturating_sub(1),
        "LESS_THAN_OR_EQUAL_TO" => i64::MIN..=time_ms,
        "EQUALS" => time_ms..=time_ms,
        _ => return None,
    }))
}

fn time(name: &str, text: &str) -> Result<i64, Problem> {
    let time: Timestamp = text.parse().map_err(|error| bad(name, text, &error))?;
    Ok(time.as_millisecond())
}

fn time_range(name: &str, text: &str, now_ms: i64) -> Result<Filter, Problem> {
    let span = duration::parse(text)
        .map_err(|_| bad(name, text, &"it is not an ISO 8601 duration such as PT24H, PT30M or P7D"))?;
    let span_ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Ok(Filter::Started(now_ms.saturating_sub(span_ms)..=i64::MAX))
}

fn scope_filter(name: &str, text: &str) -> Result<Filter, Problem> {
    let (mut of_users, mut of_system) = (false, false);
    for scope in text.split(',') {
        match scope.to_ascii_uppercase().as_str() {
            "USER" => of_users = true,
            "SYSTEM" => of_system = true,
            _ => return Err(bad(name, scope, &"must be USER or SYSTEM")),
        }
    }
    Ok(Filter::Namespace(match (of_users, of_system) {
        (true, false) => Match::NoneOf(vec!["system".to_owned()]),
        (false, true) => Match::exactly("system"),
        _ => Match::NoneOf(Vec::new()),
    }))
}

fn origin(name: &str, text: &str) -> Result<Filter, Problem> {
    match text.to_ascii_uppercase().as_str() {
        "CHILD" => Ok(Filter::Origin(Origin::Child)),
        "MAIN" => Ok(Filter::Origin(Origin::Main)),
        _ => Err(bad(name, text, &"must be CHILD or MAIN")),
    }
}

fn state_filter(name: &str, operator: &str, value: &str) -> Result<Filter, Problem> {
    if value.is_empty() {
        // No state at all: nothing is in none.
        return Ok(Filter::State(Match::OneOf(Vec::new())));
    }
    let value = value.to_ascii_uppercase();
    let known = |text: &str| serde_json::from_value::<State>(serde_json::Value::String(text.to_owned())).is_ok();
    if let Some(unknown) = value.split(',').map(str::trim).find(|text| !known(text)) {
        return Err(bad(name, unknown, &"no state of an execution"));
    }
    match Match::parse(operator, &value) {
        Some(matches @ (Match::OneOf(_) | Match::NoneOf(_))) => Ok(Filter::State(matches)),
        _ => Err(unsupported(&format!("filters[state][{operator}]"), &SUPPORTED)),
    }
}

/// Every `sort`, each of which may hold several with commas between them.
fn sorts(given: &[String]) -> Result<Vec<(Field, Direction)>, Problem> {
    given.iter().flat_map(|one| one.split(',')).map(sort).collect()
}

fn sort(value: &str) -> Result<(Field, Direction), Problem> {
    let bad =
        || Code::Unprocessable.because(format!("Invalid sort parameter: `sort` is `{value}`; write {}", SUPPORTED[0]));
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

/// The place of an execution in the asked order; ids break ties, so that every list has one order. Ids compare as their texts
/// do: both are of one length and in the order of the alphabet.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ranked {
    keys: Vec<SortKey>,
    pub(super) id: [u8; 16],
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

impl Field {
    fn value(self, id: &ExecutionId, row: RowView<'_>) -> SortValue {
        match self {
            Field::Id => SortValue::Text(id.to_string()),
            Field::Namespace => SortValue::Text(row.namespace.to_owned()),
            Field::Flow => SortValue::Text(row.flow.to_owned()),
            // In the order of a life, as Kestra sorts them.
            Field::State => SortValue::Number(Some(row.state as i64)),
            Field::Start => SortValue::Number(Some(row.start_ms)),
            Field::End => SortValue::Number(row.end_ms),
            Field::Duration => SortValue::Number(row.end_ms.map(|end_ms| end_ms - row.start_ms)),
        }
    }
}
