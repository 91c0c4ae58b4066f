//! What commands that talk to a server share: where it is, requests, events and tables.

mod events;
mod say;
mod table;

use std::future::Future;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{Method, StatusCode};
use serde_json::Value;

pub(crate) use events::Events;
pub(crate) use say::{say, shown};
pub(crate) use table::{cell, print as print_table};

/// Entries of one page: the most that a server gives.
const PAGE_SIZE: usize = 1000;

/// Which server, and how the answer is printed.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServerOptions {
    /// The server.
    #[arg(long, value_name = "URL", env = "WINDHOVER_SERVER", default_value = "http://127.0.0.1:8080")]
    pub(crate) server: String,
    /// The tenant.
    #[arg(long, value_name = "TENANT", env = "WINDHOVER_TENANT", default_value = "main")]
    pub(crate) tenant: String,
    /// Print JSON for programs instead of a table for people.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A server, as a command talks to it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    base: String,
    http: reqwest::Client,
}

/// Runs what talks to a server.
pub(crate) fn block_on<T>(talk: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(talk)
}

impl Client {
    pub(crate) fn new(options: &ServerOptions) -> anyhow::Result<Self> {
        let server = options.server.trim_end_matches('/');
        let url = reqwest::Url::parse(server);
        let url = url.with_context(|| format!("--server {server} is no URL, such as http://127.0.0.1:8080"))?;
        if !matches!(url.scheme(), "http" | "https") {
            bail!("--server {server} is no URL, such as http://127.0.0.1:8080");
        }
        let http = reqwest::Client::builder().user_agent(concat!("windhover/", env!("CARGO_PKG_VERSION"))).build()?;
        Ok(Self { base: format!("{server}/api/v1/{}", options.tenant), http })
    }

    /// Reads a path below the tenant; `None` when it is not there.
    pub(crate) async fn find(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Option<Value>> {
        let answer = self.send(self.http.get(self.url(path)).query(query)).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => json(answer).await.map(Some),
        }
    }

    /// Reads a path below the tenant.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        let answer = self.send(self.http.get(self.url(path)).query(query)).await?;
        json(answer).await
    }

    /// Sends a flow's text.
    pub(crate) async fn send_flow(&self, method: Method, path: &str, source: &str) -> anyhow::Result<Value> {
        let request = self.http.request(method, self.url(path)).header("Content-Type", "application/x-yaml");
        let answer = self.send(request.body(source.to_owned())).await?;
        json(answer).await
    }

    /// Removes a path below the tenant.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let answer = self.send(self.http.delete(self.url(path))).await?;
        checked(answer).await.map(drop)
    }

    /// The first `most` entries of a search, over as many pages as they take.
    pub(crate) async fn search(&self, path: &str, query: &[(&str, String)], most: usize) -> anyhow::Result<Vec<Value>> {
        let mut found = Vec::new();
        for page in 1.. {
            let mut paged = query.to_vec();
            paged.extend([("page", page.to_string()), ("size", most.clamp(1, PAGE_SIZE).to_string())]);
            let mut answer = self.get(path, &paged).await?;
            let total = answer["total"].as_u64().unwrap_or_default();
            let Value::Array(results) = answer["results"].take() else { bail!("the server answered no page") };
            let is_last = results.is_empty();
            found.extend(results);
            if is_last || found.len() as u64 >= total || found.len() >= most {
                break;
            }
        }
        found.truncate(most);
        Ok(found)
    }

    /// Opens a stream of events, after the event with this id.
    pub(crate) async fn follow(&self, path: &str, after: Option<&str>) -> anyhow::Result<Events> {
        let mut request = self.http.get(self.url(path)).header("Accept", "text/event-stream");
        if let Some(id) = after {
            request = request.header("Last-Event-ID", id);
        }
        Ok(Events::of(checked(self.send(request).await?).await?))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        request.send().await.with_context(|| {
            format!("{} does not answer; is the server running there? --server names another", self.base)
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// The JSON of an answer, or what the server says is wrong.
async fn json(answer: reqwest::Response) -> anyhow::Result<Value> {
    let bytes = checked(answer).await?.bytes().await.context("the answer broke off")?;
    serde_json::from_slice(&bytes).context("the server answered no JSON; is it a Windhover?")
}

/// The answer, or what the server says is wrong.
async fn checked(answer: reqwest::Response) -> anyhow::Result<reqwest::Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.unwrap_or_default();
    let problem: Option<Value> = serde_json::from_str(&text).ok();
    let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str());
    match detail {
        Some(detail) => bail!("{detail} ({status})"),
        None => bail!("the server answered {status}; is it a Windhover?"),
    }
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Prints JSON for programs.
pub(crate) fn print_json(value: &Value) -> anyhow::Result<()> {
    say(serde_json::to_string_pretty(value)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(server: &str) -> anyhow::Result<Client> {
        Client::new(&ServerOptions { server: server.to_owned(), tenant: "main".to_owned(), json: false })
    }

    #[test]
    fn a_server_is_a_url_and_its_last_slash_is_none_of_the_path() {
        assert_eq!(client("http://h:1/").unwrap().url("/flows"), "http://h:1/api/v1/main/flows");
        for bad in ["127.0.0.1:8080", "ftp://h", ""] {
            assert!(client(bad).unwrap_err().to_string().contains("is no URL"), "{bad}");
        }
    }

    #[test]
    fn a_name_is_one_segment() {
        assert_eq!(segment("a.b-c_d/e f"), "a.b-c_d%2Fe%20f");
    }
}
