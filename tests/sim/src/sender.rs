//! Everyone who sends webhooks, and the ingress that stores them: each sender tries again until it is told "stored".

use windhover_proto::{
    codec::{InboxLine, encode_inbox},
    delivery::{Delivery, Key, KeySource, RawRequest},
    id::{DeliveryId, ExecutionId, Fingerprint, TenantId, TriggerId},
    input::{Input, WebhookReceived},
    request::{Body, HeaderValue, Request},
    time::Timestamp,
};

use crate::{PARTITIONS, catalog, log::Bytes, rng::Rng};

/// Most new deliveries that one sender makes of one message; after that it sends the same one again. Less than the inputs
/// that an owner remembers for each execution.
const DELIVERIES_MAX: u32 = 4;

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// To be sent now.
    Due,
    /// Sent; the answer is awaited.
    Sent,
    /// Told "stored".
    Stored,
}

/// One message that somebody wants to be stored.
#[derive(Debug)]
struct Job {
    flow: usize,
    key: Option<Key>,
    number: usize,
    body: String,
    progress: Progress,
    tries: u32,
    last: Option<Input>,
}

/// A record on its way to the inbox, and whose messages it holds.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// What is appended.
    pub record: Bytes,
    /// The inputs in it.
    pub inputs: Vec<Input>,
    /// The jobs that wait for it.
    jobs: Vec<usize>,
}

/// All senders.
#[derive(Debug)]
pub(crate) struct Senders {
    jobs: Vec<Job>,
    due: Vec<usize>,
    stored: usize,
}

impl Senders {
    /// Plans `executions` messages, some of which are sent several times, some of those with another body.
    pub(crate) fn plan(executions: usize, rng: &mut Rng) -> Self {
        let mut jobs = Vec::new();
        for number in 0..executions {
            let flow = rng.below(catalog::flows().len());
            let source = *rng.pick(&[KeySource::Header, KeySource::Preset, KeySource::Expression]);
            let key = (!rng.percent(10)).then(|| key(number, source));
            let copies = if key.is_some() { 1 + rng.below(3) } else { 1 };
            for copy in 0..copies {
                let other = copy > 0 && rng.percent(30);
                let body = format!("{{\"n\":{},\"x\":null}}", if other { number + 1_000_000 } else { number });
                jobs.push(Job { flow, key: key.clone(), number, body, progress: Progress::Due, tries: 0, last: None });
            }
        }
        let due = (0..jobs.len()).collect();
        Self { jobs, due, stored: 0 }
    }

    /// Whether everyone was told "stored".
    pub(crate) fn all_stored(&self) -> bool {
        self.stored == self.jobs.len()
    }

    /// Some waiting messages, joined as the ingress joins them.
    pub(crate) fn batch(&mut self, now: Timestamp, rng: &mut Rng) -> Option<Batch> {
        let mut chosen = Vec::new();
        for _ in 0..=rng.below(5) {
            if !self.due.is_empty() {
                chosen.push(self.due.swap_remove(rng.below(self.due.len())));
            }
        }
        if chosen.is_empty() {
            return None;
        }
        let inputs: Vec<Input> = chosen.iter().map(|job| self.jobs[*job].send(now, rng)).collect();
        let lines: Vec<InboxLine> = inputs.iter().map(|input| InboxLine::new(input, PARTITIONS)).collect();
        Some(Batch { record: encode_inbox(&lines).into(), inputs, jobs: chosen })
    }

    /// A batch was stored and its senders were told so.
    pub(crate) fn told(&mut self, batch: &Batch) {
        for job in &batch.jobs {
            let job = &mut self.jobs[*job];
            self.stored += usize::from(job.progress != Progress::Stored);
            job.progress = Progress::Stored;
        }
    }

    /// No answer came: they try again.
    pub(crate) fn unanswered(&mut self, batch: &Batch) {
        for index in &batch.jobs {
            let job = &mut self.jobs[*index];
            if job.progress == Progress::Sent {
                job.progress = Progress::Due;
                self.due.push(*index);
            }
        }
    }
}

fn key(number: usize, source: KeySource) -> Key {
    let id = format!("order-{number}").parse();
    Key { id: id.unwrap_or_else(|error| unreachable!("{error}")), source }
}

impl Batch {
    /// A copy that nobody waits for: what a reconnect sends again.
    pub(crate) fn ghost(&self) -> Batch {
        Batch { jobs: Vec::new(), ..self.clone() }
    }
}

impl Job {
    /// A new delivery; or the last one again, always when nothing but its id tells it from another message.
    fn send(&mut self, now: Timestamp, rng: &mut Rng) -> Input {
        self.progress = Progress::Sent;
        self.tries += 1;
        let again = self.key.is_none() || self.tries > DELIVERIES_MAX || rng.percent(50);
        if let Some(last) = self.last.as_ref().filter(|_| again) {
            return last.clone();
        }
        let input = self.delivery(now, rng);
        self.last = Some(input.clone());
        input
    }

    fn delivery(&self, now: Timestamp, rng: &mut Rng) -> Input {
        let flow = catalog::flows()[self.flow].clone();
        let trigger: TriggerId = "hook".parse().unwrap_or_else(|error| unreachable!("{error}"));
        let execution = match &self.key {
            None => ExecutionId::from_bytes(rng.id()),
            Some(key) => ExecutionId::of_correlation(&TenantId::main(), &flow.namespace, &flow.flow, &trigger, &key.id),
        };
        let request = Request {
            method: "POST".to_owned(),
            query: format!("number={}", self.number),
            headers: vec![("content-type".to_owned(), HeaderValue::Text("application/json".to_owned()))],
            body: Some(Body::Text(self.body.clone())),
        };
        Input::WebhookReceived(Box::new(WebhookReceived {
            execution,
            flow,
            definitions_at: 1,
            delivery: Delivery {
                id: DeliveryId::from_bytes(rng.id()),
                trigger: Some(trigger),
                received_at: now,
                key: self.key.clone(),
                fingerprint: Fingerprint::of(self.body.as_bytes()),
                request: RawRequest::new(&request),
            },
            labels: vec![("number".to_owned(), self.number.to_string())],
            inputs: None,
            secret_inputs: None,
            from: "trigger".to_owned(),
        }))
    }
}
