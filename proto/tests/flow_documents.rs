//! What a flow document may say, and how what it may not say is reported.

#![expect(clippy::unwrap_used, reason = "a broken fixture should stop the test")]

use std::time::Duration;

use proptest::prelude::*;
use windhover_proto::flow::{
    CheckBehavior, Condition, Dynamic, ExitState, Flow, FlowError, LogLevel, LogMessage, RetryDelay, TaskKind,
    TriggerKind, Webhook,
};

const EXAMPLE: &str = r#"id: webhook_example
namespace: company.team
labels:
  team: shop
tasks:
  - id: out
    type: io.kestra.plugin.core.debug.Return
    format: "{{ trigger | json }}"
triggers:
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: 1KERKzRQZSMtLdMdNI7Nkr
"#;

const HEAD: &str = "id: f\nnamespace: a.b\n";
const TASKS: &str = "tasks:\n  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: x\n";
const HOOK: &str = "triggers:\n  - id: h\n    type: io.kestra.plugin.core.trigger.Webhook\n";

/// A flow with one webhook that has these further lines.
fn webhook(lines: &str) -> Webhook {
    let flow = Flow::parse(&format!("{HEAD}{TASKS}{HOOK}{lines}")).unwrap();
    let (_, webhook) = flow.webhooks().next().unwrap();
    webhook.clone()
}

/// A task of a type with these further lines.
fn kind(type_name: &str, lines: &str) -> TaskKind {
    let source = format!("{HEAD}tasks:\n  - id: t\n    type: io.kestra.plugin.core.{type_name}\n{lines}");
    Flow::parse(&source).unwrap().tasks.remove(0).kind
}

