//! What may stand in the log in clear, and what is sealed or masked.

use crate::{
    event::Kept,
    expr::Value,
    id::ExecutionId,
    seal::{MASK, SealKey},
    sight::Rendered,
};

/// Shortest secret that is searched for inside what others sent: a shorter one would mask half of everything.
const SEARCHED_BYTES_MIN: usize = 4;

fn context(execution: &ExecutionId) -> String {
    format!("outputs:{execution}")
}

/// A value for the log: sealed, and masked for readers, when secrets were rendered into it.
pub(super) fn keep(rendered: Rendered<Value>, execution: &ExecutionId, key: Option<&SealKey>) -> Kept {
    let (value, shown) = rendered.into_parts();
    let Some(shown) = shown else { return Kept::Clear(value) };
    let json = serde_json::to_vec(&value).unwrap_or_default();
    Kept::Sealed { shown, sealed: key.map(|key| key.seal(&context(execution), &json)) }
}

/// The whole value, secrets included, for whoever renders with it. Without the key it is what everyone may read.
pub(super) fn open(kept: &Kept, execution: &ExecutionId, key: Option<&SealKey>) -> Opened {
    match kept {
        Kept::Clear(value) => Opened { value: value.clone(), secrets: Vec::new() },
        Kept::Sealed { shown, sealed } => {
            let bytes = key.zip(sealed.as_ref()).and_then(|(key, sealed)| key.open(&context(execution), sealed).ok());
            let value: Option<Value> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let secrets = value.iter().flat_map(|value| hidden(value, Some(shown))).collect();
            Opened { value: value.unwrap_or_else(|| shown.clone()), secrets }
        }
    }
}

/// A value out of the log and the texts in it that must not be shown.
pub(super) struct Opened {
    pub(super) value: Value,
    pub(super) secrets: Vec<String>,
}

/// The leaves that are not shown as they are, printed.
fn hidden(value: &Value, shown: Option<&Value>) -> Vec<String> {
    if Some(value) == shown {
        return Vec::new();
    }
    match value {
        Value::List(list) => {
            let shown = |place: usize| shown.and_then(Value::as_list)?.get(place);
            list.iter().enumerate().flat_map(|(place, member)| hidden(member, shown(place))).collect()
        }
        Value::Map(map) => {
            let shown = |key: &str| shown.and_then(Value::as_map)?.get(key);
            map.iter().flat_map(|(key, member)| hidden(member, shown(key))).collect()
        }
        leaf => vec![leaf.print()],
    }
}

/// What others sent, who may have been told these secrets: wherever it repeats one, that is hidden. When it repeats one that is
/// too short to be searched for, all is hidden.
pub(super) fn repeating(value: Value, mut secrets: Vec<String>) -> Rendered<Value> {
    secrets.retain(|secret| holds(&value, secret));
    if secrets.is_empty() {
        return Rendered::open(value);
    }
    let is_short = secrets.iter().any(|secret| secret.len() < SEARCHED_BYTES_MIN);
    let mask = |text: &str| if is_short { MASK.to_owned() } else { mask_text(text, &secrets) };
    let shown = mask_leaves(&value, &mask);
    Rendered::hiding(value, shown, secrets)
}

fn holds(value: &Value, secret: &str) -> bool {
    match value {
        Value::List(list) => list.iter().any(|member| holds(member, secret)),
        Value::Map(map) => map.values().any(|member| holds(member, secret)),
        leaf => leaf.as_text().is_some_and(|text| forms(secret).iter().any(|form| text.contains(form.as_str()))),
    }
}

fn mask_leaves(value: &Value, mask: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::List(list) => Value::list(list.iter().map(|member| mask_leaves(member, mask))),
        Value::Map(map) => Value::map(map.iter().map(|(key, member)| (key.clone(), mask_leaves(member, mask)))),
        leaf => leaf.as_text().map_or_else(|| leaf.clone(), |text| Value::text(mask(text))),
    }
}

/// What others say, who may have been told these secrets, with each of them masked.
pub(super) fn mask_text(text: &str, secrets: &[String]) -> String {
    let mut masked = text.to_owned();
    for form in secrets.iter().flat_map(|secret| forms(secret)) {
        if masked == form {
            return MASK.to_owned();
        }
        if form.len() >= SEARCHED_BYTES_MIN {
            masked = masked.replace(&form, MASK);
        }
    }
    masked
}

/// How a secret is repeated: as it is, as JSON escapes it, as addresses escape it, and as hosts and methods are spelled.
fn forms(secret: &str) -> Vec<String> {
    if secret.is_empty() {
        return Vec::new();
    }
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned();
    let mut forms =
        vec![secret.to_owned(), json, percent_encoded(secret), secret.to_lowercase(), secret.to_uppercase()];
    forms.dedup();
    forms
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ExecutionId {
        ExecutionId::from_bytes([1; 16])
    }

    fn secrets() -> Vec<String> {
        vec!["s3cr\"et".to_owned()]
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands_and_opens_with_the_key() {
        let key = SealKey::from_bytes([9; 32]);
        let value = Value::map([
            ("a", Value::list([Value::text("x s3cr\"et y")])),
            ("b", Value::text("{\"t\":\"s3cr\\\"et\"}")),
            ("c", Value::text("http://h/s3cr%22et")),
            ("d", Value::integer(1)),
        ]);
        let kept = keep(repeating(value.clone(), secrets()), &id(), Some(&key));
        let logged = serde_json::to_string(&kept).unwrap();
        assert!(!logged.contains("s3cr"), "{logged}");
        assert_eq!(open(&kept, &id(), Some(&key)).value, value);
        assert_eq!(open(&kept, &id(), None).value, *kept.shown());
    }

    #[test]
    fn what_repeats_a_secret_that_is_too_short_to_be_searched_for_is_masked_wholly() {
        let tree = Value::map([("a", Value::list([Value::text("a pin"), Value::integer(1)]))]);
        let masked = Value::map([("a", Value::list([Value::text(MASK), Value::integer(1)]))]);
        assert_eq!(*repeating(tree, vec!["pin".to_owned()]).shown(), masked);
    }

    #[test]
    fn only_what_is_not_shown_is_secret_in_a_value_that_was_sealed() {
        let key = SealKey::from_bytes([9; 32]);
        let tree = |pin: Value| Value::map([("ok", Value::text("yes")), ("pin", pin)]);
        let rendered = Rendered::hiding(tree(Value::integer(1234)), tree(Value::text(MASK)), Vec::new());
        let opened = open(&keep(rendered, &id(), Some(&key)), &id(), Some(&key));
        assert_eq!(opened.secrets, ["1234"]);
    }

    #[test]
    fn a_value_without_secrets_stays_as_it_is() {
        assert_eq!(keep(Rendered::open(Value::text("a")), &id(), None), Kept::Clear(Value::text("a")));
        assert!(!repeating(Value::text("a"), secrets()).is_secret());
    }
}
