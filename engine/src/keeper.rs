//! Keeps the partitions running that this engine should own: takes them, starts them again when they have to stop, and lets
//! them go when another engine should have them.

use std::{
    collections::BTreeSet,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::Instant,
};
use windhover_eventlog::{
    Position,
    cap::Cap,
    cluster::{Announced, Live, SharedCluster, share_of},
};
use windhover_proto::core::Stimulus;

use crate::{
    announce::{PartitionOwner, Release},
    entrance,
    inbox::{self, Batch},
    owner::Condition,
    partition::{Mail, Partition, Shared, Stop},
    progress::Standing,
    question::Asked,
    recover,
    retention::Trimmer,
    store::{Database, move_aside},
};

/// Inbox batches that wait for one partition before the inbox is not read on.
const INBOX_WAITING_MAX: usize = 256;

/// Results of calls that wait for one partition.
const RESULTS_WAITING_MAX: usize = 1024;

/// How long a partition that had to stop rests before it is taken again.
const REST: Duration = Duration::from_secs(1);

/// How long the inbox is not read while partitions are being taken: those that come together are read for together.
const GATHER: Duration = Duration::from_millis(10);

/// Runs shifts, each with one open database, until the engine stops.
pub(crate) struct Keeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) condition: Arc<Condition>,
    pub(crate) cap: Option<Arc<Cap>>,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) cluster: Option<SharedCluster>,
    pub(crate) releases: mpsc::Sender<Release>,
}

/// What arrives for the partitions from outside, kept over shifts.
pub(crate) struct Arriving {
    /// The questions of each partition that does not run; a running one has its own.
    pub(crate) questions: Vec<Option<mpsc::Receiver<Asked>>>,
    pub(crate) releases: mpsc::Receiver<Release>,
}

/// Why a shift ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Shutdown,
    Again,
    Rebuild,
}

impl Keeper {
    pub(crate) async fn keep_running(self, mut arriving: Arriving) {
        let mut live = self.cluster.as_ref().map(|cluster| cluster.live());
        loop {
            let ended = match Database::open(&self.shared.config.folder) {
                Ok(database) => Shift::new(&self, &database).run(&mut arriving, &mut live).await,
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
            tokio::time::sleep(REST).await;
        }
    }

    /// The index failed: what is in the folder is put aside and made again from the log.
    fn rebuild(&self) {
        self.condition.rebuilt();
        match move_aside(&self.shared.config.folder) {
            Ok(aside) => tracing::warn!(aside = %aside.display(), "the index is made again from the log"),
            Err(error) => tracing::error!(%error, "the damaged index cannot be put aside"),
        }
    }

    fn partitions(&self) -> u16 {
        self.shared.parts.log.layout().partitions
    }

    /// The partitions that this engine should own now.
    fn wanted(&self, live: &Option<watch::Receiver<Live>>) -> BTreeSet<u16> {
        let mut wanted = match (&self.cluster, live) {
            (Some(cluster), Some(live)) => share_of(cluster.name(), &live.borrow(), self.partitions()),
            (None, _) | (_, None) => (0..self.partitions()).collect(),
        };
        self.condition.want(&wanted);
        self.condition.join(live.as_ref().is_none_or(|live| !live.borrow().is_empty()));
        let stopped = self.condition.stopped();
        wanted.retain(|partition| !stopped.contains_key(partition));
        wanted
    }
}

/// Where one partition stands in a shift.
enum Place {
    /// Nothing happens to it.
    Free,
    /// It had to stop, and is not taken before then.
    Resting(Instant),
    /// It is brought to the head of its log; its calls' results will arrive here.
    Taking(mpsc::Receiver<Stimulus>),
    Running(Running),
}

struct Running {
    halt: watch::Sender<bool>,
    inbox: mpsc::Sender<Batch>,
    /// Told when it has stopped, because they asked for it.
    released: Vec<oneshot::Sender<()>>,
    _announced: Option<Announced>,
}

type Ending = (u16, Mail, Result<(), Stop>);

/// The readers of the inbox: one hands out what is to be decided, the other tells who is the first one.
struct Reading {
    distributing: JoinHandle<()>,
    greeting: JoinHandle<()>,
}

impl Reading {
    /// Resolves when one of them ended.
    async fn ended(&mut self) {
        tokio::select! {
            _ = &mut self.distributing => {}
            _ = &mut self.greeting => {}
        }
    }

