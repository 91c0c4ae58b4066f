//! `windhover flow deploy`: makes the flows of a place those of the files.
//!
//! What is compared and in which order is the same for every [`Place`]; a place only tells what it has and takes what is new.

use std::{future::Future, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use windhover_eventlog::definitions::{Deployed, Deployments};
use windhover_proto::{flow::Flow, id::TenantId, time::Timestamp};

use super::{FlowName, diff, validate};
use crate::commands::{
    client::{Client, ServerOptions, block_on, print_json, print_table, say, shown},
    server::nats::NatsOptions,
    typed::{is_typed, looks_at_arguments},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  windhover flow deploy flows
  windhover flow deploy flows --dry-run                       what would change; exit code 2 when something would
  windhover flow deploy echo.yaml --server https://flows.example.com --json
  windhover flow deploy flows --nats nats://127.0.0.1:4222 --nats-monitor http://127.0.0.1:8222   without a server";

/// The exit code of a dry run that found changes.
const WOULD_CHANGE: u8 = 2;

#[derive(Args, Debug)]
pub(super) struct Deploy {
    #[command(flatten)]
    typed: Typed,
    /// Flow files in YAML, each with one flow or with several separated by `---`, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only show what would change. Exit code 2 when something would.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerOptions,
    /// With --nats the flows go into the log itself, and no server is asked.
    #[command(flatten)]
    nats: NatsOptions,
}

/// Which place was typed: it wins over a variable that names the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    Server,
    Nats,
    Neither,
}

impl Typed {
    fn look(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        match (is_typed(matches, "server"), is_typed(matches, "url")) {
            (true, true) => Err(clap::Error::raw(
                clap::error::ErrorKind::ArgumentConflict,
                "--server and --nats name two places: give the one that the flows go to\n",
            )),
            (true, false) => Ok(Self::Server),
            (false, true) => Ok(Self::Nats),
            (false, false) => Ok(Self::Neither),
        }
    }
}

looks_at_arguments!(Typed, Typed::look);

/// Where flows are deployed.
pub(super) trait Place {
    /// The newest revision of a flow with its text; `None` when there is none.
    fn newest(&self, flow: &FlowName) -> impl Future<Output = anyhow::Result<Option<Newest>>>;

    /// Deploys a text and gives its revision. `known` is whether there is such a flow.
    fn deploy(&self, flow: &FlowName, source: &str, known: Known) -> impl Future<Output = anyhow::Result<u64>>;
}

/// The newest revision of a flow.
pub(super) struct Newest {
    pub(super) revision: u64,
    pub(super) source: String,
}

/// Whether there is a flow of this name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    No,
    Yes,
}

/// What a deployment does to one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Change {
    New,
    Changed,
    Unchanged,
}

impl Change {
    const fn as_str(self) -> &'static str {
        match self {
            Change::New => "new",
            Change::Changed => "changed",
            Change::Unchanged => "unchanged",
        }
    }
}

/// One flow of the files, compared with the place.
#[derive(Debug, Serialize)]
struct Planned {
    namespace: String,
    id: String,
    change: Change,
    /// The revision there is, and after the deployment the one that was made.
    revision: Option<u64>,
    #[serde(skip)]
    source: String,
    /// The text there is.
    #[serde(skip)]
    before: String,
}

impl Planned {
    fn name(&self) -> FlowName {
        FlowName { namespace: self.namespace.clone(), id: self.id.clone() }
    }
}

impl Deploy {
    /// Whether the flows go into the log itself. Where only variables name places, NATS is meant.
    fn is_into_the_log(&self) -> bool {
        self.nats.url.is_some() && self.typed != Typed::Server
    }
}

pub(super) fn run(deploy: &Deploy) -> anyhow::Result<ExitCode> {
    let Some(flows) = validate::deployable(&deploy.files)? else { return Ok(ExitCode::FAILURE) };
    let planned = block_on(async {
        match deploy.is_into_the_log() {
            true => deploy_to(&Log::open(deploy).await?, flows, deploy).await,
            false => deploy_to(&Server(Client::new(&deploy.server)?), flows, deploy).await,
        }
    })?;
    print(&planned, deploy)?;
    let changes = planned.iter().any(|one| one.change != Change::Unchanged);
    Ok(if deploy.dry_run && changes { ExitCode::from(WOULD_CHANGE) } else { ExitCode::SUCCESS })
}

