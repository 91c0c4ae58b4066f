//! Objects in the JetStream object store, in its own format, so that other programs can read them.
//!
//! They are written by the client's calls. What is read comes from the leader of the stream, or is known to be as new: on several
//! replicas one of them may be behind, and there would seem to be less than there is.

use std::{collections::BTreeMap, time::Duration};

use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
    message::StreamMessage,
    object_store::{self, ObjectInfo, ObjectStore},
    stream::{Config, RawMessageErrorKind, Stream},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest as _, Sha256};

use super::{
    connect::store_error,
    options::{Access, Options},
    streams::{self, Names},
};
use crate::{ObjectError, ObjectName, OpenError};

/// How long the next name of a list may take; then the list is begun anew.
const NEXT_NAME_MAX: Duration = Duration::from_secs(2);
/// A list that nobody goes on reading is forgotten by the server after this.
const FORGET_AFTER: Duration = Duration::from_secs(30);

/// The bucket of one installation.
pub(super) struct Bucket {
    store: ObjectStore,
    stream: Stream,
    context: jetstream::Context,
    name: String,
}

/// Makes the bucket, or finds it.
pub(super) async fn open(context: &jetstream::Context, names: &Names, options: &Options) -> Result<Bucket, OpenError> {
    streams::patiently(&names.bucket_stream(), || open_once(context, names, options)).await
}

async fn open_once(context: &jetstream::Context, names: &Names, options: &Options) -> Result<Bucket, OpenError> {
    let copies = options.replicas.map_or(1, usize::from);
    if options.access == Access::Look {
        let found = context.get_stream(names.bucket_stream()).await.map_err(|cause| store_error(options, cause))?;
        return bucket(context, names, options, found).await;
    }
    if context.get_object_store(names.bucket()).await.is_err() {
        let config =
            object_store::Config { bucket: names.bucket(), num_replicas: copies, ..object_store::Config::default() };
        context.create_object_store(config).await.map_err(|cause| store_error(options, cause))?;
    }
    streams::copy(context, options, &names.bucket_stream(), copies).await?;
    let stream = ask_leader_only(context, options, &names.bucket_stream()).await?;
    bucket(context, names, options, stream).await
}

async fn bucket(
    context: &jetstream::Context,
    names: &Names,
    options: &Options,
    stream: Stream,
) -> Result<Bucket, OpenError> {
    let store = context.get_object_store(names.bucket()).await.map_err(|cause| store_error(options, cause))?;
    Ok(Bucket { store, stream, context: context.clone(), name: names.bucket() })
}

/// Without direct reads, which any replica answers, the client asks the leader.
async fn ask_leader_only(context: &jetstream::Context, options: &Options, stream: &str) -> Result<Stream, OpenError> {
    let found = context.get_stream(stream).await.map_err(|cause| store_error(options, cause))?;
    let config = found.cached_info().config.clone();
    if config.allow_direct {
        let config = Config { allow_direct: false, ..config };
        context.update_stream(config).await.map_err(|cause| store_error(options, cause))?;
    }
    Ok(found)
}

pub(super) async fn put(bucket: &Bucket, name: ObjectName, bytes: Bytes) -> Result<(), ObjectError> {
    let put = bucket.store.put(name.as_str(), &mut bytes.as_ref()).await;
    put.map(drop).map_err(|cause| {
        let text = super::text_of(&cause);
        if text.contains("maximum") || text.contains("insufficient") {
            ObjectError::Full { name, reason: text }
        } else {
            failed(name.as_str(), cause)
        }
    })
}

pub(super) async fn get(bucket: &Bucket, name: ObjectName) -> Result<Option<Bytes>, ObjectError> {
    let Some(info) = info(bucket, &name).await? else { return Ok(None) };
    let subject = format!("$O.{}.C.{}", bucket.name, info.nuid);
    let mut bytes = Vec::with_capacity(info.size);
    let (mut next, mut digest) = (1, Sha256::new());
    for number in 0..info.chunks {
        let asked = bucket.stream.raw_message_builder().sequence(next).next_by_subject(subject.clone()).send().await;
        let Some(chunk) = found(name.as_str(), asked)? else {
            return Err(damaged(&name, &format!("{number} of {} parts are left", info.chunks)));
        };
        next = chunk.sequence + 1;
        digest.update(&chunk.payload);
        bytes.extend_from_slice(&chunk.payload);
    }
    let digest = format!("SHA-256={}", URL_SAFE.encode(digest.finalize()));
    if bytes.len() != info.size || info.digest.as_ref().is_some_and(|wanted| *wanted != digest) {
        return Err(damaged(&name, "its digest is another"));
    }
    Ok(Some(bytes.into()))
}

