//! Flows that a recorder ran in Kestra 2.0.0, run here: the same states, histories, attempts, outputs and log lines, or a listed
//! reason why not. `data/recorded-flows/README.md` says what the files hold.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Value, json};
use windhover_proto::{
    core::{Call, CallFailure, CallResult, HttpResponse},
    flow::Flow,
};

use crate::world::{Happening, Scenario, given_document, keyless, states, time_passes};

const FLOWS: &str = include_str!("../data/recorded-flows/flows.jsonl");
const ACCEPTED: &str = include_str!("../data/recorded-flows/accepted.txt");

/// Most happenings of one execution; more means that it never rests.
const HAPPENINGS_MAX: usize = 200;

#[test]
fn recorded_flows_end_as_recorded_or_differ_for_a_listed_reason() {
    let accepted: BTreeMap<&str, &str> = ACCEPTED
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no reason: {line}")))
        .collect();
    let mut wrong = Vec::new();
    let (mut all, mut equal) = (0, 0);
    for line in FLOWS.lines() {
        let recorded: Value = serde_json::from_str(line).unwrap();
        let name = recorded["name"].as_str().unwrap();
        all += 1;
        match (difference(&recorded), accepted.get(name)) {
            (None, None) => equal += 1,
            (Some(_), Some(_)) => {}
            (Some(difference), None) => wrong.push(format!("{name} differs:\n{difference}")),
            (None, Some(_)) => wrong.push(format!("{name} agrees, but is listed as different")),
        }
    }
    println!("{equal} of {all} recorded flows agree, {} differ for a listed reason", accepted.len());
    assert!(wrong.is_empty(), "{} flows:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(equal + accepted.len(), all, "a listed flow is not recorded");
}

/// What differs, member by member.
fn difference(recorded: &Value) -> Option<String> {
    let source = recorded["source"].as_str().unwrap();
    if let Err(errors) = Flow::parse(source) {
        return Some(format!("  refused: {errors:?}"));
    }
    let expected = expected(&recorded["execution"]);
    let found = found(source, &recorded["execution"]["inputs"]);
    let members = ["state", "histories", "labels", "taskRuns", "logs"];
    let differing = members.iter().filter(|member| expected[**member] != found[**member]);
    let lines: Vec<String> = differing
        .map(|member| format!("  {member}\n    recorded {}\n    here     {}", expected[*member], found[*member]))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The recording, without log lines of the host language and its HTTP client.
fn expected(recorded: &Value) -> Value {
    let foreign = Regex::new(r"^(Request '|[a-z]+(\.\w+)*\.\w*(Exception|Error)\b)").unwrap();
    let logs = recorded["logs"].as_array().cloned().unwrap_or_default();
    let own = |line: &Value| line[0] != "DEBUG" || !foreign.is_match(line[2].as_str().unwrap_or_default());
    let mut expected = recorded.clone();
    expected["logs"] = logs.into_iter().filter(own).map(|line| json!([line[0], line[1], plain(&line[2])])).collect();
    expected
}

/// A message without the name of a Java class before it, and with a blank where Kestra's failure text has `[0x36]`.
fn plain(message: &Value) -> String {
    let class = Regex::new(r"^([a-z]+(\.\w+)*\.\w*(Exception|Error): )+").unwrap();
    let message = message.as_str().unwrap_or_default();
    class.replace(message, "").replace("and body:[0x36]", "and body: ")
}

fn found(source: &str, inputs: &Value) -> Value {
    let mut scenario = given_document(source);
    if !inputs.is_null() {
        scenario.inputs = Some(serde_json::from_value(inputs.clone()).unwrap());
    }
    let mut server = Server::default();
    let mut logs = Vec::new();
    let mut scenario = scenario.when(keyless(1));
    for _ in 0..HAPPENINGS_MAX {
        logs.extend(scenario.logged());
        if let Some(call) = scenario.started_calls().first().cloned() {
            let task = scenario.execution().task_run(&call.task_run).unwrap().task.to_string();
            scenario = scenario.when(Happening::Ended { task, result: server.answer(&call), n: None });
        } else if scenario.execution().over || scenario.execution().next_wake().is_none() {
            break;
        } else {
            scenario = scenario.until_next_wake().unwrap().when(time_passes());
        }
    }
    let text = described(&scenario, &logs).to_string();
    serde_json::from_str(&aliased(&scenario, text)).unwrap()
}

fn described(scenario: &Scenario, logs: &[(String, Option<String>, String)]) -> Value {
    let execution = scenario.execution();
    let task_runs: Vec<Value> = execution
        .task_runs
        .iter()
        .map(|run| {
            let mut described = json!({
                "taskId": run.task.as_str(),
                "state": run.history.current().as_str(),
                "histories": states(&run.history),
            });
            if !run.attempts.is_empty() {
                let attempts = run.attempts.iter().map(|attempt| json!({"histories": states(&attempt.history)}));
                described["attempts"] = attempts.collect();
            }
            if let Some(kept) = &run.outputs {
                described["outputs"] = serde_json::from_str(&kept.shown().to_json()).unwrap();
            }
            described
        })
        .collect();
    let labels = execution.labels.iter().filter(|(key, _)| !["system.from", "from-trigger"].contains(&key.as_str()));
    json!({
        "state": execution.state().as_str(),
        "histories": states(&execution.history),
        "labels": labels.map(|(key, value)| json!({"key": key, "value": value})).collect::<Vec<_>>(),
        "taskRuns": task_runs,
        "logs": logs.iter().map(|(level, task, message)| json!([level, task, plain(&json!(message))])).collect::<Vec<_>>(),
    })
}

/// Ids and dates as the recording has them.
fn aliased(scenario: &Scenario, mut text: String) -> String {
    let execution = scenario.execution();
    text = text.replace(&execution.id.to_string(), "E1");
    for (number, run) in (1..).zip(&execution.task_runs) {
        text = text.replace(&run.id.to_string(), &format!("T{number}"));
    }
    let date = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap();
    date.replace_all(&text, "<date>").into_owned()
}

/// An imitation of the recorder's server, and of the recorder's HTTP client where that one decides.
#[derive(Default)]
struct Server {
    hits: BTreeMap<String, u32>,
}

struct Page {
    code: u16,
    headers: Vec<(&'static str, &'static str)>,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Server {
    fn answer(&mut self, call: &Call) -> CallResult {
        let Some(path) = call.http.uri.strip_prefix("http://127.0.0.1:18080") else {
            return Err(CallFailure { message: "Temporary failure in name resolution".to_owned() });
        };
        if path.starts_with("/slow") {
            return Err(CallFailure { message: "Read timed out".to_owned() });
        }
        if path == "/redirect/60" {
            return Err(CallFailure { message: "Maximum redirects (50) exceeded".to_owned() });
        }
        let first = self.page(call, path);
        // The client repeats these two by itself, once.
        let page = if matches!(first.code, 429 | 503) { self.page(call, path) } else { first };
        let mut uri = call.http.uri.clone();
        if path.starts_with("/redirect/") && page.code == 200 {
            uri = "http://127.0.0.1:18080/redirect/0".to_owned();
        }
        let mut headers = vec![("content-type", page.content_type.to_owned()), ("date", "<http-date>".to_owned())];
        if call.http.method != "HEAD" && page.code != 204 {
            headers.push(("content-length", page.body.len().to_string()));
        }
        headers.extend(page.headers.into_iter().map(|(name, value)| (name, value.to_owned())));
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let body = if call.http.method == "HEAD" || page.code == 204 { Vec::new() } else { page.body };
        Ok(HttpResponse { uri, code: page.code, headers, body })
    }

    fn page(&mut self, call: &Call, path: &str) -> Page {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let text = |code, body: String| Page { code, headers: vec![], content_type: "text/plain", body: body.into() };
        let parameter = |name: &str| {
            let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(own, _)| *own == name);
            pair.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match parts.as_slice() {
            ["status", code] => text(code.parse().unwrap(), format!("status {code}")),
            ["json"] => json_page(r#"{"a":1,"list":[1,2,3],"n":null,"s":"x"}"#.to_owned()),
            ["array"] => json_page(r#"[1,{"k":"v"},null]"#.to_owned()),
            ["text"] => text(200, "hello text".to_owned()),
            ["bytes"] => Page {
                code: 200,
                headers: vec![],
                content_type: "application/octet-stream",
                body: vec![0, 1, 2, 0xff, 0xfe],
            },
            ["empty"] => text(200, String::new()),
            ["redirect", times] => redirect(times.parse().unwrap(), call.http.redirects_max),
            ["headers"] => {
                Page { headers: vec![("x-one", "1"), ("x-multi", "a"), ("x-multi", "b")], ..text(200, "h".to_owned()) }
            }
            ["basic"] => text(401, String::new()),
            ["flaky"] => {
                let hits = self.hits.entry(parameter("key")).or_default();
                *hits += 1;
                let fail: u32 = parameter("fail").parse().unwrap();
                let code = parameter("code").parse().unwrap_or(503);
                if *hits <= fail { text(code, format!("fail {hits}")) } else { text(200, format!("ok {hits}")) }
            }
            ["echo"] => json_page(echo(call, query)),
            _ => text(404, "no such page".to_owned()),
        }
    }
}

fn json_page(body: String) -> Page {
    Page { code: 200, headers: vec![], content_type: "application/json", body: body.into() }
}

fn redirect(times: u32, followed_max: u8) -> Page {
    let landed = times == 0 || times <= u32::from(followed_max);
    let (code, body) = if landed { (200, "landed") } else { (302, "") };
    let headers = if landed { vec![] } else { vec![("location", "/redirect/1")] };
    Page { code, headers, content_type: "text/plain", body: body.into() }
}

/// What the echo page says of a call, with the headers that the recorder's client sent by itself.
fn echo(call: &Call, query: &str) -> String {
    let body = call.http.body.clone().unwrap_or_default();
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut put = |name: &str, value: &str| headers.entry(name.to_owned()).or_default().push(value.to_owned());
    put("accept-encoding", "gzip, x-gzip, deflate");
    put("connection", "keep-alive");
    put("host", "127.0.0.1:18080");
    put("user-agent", "Kestra");
    if call.http.body.is_some() {
        put("content-length", &body.len().to_string());
    } else if call.http.method != "GET" {
        put("content-type", "application/json");
    }
    call.http.headers.iter().for_each(|(name, value)| put(&name.to_lowercase(), value));
    let mut echoed =
        BTreeMap::from([("body", json!(body)), ("headers", json!(headers)), ("method", json!(call.http.method))]);
    if !query.is_empty() {
        echoed.insert("query", json!(query));
    }
    serde_json::to_string(&echoed).unwrap()
}
