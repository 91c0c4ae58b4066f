//! What the HTTP API offers, as data: the routers are built from these operations and the OpenAPI document is written from
//! them, so that neither can promise what the other does not do.

use serde_json::{Map, Value, json};

/// One method at one address.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Its name, unique in the API.
    pub id: &'static str,
    /// What it is about, for grouping.
    pub tag: &'static str,
    /// The method.
    pub method: Method,
    /// The address, with `{name}` for its parts: below `/api/v1/{tenant}`, or whole.
    pub path: Address,
    /// One line for people.
    pub summary: &'static str,
    /// Query parameters and headers.
    pub parameters: &'static [Parameter],
    /// What it takes.
    pub body: Option<Taken>,
    /// What it answers, problems of the whole API aside.
    pub answers: &'static [Answer],
}

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes or does.
    Post,
    /// Changes.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// The name as HTTP writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// Below `/api/v1/{tenant}`, and without a tenant below `/api/v1`, which means `main`.
    OfTenant(&'static str),
    /// At the root of the server.
    OfServer(&'static str),
}

impl Address {
    /// The part that is written in the document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Address::OfTenant(path) | Address::OfServer(path) => path,
        }
    }

    /// The whole addresses that a router serves.
    pub fn routes(self) -> Vec<String> {
        match self {
            Address::OfTenant(path) => vec![format!("/api/v1/{{tenant}}{path}"), format!("/api/v1{path}")],
            Address::OfServer(path) => vec![path.to_owned()],
        }
    }
}

/// A query parameter or a header.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What it may be: JSON text of a schema.
    pub schema: &'static str,
    /// One line for people.
    pub about: &'static str,
}

/// Where a parameter stands, and whether it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the query, or nowhere.
    Query,
    /// In the query.
    RequiredQuery,
    /// In a header, or nowhere.
    Header,
}

/// A body that a request has.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// What it may be.
    pub content: Content,
    /// Whether it must be there.
    pub presence: Presence,
}

/// Whether something must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Required,
    /// It may be left out.
    Optional,
}

/// A body.
#[derive(Clone, Copy, Debug)]
pub struct Content {
    /// The content types.
    pub types: &'static [&'static str],
    /// What it is: JSON text of a schema.
    pub schema: &'static str,
}

/// One answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// One line for people.
    pub about: &'static str,
    /// The body, when there is one.
    pub content: Option<Content>,
}

/// The OpenAPI 3.1 document of these operations. `components` is the JSON text of the schemas they name.
///
/// # Panics
/// When a schema is no JSON: a defect that the first test finds.
pub fn document(operations: &[Operation], components: &str) -> Value {
    let mut paths = Map::new();
    for operation in operations {
        let path = paths.entry(operation.path.as_str()).or_insert_with(|| json!({}));
        if matches!(operation.path, Address::OfServer(_)) {
            path["servers"] = json!([{"url": "/"}]);
        }
        path[operation.method.as_str().to_ascii_lowercase()] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Windhover",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Webhooks that start flows. Every address below /api/v1/{tenant} is also there below /api/v1, which \
                            means the tenant main. Problems are application/problem+json (RFC 9457).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {"url": "/api/v1/{tenant}", "variables": {"tenant": {"default": "main"}}},
            {"url": "/api/v1", "description": "the tenant main"},
        ],
        "paths": paths,
        "components": {"schemas": parsed(components)},
    })
}

fn parsed(schema: &str) -> Value {
    serde_json::from_str(schema).unwrap_or_else(|error| panic!("the schema {schema} is no JSON: {error}"))
}

fn described(operation: &Operation) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": answers(operation),
    });
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(body) = &operation.body {
        let required = body.presence == Presence::Required;
        described["requestBody"] = json!({"required": required, "content": content(&body.content)});
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let path = operation.path.as_str();
    let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of_path = named.map(
        |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}),
    );
    let others = operation.parameters.iter().map(|parameter| {
        let (place, required) = match parameter.place {
            Place::Query => ("query", false),
            Place::RequiredQuery => ("query", true),
            Place::Header => ("header", false),
        };
        let schema = parsed(parameter.schema);
        let (name, about) = (parameter.name, parameter.about);
        json!({"name": name, "in": place, "required": required, "description": about, "schema": schema})
    });
    of_path.chain(others).collect()
}

fn content(content: &Content) -> Value {
    let schema = parsed(content.schema);
    content.types.iter().map(|one| ((*one).to_owned(), json!({"schema": schema}))).collect::<Map<_, _>>().into()
}

fn answers(operation: &Operation) -> Value {
    let mut answers = Map::new();
    for answer in operation.answers {
        let mut described = json!({"description": answer.about});
        if let Some(body) = &answer.content {
            described["content"] = content(body);
        }
        answers.insert(answer.status.to_string(), described);
    }
    let problem = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
    answers.insert("default".to_owned(), json!({"description": "A problem.", "content": problem}));
    answers.into()
}
