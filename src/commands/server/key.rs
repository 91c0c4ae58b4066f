//! The key for sealed values: given, or made once and kept in the data folder.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use windhover_proto::seal::SealKey;

/// The variable that gives the key.
const VARIABLE: &str = "WINDHOVER_SECRET_KEY";

/// What to do when the key is another one or none.
const GIVE_IT: &str = "give the key of the data by WINDHOVER_SECRET_KEY or --secret-key-file";

/// The key that was made here, readable for its owner only.
const MADE_FILE: &str = "secret.key";

/// Tells which key the data was sealed with, and gives nothing away.
const FINGERPRINT_FILE: &str = "secret.key.fingerprint";

/// The key: from the variable, from `file`, or from the data folder, where one is made when there is none.
///
/// # Errors
/// When a given key is none, when it is not the one that the data was sealed with, and when files cannot be used.
pub(super) fn obtain(data: &Path, file: Option<&Path>) -> anyhow::Result<SealKey> {
    let key = match given(file)? {
        Some(key) => key,
        None => made_or_make(&data.join(MADE_FILE), &data.join(FINGERPRINT_FILE))?,
    };
    check_unchanged(&data.join(FINGERPRINT_FILE), &key)?;
    Ok(key)
}

/// The key of a role whose log is elsewhere: from the variable or from `file`. Without one it says what that means.
///
/// # Errors
/// When a given key is none.
pub(super) fn given_or_warn(file: Option<&Path>) -> anyhow::Result<Option<SealKey>> {
    let key = given(file)?;
    if key.is_none() {
        tracing::warn!(
            "no key for sealed values is given ({VARIABLE}, --secret-key-file): sensitive headers are kept as <not kept>"
        );
    }
    Ok(key)
}

fn given(file: Option<&Path>) -> anyhow::Result<Option<SealKey>> {
    let variable = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    match (variable, file) {
        (Some(text), None) => SealKey::from_base64(&text).with_context(|| format!("{VARIABLE} is no key")).map(Some),
        (None, Some(file)) => read(file).map(Some),
        (Some(_), Some(file)) => bail!("both {VARIABLE} and {} give a key; use one of them", file.display()),
        (None, None) => Ok(None),
    }
}

fn read(file: &Path) -> anyhow::Result<SealKey> {
    let text = fs::read_to_string(file).with_context(|| format!("the key {} cannot be read", file.display()))?;
    SealKey::from_base64(&text).with_context(|| format!("{} holds no key", file.display()))
}

/// The key that was made here. A new one is made only for data that was never sealed with another.
fn made_or_make(file: &Path, fingerprint_file: &Path) -> anyhow::Result<SealKey> {
    if let (Some(known), false) = (fingerprint(fingerprint_file)?, file.exists()) {
        bail!("the data was sealed with key {known}, and none was given: {GIVE_IT}");
    }
    make_or_read(file)
}

fn make_or_read(file: &Path) -> anyhow::Result<SealKey> {
    let mut options = fs::OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(file) {
        Ok(mut made) => {
            let text = STANDARD.encode(random_bytes()?);
            writeln!(made, "{text}").and_then(|()| made.sync_all())?;
            SealKey::from_base64(&text).context("the new key")
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read(file),
        Err(error) => Err(error).with_context(|| format!("the key {} cannot be made", file.display())),
    }
}

fn random_bytes() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    let source = fs::File::open("/dev/urandom");
    source.and_then(|mut source| source.read_exact(&mut bytes)).context("the system gives no random bytes")?;
    Ok(bytes)
}

/// Another key than last time would leave every sealed value of the log closed for ever; better to say so at once.
fn check_unchanged(file: &Path, key: &SealKey) -> anyhow::Result<()> {
    let own = key.fingerprint();
    match fingerprint(file)? {
        Some(known) if known == own => Ok(()),
        Some(known) => bail!("the data was sealed with key {known}, but this is key {own}: {GIVE_IT}"),
        None => fs::write(file, format!("{own}\n")).with_context(|| format!("cannot write {}", file.display())),
    }
}

/// Which key the data was sealed with; `None` when it is new.
fn fingerprint(file: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(known) => Ok(Some(known.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let data = tempfile::tempdir().unwrap();
        let first = obtain(data.path(), None).unwrap();
        let again = obtain(data.path(), None).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        let mode = fs::metadata(data.path().join(MADE_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_made_keys_differ() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let keys = [&one, &other].map(|data| obtain(data.path(), None).unwrap().fingerprint());
        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn another_key_than_the_datas_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("given");
        fs::write(&file, STANDARD.encode([1; 32])).unwrap();
        obtain(data.path(), Some(&file)).unwrap();
        fs::write(&file, STANDARD.encode([2; 32])).unwrap();
        let error = obtain(data.path(), Some(&file)).unwrap_err().to_string();
        assert!(error.contains("give the key of the data by WINDHOVER_SECRET_KEY or --secret-key-file"), "{error}");
    }

    #[test]
    fn no_key_is_made_for_data_that_was_sealed_with_another() {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("given");
        fs::write(&file, STANDARD.encode([1; 32])).unwrap();
        let key = obtain(data.path(), Some(&file)).unwrap();
        let error = obtain(data.path(), None).unwrap_err().to_string();
        assert!(error.contains(&key.fingerprint()) && error.contains("none was given"), "{error}");
        assert!(!data.path().join(MADE_FILE).exists());
        assert_eq!(obtain(data.path(), Some(&file)).unwrap().fingerprint(), key.fingerprint());
    }

    #[test]
    fn a_file_without_a_key_is_named() {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("given");
        fs::write(&file, "short").unwrap();
        assert!(obtain(data.path(), Some(&file)).unwrap_err().to_string().contains("given holds no key"));
    }
}
