//! What went wrong with a request, as `application/problem+json` (RFC 9457): one code for each reason, one place that says
//! which status it has and whether sending the request again can help.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};

/// The content type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Why a request was not done. A new code forces its status, title and retry rule to be decided below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request line, a header or the body breaks the rules of HTTP or of this API.
    Malformed,
    /// The `Idempotency-Key` is over its limit, not printable, or given twice with different values.
    KeyMalformed,
    /// Credentials are missing or wrong.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// Nothing stands at this address.
    NotFound,
    /// No flow of this name, or none that is not a draft.
    FlowNotFound,
    /// No webhook trigger of the flow has this key.
    WebhookNotFound,
    /// No execution has this id.
    ExecutionNotFound,
    /// The address takes other methods.
    MethodNotAllowed,
    /// The sender took too long to send the body.
    BodyTooSlow,
    /// The state of the thing forbids this.
    Conflict,
    /// The flow is disabled.
    FlowDisabled,
    /// The newest revision of the flow cannot be read under today's rules.
    FlowInvalid,
    /// The trigger is disabled.
    TriggerDisabled,
    /// The body is over the limit.
    BodyTooLarge,
    /// The content type is not taken here.
    UnsupportedMediaType,
    /// A parameter or the body has a wrong value.
    Unprocessable,
    /// The trigger's inputs cannot be rendered, or do not fit the inputs of the flow.
    InputsInvalid,
    /// A check of the flow does not hold, and blocks the execution.
    CheckFailed,
    /// The same `Idempotency-Key` came with another body.
    KeyReused,
    /// More requests than the limit allows.
    TooManyRequests,
    /// A defect of ours.
    Internal,
    /// Rendering the answer to a finished execution failed.
    AnswerInvalid,
    /// The log did not confirm in time: stored or not, nobody knows yet.
    NotConfirmed,
    /// Whether it exists is not decided yet, or nobody is there to say so.
    Undecided,
    /// The log takes nothing now: nothing was stored.
    Unavailable,
    /// Too much waits for the disk: nothing was stored.
    Overloaded,
    /// The disk or the log's cap is full: nothing was stored.
    Full,
}

/// Whether the same request can succeed when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not before something about it changes.
    Useless,
    /// Yes, and nothing was done yet.
    Safe,
    /// Yes; with the same `Idempotency-Key` it happens once, without any key it may happen twice.
    SafeWithKey,
}

