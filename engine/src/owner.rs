//! Starts the partitions of an engine, keeps them running, and answers questions about deliveries.

use std::{
    collections::BTreeMap,
    io,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
};
use windhover_eventlog::{
    LogName, Position,
    ask::{Answer, Owners, Question},
    cap::Cap,
};

use crate::{
    config::{Config, Parts},
    effect::{Client, Pool},
    inbox::{self, Batch},
    partition::{Mail, Partition, Shared, Stop},
    progress::Progress,
    question::Asked,
    recover,
    retention::Trimmer,
    store::{Database, move_aside},
};

/// Inbox batches that wait for one partition before the inbox is not read on.
const INBOX_WAITING_MAX: usize = 1024;

/// Results of calls that wait for one partition.
const RESULTS_WAITING_MAX: usize = 1024;

/// Questions that wait for one partition.
const QUESTIONS_WAITING_MAX: usize = 8192;

/// How long to wait before partitions that stopped are started again.
const RESTART_DELAY: Duration = Duration::from_secs(1);

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
    /// Partitions that do not take turns now.
    pub idle: Vec<u16>,
    /// Partitions that stopped because of a fault of the log, and why. They need an operator.
    pub stopped: BTreeMap<u16, String>,
    /// How often the index in sled was made again since the start.
    pub rebuilds: u64,
}

/// A running engine. It stops when it is dropped; [`Engine::stop`] lets it finish its turns first.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    questions: Vec<mpsc::Sender<Asked>>,
    shutdown: watch::Sender<bool>,
    running: Mutex<Option<JoinHandle<()>>>,
    condition: Arc<Condition>,
}

/// What an engine says of itself besides its progress.
#[derive(Debug, Default)]
struct Condition {
    stopped: Mutex<BTreeMap<u16, String>>,
    rebuilds: AtomicU64,
}

impl Condition {
    fn stopped(&self) -> BTreeMap<u16, String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn stop(&self, partition: u16, reason: String) {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, reason);
    }
}

impl Engine {
    /// Starts an engine for all partitions of the log.
    ///
    /// # Errors
    /// When the folder or the HTTP client cannot be used.
    pub fn start(parts: Parts, config: Config, cap: Option<Arc<Cap>>) -> Result<Arc<Self>, StartError> {
        let layout = parts.log.layout();
        if layout.shards != 1 {
            return Err(StartError::Shards(layout.shards));
        }
        let effects = Pool::new(Client::new(&config.allowed_hosts)?, config.effects_max);
        let progress = Progress::new(layout.partitions);
        let shared = Arc::new(Shared { parts, config, progress, effects });
        let (shutdown, stopping) = watch::channel(false);
        let (senders, receivers) = channels(layout.partitions, QUESTIONS_WAITING_MAX);
        let condition = Arc::<Condition>::default();
        Database::open(&shared.config.folder)?;
        let keeper = Keeper { shared: shared.clone(), condition: condition.clone(), cap, stopping };
        let running = Mutex::new(Some(tokio::spawn(keeper.keep_running(receivers))));
        Ok(Arc::new(Self { shared, questions: senders, shutdown, running, condition }))
    }

    /// How the engine is doing.
    pub fn status(&self) -> Status {
        Status {
            idle: self.shared.progress.idle(),
            stopped: self.condition.stopped(),
            rebuilds: self.condition.rebuilds.load(Ordering::Relaxed),
        }
    }

    /// Decides what was accepted, then stops. Calls that are under way are made again, with the same key, at the next start.
    pub async fn stop(&self) {
        if let Ok(head) = self.shared.parts.log.head(LogName::Inbox { shard: 0 }).await {
            let _ = tokio::time::timeout(SETTLE_MAX, self.settled(head)).await;
        }
        self.shutdown.send_replace(true);
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            let _ = running.await;
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
        let count = u16::try_from(self.questions.len()).unwrap_or(u16::MAX);
        let partition = question.execution.partition(count);
        let Some(sender) = self.questions.get(usize::from(partition)).cloned() else {
            return Box::pin(std::future::ready(None));
        };
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            sender.try_send(Asked { question, reply }).ok()?;
            answer.await.ok()
        })
    }

    fn settled(&self, inbox: Position) -> BoxFuture<'static, Option<Vec<Position>>> {
        Box::pin(self.shared.progress.clone().settled(inbox))
    }
}

