//! The compose files: they follow the specification, and what they start works together.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use super::*;

const FILE: &str = include_str!("../../docker-compose.yml");

/// What stands in `NATS_PASSWORD` where the files are used. Digits alone are no text in a configuration of NATS.
const PASSWORD: &str = "112358";

/// A service of the file, with anchors and merges resolved.
struct Service {
    command: Vec<String>,
    environment: BTreeMap<String, String>,
}

const CLUSTER_FILE: &str = include_str!("../../docker-compose.cluster.yml");

fn parsed(text: &str) -> Value {
    let mut parsed: serde_yaml::Value = serde_yaml::from_str(text).expect("YAML");
    parsed.apply_merge().expect("merges");
    serde_json::to_value(parsed).expect("plain data")
}

fn document() -> Value {
    parsed(FILE)
}

/// What both files say together, as far as these tests look: services of the second are laid over those of the first, and
/// a configuration replaces the one before.
fn cluster_document() -> Value {
    let (mut document, over) = (document(), parsed(CLUSTER_FILE));
    for (name, service) in over["services"].as_object().expect("services") {
        for (key, value) in service.as_object().expect("a service") {
            document["services"][name][key] = value.clone();
        }
    }
    document["configs"]["nats"] = over["configs"]["nats"].clone();
    document
}

/// A service's command and variables; what it would take from the environment is not set.
fn service(document: &Value, name: &str) -> Service {
    let service = &document["services"][name];
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let variable = |line: String| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.replace("${NATS_PASSWORD:-windhover}", PASSWORD)))
    };
    Service {
        command: texts(&service["command"]),
        environment: texts(&service["environment"]).into_iter().filter_map(variable).collect(),
    }
}

/// Whom the file lets in at NATS, and that it syncs.
fn authorization(document: &Value) -> String {
    let config = document["configs"]["nats"]["content"].as_str().expect("its configuration");
    assert!(config.contains("sync_interval: always"), "{config}");
    let (_, authorization) = config.split_once("authorization").expect("who may come in");
    let password = &service(document, "nats").environment["NATS_PASSWORD"];
    format!("authorization{}", authorization.replace("$$NATS_PASSWORD", password))
}

/// The addresses of NATS in the file, and those of the test.
type Addresses = Vec<(String, String)>;

/// The addresses of these servers in place of the file's.
fn addresses(hosts: &[&str], servers: &[NatsServer]) -> Addresses {
    let pairs = hosts.iter().zip(servers).flat_map(|(host, server)| {
        [(format!("nats://{host}:4222"), server.url()), (format!("http://{host}:8222"), server.monitor())]
    });
    pairs.collect()
}

fn variables(service: &Service, addresses: &Addresses) -> BTreeMap<String, String> {
    let here = |value: &String| addresses.iter().fold(value.clone(), |value, (file, test)| value.replace(file, test));
    service.environment.iter().map(|(variable, value)| (variable.clone(), here(value))).collect()
}

/// Starts a service as the file says, with the addresses of the containers replaced by ours.
fn start(document: &Value, name: &str, addresses: &Addresses) -> Server {
    let service = service(document, name);
    let role = match service.command.get(1).map(String::as_str) {
        Some("ingress") => "ingress",
        Some("engine") => "engine",
        Some("console") => "console",
        other => panic!("{name} plays {other:?}"),
    };
    let mut launch = Launch::role(binary(), role);
    let mut arguments = service.command.iter().skip(2);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // The folder and the address are those of the test.
            "--data" | "--listen" => drop(arguments.next()),
            _ => launch = launch.argument(argument.clone()),
        }
    }
    for (variable, value) in variables(&service, addresses) {
        launch = launch.variable(&variable, &value);
    }
    launch.start()
}

/// Runs the service that deploys the flows.
fn deploy(document: &Value, addresses: &Addresses) {
    let flows = service(document, "flows");
    let deployed = Command::new(binary())
        .args(&flows.command[..2])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/flows"))
        .envs(variables(&flows, addresses))
        .output()
        .expect("the deployment");
    assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
}

/// Starts all services and delivers to each ingress.
async fn work_together(document: &Value, addresses: &Addresses, durability: &str) {
    let ingresses = ["ingress-1", "ingress-2"].map(|name| start(document, name, addresses));
    let engines = ["engine-1", "engine-2"].map(|name| start(document, name, addresses));
    let console = start(document, "console", addresses);
    deploy(document, addresses);
    for ingress in &ingresses {
        let webhook = ingress.api.webhook(NAMESPACE, "webhook_example", "1KERKzRQZSMtLdMdNI7Nkr");
        let answer = webhook.json(&json!({"hello": "world"})).send().await;
        assert_eq!((answer.status.as_u16(), answer.header("windhover-durability")), (200, durability));
        assert_eq!(states(&console.api.ended(&answer.id()).await), ["CREATED", "RUNNING", "SUCCESS"]);
    }
    for engine in &engines {
        until_running(engine, 8).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_of_the_compose_file_work_together() {
    let document = document();
    let nats = [NatsServer::start(Sync::Always, &authorization(&document))];
    work_together(&document, &addresses(&["nats"], &nats), "fsync").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_of_the_file_for_a_cluster_work_together_and_keep_three_copies() {
    let document = cluster_document();
    let nats = NatsCluster::configured(Sync::Always, &authorization(&document));
    let addresses = addresses(&["nats", "nats-2", "nats-3"], &nats.servers);
    work_together(&document, &addresses, "fsync-replicated-3").await;
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