/// Everything that is wrong with a text, as it is printed.
fn faults(source: &str) -> Vec<String> {
    match Flow::parse(source) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_example_flow_is_read() {
    let flow = Flow::parse(EXAMPLE).unwrap();
    assert_eq!((flow.id.as_str(), flow.namespace.as_str()), ("webhook_example", "company.team"));
    assert_eq!(flow.labels, [("team".to_owned(), "shop".to_owned())]);
    assert!(matches!(&flow.tasks[0].kind, TaskKind::Return { format: Some(_) }));
    let TriggerKind::Webhook(webhook) = &flow.triggers[0].kind;
    assert_eq!(webhook.key.source(), "1KERKzRQZSMtLdMdNI7Nkr");
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_text_with_their_places() {
    let source = r#"id: f f
namespace: Upper
labels:
  system.x: 1
tasks:
  - id: a
    type: io.kestra.plugin.core.log.Log
    mesage: hi
  - id: a
    type: io.kestra.plugin.core.debug.Retrun
  - id: c
    type: io.kestra.plugin.core.debug.Return
    format: "{{ 1 + }}"
triggers:
  - id: h
    type: io.kestra.plugin.core.trigger.Webhook
    key: " "
    wait: maybe
"#;
    let faults = faults(source);
    let wanted = [
        ("id: must match", "at line 1, column 5"),
        ("namespace: must match", "at line 2, column 12"),
        (
            "labels.system.x: System labels can only be set by Kestra itself, offending label: system.x=1",
            "at line 4, column 13",
        ),
        ("tasks[0].message: must not be null", "at line 6, column 5"),
        ("tasks[0].mesage: Unrecognized field \"mesage\"", "(did you mean `message`?) at line 8, column 5"),
        (
            "tasks[1].type: Invalid type: io.kestra.plugin.core.debug.Retrun",
            "(did you mean `io.kestra.plugin.core.debug.Return`?) at line 10, column 11",
        ),
        ("tasks[2].format: ", "at line 13, column 21"),
        ("triggers[0].key: must not be blank", "at line 17, column 10"),
        ("triggers[0].wait: Cannot deserialize value of type `boolean` from String \"maybe\"", "at line 18, column 11"),
    ];
    assert_eq!(faults.len(), wanted.len(), "{faults:#?}");
    for (fault, (start, end)) in faults.iter().zip(wanted) {
        assert!(fault.starts_with(start) && fault.ends_with(end), "{fault}\nis not {start} … {end}");
    }
}

#[test]
fn a_fault_inside_a_text_of_several_lines_has_the_line_of_the_fault() {
    let source = format!(
        "{HEAD}tasks:\n  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: |\n      one\n      two {{{{ nope() }}}}\n"
    );
    let errors = Flow::parse(&source).unwrap_err();
    let FlowError { path, position, .. } = &errors.as_slice()[0];
    assert_eq!((path.as_str(), position.line, position.column), ("tasks[0].message", 8, 14));
}

#[test]
fn documents_of_one_file_are_read_each_for_itself_with_lines_of_the_file() {
    let source = format!("# first\n{EXAMPLE}---\n\n{HEAD}tasks: []\n---\n# nothing\n--- # third\nid: x\n");
    let documents = Flow::parse_all(&source);
    assert_eq!(documents.len(), 3);
    assert!(documents[0].flow.is_ok());
    assert_eq!((documents[1].id.as_deref(), documents[1].namespace.as_deref()), (Some("f"), Some("a.b")));
    assert_eq!(documents[1].line, 16);
    let errors = documents[1].flow.as_ref().unwrap_err();
    assert_eq!(errors.to_string(), "tasks: must not be empty at line 18, column 8");
    let third = documents[2].flow.as_ref().unwrap_err();
    assert!(third.iter().all(|error| error.line() == 22), "{third}");
    assert!(Flow::parse(&source).is_err());
}

#[test]
fn syntax_errors_have_places_in_the_file() {
    let source = format!("{EXAMPLE}---\nid: x\ntasks:\n  - id: t\n   type: x\n");
    let documents = Flow::parse_all(&source);
    assert!(documents[0].flow.is_ok());
    let errors = documents[1].flow.as_ref().unwrap_err();
    assert_eq!((errors.as_slice()[0].line(), errors.as_slice()[0].column()), (17, 4), "{errors}");
    assert_eq!(
        faults("id: a\nid: b\n"),
        ["Illegal Flow source: YAML parsing error: Duplicate field 'id' at line 2, column 1"]
    );
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let windows = format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n"));
    assert_eq!(Flow::parse(&windows), Flow::parse(EXAMPLE));
    assert!(Flow::same_revision(&windows, EXAMPLE));
    assert!(Flow::same_revision(EXAMPLE, &format!("{EXAMPLE}\n\n")));
    assert!(!Flow::same_revision(EXAMPLE, &EXAMPLE.replace("shop", "shops")));
    assert!(!Flow::same_revision(EXAMPLE, &format!("{EXAMPLE}# more\n")));
}

#[test]
fn an_alias_stands_for_its_value_but_cannot_blow_up_a_document() {
    let source = format!("{HEAD}variables:\n  a: &x [1]\n  b: *x\n{TASKS}");
    let flow = Flow::parse(&source).unwrap();
    assert_eq!(flow.variables.get("b"), flow.variables.get("a"));
    let mut bomb = format!("{HEAD}{TASKS}variables:\n  a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        bomb.push_str(&format!("  a{level}: &a{level} [{}]\n", [below.as_str(); 10].join(",")));
    }
    assert!(faults(&bomb)[0].contains("more than 100000 values"), "{:?}", faults(&bomb));
    let deep = format!("{HEAD}{TASKS}variables:\n  a: {}{}\n", "[".repeat(100), "]".repeat(100));
    assert!(faults(&deep)[0].contains("nested deeper than 64 levels"));
    let large = format!("{EXAMPLE}{}", "# x\n".repeat(70_000));
    assert!(faults(&large)[0].contains("the limit is 262144"));
}

/// Each of these took minutes with a reader whose time grows with the square of its text.
#[test]
fn hostile_documents_are_read_to_their_end() {
    let variables = |value: &str| format!("{HEAD}{TASKS}variables:\n{value}");
    let circle =
        |n: usize| format!("  - {{id: i{n}, type: STRING, dependsOn: {{inputs: [i{}, none{n}]}}}}\n", (n + 1) % 3_500);
    let anchors = |n: usize| format!("  k{}: &a{} [*a{n}]\n", n + 1, n + 1);
    for text in [
        variables(&format!("  a: {}", "[".repeat(200_000))),
        variables(&format!("  a: {}", "{".repeat(200_000))),
        variables(&format!("  a:\n    {}x", "- ".repeat(100_000))),
        variables(&format!("  {}x", "? ".repeat(100_000))),
        variables(&format!("  k0: &a0 [1]\n{}", (0..9_000).map(anchors).collect::<String>())),
        variables(&(0..20_000).map(|n| format!("  k{n}: 1\n")).collect::<String>()) + "x",
        format!("{HEAD}inputs:\n{}", (0..3_500).map(circle).collect::<String>()),
        format!("{HEAD}tasks:\n{}", "  - \n".repeat(50_000)),
        format!(
            "{HEAD}tasks:\n  - message: [{}]\n    id: t\n    type: io.kestra.plugin.core.log.Log\n",
            "'{{ 1 +',".repeat(25_000)
        ),
        "a: [\n---\n".repeat(900) + &"# x\n".repeat(60_000),
    ] {
        assert!(Flow::parse_all(&text).iter().any(|document| document.flow.is_err()), "{}", &text[..80]);
    }
}

#[test]
fn plain_values_follow_yaml_1_1() {
    let flow = Flow::parse(&format!(
        "{HEAD}{TASKS}variables:\n  a: yes\n  b: 'yes'\n  c: 0x10\n  d:\n  e: ~\n  f: 2024-05-06\n"
    ))
    .unwrap();
    let values: Vec<String> = flow.variables.values().map(|value| value.to_json()).collect();
    assert_eq!(values, ["true", "\"yes\"", "16", "\"\"", "null", "\"2024-05-06\""]);
}

#[test]
fn tasks_are_typed() {
    let TaskKind::Log { message: LogMessage::Many(lines), level } =
        kind("log.Log", "    message: [a, 5]\n    level: WARN\n")
    else {
        panic!("no log")
    };
    assert_eq!((lines.len(), level), (2, Dynamic::Fixed(LogLevel::Warn)));
    let TaskKind::Log { message: LogMessage::One(_), level: Dynamic::Rendered(_) } =
        kind("debug.Echo", "    format: hi\n    level: \"{{ vars.level }}\"\n")
    else {
        panic!("no echo")
    };
    let sleep = kind("flow.Sleep", "    duration: PT1M\n");
    assert_eq!(sleep, TaskKind::Sleep { duration: Dynamic::Fixed(Duration::from_secs(60)) });
    let exits = ["", "    state: CANCELLED\n"].map(|state| kind("execution.Exit", state));
    let fixed = |state| TaskKind::Exit { state: Dynamic::Fixed(state) };
    assert_eq!(exits, [fixed(ExitState::Success), fixed(ExitState::Cancelled)]);
    let TaskKind::HttpRequest(request) = kind(
        "http.Request",
        "    uri: http://x\n    headers:\n      X-A: 1\n    options:\n      allowedResponseCodes: [404]\n",
    ) else {
        panic!("no request")
    };
    assert_eq!((request.method.source(), request.headers[0].1.source()), ("GET", "1"));
    assert_eq!(request.options.allowed_response_codes, [Dynamic::Fixed(404)]);
}

#[test]
fn common_properties_of_tasks_are_typed() {
    let lines = "    runIf: \"{{ inputs.x }}\"\n    disabled: true\n    allowFailure: true\n    retry:\n      type: exponential\n      interval: PT1S\n      maxInterval: PT10S\n      maxAttempt: 3\n";
    let source = format!("{HEAD}{TASKS}{lines}");
    let flow = Flow::parse(&source).unwrap();
    let task = &flow.tasks[0];
    assert!(task.disabled && task.allow_failure && task.run_if.is_some());
    let retry = task.retry.as_ref().unwrap();
    assert_eq!(retry.attempts_max, Some(3));
    let seconds = Duration::from_secs;
    assert_eq!(retry.delay, RetryDelay::Exponential { interval: seconds(1), interval_max: seconds(10), factor: 2.0 });
    let renamed = Flow::parse(&source.replace("runIf", "when")).unwrap();
    assert_eq!(renamed.tasks[0].run_if, task.run_if);
}

#[test]
fn webhooks_are_typed() {
    let lines = r#"    key: "{{ secret('A') }}-{{ secret(key='B') }}-{{ secret('A') }}"
    wait: true
    responseCode: 418
    labels:
      - key: idem
        value: "{{ trigger.headers['Idempotency-Key'] | first }}"
    conditions:
      - type: io.kestra.plugin.core.condition.Not
        conditions:
          - type: io.kestra.core.models.conditions.types.ExpressionCondition
            expression: "{{ trigger.body.skip }}"
"#;
    let source = format!("{HEAD}{TASKS}{HOOK}{lines}");
    let flow = Flow::parse(&source).unwrap();
    let (_, webhook) = flow.webhooks().next().unwrap();
    assert_eq!(webhook.key_secrets(), ["A", "B"]);
    assert_eq!(webhook.response_code, Some(Dynamic::Fixed(418)));
    assert!(matches!(&webhook.conditions[..], [Condition::Not { conditions }] if conditions.len() == 1));
    assert_eq!(webhook.labels[0].0, "idem");
}

#[test]
fn a_fixed_response_code_has_three_digits_and_need_not_exist() {
    for code in [200, 418, 799, 999] {
        let read = webhook(&format!("    key: k\n    responseCode: {code}\n"));
        assert_eq!(read.response_code, Some(Dynamic::Fixed(code)));
    }
    for (code, words) in [
        ("99", "99 is no HTTP status: those have three digits at line 11, column 19"),
        ("1000", "1000 is no HTTP status"),
        ("-1", "\"-1\" is not an HTTP status"),
        ("abc", "\"abc\" is not an HTTP status"),
    ] {
        let found = faults(&format!("{HEAD}{TASKS}{HOOK}    key: k\n    responseCode: {code}\n"));
        assert!(found.len() == 1 && found[0].contains(words), "{found:?}");
    }
}

/// What is wrong with one check that has these members.
fn faults_of_check(members: &str) -> Vec<String> {
    faults(&format!("{HEAD}checks:\n  - {members}\n{TASKS}"))
}

#[test]
fn checks_are_typed_and_their_messages_are_no_expressions() {
    let source = format!(
        "{HEAD}checks:\n  - when: \"{{{{ inputs.n > 3 }}}}\"\n    message: \"n is {{{{ inputs.n\"\n    style: WARNING\n\
         \x20 - condition: true\n    message: 5\n    behavior: CREATE_EXECUTION\n{TASKS}"
    );
    let checks = Flow::parse(&source).unwrap().checks;
    let read = checks.iter().map(|check| (check.when.source(), check.message.as_str(), check.behavior));
    let expected =
        [("{{ inputs.n > 3 }}", "n is {{ inputs.n", CheckBehavior::Block), ("true", "5", CheckBehavior::Create)];
    assert_eq!(read.collect::<Vec<_>>(), expected);
    assert!(Flow::parse(&format!("{HEAD}checks: []\n{TASKS}")).unwrap().checks.is_empty());
}

#[test]
fn what_is_wrong_with_a_check_is_named_with_its_place() {
    for (members, words) in [
        ("{when: 'true'}", "checks[0].message: must not be empty at line 4, column 5"),
        ("{message: x}", "checks[0].when: must not be null at line 4, column 5"),
        ("{when: '', message: x}", "checks[0].when: must not be empty at line 4, column 12"),
        ("{when: 'true', message: ''}", "checks[0].message: must not be empty at line 4, column 29"),
        ("{when: '{{ 1 + }}', message: x}", "checks[0].when: "),
        ("{when: [a], message: x}", "checks[0].when: Cannot deserialize value of type `text`"),
        ("{when: a, condition: b, message: x}", "checks[0].condition: `condition` and `when` mean the same"),
        ("{when: a, message: {b: c}}", "checks[0].message: Cannot deserialize value of type `text`"),
        ("{when: a, message: x, style: LOUD}", "checks[0].style: Cannot deserialize value from String \"LOUD\""),
        ("{when: a, message: x, behavior: NOPE}", "checks[0].behavior: Cannot deserialize value from String \"NOPE\""),
        (
            "{when: a, message: x, behavior: FAIL_EXECUTION}",
            "checks[0].behavior: `behavior: FAIL_EXECUTION` of a check is not supported yet at line 4, column 37",
        ),
        ("{when: a, message: x, nope: 1}", "checks[0].nope: Unrecognized field \"nope\""),
        ("just words", "checks[0]: Cannot deserialize value of type `map`"),
    ] {
        let found = faults_of_check(members);
        assert!(
            found.len() == 1 && found[0].starts_with(words) && found[0].contains(" at line 4"),
            "{members}: {found:?}"
        );
    }
    let found = faults(&format!("{HEAD}checks: all\n{TASKS}"));
    assert!(found.len() == 1 && found[0].starts_with("checks: Cannot deserialize value of type `list`"), "{found:?}");
}

#[test]
fn properties_about_polling_change_nothing_about_a_webhook_and_are_checked_all_the_same() {
    let plain = webhook("    key: k\n");
    let lines = "    key: k\n    logLevel: WARN\n    logToFile: true\n    stopAfter: [FAILED]\n    failOnTriggerError: true\n    \
        allowConcurrent: true\n    workerSelector:\n      tags: [a]\n";
    assert_eq!(webhook(lines), plain);
    for (line, words) in [
        ("logLevel: LOUD", "triggers[0].logLevel: Cannot deserialize value from String \"LOUD\""),
        ("stopAfter: [NOPE]", "triggers[0].stopAfter[0]: Cannot deserialize value from String \"NOPE\""),
        ("workerSelector: {nope: 1}", "triggers[0].workerSelector.nope: Unrecognized field \"nope\""),
        ("allowConcurrent: maybe", "triggers[0].allowConcurrent: Cannot deserialize value of type `boolean`"),
    ] {
        let found = faults(&format!("{HEAD}{TASKS}{HOOK}    key: k\n    {line}\n"));
        assert!(found.len() == 1 && found[0].starts_with(words), "{found:?}");
    }
}

#[test]
fn a_limit_of_nothing_at_once_is_named() {
    let found = faults(&format!("{HEAD}concurrency:\n  limit: 0\n{TASKS}"));
    assert!(
        found.iter().any(|fault| fault.starts_with("concurrency.limit: must be greater than 0 at line 4")),
        "{found:?}"
    );
}

#[test]
fn keys_of_any_kind_keep_their_spelling() {
    for (written, key) in
        [("12345", "12345"), ("0123", "0123"), ("yes", "yes"), ("' padded '", " padded "), ("\"a/b\"", "a/b")]
    {
        assert_eq!(webhook(&format!("    key: {written}\n")).key.source(), key);
    }
}

#[test]
fn what_does_not_run_yet_is_refused_and_not_ignored() {
    for (lines, words) in [
        ("concurrency:\n  limit: 1\n", "concurrency: `concurrency` is not supported yet"),
        ("retry:\n  type: constant\n  interval: PT1S\n", "retry: `retry` is not supported yet"),
        (
            "errors:\n  - id: s\n    type: io.kestra.plugin.core.flow.Pause\n",
            "errors[0].type: the task type `io.kestra.plugin.core.flow.Pause` is not supported yet",
        ),
        ("inputs:\n  - id: a\n    type: FORM\n", "inputs[0].type: the input type `FORM` is not supported yet"),
    ] {
        let faults = faults(&format!("{HEAD}{lines}{TASKS}"));
        assert!(faults.len() == 1 && faults[0].starts_with(words), "{faults:?}");
    }
    for line in ["taskCache: {enabled: true}", "logToFile: true", "timeout: PT1S", "allowWarning: true"] {
        let faults = faults(&format!("{HEAD}{TASKS}    {line}\n"));
        assert!(faults.len() == 1 && faults[0].contains("support"), "{faults:?}");
    }
}

#[test]
fn what_does_not_run_yet_is_checked_as_what_runs() {
    for (lines, words) in [
        ("taskCache: {enabled: maybe}", "tasks[0].taskCache.enabled: \"maybe\" is not a boolean"),
        ("taskCache: {enabled: true, ttl: soon}", "tasks[0].taskCache.ttl: "),
        ("taskCache: {enabled: true, nope: 1}", "tasks[0].taskCache.nope: Unrecognized field \"nope\""),
        ("logToFile: maybe", "tasks[0].logToFile: \"maybe\" is not a boolean"),
        ("assets: {inputs: a}", "tasks[0].assets.inputs: Cannot deserialize value of type `list`"),
        (
            "workerSelector: {match: SOME}",
            "tasks[0].workerSelector.match: Cannot deserialize value from String \"SOME\"",
        ),
    ] {
        let found = faults(&format!("{HEAD}{TASKS}    {lines}\n"));
        assert!(found.iter().any(|fault| fault.starts_with(words)), "{found:?}");
    }
    for (task, words) in [
        ("http.Request\n    uri: x\n    params: abc\n", "tasks[0].params: Cannot deserialize value of type `map`"),
        ("http.Download\n    uri: x\n    options: {nope: 1}\n", "tasks[0].options.nope: Unrecognized field \"nope\""),
        ("log.PurgeLogs\n", "tasks[0].endDate: must not be null"),
    ] {
        let found = faults(&format!("{HEAD}tasks:\n  - id: t\n    type: io.kestra.plugin.core.{task}"));
        assert!(found.iter().any(|fault| fault.starts_with(words)), "{found:?}");
    }
}

#[test]
fn times_of_a_schedule_are_checked_although_nothing_runs_by_them_yet() {
    let schedule = |lines: &str| {
        faults(&format!("{HEAD}{TASKS}triggers:\n  - id: s\n    type: io.kestra.plugin.core.trigger.Schedule\n{lines}"))
    };
    for (cron, words) in [
        ("every day", "triggers[0].cron: invalid cron expression 'every day': Cron expression contains 2 parts"),
        ("99 * * * *", "triggers[0].cron: invalid cron expression '99 * * * *': 99 is not in the range [0, 59]"),
        ("0 1-24 * * *", "triggers[0].cron: invalid cron expression '0 1-24 * * *': 24 is not"),
        ("0 0 0 0 * *", "triggers[0].cron: invalid cron expression '0 0 0 0 * *': 0 is not"),
    ] {
        let found = schedule(&format!("    cron: '{cron}'\n"));
        assert!(found.iter().any(|fault| fault.starts_with(words)), "{found:?}");
    }
    for cron in ["*/15 9-17 * * MON-FRI", "@daily", "0 0 1,15 * 7", "30 0 0 1 1 *"] {
        assert_eq!(schedule(&format!("    cron: '{cron}'\n")).len(), 1, "{cron}");
    }
    assert_eq!(schedule("    cron: '@daily'\n    timezone: Europe/Paris\n").len(), 1);
    let found = schedule("    cron: '@daily'\n    timezone: Mars/X\n");
    assert!(found.iter().any(|fault| fault.contains("invalid timezone 'Mars/X'")), "{found:?}");
}

#[test]
fn an_id_that_says_nothing_breaks_two_rules() {
    for (source, path) in [
        (format!("id:\nnamespace: a\n{TASKS}"), "id"),
        (format!("id: a\nnamespace: \"\"\n{TASKS}"), "namespace"),
        (format!("{HEAD}{}", TASKS.replacen("id: t", "id: ' '", 1)), "tasks[0].id"),
        (format!("{HEAD}inputs:\n  - id:\n    type: STRING\n{TASKS}"), "inputs[0].id"),
    ] {
        let found = faults(&source);
        let words = [format!("{path}: must not be blank at line"), format!("{path}: must match \"^[a-z")];
        assert!(words.iter().all(|words| found.iter().any(|fault| fault.starts_with(words))), "{found:?}");
    }
}

#[test]
fn keys_of_labels_are_letters_of_any_alphabet_and_begin_small() {
    for key in ["team", "teamName", "größe", "a-b_c.d1", "system.readOnly"] {
        assert_eq!(faults(&format!("{HEAD}labels:\n  {key}: x\n{TASKS}")), [""; 0], "{key}");
    }
    for key in ["Team", "1a", "-a", "a b", "ß!", "a/b"] {
        let found = faults(&format!("{HEAD}labels:\n  {key}: x\n{TASKS}"));
        assert!(found.len() == 1 && found[0].contains("Invalid label key."), "{found:?}");
    }
}

#[test]
fn what_the_server_writes_into_a_flow_is_checked_and_nothing_else() {
    let written = "revision: 7\ndeleted: false\ntenantId: main\nupdated: 2026-01-01T00:00:00Z\n";
    assert_eq!(faults(&format!("{HEAD}{written}{TASKS}")), [""; 0]);
    for (line, words) in
        [("revision: abc", "revision: "), ("deleted: maybe", "deleted: "), ("updated: [a]", "updated: ")]
    {
        let found = faults(&format!("{HEAD}{line}\n{TASKS}"));
        assert!(found.len() == 1 && found[0].starts_with(words), "{found:?}");
    }
}

#[test]
fn every_wait_is_shorter_than_all_attempts_together() {
    let random = |limits: &str| {
        faults(&format!(
            "{HEAD}{TASKS}    retry:\n      type: random\n      minInterval: PT10S\n{limits}      maxAttempts: 2\n"
        ))
    };
    assert_eq!(random("      maxInterval: PT20S\n      maxDuration: PT30S\n"), [""; 0]);
    let found = random("      maxInterval: PT20S\n      maxDuration: PT15S\n");
    assert!(found.len() == 1 && found[0].contains("'maxInterval' must be less than 'maxDuration'"), "{found:?}");
    assert_eq!(random("      maxInterval: PT20S\n      maxDuration: PT5S\n").len(), 2);
}

#[test]
fn what_an_input_begins_with_fits_its_type_and_is_said_once() {
    let input = |lines: &str| faults(&format!("{HEAD}inputs:\n  - id: a\n{lines}{TASKS}"));
    for (lines, words) in [
        ("    type: STRING\n    defaults: [a]\n", "inputs[0].defaults: Cannot deserialize value of type `text`"),
        ("    type: INT\n    prefill: {a: b}\n", "inputs[0].prefill: Cannot deserialize value of type `text`"),
        ("    type: MULTISELECT\n    values: [a]\n    prefill: {a: b}\n", "inputs[0].prefill: Cannot deserialize"),
        (
            "    type: STRING\n    defaults: x\n    prefill: y\n",
            "inputs[0]: Inputs with a default value cannot also have a prefill.",
        ),
    ] {
        let found = input(lines);
        assert!(found.iter().any(|fault| fault.starts_with(words)), "{found:?}");
    }
    assert_eq!(input("    type: JSON\n    defaults: {a: [1]}\n"), [""; 0]);
}

#[test]
fn a_condition_about_conditions_has_some() {
    for kind in ["Not", "Or"] {
        let head = format!("    key: k\n    conditions:\n      - type: io.kestra.plugin.core.condition.{kind}\n");
        for lines in ["", "        conditions: []\n"] {
            let found = faults(&format!("{HEAD}{TASKS}{HOOK}{head}{lines}"));
            assert!(
                found.len() == 1 && found[0].starts_with("triggers[0].conditions[0].conditions: must not be"),
                "{found:?}"
            );
        }
    }
}

#[test]
fn a_name_with_a_dash_needs_brackets() {
    let source = format!(
        "{HEAD}inputs:\n  - id: a-b\n    type: STRING\n    defaults: x\ntasks:\n  - id: get-it\n    type: \
         io.kestra.plugin.core.debug.Return\n    format: \"<in>\"\noutputs:\n  - id: o\n    type: STRING\n    value: \"<out>\"\n"
    );
    let with = |input: &str, output: &str| faults(&source.replace("<in>", input).replace("<out>", output));
    let found = with("{{ inputs.a-b }}", "x {{outputs.get-it.value}}");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("tasks[0].format: Invalid Flow: Invalid input reference: use inputs[key-name]"),
        "{found:?}"
    );
    assert!(found[1].starts_with("outputs[0].value: Invalid Flow: Invalid output reference"), "{found:?}");
    assert_eq!(with("{{ inputs['a-b'] }} {{ inputs.c-d }}", "{{ outputs['get-it'].value }}"), [""; 0]);
}

#[test]
fn plugin_defaults_are_merged_into_tasks_of_their_type() {
    let defaults = r#"pluginDefaults:
  - type: io.kestra.plugin.core.log.Log
    values: {level: WARN}
  - type: io.kestra.plugin.core
    values: {level: ERROR, disabled: true}
  - type: io.kestra.plugin.core.http.Request
    forced: true
    values: {options: {allowFailed: true}, method: PUT}
"#;
    let tasks = r#"tasks:
  - id: a
    type: io.kestra.plugin.core.log.Log
    message: x
  - id: b
    type: io.kestra.plugin.core.http.Request
    uri: http://x
    level: ERROR
    method: GET
    disabled: false
    options: {followRedirects: false}
"#;
    let source = format!("{HEAD}{defaults}{tasks}");
    let errors = faults(&source);
    assert!(errors.len() == 1 && errors[0].starts_with("tasks[1].level: Unrecognized field"), "{errors:?}");
    let flow = Flow::parse(
        &source.replace("{level: ERROR, disabled: true}", "{disabled: true}").replace("    level: ERROR\n", ""),
    )
    .unwrap();
    let TaskKind::Log { level, .. } = &flow.tasks[0].kind else { panic!("no log") };
    assert_eq!((level, flow.tasks[0].disabled, flow.tasks[1].disabled), (&Dynamic::Fixed(LogLevel::Warn), true, false));
    let TaskKind::HttpRequest(request) = &flow.tasks[1].kind else { panic!("no request") };
    assert_eq!(request.method.source(), "PUT");
    let options = &request.options;
    assert_eq!((&options.allow_failed, &options.follow_redirects), (&Dynamic::Fixed(true), &Dynamic::Fixed(false)));
}

#[test]
fn a_state_that_no_execution_can_exit_with_is_refused_where_it_stands() {
    for state in ["CANCELED", "RUNNING", "success", "''"] {
        let source =
            format!("{HEAD}tasks:\n  - id: x\n    type: io.kestra.plugin.core.execution.Exit\n    state: {state}\n");
        let word = state.trim_matches('\'');
        let expected = format!(
            "tasks[0].state: \"{word}\" is not one of [SUCCESS, WARNING, KILLED, FAILED, CANCELLED] at line 6, column 12"
        );
        assert_eq!(faults(&source), [expected]);
    }
}

#[test]
fn nested_tasks_are_checked_although_their_block_does_not_run_yet() {
    let source = format!(
        "{HEAD}{TASKS}  - id: s\n    type: io.kestra.plugin.core.flow.Sequential\n    tasks:\n      - id: t\n        type: io.kestra.plugin.core.log.Log\n"
    );
    let faults = faults(&source).join("\n");
    assert!(faults.contains("Duplicate task id with name [t] (the first one is at line 4)"), "{faults}");
    assert!(faults.contains("tasks[1].tasks[0].message: must not be null"), "{faults}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a text holds, the answer is flows or findings whose places are in the text.
    #[test]
    fn mutated_documents_never_panic_and_faults_stay_in_the_text(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "[ \\-:{}\\[\\]'\"|>&*#%!?,a-z0-9\\n\\t]{0,6}"), 1..6),
    ) {
        let mut text: Vec<char> = RICH.chars().collect();
        for (at, removed, added) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + removed).min(text.len());
            text.splice(start..end, added.chars());
        }
        let source: String = text.into_iter().collect();
        let lines = source.matches(['\n', '\r']).count() + 1;
        for document in Flow::parse_all(&source) {
            if let Err(errors) = document.flow {
                prop_assert!(!errors.as_slice().is_empty());
                for error in &errors {
                    prop_assert!(error.line() >= 1 && error.line() <= lines, "{error}");
                    prop_assert!(error.column() >= 1, "{error}");
                }
            }
        }
    }

    /// Reading is a function of the text.
    #[test]
    fn the_same_text_gives_the_same_flow(cut in any::<prop::sample::Index>()) {
        let lines: Vec<&str> = RICH.lines().collect();
        let source = lines[..cut.index(lines.len() + 1)].join("\n");
        prop_assert_eq!(Flow::parse(&source), Flow::parse(&source));
    }
}

