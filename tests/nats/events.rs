//! What `docs/events.md` tells other programs is so: its example runs, as it stands there.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use super::*;

/// The Python program of the page.
fn example() -> &'static str {
    let page = include_str!("../../docs/events.md");
    let (_, rest) = page.split_once("```python\n").expect("an example");
    rest.split_once("```").expect("its end").0
}

/// The Python that has what the example imports.
fn python() -> String {
    let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/python");
    let output = Command::new(tool).stderr(Stdio::inherit()).output().expect("tests/tools/python runs");
    assert!(output.status.success(), "tests/tools/python failed");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consumer_of_the_documentation_sees_every_execution_end_once() {
    let world = World::start();
    let after = "afterExecution:\n  - id: after\n    type: io.kestra.plugin.core.log.Log\n    message: ended\n";
    world.deploy(&[("echo.yaml", &format!("{}\n{after}", echo()))]);
    let (ingress, _engine) = (world.ingress(), world.engine().start());
    let mut expected = deliver_many(&ingress.api, "echo", "before", 5).await;
    let mut child = Command::new(python())
        .args(["-c", example(), &world.nats.url()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    expected.extend(deliver_many(&ingress.api, "echo", "after", 5).await);
    deliver(&ingress.api, "echo", "before-0").await;
    let read = tokio::task::spawn_blocking(move || {
        lines.by_ref().take(10).map(|line| line.expect("a line")).collect::<Vec<_>>()
    });
    let printed = tokio::time::timeout(windhover_testing::PATIENCE, read).await;
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let printed = printed.expect("ten lines in time").expect("a reader");
    let mut seen: Vec<_> = printed.iter().map(|line| line.split(' ').nth(1).unwrap_or_default().to_owned()).collect();
    assert!(printed.iter().all(|line| line.ends_with(" SUCCESS")), "{printed:?}");
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);
}
