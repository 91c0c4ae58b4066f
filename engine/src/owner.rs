//! An engine: starts and stops the work on its partitions, says how it is doing, and answers questions about deliveries.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use windhover_eventlog::{
    LogName, Position,
    ask::{Answer, Arrivals, Firsts, Owners, Question},
    cap::Cap,
    cluster::SharedCluster,
};

use crate::{
    config::{Config, Parts},
    effect::{Client, Pool},
    entrance::{Entrance, Entrances},
    keeper::{Arriving, Keeper},
    pace::Pace,
    partition::Shared,
    progress::Progress,
    store::Database,
};

/// Questions that wait for one partition.
const QUESTIONS_WAITING_MAX: usize = 8192;

/// Requests of other engines to let a partition go that wait.
const RELEASES_WAITING_MAX: usize = 1024;

/// How long a stopping engine works on what was accepted; what is left is decided at the next start.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// Why an engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder for sled cannot be used.
    #[error("the folder for the index cannot be used")]
    Folder(#[from] io::Error),
    /// TLS cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[from] reqwest::Error),
    /// The log has several inbox shards, which this engine does not read.
    #[error("the log has {0} inbox shards; this version reads one")]
    Shards(u16),
}

/// How an engine is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Partitions that this engine should own and that do not take turns now.
    pub idle: Vec<u16>,
    /// Number of partitions that this engine should own.
    pub wanted: usize,
    /// Why it is not one of the engines of the log now; `None` when it is.
    pub outside: Option<String>,
    /// Partitions that stopped because of a fault of the log, and why. They need an operator.
    pub stopped: BTreeMap<u16, String>,
    /// How often the index in sled was made again since the start.
    pub rebuilds: u64,
}

/// A running engine. It stops when it is dropped; [`Engine::stop`] lets it finish its turns first.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    shutdown: watch::Sender<bool>,
    running: Mutex<Option<JoinHandle<()>>>,
    condition: Arc<Condition>,
    cluster: Option<SharedCluster>,
}

/// What an engine says of itself besides its progress.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    stopped: Mutex<BTreeMap<u16, String>>,
    wanted: Mutex<BTreeSet<u16>>,
    /// Whether the share is known: an engine of a cluster has none before it has joined.
    joined: AtomicBool,
    rebuilds: AtomicU64,
}

impl Condition {
    pub(crate) fn stopped(&self) -> BTreeMap<u16, String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn stop(&self, partition: u16, reason: String) {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, reason);
    }

    pub(crate) fn join(&self, joined: bool) {
        self.joined.store(joined, Ordering::Release);
    }

    pub(crate) fn want(&self, partitions: &BTreeSet<u16>) {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone_from(partitions);
    }

    fn wanted(&self) -> BTreeSet<u16> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn rebuilt(&self) {
        self.rebuilds.fetch_add(1, Ordering::Relaxed);
    }
}

impl Engine {
    /// Starts an engine for all partitions of the log.
    ///
    /// # Errors
    /// When the folder or the HTTP client cannot be used.
    pub fn start(parts: Parts, config: Config, cap: Option<Arc<Cap>>) -> Result<Arc<Self>, StartError> {
        let all = (0..parts.log.layout().partitions).collect();
        let engine = Self::start_any(parts, config, cap, None)?;
        engine.condition.want(&all);
        Ok(engine)
    }

    /// Starts an engine for its share of the partitions, as one of a cluster. The share follows who else is alive.
    ///
    /// # Errors
    /// When the folder or the HTTP client cannot be used.
    pub fn start_in(cluster: SharedCluster, parts: Parts, config: Config) -> Result<Arc<Self>, StartError> {
        Self::start_any(parts, config, None, Some(cluster))
    }

