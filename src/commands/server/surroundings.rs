//! What flows see of the environment of the process: `SECRET_<NAME>` and `ENV_<NAME>`.

use std::{collections::BTreeMap, fmt};

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use windhover_proto::expr::Surroundings;

const SECRET_PREFIX: &str = "SECRET_";
const ENVIRONMENT_PREFIX: &str = "ENV_";

/// Base64 as people paste it: with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Secrets and environment, read once at start.
#[derive(Default)]
pub(crate) struct ProcessEnvironment {
    secrets: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
}

impl fmt::Debug for ProcessEnvironment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.secrets.keys().chain(self.environment.keys())).finish()
    }
}

impl ProcessEnvironment {
    /// Takes what flows may see out of the variables. A secret that is no base64 of a text is skipped with a warning that
    /// gives its name.
    pub(crate) fn new(variables: impl Iterator<Item = (String, String)>) -> Self {
        let mut seen = Self::default();
        for (name, value) in variables {
            if let Some(secret) = name.strip_prefix(SECRET_PREFIX) {
                seen.add_secret(secret, &value);
            } else if let Some(shown) = name.strip_prefix(ENVIRONMENT_PREFIX) {
                seen.environment.insert(shown.to_lowercase(), value);
            }
        }
        seen
    }

    fn add_secret(&mut self, name: &str, value: &str) {
        let encoded: String = value.chars().filter(|character| !character.is_whitespace()).collect();
        let text = BASE64.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match text {
            Some(text) => drop(self.secrets.insert(name.to_uppercase(), text)),
            None => tracing::warn!("{SECRET_PREFIX}{name} is not base64 of a text; the secret {name} is not there"),
        }
    }
}

impl Surroundings for ProcessEnvironment {
    fn secret(&self, _namespace: &str, name: &str) -> Option<String> {
        self.secrets.get(name).cloned()
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> ProcessEnvironment {
        ProcessEnvironment::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn secrets_are_decoded_also_when_they_were_wrapped() {
        let seen = environment(&[("SECRET_WEBHOOK_KEY", "czNj\ncmV0\n")]);
        assert_eq!(seen.secret("any.namespace", "WEBHOOK_KEY").as_deref(), Some("s3cret"));
    }

    #[test]
    fn a_secret_that_is_no_base64_is_absent_and_the_others_stay() {
        let seen = environment(&[("SECRET_BAD", "***"), ("SECRET_GOOD", "eA==")]);
        assert_eq!(seen.secret("", "BAD"), None);
        assert_eq!(seen.secret("", "GOOD").as_deref(), Some("x"));
    }

    #[test]
    fn flows_see_only_variables_with_the_prefix() {
        let seen = environment(&[("ENV_REGION", "eu"), ("PATH", "/bin")]);
        assert_eq!(seen.environment("region").as_deref(), Some("eu"));
        assert_eq!(seen.environment("path"), None);
    }

    #[test]
    fn values_are_never_printed() {
        let printed = format!("{:?}", environment(&[("SECRET_A", "czNjcmV0"), ("ENV_B", "plain")]));
        assert!(!printed.contains("s3cret") && !printed.contains("plain"), "{printed}");
    }
}
