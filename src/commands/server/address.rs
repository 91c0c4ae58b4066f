//! The address file: for whoever starts the server and must know when and where it is ready.

use std::{io::Write, path::Path};

use anyhow::Context as _;

/// Removes what an earlier server left there: nobody answers at that address until the file is written anew.
pub(super) fn forget(file: Option<&Path>) -> anyhow::Result<()> {
    let Some(file) = file else { return Ok(()) };
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("the old address file {} cannot be removed", file.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes `url` to `file`, whole or not at all: whoever waits for the file never reads half of it.
pub(super) fn write(file: &Path, url: &str) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut temporary| {
        writeln!(temporary, "{url}")?;
        temporary.persist(file)?;
        Ok(())
    });
    written.with_context(|| format!("the address file {} cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_the_url_and_replaces_an_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("address");
        write(&file, "http://127.0.0.1:1").unwrap();
        write(&file, "http://127.0.0.1:2").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "http://127.0.0.1:2\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        forget(Some(&file)).unwrap();
        assert!(!file.exists());
        forget(Some(&file)).unwrap();
        assert!(forget(Some(folder.path())).unwrap_err().to_string().contains("cannot be removed"));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = write(Path::new("/does/not/exist/address"), "x").unwrap_err();
        assert!(error.to_string().contains("/does/not/exist/address"));
    }
}