impl Code {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Code::Malformed | Code::KeyMalformed => 400,
            Code::Unauthenticated => 401,
            Code::Forbidden => 403,
            Code::NotFound | Code::FlowNotFound | Code::WebhookNotFound | Code::ExecutionNotFound => 404,
            Code::MethodNotAllowed => 405,
            Code::BodyTooSlow => 408,
            Code::Conflict | Code::FlowDisabled | Code::FlowInvalid | Code::TriggerDisabled => 409,
            Code::BodyTooLarge => 413,
            Code::UnsupportedMediaType => 415,
            Code::Unprocessable | Code::InputsInvalid | Code::CheckFailed | Code::KeyReused => 422,
            Code::TooManyRequests => 429,
            Code::Internal | Code::AnswerInvalid => 500,
            Code::NotConfirmed | Code::Undecided | Code::Unavailable | Code::Overloaded | Code::Full => 503,
        }
    }

    /// The name in the problem's `code`, and the last part of its `type`.
    pub const fn slug(self) -> &'static str {
        match self {
            Code::Malformed => "malformed",
            Code::KeyMalformed => "key-malformed",
            Code::Unauthenticated => "unauthenticated",
            Code::Forbidden => "forbidden",
            Code::NotFound => "not-found",
            Code::FlowNotFound => "flow-not-found",
            Code::WebhookNotFound => "webhook-not-found",
            Code::ExecutionNotFound => "execution-not-found",
            Code::MethodNotAllowed => "method-not-allowed",
            Code::BodyTooSlow => "body-too-slow",
            Code::Conflict => "conflict",
            Code::FlowDisabled => "flow-disabled",
            Code::FlowInvalid => "flow-invalid",
            Code::TriggerDisabled => "trigger-disabled",
            Code::BodyTooLarge => "body-too-large",
            Code::UnsupportedMediaType => "unsupported-media-type",
            Code::Unprocessable => "unprocessable",
            Code::InputsInvalid => "inputs-invalid",
            Code::CheckFailed => "check-failed",
            Code::KeyReused => "key-reused",
            Code::TooManyRequests => "too-many-requests",
            Code::Internal => "internal",
            Code::AnswerInvalid => "answer-invalid",
            Code::NotConfirmed => "not-confirmed",
            Code::Undecided => "undecided",
            Code::Unavailable => "unavailable",
            Code::Overloaded => "overloaded",
            Code::Full => "full",
        }
    }

    /// One line for people, the same for every problem of this code.
    pub const fn title(self) -> &'static str {
        match self {
            Code::Malformed => "The request is malformed",
            Code::KeyMalformed => "The Idempotency-Key is malformed",
            Code::Unauthenticated => "Credentials are missing or wrong",
            Code::Forbidden => "Not allowed",
            Code::NotFound => "Not found",
            Code::FlowNotFound => "Flow not found",
            Code::WebhookNotFound => "Webhook not found",
            Code::ExecutionNotFound => "Execution not found",
            Code::MethodNotAllowed => "Method not allowed",
            Code::BodyTooSlow => "The body took too long",
            Code::Conflict => "Not possible in this state",
            Code::FlowDisabled => "The flow is disabled",
            Code::FlowInvalid => "The flow is invalid",
            Code::TriggerDisabled => "The trigger is disabled",
            Code::BodyTooLarge => "The body is too large",
            Code::UnsupportedMediaType => "The content type is not supported",
            Code::Unprocessable => "A value is not acceptable",
            Code::InputsInvalid => "The inputs are invalid",
            Code::CheckFailed => "A check of the flow does not hold",
            Code::KeyReused => "The Idempotency-Key was used with another body",
            Code::TooManyRequests => "Too many requests",
            Code::Internal => "An error of ours",
            Code::AnswerInvalid => "The answer could not be made",
            Code::NotConfirmed => "Not confirmed",
            Code::Undecided => "Not decided yet",
            Code::Unavailable => "The log is not available",
            Code::Overloaded => "Too many deliveries wait",
            Code::Full => "No room",
        }
    }

    /// Whether sending the same request again can help.
    pub const fn retry(self) -> Retry {
        match self {
            Code::Malformed
            | Code::KeyMalformed
            | Code::Unauthenticated
            | Code::Forbidden
            | Code::NotFound
            | Code::FlowNotFound
            | Code::WebhookNotFound
            | Code::ExecutionNotFound
            | Code::MethodNotAllowed
            | Code::Conflict
            | Code::FlowDisabled
            | Code::FlowInvalid
            | Code::TriggerDisabled
            | Code::BodyTooLarge
            | Code::UnsupportedMediaType
            | Code::Unprocessable
            | Code::InputsInvalid
            | Code::CheckFailed
            | Code::KeyReused
            | Code::AnswerInvalid => Retry::Useless,
            Code::BodyTooSlow
            | Code::TooManyRequests
            | Code::Undecided
            | Code::Unavailable
            | Code::Overloaded
            | Code::Full => Retry::Safe,
            Code::Internal | Code::NotConfirmed => Retry::SafeWithKey,
        }
    }

    /// Seconds for `Retry-After`; absent where waiting does not help.
    pub const fn retry_after_s(self) -> Option<u32> {
        match self.retry() {
            Retry::Useless => None,
            Retry::Safe | Retry::SafeWithKey => Some(if matches!(self, Code::Full) { 30 } else { 1 }),
        }
    }

    /// The problem with this code and the text for this case.
    pub fn because(self, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { code: self, detail: detail.into(), members: Vec::new() }
    }
}

/// One problem: the code, and what is special about this case. Serialises to the JSON of RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which kind.
    pub code: Code,
    /// What happened, naming the thing, the limit and the next step; holds Kestra's words where Kestra has some.
    pub detail: Cow<'static, str>,
    /// Further members for programs, by name.
    pub members: Vec<(&'static str, String)>,
}

impl Problem {
    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// The JSON text.
    ///
    /// # Panics
    /// Never: texts and numbers always serialise.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|error| unreachable!("texts and numbers serialise: {error}"))
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("urn:windhover:problem:{}", self.code.slug()))?;
        map.serialize_entry("title", self.code.title())?;
        map.serialize_entry("status", &self.code.status())?;
        map.serialize_entry("detail", &self.detail)?;
        map.serialize_entry("code", self.code.slug())?;
        map.serialize_entry("retryable", &(self.code.retry() != Retry::Useless))?;
        for (name, value) in &self.members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.code.slug(), self.detail)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_carries_the_members_of_the_standard_and_its_own() {
        let problem = Code::KeyReused.because("another body").with("first", "aa").with("this", "bb");
        let expected = concat!(
            r#"{"type":"urn:windhover:problem:key-reused","title":"The Idempotency-Key was used with another body","#,
            r#""status":422,"detail":"another body","code":"key-reused","retryable":false,"first":"aa","this":"bb"}"#
        );
        assert_eq!(String::from_utf8(problem.to_json()).unwrap(), expected);
    }

    #[test]
    fn only_what_may_be_sent_again_says_when() {
        assert_eq!(Code::NotConfirmed.retry_after_s(), Some(1));
        assert_eq!(Code::Full.retry_after_s(), Some(30));
        assert_eq!(Code::KeyReused.retry_after_s(), None);
    }
}