    /// Resolves when both are gone for certain.
    async fn stop(self) {
        for reader in [self.distributing, self.greeting] {
            if !reader.is_finished() {
                reader.abort();
                let _ = reader.await;
            }
        }
    }
}

struct Shift<'a> {
    keeper: &'a Keeper,
    database: &'a Database,
    places: Vec<Place>,
    taking: JoinSet<(u16, Result<Box<Partition>, Stop>)>,
    running: JoinSet<Ending>,
    snapshots: Arc<Vec<AtomicU64>>,
    reading: Option<Reading>,
    /// When the inbox is read again, when it is not.
    read_at: Option<Instant>,
    ending: Option<Ended>,
}

impl<'a> Shift<'a> {
    fn new(keeper: &'a Keeper, database: &'a Database) -> Self {
        let count = keeper.partitions();
        Self {
            keeper,
            database,
            places: (0..count).map(|_| Place::Free).collect(),
            taking: JoinSet::new(),
            running: JoinSet::new(),
            snapshots: Arc::new((0..count).map(|_| AtomicU64::new(0)).collect()),
            reading: None,
            read_at: None,
            ending: None,
        }
    }

    async fn run(mut self, arriving: &mut Arriving, live: &mut Option<watch::Receiver<Live>>) -> Ended {
        let mut stopping = self.keeper.stopping.clone();
        let trimmer = self.keeper.shared.background.spawn(self.trimmer().run());
        let ended = loop {
            let wanted = if self.ending.is_some() { BTreeSet::new() } else { self.keeper.wanted(live) };
            self.follow(&wanted);
            if let Some(ended) = self.ending.filter(|_| self.taking.is_empty() && self.running.is_empty()) {
                break ended;
            }
            let wake_at = self.wake_at();
            tokio::select! {
                Some(taken) = self.taking.join_next() => self.taken(taken, &wanted, arriving).await,
                Some(ended) = self.running.join_next() => self.ended(ended, arriving),
                () = changed(live) => {}
                Some(release) = arriving.releases.recv() => self.release(release),
                () = stop_requested(&mut stopping), if self.ending.is_none() => self.end(Ended::Shutdown),
                () = sleep_until(wake_at) => self.read_if_due(),
                () = finished(&mut self.reading) => {
                    self.stop_reading().await;
                    self.read_at = Some(Instant::now() + REST);
                }
            }
        };
        self.stop_reading().await;
        trimmer.abort();
        ended
    }

    /// A graver reason to end replaces a lighter one.
    fn end(&mut self, ended: Ended) {
        if self.ending != Some(Ended::Shutdown) {
            self.ending = Some(ended);
        }
    }

    /// Takes what is wanted and free, halts what runs and is not wanted.
    fn follow(&mut self, wanted: &BTreeSet<u16>) {
        for number in 0..self.keeper.partitions() {
            let place = &mut self.places[usize::from(number)];
            match place {
                Place::Running(running) if !wanted.contains(&number) => {
                    running.halt.send_replace(true);
                }
                Place::Free if wanted.contains(&number) => self.take(number),
                Place::Resting(until) if wanted.contains(&number) && *until <= Instant::now() => self.take(number),
                Place::Free | Place::Resting(_) | Place::Taking(_) | Place::Running(_) => {}
            }
        }
    }

    fn take(&mut self, number: u16) {
        let (sender, results) = mpsc::channel(RESULTS_WAITING_MAX);
        self.places[usize::from(number)] = Place::Taking(results);
        let (shared, database) = (self.keeper.shared.clone(), self.database.clone());
        let taking = take(number, shared, database, sender, self.keeper.cluster.clone());
        self.taking.spawn_on(taking, &self.keeper.shared.background);
    }

    /// A partition is at the head of its log and nobody else's any more: it runs, unless that is not wanted any more.
    async fn taken(
        &mut self,
        taken: Result<(u16, Result<Box<Partition>, Stop>), tokio::task::JoinError>,
        wanted: &BTreeSet<u16>,
        arriving: &mut Arriving,
    ) {
        let (number, partition) = match taken {
            Ok((number, Ok(partition))) => (number, partition),
            Ok((number, Err(stop))) => {
                self.places[usize::from(number)] = Place::Resting(Instant::now() + REST);
                return self.judge(number, &stop);
            }
            Err(panic) => {
                tracing::error!(%panic, "taking a partition over panicked");
                return self.end(Ended::Again);
            }
        };
        let place = std::mem::replace(&mut self.places[usize::from(number)], Place::Free);
        let (Place::Taking(results), true) = (place, wanted.contains(&number)) else { return };
        let Some(questions) = arriving.questions[usize::from(number)].take() else { return };
        self.start(partition, results, questions).await;
    }

