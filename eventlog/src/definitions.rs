//! The fold of the `definitions` log, kept up to date, and deployments to it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{sync::watch, task::JoinHandle};
use windhover_proto::{
    codec,
    definitions::{Definition, Definitions, FlowKey},
    flow::{Flow, FlowErrors},
    id::TenantId,
    time::Timestamp,
};

use crate::{Append, AppendError, Expect, LogName, Position, ReadError, SharedLog};

/// Attempts at a deployment that lose against other writers before it is given up.
const CONFLICTS_MAX: usize = 20;

/// How long to wait before a failed reader is opened again.
const REOPEN_DELAY: Duration = Duration::from_millis(500);

/// Why definitions could not be folded or changed.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionsError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log could not be appended to.
    #[error("the deployment was not confirmed")]
    Append(#[from] AppendError),
    /// A record is none of ours.
    #[error("the definitions log holds a record that cannot be read")]
    Decode(#[from] codec::DecodeError),
    /// The flow is not valid.
    #[error(transparent)]
    Flow(FlowErrors),
    /// Too many writers at once.
    #[error("other deployments kept coming first; try again")]
    Contended,
}

/// What a deployment did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deployed {
    /// This revision is new.
    Revision(u32),
    /// The newest revision has the same source already; nothing was written.
    Unchanged(u32),
}

/// The flows after a change.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The flows, with the change.
    pub definitions: Arc<Definitions>,
    /// What was written; nothing when there was nothing to change.
    pub wrote: Vec<Definition>,
}

/// The deployed flows, always current. Clones share one fold.
#[derive(Clone, Debug)]
pub struct Deployments {
    log: SharedLog,
    current: watch::Receiver<Arc<Definitions>>,
    _follower: Arc<Follower>,
}