/// What the leader says about an object.
async fn info(bucket: &Bucket, name: &ObjectName) -> Result<Option<ObjectInfo>, ObjectError> {
    let subject = format!("$O.{}.M.{}", bucket.name, URL_SAFE.encode(name.as_str()));
    let asked = bucket.stream.raw_message_builder().last_by_subject(subject).send().await;
    let Some(message) = found(name.as_str(), asked)? else { return Ok(None) };
    let info = parse(name.as_str(), &message.payload)?;
    Ok(Some(info).filter(|info| !info.deleted))
}

fn parse(what: &str, payload: &[u8]) -> Result<ObjectInfo, ObjectError> {
    serde_json::from_slice(payload).map_err(|cause| failed(what, cause))
}

/// A message that was asked for; `None` when there is none.
fn found(
    what: &str,
    asked: Result<StreamMessage, jetstream::stream::RawMessageError>,
) -> Result<Option<StreamMessage>, ObjectError> {
    match asked {
        Ok(message) => Ok(Some(message)),
        Err(cause) if cause.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(cause) => Err(failed(what, cause)),
    }
}

pub(super) async fn list(bucket: &Bucket, prefix: &str) -> Result<Vec<ObjectName>, ObjectError> {
    let subject = format!("$O.{}.M.>", bucket.name);
    let newest = bucket.stream.raw_message_builder().last_by_subject(subject.clone()).send().await;
    let Some(newest) = found(prefix, newest)? else { return Ok(Vec::new()) };
    let made = bucket.context.create_consumer_on_stream(newest_of_each(subject), format!("OBJ_{}", bucket.name)).await;
    let consumer: PullConsumer = made.map_err(|cause| failed(prefix, cause))?;
    let mut messages = consumer.messages().await.map_err(|cause| failed(prefix, cause))?;
    let mut names = BTreeMap::new();
    loop {
        let next = tokio::time::timeout(NEXT_NAME_MAX, messages.next()).await;
        let message = match next {
            Ok(Some(message)) => message.map_err(|cause| failed(prefix, cause))?,
            Ok(None) | Err(_) => return Err(store(prefix, "the list of objects timed out".into())),
        };
        let info = parse(prefix, &message.payload)?;
        if info.name.starts_with(prefix) {
            names.insert(info.name, info.deleted);
        }
        // The replica that lists may be behind the leader: it waits until it is not.
        if message.info().map_err(|cause| store(prefix, cause))?.stream_sequence >= newest.sequence {
            break;
        }
    }
    let kept = names.into_iter().filter(|(_, deleted)| !deleted);
    Ok(kept.filter_map(|(name, _)| ObjectName::new(name).ok()).collect())
}

/// Reads the newest message of each subject, then goes on.
fn newest_of_each(subject: String) -> pull::Config {
    pull::Config {
        deliver_policy: DeliverPolicy::LastPerSubject,
        filter_subject: subject,
        ack_policy: AckPolicy::None,
        inactive_threshold: FORGET_AFTER,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    }
}

pub(super) async fn delete(bucket: &Bucket, name: ObjectName) -> Result<(), ObjectError> {
    match bucket.store.delete(name.as_str()).await {
        Ok(()) => Ok(()),
        // Deleting what is not there is no fault.
        Err(cause) => match info(bucket, &name).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(_) => Err(failed(name.as_str(), cause)),
        },
    }
}

fn damaged(name: &ObjectName, reason: &str) -> ObjectError {
    ObjectError::Damaged { name: name.clone(), reason: reason.to_owned() }
}

fn failed(what: &str, cause: impl std::error::Error + Send + Sync + 'static) -> ObjectError {
    store(what, cause.into())
}

fn store(what: &str, cause: Box<dyn std::error::Error + Send + Sync>) -> ObjectError {
    ObjectError::Store { what: what.to_owned(), cause }
}