async fn deploy_to(place: &impl Place, flows: Vec<(Flow, String)>, deploy: &Deploy) -> anyhow::Result<Vec<Planned>> {
    let mut planned = plan(place, flows).await?;
    if !deploy.server.json {
        planned.iter().for_each(show_change);
    }
    if !deploy.dry_run {
        carry_out(place, &mut planned).await?;
    }
    Ok(planned)
}

/// The lines that change, before anything is sent.
fn show_change(one: &Planned) {
    if one.change != Change::Unchanged {
        let lines = diff::lines(&one.before, &one.source);
        say(format_args!("{}/{}: {}\n{}", one.namespace, one.id, one.change.as_str(), shown(lines.trim_end())));
    }
}

async fn plan(place: &impl Place, flows: Vec<(Flow, String)>) -> anyhow::Result<Vec<Planned>> {
    let mut planned = Vec::new();
    for (flow, source) in flows {
        let (namespace, id) = (flow.namespace.to_string(), flow.id.to_string());
        let mut one = Planned { namespace, id, change: Change::New, revision: None, source, before: String::new() };
        if let Some(newest) = place.newest(&one.name()).await? {
            let same = Flow::same_revision(&newest.source, &one.source);
            one.change = if same { Change::Unchanged } else { Change::Changed };
            one.revision = Some(newest.revision);
            one.before = newest.source;
        }
        planned.push(one);
    }
    Ok(planned)
}

async fn carry_out(place: &impl Place, planned: &mut [Planned]) -> anyhow::Result<()> {
    for one in planned {
        let known = match one.change {
            Change::New => Known::No,
            Change::Changed => Known::Yes,
            Change::Unchanged => continue,
        };
        let deployed = place.deploy(&one.name(), &one.source, known).await;
        one.revision = Some(deployed.with_context(|| format!("{} was not deployed", one.name()))?);
    }
    Ok(())
}

fn print(planned: &[Planned], deploy: &Deploy) -> anyhow::Result<()> {
    if deploy.server.json {
        return print_json(&serde_json::to_value(planned)?);
    }
    let row = |one: &Planned| {
        let revision = one.revision.map_or_else(|| "-".to_owned(), |revision| revision.to_string());
        [one.namespace.clone(), one.id.clone(), one.change.as_str().to_owned(), revision]
    };
    print_table(["NAMESPACE", "FLOW", "CHANGE", "REVISION"], &planned.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

/// A server, over its API.
struct Server(Client);

impl Place for Server {
    async fn newest(&self, flow: &FlowName) -> anyhow::Result<Option<Newest>> {
        let Some(found) = self.0.find(&flow.path(), &[("source", "true".to_owned())]).await? else { return Ok(None) };
        let source = found["source"].as_str().context("the server gave no text of the flow")?.to_owned();
        Ok(Some(Newest { revision: revision(&found)?, source }))
    }

    async fn deploy(&self, flow: &FlowName, source: &str, known: Known) -> anyhow::Result<u64> {
        revision(&match known {
            Known::No => self.0.send_flow(Method::POST, "/flows", source).await?,
            Known::Yes => self.0.send_flow(Method::PUT, &flow.path(), source).await?,
        })
    }
}

/// The log in NATS, without a server.
struct Log {
    /// `None` when nothing was made there yet, and a dry run must not make it.
    deployments: Option<Deployments>,
    tenant: TenantId,
}

impl Log {
    async fn open(deploy: &Deploy) -> anyhow::Result<Self> {
        let tenant = deploy.server.tenant.parse().context("--tenant")?;
        let log = match deploy.dry_run {
            true => deploy.nats.look().await?,
            false => Some(deploy.nats.open(None, None).await?),
        };
        let deployments = match log {
            Some(log) => Some(Deployments::open(log).await.context("deployed flows cannot be read")?),
            None => None,
        };
        Ok(Self { deployments, tenant })
    }
}

impl Place for Log {
    async fn newest(&self, flow: &FlowName) -> anyhow::Result<Option<Newest>> {
        let key = (self.tenant.clone(), flow.namespace.parse()?, flow.id.parse()?);
        let Some(deployments) = &self.deployments else { return Ok(None) };
        let definitions = deployments.refreshed().await.context("deployed flows cannot be read")?;
        let newest = |newest: &std::sync::Arc<windhover_proto::definitions::Revision>| Newest {
            revision: newest.reference.revision.into(),
            source: newest.source.to_string(),
        };
        Ok(definitions.newest(&key).map(newest))
    }

    async fn deploy(&self, _flow: &FlowName, source: &str, _known: Known) -> anyhow::Result<u64> {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX));
        let deployments = self.deployments.as_ref().context("a dry run deploys nothing")?;
        match deployments.deploy(&self.tenant, source, now).await? {
            Deployed::Revision(revision) | Deployed::Unchanged(revision) => Ok(revision.into()),
        }
    }
}

