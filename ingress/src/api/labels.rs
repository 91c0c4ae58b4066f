//! Labels that a caller gives an execution.

use windhover_proto::{
    id::ExecutionId,
    problem::{Code, Problem},
};

/// The label that groups executions that belong together: a caller may choose it.
pub(super) const CORRELATION: &str = "system.correlationId";

/// The label that names where an execution came from: a caller may say `ui`.
const FROM: &str = "system.from";

/// Labels as a caller gave them, checked.
#[derive(Debug, Default)]
pub(super) struct Given(Vec<(String, String)>);

impl Given {
    /// Takes the value of one parameter, `key:value`; the key ends at the first colon.
    ///
    /// # Errors
    /// 422 for a label without key or value, one of the system, or one that is given twice.
    pub(super) fn take(&mut self, text: &str) -> Result<(), Problem> {
        let pair = text.split_once(':').filter(|(key, value)| !key.is_empty() && !value.is_empty());
        let (key, value) = pair.ok_or_else(|| {
            bad(&format!("Invalid queryString parameter: the label `{text}` must be written `key:value`"))
        })?;
        let is_allowed = key == CORRELATION || (key == FROM && value == "ui");
        if key.starts_with("system.") && !is_allowed {
            return Err(bad(&format!(
                "System labels can only be set by Kestra itself, offending label: {key}={value}; use a key of your own"
            )));
        }
        if !is_key(key) {
            return Err(bad(&format!(
                "the label key `{key}` must start with a lower-case letter and hold letters, digits, `.`, `_` and `-` only"
            )));
        }
        if self.0.iter().any(|(own, _)| own == key) {
            return Err(bad(&format!("the label `{key}` is given twice; give it once")));
        }
        self.0.push((key.to_owned(), value.to_owned()));
        Ok(())
    }

    /// The labels in order, for comparing two requests.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// All labels of an execution: the flow's, the caller's, where it came from, and what it belongs to: as the caller says,
    /// else its key, else itself.
    pub(super) fn of_execution(
        &self,
        flow: &[(String, String)],
        key: Option<&str>,
        execution: &ExecutionId,
    ) -> Vec<(String, String)> {
        let mut labels: Vec<(String, String)> = Vec::with_capacity(flow.len() + self.0.len() + 2);
        for (name, value) in flow.iter().filter(|(name, _)| !name.starts_with("system.")).chain(&self.0) {
            put(&mut labels, name, value);
        }
        if !labels.iter().any(|(name, _)| name == FROM) {
            labels.push((FROM.to_owned(), "api".to_owned()));
        }
        if !labels.iter().any(|(name, _)| name == CORRELATION) {
            labels.push((CORRELATION.to_owned(), key.map_or_else(|| execution.to_string(), str::to_owned)));
        }
        labels
    }
}

/// Sets a label, at the place of an older one of its name.
pub(super) fn put(labels: &mut Vec<(String, String)>, name: &str, value: &str) {
    match labels.iter_mut().find(|(own, _)| own == name) {
        Some((_, old)) => value.clone_into(old),
        None => labels.push((name.to_owned(), value.to_owned())),
    }
}

fn is_key(key: &str) -> bool {
    let inner = |letter: char| letter.is_alphabetic() || letter.is_ascii_digit() || matches!(letter, '.' | '_' | '-');
    key.starts_with(char::is_lowercase) && key.chars().all(inner)
}

fn bad(detail: &str) -> Problem {
    Code::Unprocessable.because(detail.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(texts: &[&str]) -> Result<Given, Problem> {
        let mut given = Given::default();
        texts.iter().try_for_each(|text| given.take(text)).map(|()| given)
    }

    #[test]
    fn a_key_ends_at_the_first_colon_and_the_callers_value_counts() {
        let flow = [("team".to_owned(), "a".to_owned()), ("system.readOnly".to_owned(), "true".to_owned())];
        let id = ExecutionId::from_bytes([1; 16]);
        let labels = given(&["a:1:2", "team:b"]).unwrap().of_execution(&flow, None, &id);
        let id = id.to_string();
        let expected = [("team", "b"), ("a", "1:2"), (FROM, "api"), (CORRELATION, id.as_str())];
        assert_eq!(labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_key_may_have_letters_of_any_alphabet() {
        for good in ["team:a", "teamName:a", "größe:a", "a-b_c.d1:a"] {
            assert!(given(&[good]).is_ok(), "{good}");
        }
    }

    #[test]
    fn the_correlation_id_is_as_given_else_the_key() {
        let id = ExecutionId::from_bytes([1; 16]);
        let last = |given: Given| given.of_execution(&[], Some("key"), &id).pop().unwrap().1;
        assert_eq!(last(given(&["x:y"]).unwrap()), "key");
        let labels =
            given(&["system.correlationId:abc", "system.from:ui"]).unwrap().of_execution(&[], Some("key"), &id);
        assert_eq!(labels.len(), 2);
        assert_eq!(labels[0].1, "abc");
    }

    #[test]
    fn labels_of_the_system_broken_ones_and_repeated_ones_are_refused() {
        for bad in [
            &["a"][..],
            &[":v"],
            &["a:"],
            &["system.x:1"],
            &["system.from:trigger"],
            &["a:1", "a:2"],
            &["A:1"],
            &["Ä:1"],
            &["1a:1"],
            &["a b:1"],
        ] {
            assert_eq!(given(bad).unwrap_err().code.status(), 422, "{bad:?}");
        }
    }
}
