//! Makes one HTTP call.
//!
//! An address is checked where it is used: names resolve through a resolver that gives only allowed addresses, so nothing is
//! looked up twice; literal addresses and every redirect are checked before they are called.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt;
use reqwest::{
    Method, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use windhover_proto::{
    core::{Call, CallFailure, CallResult, HttpCall, HttpResponse},
    limit,
};

use super::address::{AllowedHost, is_public};

/// Longest time to connect, unless the task says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Headers that belong to one host and are not sent on to another one after a redirect.
const OWN_HEADERS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Resolves names to public addresses only.
#[derive(Debug)]
struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = found.into_iter().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(refused(&host).into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

fn refused(host: &str) -> String {
    format!(
        "`{host}` has a private or loopback address; flows may call it only when the server is started with \
         --allow-private-host {host}:PORT"
    )
}

/// Makes calls; clones share connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    public: reqwest::Client,
    anywhere: reqwest::Client,
    allowed: Arc<[AllowedHost]>,
}

impl Client {
    /// A client that reaches public addresses and the allowed hosts.
    ///
    /// # Errors
    /// When the system's TLS set-up cannot be used.
    pub(crate) fn new(allowed: &[AllowedHost]) -> Result<Self, reqwest::Error> {
        let builder = || {
            reqwest::Client::builder()
                .redirect(redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .no_proxy()
                .user_agent(concat!("windhover/", env!("CARGO_PKG_VERSION")))
        };
        let public = builder().dns_resolver(Arc::new(PublicResolver)).build()?;
        Ok(Self { public, anywhere: builder().build()?, allowed: allowed.into() })
    }

    /// Makes the call; never fails otherwise than by its result.
    pub(crate) async fn call(&self, call: &Call) -> CallResult {
        let timeout = call.http.timeout;
        let answered = tokio::time::timeout(timeout, self.follow(call)).await;
        answered.unwrap_or_else(|_| Err(failure(format!("no answer within {} ms", timeout.as_millis()))))
    }

    /// Sends, and follows redirects as a browser does: 307 and 308 repeat the request, the others become GET.
    async fn follow(&self, call: &Call) -> CallResult {
        let http = &call.http;
        let mut url = parse(&http.uri)?;
        let mut method = Method::from_bytes(http.method.as_bytes())
            .map_err(|_| failure(format!("`{}` is no HTTP method", http.method)))?;
        let mut headers = headers(call)?;
        let mut body = http.body.clone();
        for _ in 0..=http.redirects_max {
            let response = self.send(&url, &method, &headers, body.clone(), http).await?;
            let next = redirect_target(&url, &response).filter(|_| http.redirects_max > 0);
            let Some(next) = next else { return read(url, response, http).await };
            let next = next?;
            if !matches!(response.status().as_u16(), 307 | 308) && method != Method::HEAD {
                method = Method::GET;
                body = None;
                headers.remove("content-type");
            }
            if next.origin() != url.origin() {
                OWN_HEADERS.iter().for_each(|name| drop(headers.remove(*name)));
            }
            url = next;
        }
        Err(failure(format!("more than {} redirects", http.redirects_max)))
    }

    async fn send(
        &self,
        url: &Url,
        method: &Method,
        headers: &HeaderMap,
        body: Option<String>,
        http: &HttpCall,
    ) -> Result<Response, CallFailure> {
        let client = self.client_for(url)?;
        let mut request = client.request(method.clone(), url.clone()).headers(headers.clone());
        if let Some(body) = body {
            request = request.body(body);
        }
        let sending = request.send();
        let limit = http.connect_timeout.map(|connect| connect + http.read_idle_timeout.unwrap_or(http.timeout));
        let answered = tokio::time::timeout(limit.unwrap_or(http.timeout), sending).await;
        let answered = answered.map_err(|_| failure("no answer within the connect and read timeouts".to_owned()))?;
        answered.map_err(|error| failure(causes(&error)))
    }

    /// The client that may call this address.
    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, CallFailure> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        if self.allowed.iter().any(|allowed| allowed.is(host, port)) {
            return Ok(&self.anywhere);
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal {
            Ok(address) if !is_public(address) => Err(failure(refused(host))),
            Ok(_) | Err(_) => Ok(&self.public),
        }
    }
}

fn failure(message: String) -> CallFailure {
    CallFailure { message }
}

/// The error and its causes, without the address: it may hold a secret.
fn causes(error: &reqwest::Error) -> String {
    let mut text = if error.is_connect() { "cannot connect".to_owned() } else { "the call failed".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

fn parse(uri: &str) -> Result<Url, CallFailure> {
    let url = Url::parse(uri).map_err(|error| failure(format!("the uri is not an absolute address: {error}")))?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err(failure(format!("the uri's scheme is `{}`; only http and https can be called", url.scheme())))
    }
}

/// The task's headers, and the name of the call for the receiver unless the task gives its own.
fn headers(call: &Call) -> Result<HeaderMap, CallFailure> {
    let mut headers = HeaderMap::new();
    for (name, value) in &call.http.headers {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| failure(format!("`{name}` is no header name")))?;
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| failure(format!("the value of header `{name}` has characters that no header may have")))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    if !headers.contains_key("idempotency-key") {
        let key = HeaderValue::from_str(&call.idempotency_key()).map_err(|error| failure(error.to_string()))?;
        headers.insert("idempotency-key", key);
    }
    Ok(headers)
}

/// Where a redirect leads; `None` when the answer is none.
fn redirect_target(url: &Url, response: &Response) -> Option<Result<Url, CallFailure>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get("location")?.to_str().ok()?;
    let target = url.join(location).map_err(|error| failure(format!("a redirect leads to no address: {error}")));
    Some(target.and_then(|target| parse(target.as_str())))
}

/// Reads an answer up to the limit.
async fn read(url: Url, response: Response, http: &HttpCall) -> CallResult {
    let code = response.status().as_u16();
    let text = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect::<String>();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let idle = http.read_idle_timeout.unwrap_or(http.timeout);
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    loop {
        let next = tokio::time::timeout(idle, chunks.next()).await;
        let Some(chunk) = next.map_err(|_| failure(format!("the answer stopped for {} ms", idle.as_millis())))? else {
            return Ok(HttpResponse { uri: url.to_string(), code, headers, body });
        };
        let chunk = chunk.map_err(|error| failure(causes(&error)))?;
        if body.len() + chunk.len() > limit::EFFECT_RESPONSE_BYTES_MAX {
            return Err(failure(format!("the answer has more than {} bytes", limit::EFFECT_RESPONSE_BYTES_MAX)));
        }
        body.extend_from_slice(&chunk);
    }
}
