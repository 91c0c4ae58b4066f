use std::fs;

use windhover_eventlog::{Layout, memory::Memory as MemoryLog};

use super::*;

struct Folder {
    flows: tempfile::TempDir,
    data: tempfile::TempDir,
    deployments: Deployments,
}

fn flow(id: &str, message: &str) -> String {
    format!(
        "id: {id}\nnamespace: a.b\ntasks:\n  - {{id: t, type: io.kestra.plugin.core.log.Log, message: {message}}}\n"
    )
}

impl Folder {
    async fn new() -> Folder {
        let deployments = Deployments::open(new_log()).await.unwrap();
        Folder { flows: tempfile::tempdir().unwrap(), data: tempfile::tempdir().unwrap(), deployments }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.flows.path().join(file), text).unwrap();
    }

    fn watcher(&self, removed: Removed) -> Watcher {
        Watcher::new(self.flows.path(), self.data.path(), self.deployments.clone(), removed).unwrap()
    }

    fn revision(&self, id: &str) -> Option<u32> {
        let key = (TenantId::main(), "a.b".parse().unwrap(), id.parse().unwrap());
        self.deployments.current().newest(&key).map(|revision| revision.reference.revision)
    }
}

#[tokio::test]
async fn a_saved_file_becomes_the_next_revision() {
    let folder = Folder::new().await;
    let mut watcher = folder.watcher(Removed::Keep);
    folder.write("x.yaml", &flow("x", "one"));
    assert!(matches!(watcher.look().await.as_slice(), [Report::Deployed(_)]));
    assert_eq!(watcher.look().await, []);
    folder.write("x.yaml", &flow("x", "two"));
    assert!(matches!(watcher.look().await.as_slice(), [Report::Deployed(_)]));
    assert_eq!(folder.revision("x"), Some(2));
}

#[tokio::test]
async fn a_change_of_the_same_size_in_the_same_moment_is_seen() {
    let folder = Folder::new().await;
    let mut watcher = folder.watcher(Removed::Keep);
    for (text, revision) in [("one", 1), ("two", 2), ("six", 3)] {
        folder.write("x.yaml", &flow("x", text));
        watcher.look().await;
        assert_eq!(folder.revision("x"), Some(revision));
    }
}

#[tokio::test]
async fn a_broken_file_is_reported_with_its_place_and_the_old_revision_stays() {
    let folder = Folder::new().await;
    let mut watcher = folder.watcher(Removed::Delete);
    folder.write("x.yaml", &flow("x", "one"));
    watcher.look().await;
    folder.write("x.yaml", "id: x\nnamespace: a.b\ntasks:\n  - id: t\n    type: no.such.Task\n");
    let reports = watcher.look().await;
    let [Report::Broken(text)] = reports.as_slice() else { panic!("{reports:?}") };
    assert!(text.contains("x.yaml:5:"), "{text}");
    assert_eq!(folder.revision("x"), Some(1));
    assert_eq!(watcher.look().await, [], "it is told once");
}

#[tokio::test]
async fn a_broken_file_does_not_keep_the_others_from_being_deployed() {
    let folder = Folder::new().await;
    folder.write("a.yaml", "id: [");
    folder.write("b.yaml", &flow("b", "one"));
    folder.watcher(Removed::Keep).look().await;
    assert_eq!(folder.revision("b"), Some(1));
}

#[tokio::test]
async fn an_edit_made_elsewhere_is_not_overwritten_by_a_restart() {
    let folder = Folder::new().await;
    folder.write("x.yaml", &flow("x", "file"));
    folder.watcher(Removed::Keep).look().await;
    folder.deployments.deploy(&TenantId::main(), &flow("x", "api"), now()).await.unwrap();
    let mut restarted = folder.watcher(Removed::Keep);
    assert_eq!(restarted.look().await, []);
    assert_eq!(folder.revision("x"), Some(2));
    folder.write("x.yaml", &flow("x", "file again"));
    restarted.look().await;
    assert_eq!(folder.revision("x"), Some(3), "an edit of the file counts again");
}

#[tokio::test]
async fn a_removed_file_is_reported_once_and_its_flow_stays() {
    let folder = Folder::new().await;
    let mut watcher = folder.watcher(Removed::Keep);
    folder.write("x.yaml", &flow("x", "one"));
    watcher.look().await;
    fs::remove_file(folder.flows.path().join("x.yaml")).unwrap();
    assert!(matches!(watcher.look().await.as_slice(), [Report::Removed(_)]));
    assert_eq!(watcher.look().await, []);
    assert_eq!(folder.revision("x"), Some(1));
}

#[tokio::test]
async fn pruning_deletes_the_flow_of_a_removed_file_also_after_a_restart() {
    let folder = Folder::new().await;
    folder.write("x.yaml", &flow("x", "one"));
    folder.watcher(Removed::Delete).look().await;
    fs::remove_file(folder.flows.path().join("x.yaml")).unwrap();
    assert!(matches!(folder.watcher(Removed::Delete).look().await.as_slice(), [Report::Removed(_)]));
    assert_eq!(folder.revision("x"), None);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_told_once_and_prunes_nothing() {
    let folder = Folder::new().await;
    folder.write("x.yaml", &flow("x", "one"));
    let mut watcher = folder.watcher(Removed::Delete);
    watcher.look().await;
    let (there, away) = (folder.flows.path(), folder.flows.path().with_extension("away"));
    fs::rename(there, &away).unwrap();
    let reports = watcher.look().await;
    assert!(matches!(reports.as_slice(), [Report::Missing(text)] if text.contains("--flows")), "{reports:?}");
    assert_eq!(watcher.look().await, []);
    assert_eq!(folder.revision("x"), Some(1));
    fs::rename(&away, there).unwrap();
    assert_eq!(watcher.look().await, []);
}

#[tokio::test]
async fn a_renamed_file_keeps_its_flow() {
    let folder = Folder::new().await;
    let mut watcher = folder.watcher(Removed::Delete);
    folder.write("x.yaml", &flow("x", "one"));
    watcher.look().await;
    fs::rename(folder.flows.path().join("x.yaml"), folder.flows.path().join("y.yaml")).unwrap();
    assert_eq!(watcher.look().await, []);
    assert_eq!(folder.revision("x"), Some(1));
}

#[tokio::test]
async fn a_flow_in_two_files_is_reported_and_the_first_one_counts() {
    let folder = Folder::new().await;
    folder.write("a.yaml", &flow("x", "one"));
    folder.write("b.yaml", &flow("x", "two"));
    let reports = folder.watcher(Removed::Keep).look().await;
    assert!(matches!(reports.as_slice(), [Report::Deployed(_), Report::Broken(_)]), "{reports:?}");
    assert_eq!(folder.revision("x"), Some(1));
}

#[tokio::test]
async fn one_file_may_hold_several_flows() {
    let folder = Folder::new().await;
    let mut watcher = folder.watcher(Removed::Delete);
    folder.write("x.yaml", &format!("{}---\n{}", flow("x", "one"), flow("y", "one")));
    watcher.look().await;
    assert_eq!((folder.revision("x"), folder.revision("y")), (Some(1), Some(1)));
    folder.write("x.yaml", &flow("x", "one"));
    watcher.look().await;
    assert_eq!((folder.revision("x"), folder.revision("y")), (Some(1), None));
}

fn new_log() -> windhover_eventlog::SharedLog {
    MemoryLog::new(Layout { format: 1, partitions: 1, shards: 1 })
}
