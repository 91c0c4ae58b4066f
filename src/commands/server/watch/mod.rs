//! The flow folder: a file that is saved is deployed as the next revision of its flow; a broken one is reported with file,
//! line and column, and the revision before it stays.

mod memory;
mod scan;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use windhover_eventlog::definitions::{DefinitionsError, Deployed, Deployments};
use windhover_proto::{
    flow::{Flow, FlowErrors, ParsedDocument},
    id::{Fingerprint, TenantId},
    time::Timestamp,
};

use self::{
    memory::{Memory, Name},
    scan::Look,
};

/// Time between two looks at the folder: soon enough for whoever saved a file, and nothing for the machine.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Largest file that is read at all, in bytes; a flow's own limit is far below.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The watcher's memory, in the data folder.
const MEMORY_FILE: &str = "flow-files.json";

/// What becomes of the flow of a removed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    /// It stays, and the removal is reported.
    Keep,
    /// It is deleted.
    Delete,
}

/// Something that a person should know. Printed as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// A flow has a new revision.
    Deployed(String),
    /// Something is wrong with a file; flows that were deployed before stay.
    Broken(String),
    /// A flow's file is gone.
    Removed(String),
    /// The folder is not there, so nothing is known about its files.
    Missing(String),
}

/// What was seen of one file when it was read last.
#[derive(Debug)]
struct Seen {
    look: Look,
    content: Fingerprint,
    /// The flows in it that are valid.
    flows: BTreeSet<Name>,
    /// Whether everything in it is valid and deployed.
    whole: bool,
    /// Whether to read it again even if it looks the same.
    again: bool,
}

/// Deploys what changes in one folder.
#[derive(Debug)]
pub(super) struct Watcher {
    folder: PathBuf,
    deployments: Deployments,
    removed: Removed,
    memory: Memory,
    files: BTreeMap<PathBuf, Seen>,
    /// Removals that were reported already, so that each is told once.
    missing: BTreeSet<Name>,
    /// The last reason why the folder could not be read, told once.
    unreadable: Option<Report>,
}

