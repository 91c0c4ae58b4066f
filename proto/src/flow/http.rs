//! The `http.Request` task.

use std::time::Duration;

use crate::expr::Template;

use super::task::Dynamic;

/// One HTTP call. Each property is rendered when the task starts.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRequest {
    /// The absolute `http` or `https` address.
    pub uri: Template,
    /// The method; GET when the document says nothing.
    pub method: Template,
    /// Names and values in the order of the document. Names are rendered too.
    pub headers: Vec<(Template, Template)>,
    /// The body, sent as text. Absent: none.
    pub body: Option<Template>,
    /// The type of the body; `application/json` when the document says nothing. Only sent with a body.
    pub content_type: Template,
    /// How to call and which answers are good.
    pub options: HttpOptions,
}

/// `options` of an HTTP call.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpOptions {
    /// True: a status of 400 and above does not fail the task.
    pub allow_failed: Dynamic<bool>,
    /// Statuses that are good although they are 400 or above. Empty: none.
    pub allowed_response_codes: Vec<Dynamic<u16>>,
    /// False: a redirect is the answer. True when the document says nothing.
    pub follow_redirects: Dynamic<bool>,
    /// How long to wait for a connection. Absent: the engine's limit.
    pub connect_timeout: Option<Dynamic<Duration>>,
    /// How long to wait for the next bytes of the answer. Absent: the engine's limit.
    pub read_idle_timeout: Option<Dynamic<Duration>>,
}

impl Default for HttpOptions {
    fn default() -> HttpOptions {
        HttpOptions {
            allow_failed: Dynamic::Fixed(false),
            allowed_response_codes: Vec::new(),
            follow_redirects: Dynamic::Fixed(true),
            connect_timeout: None,
            read_idle_timeout: None,
        }
    }
}
