//! Clients that deliver every key several times and retry until they are told 2xx.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinHandle;
use windhover_testing::{Answer, Api};

use crate::{
    facts::{Operation, Outcome, Verdict},
    now_ms,
};

/// How long a client waits before it tries again.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// How long a canary is waited for before it is sent again, to another ingress: a frozen one never answers.
const CANARY_PATIENCE: Duration = Duration::from_secs(4);

/// Newest keys of which one is repeated in a steady load.
const REPEATED_WITHIN: usize = 300;

/// Every this many keys goes to the flow that calls the sink and sleeps.
const CALLING_EVERY: usize = 5;

/// A flow that ends within one turn.
pub(crate) const PLAIN_FLOW: &str = "\
id: plain
namespace: crash.test
tasks:
  - id: out
    type: io.kestra.plugin.core.debug.Return
    format: \"{{ trigger.body.key }}\"
triggers:
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: plainKey
";

/// A flow that answers when it has ended: sent to learn when everything works again.
pub(crate) const CANARY_FLOW: &str = "\
id: canary
namespace: crash.test
tasks:
  - id: out
    type: io.kestra.plugin.core.debug.Return
    format: \"{{ trigger.body.key }}\"
triggers:
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: canaryKey
    wait: true
";

/// A flow that calls the sink and sleeps.
pub(crate) fn calling_flow(sink: &str) -> String {
    format!(
        "\
id: calling
namespace: crash.test
tasks:
  - id: call
    type: io.kestra.plugin.core.http.Request
    uri: http://{sink}/call
    method: POST
    contentType: application/json
    body: \"{{{{ trigger.body | json }}}}\"
    retry:
      type: constant
      interval: PT0.5S
      maxAttempts: 10
  - id: nap
    type: io.kestra.plugin.core.flow.Sleep
    duration: PT0.3S
  - id: out
    type: io.kestra.plugin.core.debug.Return
    format: \"{{{{ outputs.call.code }}}}\"
triggers:
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: callingKey
"
    )
}

/// What is to be delivered, in which order, and how far it is.
#[derive(Debug)]
pub(crate) struct Load {
    keys: usize,
    order: Vec<usize>,
    next: AtomicUsize,
    accepted: AtomicUsize,
    /// When the first delivery is due and how long after it the next one, when they do not simply follow each other.
    pace: Option<(Instant, Duration)>,
}

impl Load {
    /// Each key this many times, shuffled.
    pub(crate) fn new(keys: usize, copies: usize, seed: u64) -> Self {
        let mut order: Vec<usize> = (0..keys).flat_map(|key| std::iter::repeat_n(key, copies)).collect();
        let mut random = Random(seed);
        // Copies of one key stay near each other, so that many of them are under way at once and around the same kill.
        for place in 0..order.len() {
            let near = 64.min(order.len() - place);
            order.swap(place, place + random.below(near));
        }
        Self { keys, order, next: AtomicUsize::new(0), accepted: AtomicUsize::new(0), pace: None }
    }

    /// This many deliveries a second for so long, of which some (in percent) repeat one of the last few hundred keys.
    pub(crate) fn steady(rate: usize, span: Duration, repeats: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let (mut keys, mut order) = (0, Vec::new());
        for _ in 0..rate * span.as_secs() as usize {
            if keys > 0 && random.below(100) < repeats {
                order.push(keys - 1 - random.below(keys.min(REPEATED_WITHIN)));
            } else {
                order.push(keys);
                keys += 1;
            }
        }
        let pace = Some((Instant::now(), Duration::from_secs(1) / rate as u32));
        Self { keys, order, next: AtomicUsize::new(0), accepted: AtomicUsize::new(0), pace }
    }

    /// The next delivery, when it is due.
    async fn next(&self) -> Option<usize> {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        let key = self.order.get(place).copied()?;
        if let Some((first, apart)) = self.pace {
            tokio::time::sleep_until((first + apart * place as u32).into()).await;
        }
        Some(key)
    }

    /// All keys.
    pub(crate) fn keys(&self) -> Vec<String> {
        (0..self.keys).map(key_text).collect()
    }

