//! A bounded pool that runs calls, fair to flows: each flow that waits gets its turn, however many calls another one has.

use std::{
    collections::VecDeque,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::sync::mpsc;
use windhover_eventlog::cluster::SharedCluster;
use windhover_proto::{
    core::{Call, CallFailure, Stimulus},
    delivery::FlowRef,
    id::{FlowId, Namespace, TenantId},
};

use super::Client;

/// How often it is looked whether a heartbeat that had lapsed is fresh again.
const FRESH_POLL: Duration = Duration::from_millis(50);

type FlowName = Option<(TenantId, Namespace, FlowId)>;

/// A call that waits for a place, and where its result goes.
#[derive(Debug)]
struct Job {
    call: Call,
    results: mpsc::Sender<Stimulus>,
}

/// Calls that wait, by flow, the flow whose turn is next first.
#[derive(Debug, Default)]
struct Queues {
    flows: VecDeque<(FlowName, VecDeque<Job>)>,
    running: usize,
}

impl Queues {
    fn push(&mut self, flow: FlowName, job: Job) {
        match self.flows.iter_mut().find(|(name, _)| *name == flow) {
            Some((_, jobs)) => jobs.push_back(job),
            None => self.flows.push_back((flow, VecDeque::from([job]))),
        }
    }

    /// The next call, from the flow that has waited longest since its last one.
    fn pop(&mut self) -> Option<Job> {
        let (flow, mut jobs) = self.flows.pop_front()?;
        let job = jobs.pop_front();
        if !jobs.is_empty() {
            self.flows.push_back((flow, jobs));
        }
        job
    }
}

/// Runs calls. Clones share one pool.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    client: Client,
    running_max: usize,
    queues: Arc<Mutex<Queues>>,
    /// Among other engines no call starts unless this one is known to live.
    cluster: Option<SharedCluster>,
}

impl Pool {
    pub(crate) fn new(client: Client, running_max: usize, cluster: Option<SharedCluster>) -> Self {
        Self { client, running_max: running_max.max(1), queues: Arc::default(), cluster }
    }

    /// Starts a call when there is a place for it; its result goes to `results`. Never waits.
    pub(crate) fn start(&self, flow: Option<FlowRef>, call: Call, results: mpsc::Sender<Stimulus>) {
        let flow = flow.map(|flow| (flow.tenant, flow.namespace, flow.flow));
        let free = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            queues.push(flow, Job { call, results });
            let free = queues.running < self.running_max;
            queues.running += usize::from(free);
            free
        };
        if free {
            tokio::spawn(self.clone().work());
        }
    }

    /// Runs one call after the other until none waits.
    async fn work(self) {
        while let Some(job) = self.next() {
            if !self.may_start(&job).await {
                continue;
            }
            let call = &job.call;
            let made = AssertUnwindSafe(self.client.call(call)).catch_unwind().await;
            let result = made.unwrap_or_else(|_| Err(CallFailure { message: "making the call panicked".to_owned() }));
            let Call { execution, task_run, n, .. } = job.call;
            let _ = job.results.send(Stimulus::CallEnded { execution, task_run, n, result }).await;
        }
    }

    /// Whether a call may start: not when its partition is not run here any more, and not before the heartbeat is fresh. An
    /// engine that was frozen finds out here that others work in its place.
    async fn may_start(&self, job: &Job) -> bool {
        loop {
            if job.results.is_closed() {
                return false;
            }
            if self.cluster.as_ref().is_none_or(|cluster| cluster.is_fresh()) {
                return true;
            }
            tokio::time::sleep(FRESH_POLL).await;
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let job = queues.pop();
        if job.is_none() {
            queues.running -= 1;
        }
        job
    }
}
