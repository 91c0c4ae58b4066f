//! Two ways to keep a group on this machine's disk.

use std::{fs, io::Write, path::Path};

use crate::Failure;

/// Appends to one file and syncs its data.
pub(crate) fn file(folder: &Path) -> Result<impl FnMut(&[u8]) -> bool + Send + use<>, Failure> {
    fs::create_dir_all(folder)?;
    let mut file = fs::OpenOptions::new().create(true).append(true).open(folder.join("events"))?;
    Ok(move |group: &[u8]| file.write_all(group).and_then(|()| file.sync_data()).is_ok())
}

/// One value per group in a fjall database, synced.
pub(crate) fn fjall(folder: &Path) -> Result<impl FnMut(&[u8]) -> bool + Send + use<>, Failure> {
    fs::create_dir_all(folder)?;
    let database = fjall::Database::builder(folder.join("events")).open()?;
    let events = database.keyspace("events", Default::default)?;
    let mut number = 0_u64;
    Ok(move |group: &[u8]| {
        number += 1;
        let mut batch = database.batch();
        batch.insert(&events, number.to_be_bytes(), group);
        batch.commit().and_then(|()| database.persist(fjall::PersistMode::SyncData)).is_ok()
    })
}
