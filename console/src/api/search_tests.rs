//! Searches against a naive model: filter, sort and cut a list.

use proptest::prelude::*;

use windhover_proto::state::State as ExecutionState;

use super::{
    super::{parameters::Parameters, search_query::Query},
    *,
};
use crate::view::{Row, made_of};

fn row(start_ms: i64, flow: &str, state: ExecutionState) -> Row {
    Row {
        start_ms,
        end_ms: state.is_terminal().then_some(start_ms + 10),
        first_commit: 1,
        state,
        tenant: "main".into(),
        namespace: "company.team".into(),
        flow: flow.into(),
        labels: vec![("team".into(), "a".into())],
    }
}

fn query(text: &str) -> Result<Query, Problem> {
    let mut parameters = Parameters::parse(text)?;
    let query = Query::take(&mut parameters, 0)?;
    parameters.finish().map(|()| query)
}

#[test]
fn filters_hold_for_what_they_name() {
    let bytes = row(1, "echo", ExecutionState::Success).to_bytes();
    let row = RowView::read(&bytes).unwrap();
    let holds = |text: &str| {
        query(text).unwrap().filters.iter().all(|filter| filter.holds(&ExecutionId::from_bytes([1; 16]), row))
    };
    for text in [
        "filters[state][EQUALS]=success",
        "filters[state][IN]=FAILED,SUCCESS",
        "filters[namespace][PREFIX]=company",
        "filters%5BflowId%5D%5BEQUALS%5D=echo",
        "filters[labels][EQUALS][team]=a",
        "labels=team:a&namespace=company.team&flowId=echo",
        "filters[labels][NOT_EQUALS][other]=a",
        "q=ECH",
        "q=*",
        "q=01tRy",
        "scope=USER",
        "scope=USER&scope=SYSTEM",
        "timeRange=PT1H",
        "timeRange=P7D&endDate=1970-01-01T00:00:01Z",
        "scope=user",
        "childFilter=main",
        "childFilter=MAIN",
        "filters[childFilter][EQUALS]=MAIN",
    ] {
        assert!(holds(text), "{text}");
    }
    for text in [
        "filters[state][NOT_EQUALS]=SUCCESS",
        "namespace=comp",
        "filters[labels][EQUALS][team]=b",
        "q=1tRy",
        "scope=SYSTEM",
        "childFilter=CHILD",
        "triggerExecutionId=5uQx2m8TnBvE1cR7kYwZpA",
        "filters[triggerExecutionId][EQUALS]=x",
    ] {
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
        "scope=X",
        "childFilter=X",
        "labels=team",
        "labels=:a",
        "timeRange=1h",
        "timeRange=P1M",
        "timeRange=PT1H&startDate=1970-01-01T00:00:00Z",
    ] {
        let problem = query(text).unwrap_err();
        assert!((400..=422).contains(&problem.code.status()), "{text}: {problem}");
    }
}

/// The shown rows in the order that the query's text asks for: what [`find`] must agree with.
fn model(rows: &[(ExecutionId, Row)], keep: &str, sort: &str) -> Vec<ExecutionId> {
    let mut rows: Vec<_> = rows.iter().filter(|(_, row)| row.tenant == "main" && row.first_commit >= 5).collect();
    rows.retain(|(_, row)| match keep {
        "" => true,
        "filters[flowId][EQUALS]=b" => row.flow == "b",
        "filters[state][NOT_IN]=FAILED,RUNNING" => row.state == ExecutionState::Success,
        "filters[labels][EQUALS][team]=a" => row.labels == [("team".to_owned(), "a".to_owned())],
        _ => unreachable!("{keep}"),
    });
    rows.sort_by_key(|(id, _)| id.to_string());
    match sort {
        "" | "state.startDate:desc" => rows.sort_by_key(|(_, row)| -row.start_ms),
        "state.startDate:asc" => rows.sort_by_key(|(_, row)| row.start_ms),
        "flowId:desc" => rows.sort_by(|(_, one), (_, other)| other.flow.cmp(&one.flow)),
        "state.endDate:asc" => rows.sort_by_key(|(_, row)| row.end_ms),
        "state.current:asc,flowId:desc" => rows.sort_by(|(_, one), (_, other)| {
            // Running comes before what has ended, and success before failure.
            (one.state, &other.flow).cmp(&(other.state, &one.flow))
        }),
        _ => unreachable!("{sort}"),
    }
    rows.into_iter().map(|(id, _)| *id).collect()
}

fn any_row() -> impl Strategy<Value = Row> {
    let states = prop::sample::select(vec![ExecutionState::Success, ExecutionState::Failed, ExecutionState::Running]);
    (0i64..6, "[a-c]", states, "[ab]", 0u64..12, prop::bool::weighted(0.1)).prop_map(
        |(start_ms, flow, state, team, first_commit, foreign)| Row {
            labels: vec![("team".to_owned(), team)],
            first_commit,
            tenant: if foreign { "other".into() } else { "main".into() },
            ..row(start_ms, &flow, state)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_page_is_a_piece_of_the_one_sorted_list(
        rows in prop::collection::btree_map(any::<[u8; 16]>(), any_row(), 0..40),
        keep in prop::sample::select(vec![
            "", "filters[flowId][EQUALS]=b", "filters[state][NOT_IN]=FAILED,RUNNING", "filters[labels][EQUALS][team]=a",
        ]),
        sort in prop::sample::select(vec![
            "", "state.startDate:desc", "state.startDate:asc", "flowId:desc", "state.endDate:asc",
            "state.current:asc,flowId:desc",
        ]),
        page in 1usize..5,
        size in 1usize..20,
    ) {
        let rows: Vec<_> = rows.into_iter().map(|(id, row)| (ExecutionId::from_bytes(id), row)).collect();
        let folder = tempfile::tempdir().unwrap();
        let opened = made_of(folder.path(), 3, &rows);
        let kept = Kept { ended_days: 1, failed_days: 1 };
        let shown = Shown { tenant: TenantId::main(), firsts: vec![5; 3], kept, now_ms: 7 };
        let order = if sort.is_empty() { String::new() } else { format!("&sort={sort}") };
        let query = query(&format!("page={page}&size={size}{order}&{keep}")).unwrap();
        let (ids, total) = find(&opened, &shown, &query).unwrap().page().unwrap();
        let all = model(&rows, keep, sort);
        prop_assert_eq!(total, all.len());
        prop_assert_eq!(ids, all.into_iter().skip((page - 1) * size).take(size).collect::<Vec<_>>());
    }
}
