//! Finds flow files.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Deepest folder below the flow folder: symbolic links may go in circles.
const DEPTH_MAX: usize = 16;

/// Most flow files; a folder with more is none of flows.
const FILES_MAX: usize = 10_000;

/// Times of files are as coarse as two seconds on some file systems: a younger file may change without its time changing.
const TIME_GRAIN: Duration = Duration::from_secs(2);

/// What a look at a file without opening it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    modified: SystemTime,
    bytes: u64,
}

impl Look {
    /// Whether a later change might not show.
    pub(super) fn is_fresh(&self) -> bool {
        SystemTime::now().duration_since(self.modified).is_ok_and(|age| age < TIME_GRAIN)
    }

    /// The file's size.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// All flow files below `folder`, by path relative to it.
///
/// # Errors
/// When the folder cannot be read, or holds far too much.
pub(super) fn flow_files(folder: &Path) -> io::Result<BTreeMap<PathBuf, Look>> {
    let mut found = BTreeMap::new();
    fs::metadata(folder)?;
    collect(folder, Path::new(""), 0, &mut found)?;
    Ok(found)
}

fn collect(folder: &Path, below: &Path, depth: usize, found: &mut BTreeMap<PathBuf, Look>) -> io::Result<()> {
    for entry in fs::read_dir(folder.join(below))? {
        let name = entry?.file_name();
        // Hidden names are editors' swap files and the machinery of mounted configuration maps.
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = below.join(name);
        // What vanished since the listing is gone.
        let Ok(metadata) = fs::metadata(folder.join(&path)) else { continue };
        if metadata.is_dir() && depth < DEPTH_MAX {
            collect(folder, &path, depth + 1, found)?;
        } else if metadata.is_file() && is_yaml(&path) {
            found.insert(path, Look { modified: metadata.modified()?, bytes: metadata.len() });
        }
        if found.len() > FILES_MAX {
            return Err(io::Error::other(format!("more than {FILES_MAX} flow files")));
        }
    }
    Ok(())
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_files_are_found_at_any_depth_and_hidden_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("team/deep")).unwrap();
        for name in ["a.yaml", "team/deep/b.yml", "c.txt", ".d.yaml"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let found: Vec<_> = flow_files(folder.path()).unwrap().into_keys().collect();
        assert_eq!(found, [PathBuf::from("a.yaml"), PathBuf::from("team/deep/b.yml")]);
    }

    #[test]
    fn a_missing_folder_has_no_flows() {
        assert_eq!(flow_files(Path::new("/does/not/exist")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_folder_inside_itself_comes_to_an_end() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
        fs::write(folder.path().join("a.yaml"), "x").unwrap();
        assert!(flow_files(folder.path()).unwrap().len() <= DEPTH_MAX + 1);
    }
}
