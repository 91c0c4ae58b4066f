//! Namespaces: they exist because flows are in them.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json as value};
use windhover_proto::{
    api::{Address::OfTenant, Method, Operation},
    id::Namespace,
    problem::{Code, Problem},
};

use super::{
    Refused,
    call::Call,
    page::{PAGE, SIZE, Wanted},
    route::{Route, TEXT, json, query},
};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(SEARCH, search), Route::new(NAMESPACE, namespace)]
}

const SEARCH: Operation = Operation {
    id: "searchNamespaces",
    tag: "namespaces",
    method: Method::Get,
    path: OfTenant("/namespaces/search"),
    summary: "Searches the namespaces that hold flows, in order.",
    parameters: &[
        PAGE,
        SIZE,
        query("q", TEXT, "A text in the namespace, in any case."),
        query("sort", r#"{"enum": ["id:asc", "id:desc"]}"#, "The order."),
    ],
    body: None,
    answers: &[json("One page of namespaces.", r##"{"$ref": "#/components/schemas/Namespaces"}"##)],
};

async fn search(mut call: Call) -> Result<Response, Refused> {
    let page = Wanted::take(&mut call.query)?;
    let part = call.query.one("q")?.unwrap_or_default().to_lowercase();
    let order = call.query.one("sort")?;
    std::mem::take(&mut call.query).finish()?;
    let mut names = names(&call).await?;
    names.retain(|name| name.as_str().to_lowercase().contains(&part));
    match order.as_deref() {
        None | Some("id:asc") => {}
        Some("id:desc") => names.reverse(),
        Some(other) => {
            let detail = format!("Invalid sort parameter: `sort` is `{other}`; write id:asc or id:desc");
            return Err(Code::Unprocessable.because(detail).into());
        }
    }
    let page = page.of(names);
    let results: Vec<_> = page.results.iter().map(document).collect();
    Ok(Json(value!({"results": results, "total": page.total})).into_response())
}

const NAMESPACE: Operation = Operation {
    id: "namespace",
    tag: "namespaces",
    method: Method::Get,
    path: OfTenant("/namespaces/{namespace}"),
    summary: "A namespace that holds flows.",
    parameters: &[],
    body: None,
    answers: &[json("The namespace.", r##"{"$ref": "#/components/schemas/Namespace"}"##)],
};

async fn namespace(mut call: Call) -> Result<Response, Refused> {
    std::mem::take(&mut call.query).finish()?;
    let names = names(&call).await?;
    let found = names.iter().find(|name| name.as_str() == call.part("namespace"));
    let nobody =
        || Code::NotFound.because(format!("Not Found: no flow is in the namespace `{}`", call.part("namespace")));
    Ok(Json(document(found.ok_or_else(nobody)?)).into_response())
}

async fn names(call: &Call) -> Result<Vec<Namespace>, Problem> {
    let definitions = call.definitions().await?;
    let own = definitions.all().filter(|revision| revision.reference.tenant == call.tenant);
    let mut names: Vec<_> = own.map(|revision| revision.reference.namespace.clone()).collect();
    names.dedup();
    Ok(names)
}

/// `disabled` is Kestra's word for one that nobody made on its own.
fn document(name: &Namespace) -> Value {
    value!({"id": name.as_str(), "disabled": true, "deleted": false})
}