impl Watcher {
    /// A watcher that remembers in the data folder what it deployed.
    ///
    /// # Errors
    /// When its memory cannot be read.
    pub(super) fn new(folder: &Path, data: &Path, deployments: Deployments, removed: Removed) -> anyhow::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            deployments,
            removed,
            memory: Memory::open(data.join(MEMORY_FILE))?,
            files: BTreeMap::new(),
            missing: BTreeSet::new(),
            unreadable: None,
        })
    }

    /// Looks for ever.
    pub(super) async fn run(mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look().await.iter().for_each(tell);
        }
    }

    /// Looks once and deploys what changed.
    pub(super) async fn look(&mut self) -> Vec<Report> {
        let mut reports = Vec::new();
        let found = match scan::flow_files(&self.folder) {
            Ok(found) => found,
            Err(error) => return self.unreadable(&error).into_iter().collect(),
        };
        self.unreadable = None;
        self.files.retain(|file, _| found.contains_key(file));
        for (file, look) in found {
            if self.files.get(&file).is_none_or(|seen| seen.again || seen.look != look) {
                self.read(file, look, &mut reports).await;
            }
        }
        self.notice_removals(&mut reports).await;
        reports
    }

    fn unreadable(&mut self, error: &std::io::Error) -> Option<Report> {
        let folder = self.folder.display();
        let report = match error.kind() {
            std::io::ErrorKind::NotFound => Report::Missing(format!(
                "the flow folder {folder} is not there: make it, or name another one with --flows; what is deployed stays"
            )),
            _ => Report::Broken(format!("the flow folder {folder} (--flows) cannot be read: {error}")),
        };
        (self.unreadable.replace(report.clone()).as_ref() != Some(&report)).then_some(report)
    }

    async fn read(&mut self, file: PathBuf, look: Look, reports: &mut Vec<Report>) {
        let again = look.is_fresh();
        let (content, text) = match text_of(&self.folder.join(&file), look) {
            Ok(text) => (Fingerprint::of(text.as_bytes()), Ok(text)),
            Err(error) => (Fingerprint::of(format!("{error:#}").as_bytes()), Err(error)),
        };
        if let Some(seen) = self.files.get_mut(&file)
            && seen.content == content
        {
            (seen.look, seen.again) = (look, again);
            return;
        }
        let mut seen = Seen { look, content, flows: BTreeSet::new(), whole: true, again };
        match text {
            Ok(text) => self.deploy_all(&file, &text, &mut seen, reports).await,
            Err(error) => {
                seen.whole = false;
                reports.push(Report::Broken(format!("{}: {error:#}", self.shown(&file))));
            }
        }
        self.files.insert(file, seen);
    }

    async fn deploy_all(&mut self, file: &Path, text: &str, seen: &mut Seen, reports: &mut Vec<Report>) {
        for document in Flow::parse_all(text) {
            match &document.flow {
                Ok(flow) => {
                    let name = (flow.namespace.clone(), flow.id.clone());
                    seen.flows.insert(name.clone());
                    let deployed = self.deploy(file, name, &document).await;
                    if let Err(report) = &deployed {
                        seen.whole = false;
                        // The log may take it at the next look; a conflict between files waits for an edit.
                        seen.again |= matches!(report, Failure::Log(_));
                    }
                    reports.extend(deployed.unwrap_or_else(|failure| Some(failure.into_report())));
                }
                Err(errors) => {
                    seen.whole = false;
                    reports.push(Report::Broken(self.broken(file, errors)));
                }
            }
        }
    }

    /// Deploys one flow, unless the watcher deployed this very text last.
    async fn deploy(&mut self, file: &Path, name: Name, document: &ParsedDocument) -> Result<Option<Report>, Failure> {
        let shown = self.shown(file);
        let (namespace, id) = &name;
        if let Some((other, _)) = self.files.iter().find(|(other, seen)| *other != file && seen.flows.contains(&name)) {
            let other = self.shown(other);
            return Err(Failure::File(format!(
                "{shown}:{}: {namespace}/{id} stands in {other} already",
                document.line
            )));
        }
        let fingerprint = Fingerprint::of(document.source.as_bytes());
        let known = self.memory.get(&name).is_some_and(|deployed| deployed.fingerprint == fingerprint);
        let mut report = None;
        if !known {
            let deployed = self.deployments.deploy(&TenantId::main(), &document.source, now()).await;
            match deployed {
                Ok(Deployed::Revision(revision)) => {
                    report = Some(Report::Deployed(format!("{namespace}/{id} revision {revision} from {shown}")));
                }
                Ok(Deployed::Unchanged(_)) => {}
                Err(DefinitionsError::Flow(errors)) => return Err(Failure::File(self.broken(file, &errors))),
                Err(error) => return Err(Failure::Log(format!("{shown} is not deployed yet: {error:#}"))),
            }
        }
        let deployed = memory::Deployed { file: file.to_owned(), fingerprint };
        self.memory.remember(name, deployed).map_err(|error| Failure::Log(format!("{error:#}")))?;
        Ok(report)
    }

    /// Reports flows whose text is gone, and deletes them when that is wanted.
    async fn notice_removals(&mut self, reports: &mut Vec<Report>) {
        let gone: Vec<(Name, PathBuf)> = self
            .memory
            .iter()
            .filter(|(name, deployed)| self.is_gone(name, deployed))
            .map(|(name, deployed)| (name.clone(), deployed.file.clone()))
            .collect();
        self.missing.retain(|name| gone.iter().any(|(gone, _)| gone == name));
        for (name, file) in gone {
            reports.extend(self.remove(name, &file).await);
        }
    }

    /// Whether no file holds the flow. A broken file may still mean to hold what it held.
    fn is_gone(&self, name: &Name, deployed: &memory::Deployed) -> bool {
        let held = self.files.values().any(|seen| seen.flows.contains(name));
        !held && self.files.get(&deployed.file).is_none_or(|seen| seen.whole)
    }

    async fn remove(&mut self, name: Name, file: &Path) -> Option<Report> {
        let (namespace, id) = &name;
        let key = (TenantId::main(), namespace.clone(), id.clone());
        let what = format!("{namespace}/{id} is no longer in {}", self.shown(file));
        if self.deployments.current().newest(&key).is_none() {
            return self.memory.forget(&name).err().map(|error| Report::Broken(format!("{error:#}")));
        }
        match self.removed {
            Removed::Keep if !self.missing.insert(name.clone()) => None,
            Removed::Keep => Some(Report::Removed(format!(
                "{what}; it stays deployed: `windhover flow delete {namespace}/{id}` deletes it, and so does a start with --prune"
            ))),
            Removed::Delete => {
                let deleted = self.deployments.delete(&key, now()).await.map_err(anyhow::Error::from);
                match deleted.and_then(|_| self.memory.forget(&name)) {
                    Ok(()) => Some(Report::Removed(format!("{what}; it was deleted"))),
                    Err(_) if !self.missing.insert(name.clone()) => None,
                    Err(error) => Some(Report::Broken(format!("{what}, but is not deleted yet: {error:#}"))),
                }
            }
        }
    }

    /// Every mistake of a file, one a line: `file:line:column: what`.
    fn broken(&self, file: &Path, errors: &FlowErrors) -> String {
        let file = self.shown(file);
        let lines = errors.iter().map(|error| format!("{file}:{}:{}: {error}", error.line(), error.column()));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn shown(&self, file: &Path) -> String {
        self.folder.join(file).display().to_string()
    }
}

/// Why a flow was not deployed.
#[derive(Debug)]
enum Failure {
    /// Its file must change first.
    File(String),
    /// The log did not take it now.
    Log(String),
}

impl Failure {
    fn into_report(self) -> Report {
        match self {
            Failure::File(text) | Failure::Log(text) => Report::Broken(text),
        }
    }
}

/// Tells it to whoever reads the terminal.
pub(super) fn tell(report: &Report) {
    match report {
        Report::Deployed(text) => tracing::info!("deployed {text}"),
        Report::Broken(text) => text.lines().for_each(|line| tracing::error!("{line}")),
        Report::Removed(text) | Report::Missing(text) => tracing::warn!("{text}"),
    }
}

fn text_of(path: &Path, look: Look) -> anyhow::Result<String> {
    anyhow::ensure!(look.bytes() <= FILE_BYTES_MAX, "has {} bytes; the limit is {FILE_BYTES_MAX}", look.bytes());
    let bytes = std::fs::read(path).context("cannot be read")?;
    String::from_utf8(bytes).context("is not UTF-8 text")
}

fn now() -> Timestamp {
    jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default().into()
}
