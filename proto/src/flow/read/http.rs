//! The properties of `http.Request`.

use super::{at::At, fields::Fields, shape};
use crate::{
    expr::Template,
    flow::{
        http::{HttpOptions, HttpRequest},
        task::Dynamic,
    },
};

const METHOD_DEFAULT: &str = "GET";
const CONTENT_TYPE_DEFAULT: &str = "application/json";

/// Reads the properties that are not common to all tasks.
pub(super) fn request(fields: &Fields<'_>) -> Option<HttpRequest> {
    let uri = fields.require("uri").and_then(|at| at.template());
    let method = or_default(fields.get("method"), METHOD_DEFAULT);
    let headers = fields.get("headers").and_then(|at| headers(&at)).unwrap_or_default();
    let body = fields.get("body").and_then(|at| at.template());
    let content_type = or_default(fields.get("contentType"), CONTENT_TYPE_DEFAULT);
    let options = fields.get("options").and_then(|at| options(&at)).unwrap_or_default();
    shape::refuse_http(fields);
    Some(HttpRequest { uri: uri?, method: method?, headers, body, content_type: content_type?, options })
}

fn or_default(at: Option<At<'_>>, default: &str) -> Option<Template> {
    match at {
        Some(at) => at.template(),
        None => Template::compile(default).ok(),
    }
}

fn headers(at: &At<'_>) -> Option<Vec<(Template, Template)>> {
    let headers = at.entries()?.into_iter().map(|(entry, at)| Some((at.key(entry)?, at.template()?)));
    headers.collect::<Vec<_>>().into_iter().collect()
}

fn options(at: &At<'_>) -> Option<HttpOptions> {
    let fields = Fields::of(at, "options")?;
    let defaults = HttpOptions::default();
    let flag = |name, default: Dynamic<bool>| fields.get(name).and_then(|at| at.dynamic()).unwrap_or(default);
    let allow_failed = flag("allowFailed", defaults.allow_failed);
    let follow_redirects = flag("followRedirects", defaults.follow_redirects);
    let allowed_response_codes = fields.get("allowedResponseCodes").and_then(|at| codes(&at)).unwrap_or_default();
    let (connect_timeout, read_idle_timeout) = match fields.get("timeout").and_then(|at| Fields::of(&at, "timeout")) {
        Some(timeout) => {
            let read = |name| timeout.get(name).and_then(|at| at.dynamic());
            let limits = (read("connectTimeout"), read("readIdleTimeout"));
            timeout.finish();
            limits
        }
        None => (None, None),
    };
    fields.refuse(&["auth", "proxy", "ssl", "logs", "defaultCharset", "enabledTcpExtendedKeepAlive"]);
    fields.finish();
    Some(HttpOptions { allow_failed, allowed_response_codes, follow_redirects, connect_timeout, read_idle_timeout })
}

fn codes(at: &At<'_>) -> Option<Vec<Dynamic<u16>>> {
    at.list()?.iter().map(At::dynamic).collect::<Vec<_>>().into_iter().collect()
}
