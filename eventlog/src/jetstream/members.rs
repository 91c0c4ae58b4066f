//! Who lives: one key per engine in a NATS key-value bucket, which expires unless its engine keeps writing it.
//!
//! The keys are listed, not watched: a list is right again after any reconnect, failover or freeze, with nothing to repair.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::{
    HeaderMap, Subscriber, header,
    jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use serde::Deserialize;
use tokio::{sync::watch, task::JoinHandle};

use super::{Inner, JetStream, connect::store_error, questions, streams};
use crate::{
    OpenError,
    cluster::{Announced, Cluster, Live, Owner},
};

/// Heartbeats in the life of a key: some may be lost before it expires.
const BEATS: u32 = 5;
/// Longest time between two looks at who lives, unless somebody says that it changed.
const LOOK_EVERY_MAX: Duration = Duration::from_millis(500);
/// Shortest life of a key: the server counts whole seconds.
pub const ENGINE_TTL_MIN: Duration = Duration::from_secs(1);

/// One engine among those that share this log.
#[derive(Debug)]
pub struct Membership {
    shared: Arc<Shared>,
    beating: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    inner: Arc<Inner>,
    name: String,
    ttl: Duration,
    began: Instant,
    /// When the newest confirmed heartbeat was sent, in milliseconds since `began`, plus one; 0 before the first, also after a lapse.
    beaten_ms: AtomicU64,
    /// When the heartbeat lapsed last.
    lapsed_at: Mutex<Option<Instant>>,
    live: watch::Sender<Live>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

impl JetStream {
    /// Becomes one of the engines of this log, under a new name, for as long as the answer is held. The key of an engine that
    /// dies expires after `ttl`.
    ///
    /// # Errors
    /// When the bucket can neither be found nor made.
    pub async fn join(&self, ttl: Duration) -> Result<Arc<Membership>, OpenError> {
        let ttl = ttl.max(ENGINE_TTL_MIN);
        make_bucket(&self.inner).await?;
        let subject = self.inner.names.engines_changed();
        let changes = self.inner.client.subscribe(subject).await;
        let changes = changes.map_err(|cause| store_error(&self.inner.options, cause))?;
        let shared = Arc::new(Shared {
            inner: self.inner.clone(),
            name: self.inner.client.new_inbox().rsplit('.').next().unwrap_or_default().to_owned(),
            ttl,
            began: Instant::now(),
            beaten_ms: AtomicU64::new(0),
            lapsed_at: Mutex::default(),
            live: watch::Sender::default(),
        });
        let beating = tokio::spawn(shared.clone().keep_beating(changes));
        Ok(Arc::new(Membership { shared, beating }))
    }
}

/// Makes the stream behind the bucket of heartbeats, or finds it.
async fn make_bucket(inner: &Inner) -> Result<(), OpenError> {
    streams::patiently(&inner.names.engines_stream(), || make_bucket_once(inner)).await
}

async fn make_bucket_once(inner: &Inner) -> Result<(), OpenError> {
    let (context, name) = (&inner.context, inner.names.engines_stream());
    if context.get_stream(&name).await.is_ok() {
        return streams::copy(context, &inner.options, &name, inner.replicas).await;
    }
    match context.create_stream(bucket_config(inner)).await {
        Ok(_) => Ok(()),
        // Two engines that start together: the other one was faster.
        Err(_) if context.get_stream(&name).await.is_ok() => Ok(()),
        Err(cause) => Err(store_error(&inner.options, cause)),
    }
}

/// Messages may have a life of their own, which the client's key-value calls cannot renew.
fn bucket_config(inner: &Inner) -> Config {
    Config {
        name: inner.names.engines_stream(),
        subjects: vec![inner.names.engine_key(">")],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_messages: -1,
        max_bytes: -1,
        max_messages_per_subject: 1,
        deny_delete: true,
        allow_rollup: true,
        allow_direct: true,
        allow_message_ttl: true,
        num_replicas: inner.replicas,
        ..Config::default()
    }
}

#[derive(Deserialize)]
struct StreamAnswer {
    state: Option<StreamState>,
}

#[derive(Deserialize)]
struct StreamState {
    #[serde(default)]
    subjects: HashMap<String, u64>,
}

impl Shared {
    /// Beats and looks for ever. What lapses is told at once, and the engine then is as if it had never been: it joins anew after
    /// a while, when it has stopped what it owned. Until then it has no key, so the others work in its place.
    async fn keep_beating(self: Arc<Self>, mut changes: Subscriber) {
        let pause = (self.ttl / BEATS).min(LOOK_EVERY_MAX);
        let mut beat_at = Instant::now();
        loop {
            // Before the next beat makes it look as if nothing had happened: the process may have been frozen.
            self.lapse_if_stale();
            if Instant::now() >= beat_at && self.may_beat() {
                beat_at = Instant::now() + self.ttl / BEATS;
                let joining = !self.has_beaten();
                self.beat().await;
                if joining && self.has_beaten() {
                    self.tell_all().await;
                }
            }
            self.lapse_if_stale();
            if !self.is_stale()
                && let Some(live) = self.look().await
                && !self.is_stale()
            {
                self.show(live);
            }
            let _ = tokio::time::timeout(pause, changes.next()).await;
        }
    }