    async fn start(
        &mut self,
        mut partition: Box<Partition>,
        results: mpsc::Receiver<Stimulus>,
        questions: mpsc::Receiver<Asked>,
    ) {
        let number = partition.number;
        partition.trimmable = Some(self.snapshots.clone());
        // Nobody may think that what is behind the new partition was handed out to it already.
        self.stop_reading().await;
        let consumed = partition.head.consumed.through;
        let standing = Standing { inbox_through: consumed, head: partition.head.position, running: false };
        self.keeper.shared.progress.stand(number, standing);
        self.keeper.shared.progress.read_through(0);
        self.read_at.get_or_insert_with(|| Instant::now() + GATHER);
        let (inbox, batches) = mpsc::channel(INBOX_WAITING_MAX);
        let (halt, shutdown) = watch::channel(false);
        let mail = Mail { inbox: batches, results, questions, shutdown };
        self.running.spawn_on(run_contained(partition, mail), &self.keeper.shared.background);
        let announced = self.announce(number);
        self.places[usize::from(number)] =
            Place::Running(Running { halt, inbox, released: Vec::new(), _announced: announced });
    }

    fn announce(&self, number: u16) -> Option<Announced> {
        let cluster = self.keeper.cluster.as_ref()?;
        let entrances = self.keeper.shared.entrances.clone();
        let entrance = entrances.all.get(usize::from(number))?.clone();
        let (progress, releases) = (self.keeper.shared.progress.clone(), self.keeper.releases.clone());
        let owner = PartitionOwner { number, entrance, entrances, progress, releases };
        Some(cluster.announce(number, Arc::new(owner)))
    }