fn channels<T>(count: u16, capacity: usize) -> (Vec<mpsc::Sender<T>>, Vec<mpsc::Receiver<T>>) {
    (0..count).map(|_| mpsc::channel(capacity)).unzip()
}

/// Runs generations of partitions: all start together, and when one has to stop, all start again from what is durable.
struct Keeper {
    shared: Arc<Shared>,
    condition: Arc<Condition>,
    cap: Option<Arc<Cap>>,
    stopping: watch::Receiver<bool>,
}

/// Why a generation ended.
enum Ended {
    Shutdown,
    Again,
    Rebuild,
}

type Questions = Vec<mpsc::Receiver<Asked>>;

impl Keeper {
    async fn keep_running(self, mut questions: Questions) {
        loop {
            let ended = match Database::open(&self.shared.config.folder) {
                Ok(database) => self.generation(&database, &mut questions).await,
                Err(error) => {
                    tracing::error!(%error, "the folder for the index cannot be used");
                    Ended::Again
                }
            };
            match ended {
                Ended::Shutdown => return,
                Ended::Again => {}
                Ended::Rebuild => self.rebuild(),
            }
            if *self.stopping.borrow() {
                return;
            }
            tokio::time::sleep(RESTART_DELAY).await;
        }
    }

    /// The index failed: what is in the folder is put aside and made again from the log.
    fn rebuild(&self) {
        self.condition.rebuilds.fetch_add(1, Ordering::Relaxed);
        match move_aside(&self.shared.config.folder) {
            Ok(aside) => tracing::warn!(aside = %aside.display(), "the index is made again from the log"),
            Err(error) => tracing::error!(%error, "the damaged index cannot be put aside"),
        }
    }

    async fn generation(&self, database: &Database, questions: &mut Questions) -> Ended {
        let count = self.shared.parts.log.layout().partitions;
        let (inbox_senders, mut inboxes) = channels::<Batch>(count, INBOX_WAITING_MAX);
        let (result_senders, mut results) = channels(count, RESULTS_WAITING_MAX);
        let partitions = match self.recover_all(database, &result_senders).await {
            Ok(partitions) => partitions,
            Err(ended) => return ended,
        };
        let from = partitions.iter().map(|partition| partition.head.consumed.through).min().unwrap_or_default();
        let snapshots: Arc<Vec<AtomicU64>> = Arc::new((0..count).map(|_| AtomicU64::new(0)).collect());
        let (halt, halted) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for mut partition in partitions {
            partition.trimmable = Some(snapshots.clone());
            let index = usize::from(partition.number);
            let mail = Mail {
                inbox: std::mem::replace(&mut inboxes[index], mpsc::channel(1).1),
                results: std::mem::replace(&mut results[index], mpsc::channel(1).1),
                questions: std::mem::replace(&mut questions[index], mpsc::channel(1).1),
                shutdown: halted.clone(),
            };
            tasks.spawn(run_contained(partition, mail));
        }
        let log = self.shared.parts.log.clone();
        let reading = inbox::distribute(log, 0, Position(from), inbox_senders, self.shared.progress.clone());
        let reading = tokio::spawn(reading);
        let trimmer = tokio::spawn(self.trimmer(database, snapshots).run());
        let ended = self.wait_for_end(&mut tasks, &halt, questions).await;
        reading.abort();
        trimmer.abort();
        ended
    }

    fn trimmer(&self, database: &Database, snapshots: Arc<Vec<AtomicU64>>) -> Trimmer {
        Trimmer {
            log: self.shared.parts.log.clone(),
            database: database.clone(),
            progress: self.shared.progress.clone(),
            config: self.shared.config.clone(),
            cap: self.cap.clone(),
            snapshots,
        }
    }