    fn start_any(
        parts: Parts,
        config: Config,
        cap: Option<Arc<Cap>>,
        cluster: Option<SharedCluster>,
    ) -> Result<Arc<Self>, StartError> {
        let layout = parts.log.layout();
        if layout.shards != 1 {
            return Err(StartError::Shards(layout.shards));
        }
        let effects = Pool::new(Client::new(&config.allowed_hosts)?, config.effects_max, cluster.clone());
        let progress = Progress::new(layout.partitions);
        let (questions, receivers) = channels(layout.partitions, QUESTIONS_WAITING_MAX);
        let all = questions.into_iter().map(|questions| Arc::new(Entrance::new(questions))).collect();
        let entrances = Entrances { all, progress: progress.clone() };
        let background = config.background.clone().unwrap_or_else(Handle::current);
        let shared =
            Arc::new(Shared { parts, config, progress, effects, entrances, background, pace: Pace::default() });
        let (shutdown, stopping) = watch::channel(false);
        let (releases, released) = mpsc::channel(RELEASES_WAITING_MAX);
        let condition = Arc::<Condition>::default();
        Database::open(&shared.config.folder)?;
        let keeper = Keeper {
            shared: shared.clone(),
            condition: condition.clone(),
            cap,
            stopping,
            cluster: cluster.clone(),
            releases,
        };
        let arriving = Arriving { questions: receivers.into_iter().map(Some).collect(), releases: released };
        let running = Mutex::new(Some(tokio::spawn(keeper.keep_running(arriving))));
        Ok(Arc::new(Self { shared, shutdown, running, condition, cluster }))
    }

    /// How the engine is doing.
    pub fn status(&self) -> Status {
        let wanted = self.condition.wanted();
        let idle = self.shared.progress.idle().into_iter().filter(|partition| wanted.contains(partition));
        Status {
            idle: idle.collect(),
            wanted: wanted.len(),
            outside: self.outside(),
            stopped: self.condition.stopped(),
            rebuilds: self.condition.rebuilds.load(Ordering::Relaxed),
        }
    }

    fn outside(&self) -> Option<String> {
        let joined = self.cluster.is_none() || self.condition.joined.load(Ordering::Acquire);
        (!joined).then(|| "its heartbeat is not known to the log's server".to_owned())
    }

    /// Decides what was accepted, then stops; in a cluster it stops at once, and the others go on. Calls that are under way
    /// are made again, with the same key, by the next owner.
    pub async fn stop(&self) {
        if self.cluster.is_none()
            && let Ok(head) = self.shared.parts.log.head(LogName::Inbox { shard: 0 }).await
        {
            let _ = tokio::time::timeout(SETTLE_MAX, self.settled(head)).await;
        }
        self.shutdown.send_replace(true);
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            let _ = running.await;
        }
        if let Some(cluster) = &self.cluster {
            cluster.leave().await;
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shutdown.send_replace(true);
    }
}

impl Owners for Engine {
    fn ask(&self, question: Question) -> BoxFuture<'static, Option<Answer>> {
        let partition = question.execution.partition(self.shared.parts.log.layout().partitions);
        match self.shared.entrances.all.get(usize::from(partition)) {
            Some(entrance) => entrance.clone().ask(question).boxed(),
            None => Box::pin(std::future::ready(None)),
        }
    }

    fn first_ones(&self, arrivals: Arrivals) -> BoxStream<'static, Firsts> {
        let told = self.shared.entrances.clone().first_ones(arrivals);
        let numbered =
            |told: Vec<Option<bool>>| told.into_iter().map(|first| first == Some(true)).enumerate().collect();
        stream::once(told.map(numbered)).boxed()
    }

    fn settled(&self, inbox: Position) -> BoxFuture<'static, Option<Vec<Position>>> {
        Box::pin(self.shared.progress.clone().settled(inbox))
    }
}

fn channels<T>(count: u16, capacity: usize) -> (Vec<mpsc::Sender<T>>, Vec<mpsc::Receiver<T>>) {
    (0..count).map(|_| mpsc::channel(capacity)).unzip()
}