    fn ended(&mut self, ended: Result<Ending, tokio::task::JoinError>, arriving: &mut Arriving) {
        let (number, mail, result) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "a partition's task ended");
                return self.end(Ended::Again);
            }
        };
        let mut questions = mail.questions;
        self.keeper.shared.entrances.all[usize::from(number)].reset();
        if self.keeper.cluster.is_some() {
            // Another engine knows the answers now: whoever asked asks again.
            while questions.try_recv().is_ok() {}
        }
        arriving.questions[usize::from(number)] = Some(questions);
        let place = std::mem::replace(&mut self.places[usize::from(number)], Place::Resting(Instant::now() + REST));
        let Place::Running(running) = place else { return };
        match result {
            // It was halted because it is not wanted here; when it is wanted again it is taken at once.
            Ok(()) if running.released.is_empty() => self.places[usize::from(number)] = Place::Free,
            Ok(()) => {}
            Err(stop) => self.judge(number, &stop),
        }
        for released in running.released {
            let _ = released.send(());
        }
    }

    fn release(&mut self, release: Release) {
        if let Some(Place::Running(running)) = self.places.get_mut(usize::from(release.partition)) {
            running.halt.send_replace(true);
            running.released.push(release.done);
        }
    }

    /// What follows from a partition's stop.
    fn judge(&mut self, number: u16, stop: &Stop) {
        match stop {
            Stop::Store(error) => {
                tracing::error!(partition = number, %error, "the index failed");
                self.end(Ended::Rebuild);
            }
            Stop::Read(error) => {
                tracing::error!(partition = number, error = %causes(&error), "the log cannot be read; trying again");
            }
            Stop::Object(error) => {
                tracing::error!(partition = number, error = %causes(&error), "a body cannot be read; trying again");
            }
            Stop::Panicked { reason, .. } => {
                tracing::error!(partition = number, reason, "a turn panicked; starting again from the log");
            }
            Stop::Fenced { epoch, .. } if self.keeper.cluster.is_some() => {
                tracing::info!(partition = number, epoch, "another engine owns the partition now");
            }
            Stop::Fenced { .. } | Stop::Fold(_) | Stop::Changed { .. } => {
                tracing::error!(partition = number, reason = %stop, "the partition is stopped");
                self.keeper.condition.stop(number, stop.to_string());
            }
        }
    }

    /// The next moment at which something is due without anything happening.
    fn wake_at(&self) -> Option<Instant> {
        let rests = self.places.iter().filter_map(|place| match place {
            // One that is past is not wanted, else it were taken.
            Place::Resting(until) => Some(*until).filter(|until| *until > Instant::now()),
            Place::Free | Place::Taking(_) | Place::Running(_) => None,
        });
        rests.chain(self.read_at).min()
    }

    fn read_if_due(&mut self) {
        if self.read_at.is_none_or(|at| at > Instant::now()) {
            return;
        }
        self.read_at = None;
        let inboxes: Vec<_> = self.places.iter().map(Place::inbox).collect();
        let progress = self.keeper.shared.progress.clone();
        let consumed = (0..).zip(&inboxes).filter(|(_, inbox)| inbox.is_some());
        let from = consumed.map(|(number, _)| progress.standing(number).inbox_through).min();
        let Some(from) = from else { return };
        let shared = &self.keeper.shared;
        let open = shared.entrances.all.iter().zip(&inboxes);
        let entrances = open.map(|(entrance, inbox)| inbox.as_ref().map(|_| entrance.clone())).collect();
        let (log, from) = (shared.parts.log.clone(), Position(from));
        let greeted = progress.clone();
        let distributing = shared.background.spawn(async move {
            if let Err(error) = inbox::distribute(log, 0, from, inboxes, progress).await {
                tracing::error!(error = %causes(&error), "the inbox cannot be read; trying again");
            }
        });
        let log = shared.parts.log.clone();
        let greeting = tokio::spawn(async move {
            if let Err(error) = entrance::greet(log, 0, from, entrances, greeted).await {
                tracing::error!(error = %causes(&error), "the inbox cannot be read; trying again");
            }
        });
        self.reading = Some(Reading { distributing, greeting });
    }

    async fn stop_reading(&mut self) {
        if let Some(reading) = self.reading.take() {
            reading.stop().await;
        }
    }

    fn trimmer(&self) -> Trimmer {
        let shared = &self.keeper.shared;
        Trimmer {
            log: shared.parts.log.clone(),
            database: self.database.clone(),
            progress: shared.progress.clone(),
            config: shared.config.clone(),
            cap: self.keeper.cap.clone(),
            cluster: self.keeper.cluster.clone(),
            snapshots: self.snapshots.clone(),
        }
    }
}

impl Place {
    fn inbox(&self) -> Option<mpsc::Sender<Batch>> {
        match self {
            Place::Running(running) => Some(running.inbox.clone()),
            Place::Free | Place::Resting(_) | Place::Taking(_) => None,
        }
    }
}

/// Resolves when other engines live than before; never without a cluster.
async fn changed(live: &mut Option<watch::Receiver<Live>>) {
    if let Some(live) = live
        && live.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Resolves when the engine stops, or is gone.
async fn stop_requested(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn finished(reading: &mut Option<Reading>) {
    match reading {
        Some(reading) => reading.ended().await,
        None => std::future::pending().await,
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

/// Brings a partition to the head of its log, lets its owner finish, and makes this process the owner.
async fn take(
    number: u16,
    shared: Arc<Shared>,
    database: Database,
    results: mpsc::Sender<Stimulus>,
    cluster: Option<SharedCluster>,
) -> (u16, Result<Box<Partition>, Stop>) {
    let taken = async {
        let entrance = shared.entrances.all[usize::from(number)].clone();
        entrance.reset();
        let mut store = database.partition(number, entrance)?;
        let (head, snapshots) = recover::starting_point(&shared.parts.log, &mut store, number).await?;
        let mut partition = Box::new(Partition::new(number, shared, store, head, snapshots, results));
        if let Some(cluster) = cluster {
            partition.catch_up(drop).await?;
            cluster.ask_to_release(number).await;
        }
        recover::take_ownership(&mut partition).await?;
        Ok(partition)
    };
    (number, taken.await)
}

/// Runs a partition; a panic is an end like any other.
async fn run_contained(mut partition: Box<Partition>, mut mail: Mail) -> Ending {
    let number = partition.number;
    let ended = AssertUnwindSafe(partition.run(&mut mail)).catch_unwind().await;
    let result = ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let reason = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Stop::Panicked { partition: number, reason })
    });
    (number, mail, result)
}