    /// Brings every partition to the head of its log and makes this process its owner.
    async fn recover_all(
        &self,
        database: &Database,
        results: &[mpsc::Sender<windhover_proto::core::Stimulus>],
    ) -> Result<Vec<Partition>, Ended> {
        let stopped = self.condition.stopped();
        let mut tasks = JoinSet::new();
        for (number, sender) in (0..).zip(results) {
            if !stopped.contains_key(&number) {
                tasks.spawn(recover_one(number, self.shared.clone(), database.clone(), sender.clone()));
            }
        }
        let mut partitions = Vec::with_capacity(results.len());
        let mut ended = None;
        while let Some(recovered) = tasks.join_next().await {
            match recovered {
                Ok((_, Ok(partition))) => partitions.push(partition),
                Ok((number, Err(stop))) => ended = Some(self.judge(number, stop)),
                Err(panic) => {
                    tracing::error!(%panic, "taking a partition over panicked");
                    ended = Some(Ended::Again);
                }
            }
        }
        ended.map_or(Ok(partitions), Err)
    }

    /// Waits until all partitions have stopped: because the engine stops, or because one had to and the others go on from
    /// what is durable in the next generation.
    async fn wait_for_end(
        &self,
        tasks: &mut JoinSet<(u16, Mail, Result<(), Stop>)>,
        halt: &watch::Sender<bool>,
        questions: &mut Questions,
    ) -> Ended {
        let mut ended = Ended::Shutdown;
        let mut stopping = self.stopping.clone();
        loop {
            let done = tokio::select! {
                done = tasks.join_next() => done,
                _ = stopping.wait_for(|stop| *stop), if !*halt.borrow() => {
                    halt.send_replace(true);
                    continue;
                }
            };
            match done {
                None => return ended,
                Some(Ok((number, mail, result))) => {
                    questions[usize::from(number)] = mail.questions;
                    if let Err(stop) = result {
                        ended = self.judge(number, stop);
                    }
                }
                Some(Err(error)) => {
                    tracing::error!(%error, "a partition's task ended");
                    ended = Ended::Again;
                }
            }
            halt.send_replace(true);
        }
    }

    /// What follows from a partition's stop.
    fn judge(&self, number: u16, stop: Stop) -> Ended {
        match stop {
            Stop::Store(error) => {
                tracing::error!(partition = number, %error, "the index failed");
                Ended::Rebuild
            }
            Stop::Read(error) => {
                tracing::error!(partition = number, error = %causes(&error), "the log cannot be read; trying again");
                Ended::Again
            }
            Stop::Panicked { reason, .. } => {
                tracing::error!(partition = number, reason, "a turn panicked; starting again from the log");
                Ended::Again
            }
            Stop::Fenced { .. } | Stop::Fold(_) | Stop::Changed { .. } => {
                tracing::error!(partition = number, reason = %stop, "the partition is stopped");
                self.condition.stop(number, stop.to_string());
                Ended::Again
            }
        }
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

async fn recover_one(
    number: u16,
    shared: Arc<Shared>,
    database: Database,
    results: mpsc::Sender<windhover_proto::core::Stimulus>,
) -> (u16, Result<Partition, Stop>) {
    let recovered = async {
        let mut store = database.partition(number)?;
        let (head, snapshots) = recover::starting_point(&shared.parts.log, &mut store, number).await?;
        let mut partition = Partition::new(number, shared, store, head, snapshots, results);
        recover::take_ownership(&mut partition).await?;
        Ok(partition)
    };
    (number, recovered.await)
}

/// Runs a partition; a panic is an end like any other.
async fn run_contained(mut partition: Partition, mut mail: Mail) -> (u16, Mail, Result<(), Stop>) {
    let number = partition.number;
    let ended = AssertUnwindSafe(partition.run(&mut mail)).catch_unwind().await;
    let result = ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let reason = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Stop::Panicked { partition: number, reason })
    });
    (number, mail, result)
}
