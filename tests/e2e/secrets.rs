//! Secrets reach no answer, no log of the server, no line of an execution, no file.

use std::{fs, path::Path};

use super::*;

const SECRET: &str = "tokTOK9999";
const BASE64: &str = "dG9rVE9LOTk5OQ==";

/// The secret and what filters make of it.
const FORMS: [&str; 3] = [SECRET, "TOKTOK9999", BASE64];

#[track_caller]
fn hides(place: &str, text: &str) {
    FORMS.iter().for_each(|form| assert!(!text.contains(form), "{place}: {text}"));
}

/// Everything in a folder, as text.
fn content(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let text = |path: std::path::PathBuf| match path.is_dir() {
        true => content(&path),
        false => String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned(),
    };
    entries.map(text).collect()
}

fn task(id: &str, kind: &str, property: &str, value: &str) -> String {
    let kind = format!("io.kestra.plugin.core.{kind}");
    format!("  - {{id: {id}, type: {kind}, allowFailure: true, {property}: \"{{{{ {value} }}}}\"}}\n")
}

#[tokio::test]
async fn a_secret_reaches_neither_answers_nor_logs_nor_files_whatever_is_made_of_it_and_whatever_fails() {
    let tasks = [
        task("number", "debug.Return", "format", "secret('TOK') | number"),
        task("date", "log.Log", "message", "secret('TOK') | date"),
        task("sleep", "flow.Sleep", "duration", "secret('TOK')"),
        task("line", "log.Log", "message", "secret('TOK') | upper"),
        task("fail", "execution.Fail", "errorMessage", "secret('TOK') | base64encode"),
        task("both", "debug.Return", "format", "(secret('TOK') | upper) ~ ' ' ~ (secret('TOK') | base64encode)"),
    ];
    let outputs = "outputs:\n  - {id: o, type: INT, value: \"{{ secret('TOK') }}\"}\n";
    let logs = format!("{}{outputs}", flow("logs", &tasks.concat(), ""));
    let given = "    inputs:\n      n: \"{{ secret('TOK') }}\"\n";
    let input = format!("{}inputs:\n  - {{id: n, type: INT}}\n", flow("input", &returns("out", "x"), given));
    let when = "    when: \"{{ (secret('TOK') | number) > 3 }}\"\n";
    let launch = launch().flow("logs.yaml", &logs).flow("input.yaml", &input);
    let launch = launch.flow("when.yaml", &flow("when", &returns("out", "x"), when)).variable("SECRET_TOK", BASE64);
    let server = launch.start();
    let deliver = async |id: &str| server.api.webhook(NAMESPACE, id, "key").body("{}").send().await;

    let refused = deliver("input").await;
    assert_eq!(refused.status, 422);
    hides("the answer", &refused.text());
    assert!(refused.text().contains("hold a secret"), "{}", refused.text());

    assert_eq!(deliver("when").await.status, 204);
    let printed = server.printed();
    hides("the server's log", &printed);
    assert!(printed.contains("For input string: \"******\""), "{printed}");
    assert!(printed.contains("tenant=main namespace=company.team flow=when revision=1 trigger=hook"), "{printed}");

    let id = deliver("logs").await.id();
    let execution = server.api.ended(&id).await;
    hides("the execution", &execution.to_string());
    assert_eq!(execution["taskRunList"][5]["outputs"]["value"], "******", "{execution}");
    let lines = server.api.get(&format!("/api/v1/main/logs/{id}")).await;
    hides("its lines", &lines.text());
    for words in
        ["For input string", "could not be parsed", "is not an ISO 8601 duration", "Cannot convert value '******'"]
    {
        assert!(lines.text().contains(words), "{words}: {}", lines.text());
    }
    assert!(server.terminate().status.success());
    hides("the files", &content(&launch.data()));
}

#[tokio::test]
async fn what_was_sent_is_not_in_the_servers_log_at_any_level() {
    let launch = launch().flow("f.yaml", &flow("f", &returns("out", "x"), ""));
    let server = launch.argument("--log").argument("trace").start();
    let call = server.api.webhook(NAMESPACE, "f", "key").header("X-Sent", "sent-in-a-header");
    assert_eq!(call.body("{\"a\": \"sent-in-a-body\"}").send().await.status, 200);
    let printed = server.terminate().printed;
    assert!(!printed.contains("sent-in"), "{printed}");
}