/// Stops the fold when the last holder is gone.
#[derive(Debug)]
struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Deployments {
    /// Folds the whole log, then follows it.
    ///
    /// # Errors
    /// When the log cannot be read or holds records of a newer version.
    pub async fn open(log: SharedLog) -> Result<Self, DefinitionsError> {
        let mut definitions = Definitions::default();
        catch_up(&log, &mut definitions).await?;
        let (sender, current) = watch::channel(Arc::new(definitions));
        let follower = tokio::spawn(follow(log.clone(), sender));
        Ok(Self { log, current, _follower: Arc::new(Follower(follower)) })
    }

    /// The flows now.
    pub fn current(&self) -> Arc<Definitions> {
        self.current.borrow().clone()
    }

    /// The flows once the fold has reached `position`.
    pub async fn at(&self, position: u64) -> Arc<Definitions> {
        let mut current = self.current.clone();
        match current.wait_for(|definitions| definitions.position() >= position).await {
            Ok(definitions) => definitions.clone(),
            Err(_) => self.current(),
        }
    }

    /// The flows, after everything that was appended before the call.
    ///
    /// # Errors
    /// When the head of the log cannot be read.
    pub async fn refreshed(&self) -> Result<Arc<Definitions>, ReadError> {
        let head = self.log.head(LogName::Definitions).await?;
        Ok(self.at(head.0).await)
    }

    /// Resolves at the next change after the one seen last by this clone.
    pub async fn changed(&mut self) -> Arc<Definitions> {
        if self.current.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.current.borrow_and_update().clone()
    }

    /// Deploys one flow as its next revision, unless its newest revision has the same source.
    ///
    /// # Errors
    /// When the source is no valid flow, or the log does not confirm.
    pub async fn deploy(&self, tenant: &TenantId, source: &str, at: Timestamp) -> Result<Deployed, DefinitionsError> {
        let flow = Flow::parse(source).map_err(DefinitionsError::Flow)?;
        let key: FlowKey = (tenant.clone(), flow.namespace, flow.id);
        let changed = self.change(|definitions| {
            let newest = definitions.newest(&key);
            let same = newest.is_some_and(|newest| Flow::same_revision(&newest.source, source));
            Ok::<_, DefinitionsError>(if same { vec![] } else { vec![deployed(definitions, &key, source, at)] })
        });
        let Changed { definitions, wrote } = changed.await?;
        Ok(match wrote.first() {
            Some(Definition::FlowDeployed { revision, .. } | Definition::FlowDeleted { revision, .. }) => {
                Deployed::Revision(*revision)
            }
            None => Deployed::Unchanged(definitions.newest(&key).map_or(0, |newest| newest.reference.revision)),
        })
    }

    /// Deletes a flow; `false` when there is none.
    ///
    /// # Errors
    /// When the log does not confirm.
    pub async fn delete(&self, key: &FlowKey, at: Timestamp) -> Result<bool, DefinitionsError> {
        let changed = self.change(|definitions| {
            let there = definitions.newest(key).is_some();
            Ok::<_, DefinitionsError>(there.then(|| deleted(definitions, key, at)).into_iter().collect())
        });
        Ok(!changed.await?.wrote.is_empty())
    }

    /// Appends what `decide` makes of the flows as they are now, all of it or nothing, and nothing in between: when another
    /// change came first, it decides again. An empty answer writes nothing.
    ///
    /// # Errors
    /// What `decide` refuses, and when the log does not confirm.
    pub async fn change<E: From<DefinitionsError>>(
        &self,
        decide: impl Fn(&Definitions) -> Result<Vec<Definition>, E>,
    ) -> Result<Changed, E> {
        for _ in 0..CONFLICTS_MAX {
            let before = self.refreshed().await.map_err(DefinitionsError::from)?;
            let changes = decide(&before)?;
            if changes.is_empty() {
                return Ok(Changed { definitions: before, wrote: changes });
            }
            if let Some(position) = self.append(&changes, before.position()).await? {
                return Ok(Changed { definitions: self.at(position.0).await, wrote: changes });
            }
        }
        Err(DefinitionsError::Contended.into())
    }

    /// Appends behind `head`; `None` when something else came first.
    async fn append(&self, changes: &[Definition], head: u64) -> Result<Option<Position>, DefinitionsError> {
        let bytes = Bytes::from(codec::encode_definitions(changes));
        let expect = Expect::Head(Position(head));
        match self.log.append(Append { log: LogName::Definitions, bytes, expect, resend_id: None }).await {
            Ok(position) => Ok(Some(position)),
            Err(AppendError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A deployment of the next revision.
pub fn deployed(definitions: &Definitions, key: &FlowKey, source: &str, at: Timestamp) -> Definition {
    let (tenant, namespace, flow) = key.clone();
    let revision = definitions.next_revision(key);
    Definition::FlowDeployed { tenant, namespace, flow, revision, source: source.to_owned(), at }
}

/// A deletion.
pub fn deleted(definitions: &Definitions, key: &FlowKey, at: Timestamp) -> Definition {
    let (tenant, namespace, flow) = key.clone();
    let revision = definitions.next_revision(key);
    Definition::FlowDeleted { tenant, namespace, flow, revision, at }
}

async fn catch_up(log: &SharedLog, definitions: &mut Definitions) -> Result<(), DefinitionsError> {
    let head = log.head(LogName::Definitions).await?;
    let mut reader = log.read(LogName::Definitions, Position(definitions.position()));
    while definitions.position() < head.0 {
        let Some(record) = reader.next().await else { break };
        let record = record?;
        definitions.fold(record.position.0, &codec::decode_definitions(&record.bytes)?);
    }
    Ok(())
}

/// Keeps the fold current for ever; a reader that fails is opened again from where the fold stands.
async fn follow(log: SharedLog, sender: watch::Sender<Arc<Definitions>>) {
    loop {
        let from = Position(sender.borrow().position());
        let mut reader = log.read(LogName::Definitions, from);
        while let Some(item) = reader.next().await {
            let folded = item.map_err(DefinitionsError::from).and_then(|record| {
                let mut definitions = Definitions::clone(&sender.borrow());
                definitions.fold(record.position.0, &codec::decode_definitions(&record.bytes)?);
                Ok(definitions)
            });
            match folded {
                Ok(definitions) => {
                    sender.send_replace(Arc::new(definitions));
                }
                Err(error) => {
                    tracing::warn!(%error, "deployed flows cannot be followed; trying again");
                    break;
                }
            }
        }
        tokio::time::sleep(REOPEN_DELAY).await;
    }
}
