//! What the page about compatibility promises.

use super::*;

const PAGE: &str = include_str!("../../docs/compatibility.md");

/// Routes that Kestra does not have.
const OURS: [&str; 2] = ["/health", "/ready"];

#[tokio::test]
async fn every_operation_of_the_api_has_a_row() {
    let server = with_example().start();
    let document = server.api.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let mut missing = Vec::new();
    for (path, operations) in paths.iter().filter(|(path, _)| !OURS.contains(&path.as_str())) {
        let methods = ["get", "post", "put", "delete"].into_iter().filter(|method| operations.get(method).is_some());
        let rows = methods.map(|method| format!("`{} {path}`", method.to_uppercase()));
        missing.extend(rows.filter(|row| !PAGE.contains(row.as_str())));
    }
    assert!(missing.is_empty(), "docs/compatibility.md has no row for {missing:?}");
    assert!(paths.len() > 30, "{} paths", paths.len());
}
