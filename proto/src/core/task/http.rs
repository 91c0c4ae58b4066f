//! `http.Request`: one call to another system.

use std::time::Duration;

use super::{TaskError, dynamic};
use crate::{
    core::{keep, run::Work},
    event::Answer,
    expr::{Map, Template, Value},
    flow::{HttpRequest, Task},
    id::{ExecutionId, TaskRunId},
    sight::Rendered,
};

/// Longest time for a whole call unless the task says otherwise.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// A call that starts when its commit is on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The execution that makes it.
    pub execution: ExecutionId,
    /// The task run that waits for its result.
    pub task_run: TaskRunId,
    /// Its number in the task run.
    pub n: u32,
    /// What to send.
    pub http: HttpCall,
}

impl Call {
    /// What names the call for the receiver, however often it is repeated.
    pub fn idempotency_key(&self) -> String {
        format!("{}/{}/{}", self.execution, self.task_run, self.n)
    }
}

/// What to send. Never logged: it holds secrets in clear.
#[derive(Clone, PartialEq)]
pub struct HttpCall {
    /// The method, in capitals.
    pub method: String,
    /// The absolute address.
    pub uri: String,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// Longest time for the whole call.
    pub timeout: Duration,
    /// Longest time to connect; absent: only the whole call is limited.
    pub connect_timeout: Option<Duration>,
    /// Longest silence of the other side; absent: only the whole call is limited.
    pub read_idle_timeout: Option<Duration>,
    /// Redirects that are followed.
    pub redirects_max: u8,
}

impl std::fmt::Debug for HttpCall {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "HttpCall({} …)", self.method)
    }
}

/// How a call ended.
pub type CallResult = Result<HttpResponse, CallFailure>;

/// What the other side answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The address that answered, after redirects.
    pub uri: String,
    /// The status.
    pub code: u16,
    /// Names (lower case) and values, in wire order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailure {
    /// What happened, for the log.
    pub message: String,
}

/// Redirects that are followed unless the task says otherwise.
const REDIRECTS_MAX: u8 = 50;

/// Renders a call.
pub(crate) fn render(work: &Work<'_>, task: &Task, run: TaskRunId, request: &HttpRequest) -> Result<Call, TaskError> {
    let text = |template: &Template| work.context_of(task, run).render(template).map(|rendered| rendered.value);
    let mut headers = Vec::with_capacity(request.headers.len() + 1);
    for (name, value) in &request.headers {
        headers.push((text(name)?, text(value)?));
    }
    let body = request.body.as_ref().map(text).transpose()?;
    if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".to_owned(), with_charset(text(&request.content_type)?)));
    }
    let options = &request.options;
    let optional = |property: &Option<_>| property.as_ref().map(|p| dynamic(work, task, run, p)).transpose();
    let follow = dynamic(work, task, run, &options.follow_redirects)?;
    let http = HttpCall {
        method: text(&request.method)?.trim().to_ascii_uppercase(),
        uri: text(&request.uri)?.trim().to_owned(),
        headers,
        body,
        timeout: optional(&task.timeout)?.unwrap_or(TIMEOUT_DEFAULT),
        connect_timeout: optional(&options.connect_timeout)?,
        read_idle_timeout: optional(&options.read_idle_timeout)?,
        redirects_max: if follow { REDIRECTS_MAX } else { 0 },
    };
    let n = work.run(run).map_or(1, |run| run.answered + 1);
    Ok(Call { execution: work.id, task_run: run, n, http })
}

/// A text body goes as UTF-8, and says so.
fn with_charset(content_type: String) -> String {
    if content_type.contains("charset") { content_type } else { format!("{content_type}; charset=UTF-8") }
}

/// What an answer means for the task: outputs, or a failure that keeps them.
pub(crate) fn judge(
    work: &Work<'_>,
    task: &Task,
    run: TaskRunId,
    request: &HttpRequest,
    result: CallResult,
) -> Result<Rendered<Value>, TaskError> {
    let secrets = secrets_of(work, task, run, request);
    let failed = |message: &str, answer| TaskError { message: keep::mask_text(message, &secrets), answer };
    let response = result.map_err(|failure| failed(&failure.message, Answer::None))?;
    if !passes(work, task, run, request, response.code)? {
        return Err(failed(&failure_text(&response), Answer::Recorded));
    }
    let context = work.context_of(task, run);
    let uri = context.render(&request.uri)?.value.trim().to_owned();
    let method = context.render(&request.method)?.value;
    let carries_body = !method.trim().eq_ignore_ascii_case("HEAD") && !matches!(response.code, 204 | 304);
    Ok(keep::repeating(outputs(&response, &uri, carries_body.then_some(&response.body)), secrets))
}

fn failure_text(response: &HttpResponse) -> String {
    let body = String::from_utf8_lossy(&response.body);
    format!("Failed http request with response code '{}' and body: {body}", response.code)
}

/// Whether a status is a success: any with `allowFailed`, the listed ones when some are listed, else all below 400.
fn passes(work: &Work<'_>, task: &Task, run: TaskRunId, request: &HttpRequest, code: u16) -> Result<bool, TaskError> {
    let options = &request.options;
    if dynamic(work, task, run, &options.allow_failed)? {
        return Ok(true);
    }
    if options.allowed_response_codes.is_empty() {
        return Ok(code < 400);
    }
    for allowed in &options.allowed_response_codes {
        if dynamic(work, task, run, allowed)? == code {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Secrets that went into the call: an answer or an error that repeats them must not show them. What was made of them, such as
/// a header in base64, is as secret as they are.
fn secrets_of(work: &Work<'_>, task: &Task, run: TaskRunId, request: &HttpRequest) -> Vec<String> {
    let context = work.context_of(task, run);
    let headers = request.headers.iter().flat_map(|(name, value)| [name, value]);
    let templates = headers.chain(&request.body).chain([&request.uri, &request.method, &request.content_type]);
    let rendered = templates.filter_map(|template| context.render(template).ok()).filter(Rendered::is_secret);
    let (secrets, made): (Vec<_>, Vec<_>) = rendered.map(|one| (one.secrets, one.value.trim().to_owned())).unzip();
    secrets.into_iter().flatten().chain(made).collect()
}

/// The outputs; `uri` is the address that was asked, whatever redirects led to.
fn outputs(response: &HttpResponse, uri: &str, body: Option<&Vec<u8>>) -> Value {
    let mut headers = Map::new();
    for (name, value) in &response.headers {
        let before = headers.get(name).and_then(Value::as_list).unwrap_or_default().to_vec();
        headers.insert(name.as_str(), Value::list(before.into_iter().chain([Value::text(value.as_str())])));
    }
    let mut map = Map::with_capacity(4);
    map.insert("uri", Value::text(uri));
    map.insert("code", Value::integer(i64::from(response.code)));
    map.insert("headers", Value::Map(headers.into()));
    if let Some(body) = body {
        map.insert("body", Value::text(String::from_utf8_lossy(body).into_owned()));
    }
    Value::Map(map.into())
}