/// A document with something of everything, for mutation.
const RICH: &str = r#"id: rich
namespace: company.team
description: >-
  folded
  text
disabled: no
labels:
  - key: a
    value: "1"
inputs:
  - id: who
    type: SELECT
    values: [a, {label: B, value: b}]
    defaults: a
  - id: n.m
    type: INT
    min: 1
    required: false
    dependsOn: {inputs: [who], condition: "{{ inputs.who == 'a' }}"}
outputs:
  - id: o
    type: STRING
    value: "{{ outputs.out.value }}"
variables: &vars
  greeting: "hello {{ inputs.who }}"
  list: [1, 2.5, ~, yes]
tasks:
  - id: out
    type: io.kestra.plugin.core.debug.Return
    format: |
      {{ trigger.body
         | json }}
  - id: call
    type: io.kestra.plugin.core.http.Request
    uri: "https://example.com/{{ inputs.who }}"
    headers: {X-A: 'b'}
    timeout: PT5S
    retry: {type: constant, interval: PT1S, maxAttempts: 3}
errors:
  - id: e
    type: io.kestra.plugin.core.log.Log
    message: [a, b]
triggers:
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: "{{ secret('WEBHOOK_KEY') }}"
    inputs: {who: "{{ trigger.body.who }}"}
    conditions:
      - type: io.kestra.plugin.core.condition.Expression
        expression: "{{ trigger.body.go }}"
---
id: second
namespace: a
tasks: []
"#;

#[test]
fn the_document_for_mutation_is_read() {
    let documents = Flow::parse_all(RICH);
    assert!(documents[0].flow.is_ok(), "{}", documents[0].flow.as_ref().unwrap_err());
}
