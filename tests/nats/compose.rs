//! The compose files: they follow the specification, and what they start works together.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use super::*;

const FILE: &str = include_str!("../../docker-compose.yml");

/// A service of the file, with anchors and merges resolved.
struct Service {
    command: Vec<String>,
    environment: BTreeMap<String, String>,
}

fn document() -> Value {
    let mut parsed: serde_yaml::Value = serde_yaml::from_str(FILE).expect("YAML");
    parsed.apply_merge().expect("merges");
    serde_json::to_value(parsed).expect("plain data")
}

/// A service's command and variables; what it would take from the environment is not set.
fn service(document: &Value, name: &str) -> Service {
    let service = &document["services"][name];
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let variable = |line: String| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.replace("${NATS_PASSWORD:-windhover}", "windhover")))
    };
    Service {
        command: texts(&service["command"]),
        environment: texts(&service["environment"]).into_iter().filter_map(variable).collect(),
    }
}

/// The server that the file configures, on loopback.
fn nats(document: &Value) -> NatsServer {
    let config = document["configs"]["nats"]["content"].as_str().expect("its configuration");
    assert!(config.contains("sync_interval: always"), "{config}");
    let (_, authorization) = config.split_once("authorization").expect("who may come in");
    NatsServer::start(Sync::Always, &format!("authorization{}", authorization.replace("$$NATS_PASSWORD", "windhover")))
}

/// Starts a service as the file says, with the addresses of the containers replaced by ours.
fn start(document: &Value, name: &str, nats: &NatsServer) -> Server {
    let Service { command, environment } = service(document, name);
    let role = match command.get(1).map(String::as_str) {
        Some("ingress") => "ingress",
        Some("engine") => "engine",
        Some("console") => "console",
        other => panic!("{name} plays {other:?}"),
    };
    let mut launch = Launch::role(binary(), role);
    let mut arguments = command.into_iter().skip(2);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // The folder and the address are those of the test.
            "--data" | "--listen" => drop(arguments.next()),
            _ => launch = launch.argument(argument),
        }
    }
    for (variable, value) in environment {
        let value = value.replace("nats://nats:4222", &nats.url()).replace("http://nats:8222", &nats.monitor());
        launch = launch.variable(&variable, &value);
    }
    launch.start()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_of_the_compose_file_work_together() {
    let document = document();
    let nats = nats(&document);
    let ingresses = ["ingress-1", "ingress-2"].map(|name| start(&document, name, &nats));
    let engines = ["engine-1", "engine-2"].map(|name| start(&document, name, &nats));
    let console = start(&document, "console", &nats);
    let flows = service(&document, "flows");
    let deployed = Command::new(binary())
        .args(&flows.command[..2])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/flows"))
        .envs(&flows.environment)
        .env("WINDHOVER_NATS", nats.url())
        .env("WINDHOVER_NATS_MONITOR", nats.monitor())
        .output()
        .expect("the deployment");
    assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
    for ingress in &ingresses {
        let webhook = ingress.api.webhook(NAMESPACE, "webhook_example", "1KERKzRQZSMtLdMdNI7Nkr");
        let answer = webhook.json(&json!({"hello": "world"})).send().await;
        assert_eq!((answer.status.as_u16(), answer.header("windhover-durability")), (200, "fsync"));
        assert_eq!(states(&console.api.ended(&answer.id()).await), ["CREATED", "RUNNING", "SUCCESS"]);
    }
    for engine in &engines {
        until_running(engine, 8).await;
    }
}

#[test]
fn only_the_front_and_the_console_are_published_and_only_on_loopback() {
    let document = document();
    for (name, service) in document["services"].as_object().expect("services") {
        let ports: Vec<_> = service["ports"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let expected = match name.as_str() {
            "front" => vec!["127.0.0.1:8080:8080"],
            "console" => vec!["127.0.0.1:8081:8080"],
            _ => vec![],
        };
        assert_eq!(ports, expected, "{name}");
        assert!(service["restart"].is_string(), "{name} has a restart policy");
    }
}

#[test]
fn the_files_follow_the_compose_specification() {
    let root = env!("CARGO_MANIFEST_DIR");
    let tool = Command::new(format!("{root}/tests/tools/python")).stderr(Stdio::inherit()).output().expect("a Python");
    let python = String::from_utf8_lossy(&tool.stdout).trim().to_owned();
    let output = Command::new(python)
        .args(["-m", "check_jsonschema", "--schemafile"])
        .args(["tests/compose/compose-spec.json", "docker-compose.yml", "docker-compose.cluster.yml"])
        .current_dir(root)
        .output()
        .expect("the check");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
