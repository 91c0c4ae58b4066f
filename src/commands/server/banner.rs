//! What the terminal shows: where webhooks go, and one line to copy.

use std::{collections::BTreeSet, fmt};

use windhover_console::address::{self, Key};
use windhover_proto::{
    definitions::{Definitions, Revision},
    expr::Surroundings,
    flow::{Flow, Trigger, Webhook},
};

/// Where one webhook trigger stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// It can be called.
    Url {
        /// `namespace/flow`.
        flow: String,
        /// Where to send.
        url: String,
        /// Whether the line shows the key itself; a key from a secret is not printed.
        shown: KeyShown,
    },
    /// Its key reads a secret that is not there.
    Waiting {
        /// `namespace/flow`.
        flow: String,
        /// The secrets' names.
        secrets: Vec<String>,
    },
    /// It cannot be called.
    Closed {
        /// `namespace/flow`.
        flow: String,
        /// Why.
        reason: String,
    },
}

/// Whether a URL is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyShown {
    /// It can be copied.
    Whole,
    /// The key is secret: its name stands there.
    Named,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Url { flow, url, .. } => write!(formatter, "  {flow}  {url}"),
            Place::Waiting { flow, secrets } => {
                write!(formatter, "  {flow}  waiting for secret {}", secrets.join(", "))?;
                let variables: Vec<_> = secrets.iter().map(|name| format!("SECRET_{name}")).collect();
                write!(formatter, " (set {} to its value in base64)", variables.join(", "))
            }
            Place::Closed { flow, reason } => write!(formatter, "  {flow}  {reason}"),
        }
    }
}

/// Every webhook trigger of the deployed flows.
pub(super) fn places(definitions: &Definitions, base: &str, surroundings: &dyn Surroundings) -> BTreeSet<Place> {
    let mut places = BTreeSet::new();
    for revision in definitions.all() {
        let Ok(flow) = &revision.flow else { continue };
        for (trigger, webhook) in flow.webhooks() {
            places.insert(place(revision, flow, trigger, webhook, base, surroundings));
        }
    }
    places
}

fn place(
    revision: &Revision,
    flow: &Flow,
    trigger: &Trigger,
    webhook: &Webhook,
    base: &str,
    surroundings: &dyn Surroundings,
) -> Place {
    let reference = &revision.reference;
    let name = format!("{}/{}", reference.namespace, reference.flow);
    if flow.disabled || trigger.disabled || flow.draft {
        let what = if trigger.disabled { "the trigger is disabled" } else { "the flow is disabled or a draft" };
        return Place::Closed { flow: name, reason: what.to_owned() };
    }
    let key = address::key(revision, flow, webhook, surroundings);
    let url = address::url(base, revision, &key).unwrap_or_default();
    match key {
        Key::Waiting(secrets) => Place::Waiting { flow: name, secrets },
        Key::Broken(error) => Place::Closed { flow: name, reason: format!("its key does not render: {error}") },
        Key::Secret(_) => Place::Url { flow: name, url, shown: KeyShown::Named },
        Key::Whole(_) => Place::Url { flow: name, url, shown: KeyShown::Whole },
    }
}

/// The lines that tell a person what to do next.
pub(super) fn text(base: &str, places: &BTreeSet<Place>) -> String {
    let mut lines = vec![format!("Windhover listens on {base}"), String::new()];
    if places.is_empty() {
        lines.push("No webhook trigger is loaded: put a flow file into the flow folder.".to_owned());
    } else {
        lines.push("Webhooks:".to_owned());
        lines.extend(places.iter().map(ToString::to_string));
    }
    let first = places.iter().find_map(|place| match place {
        Place::Url { url, shown: KeyShown::Whole, .. } => Some(url),
        Place::Url { .. } | Place::Waiting { .. } | Place::Closed { .. } => None,
    });
    if let Some(url) = first {
        lines.push(String::new());
        lines.push("Try:".to_owned());
        lines.push(format!("  curl -H 'Content-Type: application/json' -d '{{\"hello\":\"world\"}}' {url}"));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use windhover_proto::{definitions::Definition, time::Timestamp};

    use super::*;
    use crate::commands::server::surroundings::ProcessEnvironment;

    fn definitions(key: &str) -> Definitions {
        let source = format!(
            "id: hook\nnamespace: a.b\ntasks: [{{id: t, type: io.kestra.plugin.core.log.Log, message: x}}]\n\
             triggers: [{{id: w, type: io.kestra.plugin.core.trigger.Webhook, key: \"{key}\"}}]\n"
        );
        let flow = Flow::parse(&source).unwrap();
        let mut definitions = Definitions::default();
        let deployed = Definition::FlowDeployed {
            tenant: windhover_proto::id::TenantId::main(),
            namespace: flow.namespace,
            flow: flow.id,
            revision: 1,
            source,
            at: Timestamp::from_millis(0),
        };
        definitions.fold(1, &[deployed]);
        definitions
    }

    fn shown(key: &str, variables: &[(&str, &str)]) -> String {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let surroundings = ProcessEnvironment::new(variables);
        text("http://h:1", &places(&definitions(key), "http://h:1", &surroundings))
    }

    #[test]
    fn a_literal_key_gives_a_url_and_a_line_to_copy() {
        let shown = shown("abc", &[]);
        let url = "http://h:1/api/v1/main/executions/webhook/a.b/hook/abc";
        assert!(shown.contains(&format!("a.b/hook  {url}\n")), "{shown}");
        assert!(shown.lines().any(|line| line.trim_start().starts_with("curl ") && line.ends_with(url)), "{shown}");
    }

    #[test]
    fn a_missing_secret_is_waited_for_by_name() {
        let shown = shown("{{ secret('WEBHOOK_KEY') }}", &[]);
        assert!(shown.contains("waiting for secret WEBHOOK_KEY"), "{shown}");
        assert!(!shown.contains("curl"), "{shown}");
    }

    #[test]
    fn a_key_that_does_not_render_does_not_quote_its_secret() {
        let shown = shown("{{ secret('WEBHOOK_KEY') | number }}", &[("SECRET_WEBHOOK_KEY", "czNjcmV0")]);
        assert!(shown.contains("******") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_secret_key_is_named_and_not_shown() {
        let shown = shown("{{ secret('WEBHOOK_KEY') }}", &[("SECRET_WEBHOOK_KEY", "czNjcmV0")]);
        assert!(shown.contains("hook/<secret WEBHOOK_KEY>") && !shown.contains("s3cret"), "{shown}");
    }
}
