//! Triggers.

use std::collections::HashMap;

use super::{at::At, condition, fields::Fields, known, labels, names, shape, task::LOG_LEVELS};
use crate::{
    expr::Templated,
    flow::{
        input::Input,
        limits::WEBHOOK_KEY_CHARS_MAX,
        task::Dynamic,
        trigger::{FetchType, ResponseContentType, Trigger, TriggerKind, Webhook},
    },
    limit::BODY_DECODED_BYTES_MAX,
};

pub(super) const STATES: [&str; 17] = [
    "SUCCESS",
    "KILLING",
    "RESUBMITTED",
    "PAUSED",
    "SKIPPED",
    "CANCELLED",
    "QUEUED",
    "RETRIED",
    "RETRYING",
    "SUBMITTED",
    "WARNING",
    "FAILED",
    "RUNNING",
    "CREATED",
    "RESTARTED",
    "BREAKPOINT",
    "KILLED",
];

/// Reads the triggers; wrong ones are findings and left out.
pub(super) fn list(at: &At<'_>, inputs: &[Input]) -> Vec<Trigger> {
    let members = at.list().unwrap_or_default();
    let mut lines: HashMap<String, usize> = HashMap::new();
    for member in &members {
        let Some(node) = member.node.get("id") else { continue };
        let Some(id) = super::scalar_text(node) else { continue };
        match lines.get(&id) {
            Some(line) => member.wrong_but(
                format!("Invalid Flow: Duplicate trigger id with name [{id}]"),
                format!("the first one is at line {line}"),
            ),
            None => drop(lines.insert(id, node.at.line)),
        }
    }
    members.iter().filter_map(|at| one(at, inputs)).collect()
}

fn one(at: &At<'_>, inputs: &[Input]) -> Option<Trigger> {
    match at.with_defaults() {
        Some(node) => typed(&At { findings: at.findings, node: &node, path: at.path.clone() }, inputs),
        None => typed(at, inputs),
    }
}

fn typed(at: &At<'_>, inputs: &[Input]) -> Option<Trigger> {
    let fields = Fields::of(at, "trigger")?;
    let Some(type_at) = fields.get("type") else {
        fields.missing("type", "Invalid type: null");
        return None;
    };
    let type_name = type_at.text()?;
    let Some(short) = known::trigger(type_name) else {
        type_at.report(type_at.node.at, format!("Invalid type: {type_name}"), known::suggest_trigger(type_name));
        return None;
    };
    let fields = fields.named(type_name);
    let id = names::read(&fields, "id", &names::TASK_ID);
    let (description, disabled) = (fields.note("description"), fields.flag("disabled"));
    let labels = fields.get("labels").map(|at| labels::read(&at)).unwrap_or_default();
    let kind = match short {
        "trigger.Webhook" => webhook(&fields, &labels, inputs),
        other => {
            shape::check_trigger(&fields, other);
            type_at.wrong(format!("the trigger type `{type_name}` is not supported yet"));
            None
        }
    };
    check_polling(&fields);
    shape::refuse_of_trigger(&fields);
    fields.finish();
    let kind = TriggerKind::Webhook(Box::new(kind?));
    Some(Trigger { id: id?, type_name: type_name.to_owned(), kind, description, disabled })
}

/// Properties about the times at which a trigger is looked at, and about what it logs then. Nobody looks at a webhook, so they
/// change nothing about one, here as in Kestra; they are checked all the same.
fn check_polling(fields: &Fields<'_>) {
    let states = STATES.map(|state| (state, ()));
    for state in fields.get("stopAfter").and_then(|at| at.list()).unwrap_or_default() {
        let _ = state.one_of(&states);
    }
    for flag in ["failOnTriggerError", "allowConcurrent", "logToFile"] {
        let _ = fields.flag(flag);
    }
    let _ = fields.get("logLevel").and_then(|at| at.one_of(&LOG_LEVELS));
}

fn webhook(fields: &Fields<'_>, labels: &[labels::Label<'_>], inputs: &[Input]) -> Option<Webhook> {
    let key = fields.require("key").filter(is_key).and_then(|at| at.template());
    let when = fields.get("when").map(|at| at.template());
    let conditions = fields.get("conditions").map(|at| condition::list(&at)).unwrap_or_default();
    let given = fields.get("inputs").map(|at| mapping(&at));
    check_inputs(fields, inputs);
    let response_content_type = fields.get("responseContentType").map(|at| content_type(&at));
    let response_code = fields.get("responseCode").map(|at| response_code(&at));
    let fetch_type = fields.get("fetchType").map(|at| fetch_type(&at));
    let body_bytes_max = fields.get("maxBody").and_then(|at| body_size(&at));
    let (wait, return_outputs) = (fields.flag("wait"), fields.flag("returnOutputs"));
    let labels: Vec<_> = labels.iter().map(|label| Some((label.key.clone(), label.value.template()?))).collect();
    Some(Webhook {
        key: key?,
        when: when.flatten(),
        conditions,
        inputs: given.flatten(),
        labels: labels.into_iter().collect::<Option<_>>()?,
        wait,
        return_outputs,
        response_content_type: response_content_type.flatten(),
        response_code: response_code.flatten(),
        fetch_type: fetch_type.flatten().unwrap_or_default(),
        body_bytes_max,
    })
}

