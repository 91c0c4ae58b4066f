//! Flows: read, searched, checked and changed.

pub(super) mod document;
mod execution_flows;
mod many;
mod read;
mod search;
mod switch;
mod validate;
mod write;

use windhover_proto::api::Taken;

use super::route::{Route, takes};

pub(super) fn routes() -> Vec<Route> {
    let all = [
        read::routes(),
        search::routes(),
        validate::routes(),
        write::routes(),
        many::routes(),
        execution_flows::routes(),
    ];
    all.into_iter().flatten().collect()
}

/// The content types of a flow's text.
const YAML: [&str; 4] = ["application/x-yaml", "application/yaml", "text/yaml", "text/x-yaml"];

/// The same, as a part of an operation.
const SOURCE: Option<Taken> = takes(&["application/x-yaml"], r#"{"type": "string", "minLength": 1}"#);