    /// Numbers of accepted deliveries at which to kill: spread evenly, moved a little, the last one well before the end.
    pub(crate) fn kill_moments(&self, kills: usize, seed: u64) -> Vec<usize> {
        let mut random = Random(seed ^ 0x6b69_6c6c);
        let step = (self.order.len() / (kills + 1)).max(1);
        (1..=kills).map(|number| number * step - random.below(step / 4 + 1)).collect()
    }

    /// Resolves when this many deliveries were accepted.
    pub(crate) async fn wait_for(&self, accepted: usize) {
        while self.accepted.load(Ordering::Relaxed) < accepted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn key_text(number: usize) -> String {
    format!("key-{number}")
}

/// Starts the clients, which take turns with the servers at these addresses; each gives what it saw when there is nothing left
/// to deliver.
pub(crate) fn start(load: &Arc<Load>, bases: &[String], clients: usize) -> Vec<JoinHandle<Vec<Operation>>> {
    let client = |number| {
        let (load, apis) = (load.clone(), bases.iter().map(|base| Api::new(base)).collect::<Vec<_>>());
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some(key) = load.next().await {
                deliver_until_accepted(number, key, &apis, &mut seen).await;
                load.accepted.fetch_add(1, Ordering::Relaxed);
            }
            seen
        })
    };
    (0..clients).map(client).collect()
}

async fn deliver_until_accepted(client: usize, number: usize, apis: &[Api], seen: &mut Vec<Operation>) {
    for attempt in 0.. {
        let (key, invoked_ms) = (key_text(number), now_ms());
        let outcome = deliver(number, &key, &apis[(number + client + attempt) % apis.len()]).await;
        let accepted = matches!(outcome, Outcome::Accepted { .. });
        seen.push(Operation { client, key, invoked_ms, completed_ms: now_ms(), outcome });
        if accepted {
            return;
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

async fn deliver(number: usize, key: &str, api: &Api) -> Outcome {
    let (flow, path) =
        if number.is_multiple_of(CALLING_EVERY) { ("calling", "callingKey") } else { ("plain", "plainKey") };
    let webhook = api.webhook("crash.test", flow, path).key(key).json(&json!({"key": key, "number": number}));
    match webhook.try_send().await {
        Ok(answer) if answer.status.is_success() => accepted(&answer),
        Ok(answer) => Outcome::Refused(answer.status.as_u16()),
        Err(_) => Outcome::Unknown,
    }
}

/// Delivers keys of the canary flow until each was answered, which it is when its execution has ended. Returns the operations.
pub(crate) async fn send_canaries(keys: &[String], bases: &[String], client: usize) -> Vec<Operation> {
    let apis: Vec<_> = bases.iter().map(|base| Api::new(base)).collect();
    let mut sending = tokio::task::JoinSet::new();
    for (number, key) in keys.iter().cloned().enumerate() {
        let apis = apis.clone();
        sending.spawn(async move {
            let mut seen = Vec::new();
            for attempt in number.. {
                let invoked_ms = now_ms();
                let webhook = apis[attempt % apis.len()].webhook("crash.test", "canary", "canaryKey");
                let sent = webhook.key(&key).json(&json!({"key": &key})).try_send();
                let outcome = match tokio::time::timeout(CANARY_PATIENCE, sent).await {
                    Ok(Ok(answer)) if answer.status.is_success() => accepted(&answer),
                    Ok(Ok(answer)) => Outcome::Refused(answer.status.as_u16()),
                    Ok(Err(_)) | Err(_) => Outcome::Unknown,
                };
                let done = matches!(outcome, Outcome::Accepted { .. });
                seen.push(Operation { client, key: key.clone(), invoked_ms, completed_ms: now_ms(), outcome });
                if done {
                    break;
                }
                tokio::time::sleep(RETRY_DELAY).await;
            }
            seen
        });
    }
    sending.join_all().await.into_iter().flatten().collect()
}

fn accepted(answer: &Answer) -> Outcome {
    let verdict = match (answer.header("idempotent-replayed"), answer.header("windhover-verdict")) {
        ("true", _) => Verdict::Replayed,
        (_, "pending") => Verdict::Pending,
        (_, _) => Verdict::First,
    };
    Outcome::Accepted { execution: answer.id(), verdict }
}

/// The same numbers for the same seed (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}