fn is_key(at: &At<'_>) -> bool {
    let Some(text) = at.text() else { return false };
    let chars = text.chars().count();
    if text.trim().is_empty() {
        at.wrong("must not be blank");
        return false;
    }
    if chars > WEBHOOK_KEY_CHARS_MAX {
        at.wrong(format!("size must be between 0 and {WEBHOOK_KEY_CHARS_MAX}, and this has {chars}"));
        return false;
    }
    true
}

fn mapping(at: &At<'_>) -> Option<Vec<(String, Templated)>> {
    let entries: Vec<_> =
        at.entries()?.into_iter().map(|(entry, at)| Some((entry.key.clone(), at.templated()?))).collect();
    entries.into_iter().collect()
}

/// Every input that has no default must be given by the trigger: nobody else can give it.
fn check_inputs(fields: &Fields<'_>, inputs: &[Input]) {
    let given = fields.get("inputs");
    let is_given = |input: &&Input| given.as_ref().is_some_and(|at| at.node.get(&input.id).is_some());
    let missing: Vec<String> = inputs
        .iter()
        .filter(|input| input.required && input.defaults.is_none() && !input.selects_itself())
        .filter(|input| !is_given(input))
        .map(|input| input.id.clone())
        .collect();
    if missing.is_empty() {
        return;
    }
    let id = fields.get("id").and_then(|at| at.scalar().map(|scalar| scalar.text.clone())).unwrap_or_default();
    let at = given.unwrap_or_else(|| fields.at.clone());
    at.wrong_but(
        format!("Invalid Flow: Missing inputs for Webhook Trigger '{id}', missing inputs: '{}'", missing.join(" | ")),
        "give them under the trigger's `inputs`, or give the flow's inputs `defaults` or `required: false`",
    );
}

fn content_type(at: &At<'_>) -> Option<ResponseContentType> {
    match at.text()? {
        "application/json" => Some(ResponseContentType::Json),
        "text/plain" => Some(ResponseContentType::Text),
        other => {
            let words = "invalid webhook: responseContentType must be either 'application/json' or 'text/plain'";
            at.wrong(format!("{words}, and this is '{}'", super::at::cut(other)));
            None
        }
    }
}

/// Statuses are numbers of three digits. Whether there is such a status is seen when a run has ended, as in Kestra: a call
/// that is not waited for never gets it.
fn response_code(at: &At<'_>) -> Option<Dynamic<u16>> {
    let code: Dynamic<u16> = at.dynamic()?;
    if let Dynamic::Fixed(status) = code
        && !(100..=999).contains(&status)
    {
        at.wrong(format!("{status} is no HTTP status: those have three digits"));
        return None;
    }
    Some(code)
}

/// Units of a size, longest first, so that `MiB` is not taken for `B`.
const UNITS: [(&str, usize); 5] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("KB", 1_000), ("MB", 1_000_000), ("B", 1)];

/// A size such as `5MiB`, or a number of bytes.
fn body_size(at: &At<'_>) -> Option<usize> {
    let text = at.text()?.trim();
    let unit = UNITS.iter().find_map(|(name, size)| Some((text.strip_suffix(name)?, *size)));
    let (number, unit) = unit.unwrap_or((text, 1));
    let size = number.trim().parse().ok().and_then(|number: usize| number.checked_mul(unit));
    let fits = size.filter(|size| (1..=BODY_DECODED_BYTES_MAX).contains(size));
    if fits.is_none() {
        let most = BODY_DECODED_BYTES_MAX >> 20;
        at.wrong(format!("\"{}\" is no size such as 5MiB, from 1 byte to {most}MiB", super::at::cut(text)));
    }
    fits
}

fn fetch_type(at: &At<'_>) -> Option<FetchType> {
    let found = at.one_of(&[("NONE", Some(FetchType::None)), ("STORE", None), ("FETCH", Some(FetchType::Fetch))])?;
    if found.is_none() {
        at.wrong("`fetchType: STORE` is not supported yet");
    }
    found
}
