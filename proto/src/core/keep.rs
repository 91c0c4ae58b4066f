//! What may stand in the log in clear, and what is sealed or masked.

use crate::{
    event::Kept,
    expr::Value,
    id::ExecutionId,
    seal::{MASK, SealKey},
};

/// Shortest secret that is searched for inside other text: a shorter one would mask half of everything.
const SEARCHED_BYTES_MIN: usize = 4;

fn context(execution: &ExecutionId) -> String {
    format!("outputs:{execution}")
}

/// A value for the log: sealed, and masked for readers, when secrets were rendered into it.
pub(super) fn keep(value: Value, secrets: &[String], execution: &ExecutionId, key: Option<&SealKey>) -> Kept {
    if secrets.is_empty() {
        return Kept::Clear(value);
    }
    let shown = masked_value(&value, secrets);
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
            let secrets = value.iter().flat_map(texts).collect();
            Opened { value: value.unwrap_or_else(|| shown.clone()), secrets }
        }
    }
}

/// A value out of the log and the texts in it that must not be shown.
pub(super) struct Opened {
    pub(super) value: Value,
    pub(super) secrets: Vec<String>,
}

fn texts(value: &Value) -> Vec<String> {
    if let Some(text) = value.as_text() {
        return vec![text.to_owned()];
    }
    let members = value.as_list().into_iter().flatten().chain(value.as_map().into_iter().flat_map(|map| map.values()));
    members.flat_map(texts).collect()
}

/// The value with every secret in it masked. When none is found as it is, it was changed on its way in, and all is masked.
fn masked_value(value: &Value, secrets: &[String]) -> Value {
    let mut found = false;
    let shown = mask_tree(value, secrets, &mut found);
    if found { shown } else { all_masked(value) }
}

/// The same tree with every leaf masked: a map of outputs stays one for those who read it.
fn all_masked(value: &Value) -> Value {
    if let Some(list) = value.as_list() {
        return Value::list(list.iter().map(all_masked).collect::<Vec<_>>());
    }
    match value.as_map() {
        Some(map) => {
            let entries: Vec<_> = map.iter().map(|(key, member)| (key.clone(), all_masked(member))).collect();
            Value::map(entries)
        }
        None => Value::text(MASK),
    }
}

fn mask_tree(value: &Value, secrets: &[String], found: &mut bool) -> Value {
    if let Some(text) = value.as_text() {
        let masked = mask_text(text, secrets);
        *found |= masked != text;
        return Value::text(masked);
    }
    if let Some(list) = value.as_list() {
        return Value::list(list.iter().map(|member| mask_tree(member, secrets, found)).collect::<Vec<_>>());
    }
    if let Some(map) = value.as_map() {
        let entries: Vec<_> =
            map.iter().map(|(key, member)| (key.clone(), mask_tree(member, secrets, found))).collect();
        return Value::map(entries);
    }
    value.clone()
}

/// The text with every secret in it masked, also where JSON escapes made it look different.
pub(super) fn mask_text(text: &str, secrets: &[String]) -> String {
    let mut masked = text.to_owned();
    for secret in secrets {
        let escaped = serde_json::to_string(secret).unwrap_or_default();
        for form in [secret.as_str(), escaped.trim_matches('"')] {
            if masked == form {
                return MASK.to_owned();
            }
            if form.len() >= SEARCHED_BYTES_MIN && masked.contains(form) {
                masked = masked.replace(form, MASK);
            }
        }
    }
    masked
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
        ]);
        let kept = keep(value.clone(), &secrets(), &id(), Some(&key));
        let logged = serde_json::to_string(&kept).unwrap();
        assert!(!logged.contains("s3cr"), "{logged}");
        assert_eq!(open(&kept, &id(), Some(&key)).value, value);
        assert_eq!(open(&kept, &id(), None).value, *kept.shown());
    }

    #[test]
    fn a_secret_that_was_changed_on_its_way_masks_the_whole_value() {
        let kept = keep(Value::text("dGVyY2Vz"), &secrets(), &id(), None);
        assert_eq!(*kept.shown(), Value::text(MASK));
        let tree = Value::map([("a", Value::list([Value::text("dGVyY2Vz"), Value::integer(1)]))]);
        let masked = Value::map([("a", Value::list([Value::text(MASK), Value::text(MASK)]))]);
        assert_eq!(*keep(tree, &secrets(), &id(), None).shown(), masked);
    }

    #[test]
    fn a_value_without_secrets_stays_as_it_is() {
        assert_eq!(keep(Value::text("a"), &[], &id(), None), Kept::Clear(Value::text("a")));
    }
}
