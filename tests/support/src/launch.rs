//! A server in a process of its own, in folders of its own, on a free port.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

use crate::{Api, PATIENCE};

/// How a server is started, again and again with the same folders.
#[derive(Debug)]
pub struct Launch {
    binary: PathBuf,
    role: &'static str,
    scratch: Arc<tempfile::TempDir>,
    arguments: Vec<OsString>,
    variables: Vec<(String, String)>,
}

/// A running server. It is killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Its API.
    pub api: Api,
    log: PathBuf,
    /// Kept as long as the server runs.
    _scratch: Arc<tempfile::TempDir>,
}

/// How a server ended.
#[derive(Debug)]
pub struct Stopped {
    /// The exit status.
    pub status: ExitStatus,
    /// From the signal to the end.
    pub after: Duration,
    /// What it printed, to both streams.
    pub printed: String,
}

impl Launch {
    /// A server of this binary in new, empty folders.
    ///
    /// # Panics
    /// When the folders cannot be made.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self::role(binary, "local")
    }

    /// A server of this binary that plays one role (`ingress`, `engine`, `console`) in new, empty folders.
    ///
    /// # Panics
    /// When the folders cannot be made.
    pub fn role(binary: impl Into<PathBuf>, role: &'static str) -> Self {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(scratch.path().join("flows")).expect("a flow folder");
        Self { binary: binary.into(), role, scratch: Arc::new(scratch), arguments: Vec::new(), variables: Vec::new() }
    }

    /// The folder of flow files.
    pub fn flows(&self) -> PathBuf {
        self.scratch.path().join("flows")
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// Writes a flow file.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn flow(self, name: &str, source: &str) -> Self {
        self.write_flow(name, source);
        self
    }

    /// Writes a flow file, as somebody who edits it while the server runs.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_flow(&self, name: &str, source: &str) {
        fs::write(self.flows().join(name), source).expect("a flow file");
    }

    /// Gives the server an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Gives the server a variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Panics
    /// When it ends instead, with what it printed.
    pub fn start(&self) -> Server {
        let mut server = self.spawn();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(base) = fs::read_to_string(self.address_file()) {
                server.api = Api::new(base.trim());
                return server;
            }
            if let Some(status) = server.child.try_wait().expect("a child") {
                panic!("the server ended with {status}:\n{}", server.printed());
            }
            assert!(Instant::now() < deadline, "the server is not ready after {PATIENCE:?}:\n{}", server.printed());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts a server that is expected to end by itself, and waits for that.
    ///
    /// # Panics
    /// When it is still there after [`PATIENCE`].
    pub fn fails(&self) -> Stopped {
        self.spawn().wait()
    }

    /// Starts the server and does not wait until it is ready.
    ///
    /// # Panics
    /// When the system starts no process.
    pub fn spawn(&self) -> Server {
        let _ = fs::remove_file(self.address_file());
        let log = self.scratch.path().join("log");
        let output = fs::File::create(&log).expect("a log file");
        let mut command = Command::new(&self.binary);
        command.args(["server", self.role]);
        if self.role == "local" && !self.is_given("--flows") {
            command.arg("--flows").arg(self.flows());
        }
        if self.role != "ingress" && !self.is_given("--data") {
            command.arg("--data").arg(self.data());
        }
        command.arg("--address-file").arg(self.address_file());
        if !self.is_given("--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(&self.arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(output.try_clone().expect("a handle")).stderr(output);
        let child = command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", self.binary.display()));
        Server { child, api: Api::new("http://127.0.0.1:1"), log, _scratch: self.scratch.clone() }
    }

    fn is_given(&self, option: &str) -> bool {
        self.arguments.iter().any(|argument| argument.as_encoded_bytes().starts_with(option.as_bytes()))
    }

    /// Where the server writes its address.
    pub fn address_file(&self) -> PathBuf {
        self.scratch.path().join("address")
    }

    /// The folder around flows and data.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }
}

impl Server {
    /// What it printed so far.
    pub fn printed(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as a crash would: kill -9.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn kill(mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("an end");
    }

    /// Asks it to end with SIGTERM, and waits.
    ///
    /// # Panics
    /// When it is still there after [`PATIENCE`].
    pub fn terminate(self) -> Stopped {
        self.signal_term();
        self.wait()
    }

    /// Sends SIGTERM and does not wait.
    ///
    /// # Panics
    /// When there is no such process.
    pub fn signal_term(&self) {
        self.signal(Signal::TERM);
    }

    /// Freezes it with SIGSTOP.
    ///
    /// # Panics
    /// When there is no such process.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on with SIGCONT.
    ///
    /// # Panics
    /// When there is no such process.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("a signal");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it is still there after [`PATIENCE`].
    pub fn wait(mut self) -> Stopped {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return Stopped { status, after: began.elapsed(), printed: self.printed() };
            }
            assert!(began.elapsed() < PATIENCE, "the server did not end:\n{}", self.printed());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the server printed:\n{}", self.printed());
        }
    }
}
