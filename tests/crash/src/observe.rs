//! What the API and the sink show once the load is over.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::Value;
use windhover_testing::{Api, Launch, Received, Server};

use crate::{
    facts::{Call, Execution},
    now_ms,
};

/// Executions on one page of a search.
const PAGE: usize = 100;

/// Executions whose answers are compared over restarts.
const COMPARED_MAX: usize = 200;

/// Waits until as many executions as there are keys have ended in SUCCESS.
pub(crate) async fn drain(api: &Api, keys: usize, patience: Duration) -> Option<Duration> {
    let began = Instant::now();
    while began.elapsed() < patience {
        if api.search("size=1&filters[state][EQUALS]=SUCCESS").await["total"].as_u64() >= Some(keys as u64) {
            return Some(began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

/// Every execution that the API shows.
pub(crate) async fn executions(api: &Api) -> Vec<Execution> {
    let mut executions = Vec::new();
    for page in 1.. {
        let found = api.search(&format!("page={page}&size={PAGE}&sort=state.startDate:asc")).await;
        let results = found["results"].as_array().expect("results").clone();
        if results.is_empty() {
            return executions;
        }
        for result in results {
            executions.push(execution(api, &result).await);
        }
    }
    executions
}

async fn execution(api: &Api, found: &Value) -> Execution {
    let id = text(&found["id"]);
    let calls_sink = found["flowId"] == "calling";
    // Only the execution itself shows its task runs.
    let call_recorded_ms = if calls_sink { call_recorded_ms(&api.execution(&id).await) } else { None };
    let labels = found["labels"].as_array().cloned().unwrap_or_default();
    let key = labels.iter().find(|label| label["key"] == "system.correlationId");
    let histories = found["state"]["histories"].as_array().cloned().unwrap_or_default();
    Execution {
        id,
        key: key.map(|label| text(&label["value"])).unwrap_or_default(),
        states: histories.iter().map(|entry| text(&entry["state"])).collect(),
        calls_sink,
        call_recorded_ms,
    }
}

/// When the task run of the call ended, by the server's clock, which is this machine's.
fn call_recorded_ms(execution: &Value) -> Option<u64> {
    let runs = execution["taskRunList"].as_array()?;
    let run = runs.iter().find(|run| run["taskId"] == "call")?;
    let last = run["state"]["histories"].as_array()?.last()?.clone();
    let ended = matches!(last["state"].as_str(), Some("SUCCESS" | "FAILED"));
    ended.then(|| millis(last["date"].as_str()?)).flatten()
}

/// Milliseconds since 1970 of a date such as `2026-11-02T10:15:30.123Z`.
fn millis(date: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| date.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second, milli) = (number(11..13)?, number(14..16)?, number(17..19)?, number(20..23)?);
    // Days since 1970 by counting from March, so that the leap day is the last of its year.
    let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100 + shifted_year / 400;
    let days = (days + (153 * shifted_month + 2) / 5 + day - 1).checked_sub(719_468)?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + milli)
}

/// A call as the sink received it.
pub(crate) fn call(received: &Received) -> Call {
    let ago = received.at.elapsed().as_millis() as u64;
    Call { key: received.header("idempotency-key").to_owned(), at_ms: now_ms().saturating_sub(ago) }
}

/// Ends the server and starts it again, then the same without the folders that can be made again; gives the paths whose
/// answers are not the same, byte by byte.
pub(crate) async fn unequal_after_restarts(server: Server, launch: &Launch, executions: &[Execution]) -> Vec<String> {
    let ids = compared(executions);
    let before = answers(&server.api, &ids).await;
    let mut unequal = Vec::new();
    tokio::task::block_in_place(|| server.terminate());
    let server = tokio::task::block_in_place(|| launch.start());
    unequal.extend(differences("after a restart", &before, &answers(&server.api, &ids).await));
    tokio::task::block_in_place(|| server.terminate());
    for folder in std::fs::read_dir(launch.data()).expect("the data folder").flatten() {
        if folder.path().is_dir() && folder.file_name() != "log" {
            std::fs::remove_dir_all(folder.path()).expect("a removal");
        }
    }
    let server = tokio::task::block_in_place(|| launch.start());
    unequal.extend(differences("without sled", &before, &answers(&server.api, &ids).await));
    unequal
}

/// The executions whose answers are compared.
pub(crate) fn compared(executions: &[Execution]) -> Vec<String> {
    let step = (executions.len() / COMPARED_MAX).max(1);
    executions.iter().step_by(step).map(|execution| execution.id.clone()).collect()
}

pub(crate) type Answers = BTreeMap<String, Vec<u8>>;

pub(crate) async fn answers(api: &Api, ids: &[String]) -> Answers {
    let mut answers = Answers::new();
    let mut paths = vec!["executions/search?size=100&sort=state.startDate:desc".to_owned()];
    paths.extend(ids.iter().flat_map(|id| [format!("executions/{id}"), format!("logs/{id}")]));
    for path in paths {
        let answer = api.get(&format!("/api/v1/main/{path}")).await;
        answers.insert(path, answer.body.to_vec());
    }
    answers
}

pub(crate) fn differences(when: &str, before: &Answers, after: &Answers) -> Vec<String> {
    before
        .iter()
        .filter(|(path, bytes)| after.get(*path) != Some(bytes))
        .map(|(path, _)| format!("{path} {when}"))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn dates_are_read_to_the_millisecond() {
        assert_eq!(millis("2026-11-02T10:15:30.123Z"), Some(1_793_614_530_123));
        assert_eq!(millis("1970-01-01T00:00:00.000Z"), Some(0));
        assert_eq!(millis("2024-02-29T23:59:59.999Z"), Some(1_709_251_199_999));
        assert_eq!(millis("soon"), None);
    }

    #[test]
    fn the_clock_and_the_dates_agree() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        assert!(now_ms().abs_diff(now.as_millis() as u64) < 1_000);
    }
}
