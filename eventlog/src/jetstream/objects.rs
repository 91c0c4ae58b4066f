//! Objects in the JetStream object store. It cuts them in messages and compares their digest when they are fetched.

use async_nats::jetstream::{
    self,
    object_store::{self, GetErrorKind, ObjectStore},
};
use bytes::Bytes;
use futures_util::TryStreamExt;
use tokio::io::AsyncReadExt;

use super::{
    connect::store_error,
    options::Options,
    streams::{self, Names},
};
use crate::{ObjectError, ObjectName, OpenError};

/// Makes the bucket, or finds it.
pub(super) async fn open(
    context: &jetstream::Context,
    names: &Names,
    options: &Options,
) -> Result<ObjectStore, OpenError> {
    streams::patiently(&names.bucket_stream(), || open_once(context, names, options)).await
}

async fn open_once(context: &jetstream::Context, names: &Names, options: &Options) -> Result<ObjectStore, OpenError> {
    let copies = options.replicas.map_or(1, usize::from);
    if let Ok(store) = context.get_object_store(names.bucket()).await {
        streams::copy(context, options, &names.bucket_stream(), copies).await?;
        return Ok(store);
    }
    let config =
        object_store::Config { bucket: names.bucket(), num_replicas: copies, ..object_store::Config::default() };
    context.create_object_store(config).await.map_err(|cause| store_error(options, cause))
}

pub(super) async fn put(store: &ObjectStore, name: ObjectName, bytes: Bytes) -> Result<(), ObjectError> {
    let put = store.put(name.as_str(), &mut bytes.as_ref()).await;
    put.map(drop).map_err(|cause| {
        let text = super::text_of(&cause);
        if text.contains("maximum") || text.contains("insufficient") {
            ObjectError::Full { name, reason: text }
        } else {
            failed(name.as_str(), cause)
        }
    })
}

pub(super) async fn get(store: &ObjectStore, name: ObjectName) -> Result<Option<Bytes>, ObjectError> {
    let mut object = match store.get(name.as_str()).await {
        Ok(object) => object,
        Err(cause) if cause.kind() == GetErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(failed(name.as_str(), cause)),
    };
    let size = object.info.size;
    if size == 0 {
        return Ok(Some(Bytes::new()));
    }
    let mut bytes = Vec::with_capacity(size);
    // The reader ends with an error when the digest is another.
    let read = object.read_to_end(&mut bytes).await;
    read.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::InvalidData => damaged(&name, &cause.to_string()),
        _ => failed(name.as_str(), cause),
    })?;
    if bytes.len() != size {
        return Err(damaged(&name, &format!("{} of {size} bytes are left", bytes.len())));
    }
    Ok(Some(bytes.into()))
}

pub(super) async fn list(store: &ObjectStore, prefix: &str) -> Result<Vec<ObjectName>, ObjectError> {
    let listed = store.list().await.map_err(|cause| failed(prefix, cause))?;
    let infos: Vec<_> = listed.try_collect().await.map_err(|cause| failed(prefix, cause))?;
    let kept = infos.into_iter().filter(|info| !info.deleted && info.name.starts_with(prefix));
    let mut names: Vec<_> = kept.filter_map(|info| ObjectName::new(info.name).ok()).collect();
    names.sort();
    Ok(names)
}

pub(super) async fn delete(store: &ObjectStore, name: ObjectName) -> Result<(), ObjectError> {
    match store.delete(name.as_str()).await {
        Ok(()) => Ok(()),
        // Deleting what is not there is no fault.
        Err(cause) => match get(store, name.clone()).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(_) => Err(failed(name.as_str(), cause)),
        },
    }
}

fn damaged(name: &ObjectName, reason: &str) -> ObjectError {
    ObjectError::Damaged { name: name.clone(), reason: reason.to_owned() }
}

fn failed(what: &str, cause: impl std::error::Error + Send + Sync + 'static) -> ObjectError {
    ObjectError::Store { what: what.to_owned(), cause: cause.into() }
}
