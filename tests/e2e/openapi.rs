//! The document that describes the API: it is checked in, so that a change of the API is a change that somebody sees.

use reqwest::Method;
use serde_json::json;

use super::*;

/// The checked-in document.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

/// Set to write the served document over the checked-in one.
const UPDATE: &str = "WINDHOVER_UPDATE_OPENAPI";

#[tokio::test]
async fn the_served_document_is_the_one_that_is_checked_in() {
    let server = launch().start();
    let served = server.api.get("/openapi.json").await.json();
    if std::env::var_os(UPDATE).is_some() {
        let text = serde_json::to_string_pretty(&served).expect("JSON") + "\n";
        std::fs::write(DOCUMENT, text).expect("a file");
    }
    let kept = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    let kept: Value = serde_json::from_str(&kept).unwrap_or_default();
    assert!(
        served == kept,
        "docs/openapi.json is not what is served: run this test once with {UPDATE}=1, and read the diff"
    );
}

/// Every operation of the document, with sample values in its address.
fn operations(document: &Value) -> Vec<(Method, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let mut operations = Vec::new();
    for (path, methods) in paths {
        let address: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { "sample" } else { part }).collect();
        for method in methods.as_object().expect("methods").keys().filter(|name| *name != "servers") {
            let method = method.to_uppercase().parse().expect("a method");
            operations.push((method, address.join("/")));
        }
    }
    operations
}

#[tokio::test]
async fn every_operation_of_the_document_is_there_with_and_without_a_tenant() {
    let server = launch().start();
    let document = server.api.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let operations = operations(&document);
    assert!(operations.len() > 40, "{}", operations.len());
    for (method, path) in operations {
        let prefixes =
            if document["paths"][&path]["servers"].is_array() { vec![""] } else { vec!["/api/v1/main", "/api/v1"] };
        for prefix in prefixes {
            let path = format!("{prefix}{path}");
            let answer = server.api.webhook_at(method.clone(), &path).send().await;
            assert_ne!(answer.status, 405, "{method} {path}");
            let nothing_there = answer.status == 404 && answer.text().contains("nothing stands at");
            assert!(!nothing_there, "{method} {path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn every_schema_that_is_named_is_there_and_every_name_of_an_operation_is_its_own() {
    let server = launch().start();
    let document = server.api.get("/openapi.json").await.json();
    let text = document.to_string();
    let named = text.split("\"$ref\":\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
    for name in named {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    let ids: Vec<_> = text.split("\"operationId\":").skip(1).filter_map(|rest| rest.split('"').nth(1)).collect();
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len());
    assert_eq!(document["servers"][0]["variables"]["tenant"], json!({"default": "main"}));
}