    fn has_beaten(&self) -> bool {
        self.beaten_ms.load(Ordering::Acquire) > 0
    }

    /// Writes our key anew, with a new life. A beat that is not confirmed in time counts as lost.
    async fn beat(&self) {
        let sent = Instant::now();
        let mut headers = HeaderMap::new();
        headers.insert(header::NATS_MESSAGE_TTL, self.ttl.as_secs().to_string());
        let request = async_nats::Request::new().headers(headers).payload(self.name.clone().into());
        let request = request.timeout(Some(self.ttl / BEATS));
        let answer = self.inner.client.send_request(self.inner.names.engine_key(&self.name), request).await;
        let stored = answer
            .is_ok_and(|answer| matches!(super::reply::Reply::parse(&answer.payload), super::reply::Reply::Stored(_)));
        if stored {
            // A freeze may also have come between the last look at the clock and the sending.
            if self.has_beaten() && sent >= self.valid_until() {
                return self.lapse();
            }
            let sent_ms = sent.duration_since(self.began).as_millis();
            self.beaten_ms.store(u64::try_from(sent_ms).unwrap_or(u64::MAX - 1) + 1, Ordering::Release);
        } else {
            tracing::debug!(engine = self.name, "a heartbeat was not confirmed");
        }
    }

    /// Until when the newest heartbeat counts. The server counts the life of a key from when it stored it, which is never
    /// before the beat was sent; a tenth is left for clocks that do not run alike.
    fn valid_until(&self) -> Instant {
        let beaten_ms = self.beaten_ms.load(Ordering::Acquire).saturating_sub(1);
        self.began + Duration::from_millis(beaten_ms) + self.ttl * 9 / 10
    }

    fn is_stale(&self) -> bool {
        !self.has_beaten() || Instant::now() >= self.valid_until()
    }

    /// A key that came back at once would keep the others from working in our place before we can.
    fn may_beat(&self) -> bool {
        let lapsed = *self.lapsed_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_beaten() || lapsed.is_none_or(|at| at.elapsed() >= self.ttl / 2)
    }

    fn lapse_if_stale(&self) {
        if self.has_beaten() && self.is_stale() {
            self.lapse();
        }
    }

    /// From now on no effect starts until this engine has joined anew, and everyone here is told.
    fn lapse(&self) {
        *self.lapsed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.beaten_ms.store(0, Ordering::Release);
        self.live.send_if_modified(|live| {
            let had = !live.is_empty();
            if had {
                tracing::warn!(
                    engine = self.name,
                    "the heartbeat lapsed: this engine stops what it owns and joins anew"
                );
                *live = Live::default();
            }
            had
        });
    }

    /// Who has a key. `None` when the server does not say.
    async fn look(&self) -> Option<Vec<String>> {
        let subject = format!("STREAM.INFO.{}", self.inner.names.engines_stream());
        let request = serde_json::json!({ "subjects_filter": self.inner.names.engine_key(">") });
        let asked = self.inner.context.request::<_, _, StreamAnswer>(subject, &request);
        let answer = tokio::time::timeout(self.ttl / BEATS, asked).await.ok()?.ok()?;
        let prefix = self.inner.names.engine_key("");
        let subjects = answer.state?.subjects;
        let mut names: Vec<_> = subjects.keys().filter_map(|key| Some(key.strip_prefix(&prefix)?.to_owned())).collect();
        names.sort_unstable();
        Some(names)
    }

    fn show(&self, names: Vec<String>) {
        self.live.send_if_modified(|live| {
            let changed = **live != names;
            if changed {
                tracing::info!(engine = self.name, live = ?names, "the living engines are others than before");
                *live = Live::new(names);
            }
            changed
        });
    }

    async fn tell_all(&self) {
        // Only to make the others look at once; they look anyway.
        let _ = self.inner.client.publish(self.inner.names.engines_changed(), "".into()).await;
        let _ = self.inner.client.flush().await;
    }

    async fn leave(&self) {
        let stream = self.inner.context.get_stream_no_info(self.inner.names.engines_stream()).await;
        if let Ok(stream) = stream {
            let key = self.inner.names.engine_key(&self.name);
            if let Err(error) = stream.purge().filter(key).await {
                tracing::warn!(%error, "the heartbeat could not be taken back; it expires by itself");
            }
        }
        self.tell_all().await;
    }
}

impl Cluster for Membership {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn live(&self) -> watch::Receiver<Live> {
        self.shared.live.subscribe()
    }

    fn is_fresh(&self) -> bool {
        !self.shared.is_stale()
    }

    fn announce(&self, partition: u16, owner: Arc<dyn Owner>) -> Announced {
        Box::new(questions::Service::start(self.shared.inner.clone(), partition, self.shared.name.clone(), owner))
    }

    fn ask_to_release(&self, partition: u16) -> BoxFuture<'static, ()> {
        questions::release(self.shared.inner.clone(), partition).boxed()
    }

    fn inbox_consumed(&self, partition: u16) -> BoxFuture<'static, Option<u64>> {
        questions::consumed(self.shared.inner.clone(), partition).boxed()
    }

    fn leave(&self) -> BoxFuture<'static, ()> {
        self.beating.abort();
        let shared = self.shared.clone();
        async move { shared.leave().await }.boxed()
    }
}