fn revision(flow: &Value) -> anyhow::Result<u64> {
    flow["revision"].as_u64().context("the server gave no revision")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A place that has these texts.
    struct Fake(RefCell<Vec<(String, String)>>);

    impl Place for Fake {
        async fn newest(&self, flow: &FlowName) -> anyhow::Result<Option<Newest>> {
            let has = self.0.borrow();
            let mut revisions = has.iter().filter(|(name, _)| *name == flow.to_string());
            let count = revisions.clone().count() as u64;
            Ok(revisions.next_back().map(|(_, source)| Newest { revision: count, source: source.clone() }))
        }

        async fn deploy(&self, flow: &FlowName, source: &str, known: Known) -> anyhow::Result<u64> {
            let before = self.newest(flow).await?;
            assert_eq!(known == Known::Yes, before.is_some());
            self.0.borrow_mut().push((flow.to_string(), source.to_owned()));
            Ok(before.map_or(0, |newest| newest.revision) + 1)
        }
    }

    fn source(id: &str, message: &str) -> String {
        format!("id: {id}\nnamespace: a\ntasks: [{{id: t, type: io.kestra.plugin.core.log.Log, message: {message}}}]\n")
    }

    fn flows(sources: &[String]) -> Vec<(Flow, String)> {
        sources.iter().map(|source| (Flow::parse(source).unwrap(), source.clone())).collect()
    }

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        deploy: Deploy,
    }

    #[test]
    fn a_typed_place_wins_over_a_variable_and_two_are_refused() {
        let parsed = |arguments: &[&str]| {
            let parsed = <Cli as clap::Parser>::try_parse_from([&["test", "x.yaml"], arguments].concat());
            parsed.map(|cli| cli.deploy).map_err(|error| error.to_string())
        };
        let (server, nats) = ("--server=http://h:1", "--nats=nats://h:1");
        assert!(parsed(&[nats]).unwrap().is_into_the_log());
        assert!(!parsed(&[server]).unwrap().is_into_the_log());
        assert!(!parsed(&[]).unwrap().is_into_the_log());
        // As the variable WINDHOVER_NATS says it.
        let by_variable = |typed| Deploy { typed, ..parsed(&[nats]).unwrap() };
        assert!(by_variable(Typed::Neither).is_into_the_log());
        assert!(!by_variable(Typed::Server).is_into_the_log());
        let refused = parsed(&[server, nats]).unwrap_err();
        assert!(refused.contains("--server and --nats"), "{refused}");
    }

    #[test]
    fn only_what_is_new_or_changed_is_deployed_and_a_second_time_nothing() {
        let same = source("same", "x");
        let place = Fake(RefCell::new(vec![("a/same".into(), same.clone()), ("a/old".into(), source("old", "x"))]));
        let files = [same, source("old", "y"), source("new", "x")];
        let deployed = || {
            block_on(async {
                let mut planned = plan(&place, flows(&files)).await?;
                carry_out(&place, &mut planned).await?;
                Ok(planned.iter().map(|one| (one.change, one.revision)).collect::<Vec<_>>())
            })
            .unwrap()
        };
        let first = [(Change::Unchanged, Some(1)), (Change::Changed, Some(2)), (Change::New, Some(1))];
        assert_eq!(deployed(), first);
        assert_eq!(deployed(), [1, 2, 1].map(|revision| (Change::Unchanged, Some(revision))));
    }
}
