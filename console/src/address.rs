//! Where webhooks are called: the addresses that people copy.

use std::time::SystemTime;

use windhover_proto::{
    definitions::Revision,
    expr::{Env, Map, Surroundings, Value},
    flow::{Flow, Webhook},
    sight::{self, Attempt, Sight},
};

/// The last part of a webhook's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// It can be copied: escaped for a path.
    Whole(String),
    /// It reads these secrets, so it is not shown: whoever sees it could call the webhook.
    Secret(Vec<String>),
    /// It reads secrets that are not there; nobody can call the webhook.
    Waiting(Vec<String>),
    /// It does not render, for this reason; nobody can call the webhook.
    Broken(String),
}

/// The key of a webhook of this revision, as far as it may be shown.
pub fn key(revision: &Revision, flow: &Flow, webhook: &Webhook, surroundings: &dyn Surroundings) -> Key {
    let namespace = revision.reference.namespace.as_str();
    let secrets = webhook.key_secrets();
    let is_missing = |name: &&String| surroundings.secret(namespace, name).is_none();
    let missing: Vec<String> = secrets.iter().filter(is_missing).cloned().collect();
    if !missing.is_empty() {
        return Key::Waiting(missing);
    }
    let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    let variables = variables(revision, flow);
    let attempt = |sight| {
        let mut env = Env::new(surroundings, now, 0).with_sight(sight);
        Attempt { outcome: webhook.key.render(&variables, &mut env), secrets: env.secrets_used().to_vec() }
    };
    match sight::unshown(attempt) {
        Ok(_) if !attempt(Sight::Opened).secrets.is_empty() => Key::Secret(secrets),
        Ok(key) => Key::Whole(escaped(key.trim())),
        Err(error) => Key::Broken(error.to_string()),
    }
}

/// The address of a webhook of this revision. A secret key is named and not shown; one that nobody can call has none.
pub fn url(base: &str, revision: &Revision, key: &Key) -> Option<String> {
    let reference = &revision.reference;
    let (tenant, namespace, flow) = (&reference.tenant, &reference.namespace, &reference.flow);
    let key = match key {
        Key::Whole(key) => key.clone(),
        Key::Secret(secrets) => format!("<secret {}>", secrets.join(", ")),
        Key::Waiting(_) | Key::Broken(_) => return None,
    };
    Some(format!("{base}/api/v1/{tenant}/executions/webhook/{namespace}/{flow}/{key}"))
}

/// What a key's expression sees.
fn variables(revision: &Revision, flow: &Flow) -> Map {
    let reference = &revision.reference;
    let mut variables = Map::new();
    let identity = Value::map([
        ("id", Value::text(reference.flow.as_str())),
        ("namespace", Value::text(reference.namespace.as_str())),
        ("revision", Value::integer(i64::from(reference.revision))),
        ("tenantId", Value::text(reference.tenant.as_str())),
    ]);
    variables.insert("flow", identity);
    variables.insert("vars", Value::Map(flow.variables.clone().into()));
    variables
}

/// A text as one segment of a path.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}
