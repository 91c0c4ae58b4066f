//! Clients that deliver every key several times and retry until they are told 2xx.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
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
        Self { keys, order, next: AtomicUsize::new(0), accepted: AtomicUsize::new(0) }
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

/// Starts the clients; each gives what it saw when there is nothing left to deliver.
pub(crate) fn start(load: &Arc<Load>, base: &str, clients: usize) -> Vec<JoinHandle<Vec<Operation>>> {
    let client = |number| {
        let (load, api) = (load.clone(), Api::new(base));
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some(key) = load.order.get(load.next.fetch_add(1, Ordering::Relaxed)) {
                deliver_until_accepted(number, *key, &api, &mut seen).await;
                load.accepted.fetch_add(1, Ordering::Relaxed);
            }
            seen
        })
    };
    (0..clients).map(client).collect()
}

async fn deliver_until_accepted(client: usize, number: usize, api: &Api, seen: &mut Vec<Operation>) {
    loop {
        let (key, invoked_ms) = (key_text(number), now_ms());
        let outcome = deliver(number, &key, api).await;
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

fn accepted(answer: &Answer) -> Outcome {
    let verdict = match (answer.header("idempotent-replayed"), answer.header("windhover-verdict")) {
        ("true", _) => Verdict::Replayed,
        (_, "pending") => Verdict::Pending,
        (_, _) => Verdict::First,
    };
    Outcome::Accepted { execution: answer.id(), verdict }
}

/// The same numbers for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}
