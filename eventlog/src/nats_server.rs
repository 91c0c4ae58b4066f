//! Real nats-servers for tests: on free ports of loopback, in a folder of their own, gone when dropped.

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(30);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(30);

/// When a server syncs what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before it acknowledges.
    Always,
    /// As it is set when nobody sets it: every two minutes.
    Lazily,
}

/// One server.
#[derive(Debug)]
pub struct NatsServer {
    child: Option<Child>,
    folder: PathBuf,
    client_port: u16,
    monitor_port: u16,
    /// Removed after the server has stopped.
    _folder: Option<std::sync::Arc<Scratch>>,
}

#[derive(Debug)]
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // A leftover in the temporary folder is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl NatsServer {
    /// A server of its own; `extra` is more of its configuration file.
    ///
    /// # Panics
    /// When there is no nats-server or it does not start.
    pub fn start(sync: Sync, extra: &str) -> Self {
        let scratch = scratch_folder();
        let mut server = Self {
            child: None,
            folder: scratch.0.clone(),
            client_port: free_port(),
            monitor_port: free_port(),
            _folder: Some(scratch),
        };
        server.configure("one", sync, extra);
        server.restart();
        server
    }

    fn configure(&self, name: &str, sync: Sync, extra: &str) {
        let mut text = String::new();
        let sync = match sync {
            Sync::Always => "sync_interval: always",
            Sync::Lazily => "",
        };
        let store = self.folder.join("store");
        writeln!(text, "server_name: {name}\nlisten: \"127.0.0.1:{}\"", self.client_port).expect("a string");
        writeln!(text, "http: \"127.0.0.1:{}\"", self.monitor_port).expect("a string");
        writeln!(text, "jetstream {{ store_dir: \"{}\"\n{sync}\n}}\n{extra}", store.display()).expect("a string");
        std::fs::write(self.config(), text).expect("the server's configuration");
    }

    fn config(&self) -> PathBuf {
        self.folder.join("nats.conf")
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.client_port)
    }

    /// Its monitoring address.
    pub fn monitor(&self) -> String {
        format!("http://127.0.0.1:{}", self.monitor_port)
    }

    /// Its process.
    ///
    /// # Panics
    /// When it does not run.
    pub fn process_id(&self) -> u32 {
        self.child.as_ref().expect("a server that runs").id()
    }

    /// Kills it as `kill -9` does. Its files stay.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Freezes it with SIGSTOP.
    ///
    /// # Panics
    /// When it does not run.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on with SIGCONT.
    ///
    /// # Panics
    /// When it does not run.
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let child = self.child.as_ref().expect("a server that runs");
        rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).expect("a signal");
    }

    /// Starts it on the same ports and files, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn restart(&mut self) {
        self.spawn();
        self.wait_until_healthy();
    }

    fn spawn(&mut self) {
        self.kill();
        let output = std::fs::File::create(self.folder.join("output")).expect("the server's output file");
        let child =
            Command::new(binary()).arg("--config").arg(self.config()).stdout(Stdio::null()).stderr(output).spawn();
        self.child = Some(child.expect("nats-server starts"));
    }

    fn wait_until_healthy(&self) {
        let deadline = Instant::now() + START_MAX;
        while !is_healthy(self.monitor_port) {
            assert!(Instant::now() < deadline, "nats-server does not answer: {}", self.output());
            std::thread::sleep(ASK_EVERY);
        }
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.folder.join("output")).unwrap_or_default()
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Three servers that replicate.
#[derive(Debug)]
pub struct NatsCluster {
    /// The servers.
    pub servers: Vec<NatsServer>,
}

impl NatsCluster {
    /// Starts three servers and waits until they have found each other.
    ///
    /// # Panics
    /// When they do not.
    pub fn start(sync: Sync) -> Self {
        Self::configured(sync, "")
    }

    /// The same; `extra` is more of the configuration file of each.
    ///
    /// # Panics
    /// When they do not find each other.
    pub fn configured(sync: Sync, extra: &str) -> Self {
        let scratch = scratch_folder();
        let route_ports: Vec<_> = (0..3).map(|_| free_port()).collect();
        let routes: Vec<_> = route_ports.iter().map(|port| format!("\"nats-route://127.0.0.1:{port}\"")).collect();
        let mut servers = Vec::new();
        for (index, port) in route_ports.iter().enumerate() {
            let folder = scratch.0.join(format!("{index}"));
            std::fs::create_dir(&folder).expect("a server's folder");
            let server = NatsServer {
                child: None,
                folder,
                client_port: free_port(),
                monitor_port: free_port(),
                _folder: Some(scratch.clone()),
            };
            let routes = routes.join(", ");
            let cluster =
                format!("cluster {{ name: test, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}\n{extra}");
            server.configure(&format!("server-{index}"), sync, &cluster);
            servers.push(server);
        }
        servers.iter_mut().for_each(NatsServer::spawn);
        let cluster = Self { servers };
        cluster.servers.iter().for_each(NatsServer::wait_until_healthy);
        cluster.wait_for_leader();
        cluster
    }

    fn wait_for_leader(&self) {
        let deadline = Instant::now() + START_MAX;
        let has_leader = |server: &NatsServer| {
            let answer = ask(server.monitor_port, "/jsz").unwrap_or_default();
            answer.contains("\"leader\":") || answer.contains("\"leader\": ")
        };
        while !self.servers.iter().all(has_leader) {
            assert!(Instant::now() < deadline, "the servers elect no leader");
            std::thread::sleep(ASK_EVERY);
        }
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        self.servers.iter().map(NatsServer::url).collect::<Vec<_>>().join(",")
    }

    /// The monitoring addresses of all.
    pub fn monitors(&self) -> Vec<String> {
        self.servers.iter().map(NatsServer::monitor).collect()
    }
}

fn scratch_folder() -> std::sync::Arc<Scratch> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("windhover-nats-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::sync::Arc::new(Scratch(folder))
}

/// A port that nobody has at this moment, and no connection will be given: below the range of ports that the system
/// hands out. Kept across restarts, so that clients find the server again. Each process starts elsewhere in the range.
fn free_port() -> u16 {
    use std::sync::atomic::{AtomicU32, Ordering};
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(211));
        let port = u16::try_from(FIRST + number % COUNT).expect("a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The binary that `tests/tools/nats-server` names; fetched at the first use.
fn binary() -> &'static Path {
    static BINARY: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    BINARY.get_or_init(|| {
        let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/tools/nats-server");
        let output = Command::new(tool).stderr(Stdio::inherit()).output().expect("tests/tools/nats-server runs");
        assert!(output.status.success(), "tests/tools/nats-server failed");
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
    })
}

fn is_healthy(port: u16) -> bool {
    ask(port, "/healthz").is_ok_and(|answer| answer.lines().next().is_some_and(|status| status.contains(" 200 ")))
}

/// Asks a monitoring port. HTTP/1.0, so that the answer ends with the connection.
fn ask(port: u16, path: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    connection.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}
