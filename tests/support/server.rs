//! Real server processes on ephemeral ports: ours and redis-server, the oracle.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::conn::Conn;

/// How long a server may take to answer its first PING or to exit when asked.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a start is repeated when another process was faster to take the port.
const START_ATTEMPTS: u32 = 8;
/// How often an attempt that has so much time is repeated with twice as much.
const TIMED_ATTEMPTS: u32 = 10;

/// Whether redis-server stands in for our server (`REDISTILL_TEST_SUBJECT=redis`). A test of what
/// only newer servers have returns early then; otherwise nothing may be skipped.
pub fn on_oracle() -> bool {
    std::env::var_os("REDISTILL_TEST_SUBJECT").is_some_and(|subject| subject == "redis")
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind an ephemeral port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}

/// Waits until `probe` yields a value; panics with `what` when it does not within a minute.
#[track_caller]
pub fn poll_until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain: {what}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Makes attempts that only count when they are done before a time is over: each is given so many
/// units of time, at first `first`, and says `None` if the machine stood still for so long that they
/// were over; the next is given twice as many.
#[track_caller]
pub fn with_time_enough<T>(what: &str, first: u64, attempt: impl FnMut(u64) -> Option<T>) -> T {
    (0..TIMED_ATTEMPTS)
        .map(|nth| first << nth)
        .find_map(attempt)
        .unwrap_or_else(|| panic!("no time was enough: {what}"))
}

/// How to start a server. Settings are named as in `redistill.toml`, `section.key`.
#[derive(Clone, Debug, Default)]
pub struct Options {
    toml: String,
    settings: Vec<(String, String)>,
    env: Vec<(String, String)>,
    args: Vec<String>,
    password: Option<String>,
    tls: bool,
    http: bool,
    unix: bool,
}

impl Options {
    /// Embedded defaults, except: an ephemeral port on 127.0.0.1, no HTTP port, `DEBUG` allowed.
    pub fn new() -> Options {
        Options::default()
    }

    /// Sets one option, by its environment variable: `set("server.workers", 1)`.
    pub fn set(mut self, key: &str, value: impl ToString) -> Options {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// Appends text to the configuration file. Our server only.
    pub fn toml(mut self, text: &str) -> Options {
        self.toml.push_str(text);
        self.toml.push('\n');
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Options {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Appends a command line argument.
    pub fn arg(mut self, arg: &str) -> Options {
        self.args.push(arg.to_owned());
        self
    }

    /// Requires a password; [`Server::connect`] then authenticates by itself.
    pub fn password(mut self, password: &str) -> Options {
        self.password = Some(password.to_owned());
        self
    }

    /// Adds a TLS port with a fresh self-signed certificate for `localhost`. Our server only.
    pub fn tls(mut self) -> Options {
        self.tls = true;
        self
    }

    /// Turns the HTTP side port on. Our server only.
    pub fn http(mut self) -> Options {
        self.http = true;
        self
    }

    /// Listens on a unix socket as well.
    pub fn unix(mut self) -> Options {
        self.unix = true;
        self
    }
}

/// A running server process, killed on drop. When the test fails, its log is printed.
pub struct Server {
    child: Child,
    log: Arc<Mutex<Vec<u8>>>,
    port: u16,
    tls_port: Option<u16>,
    http_port: Option<u16>,
    certificate: Option<rustls::pki_types::CertificateDer<'static>>,
    password: Option<String>,
    dir: tempfile::TempDir,
}

/// Starts redis-server, the reference.
pub struct Oracle;

impl Oracle {
    /// Starts redis-server with the equivalent of `options`.
    #[track_caller]
    pub fn start(options: Options) -> Server {
        Server::launch(&options, redis_command)
    }
}

impl Server {
    /// Starts our server and waits until it answers.
    #[track_caller]
    pub fn start(options: Options) -> Server {
        if on_oracle() {
            return Oracle::start(options);
        }
        Server::launch(&options, redistill_command)
    }

    #[track_caller]
    fn launch(options: &Options, command: fn(&Options, &Plan, &Path) -> Command) -> Server {
        let mut last_log = String::new();
        for _ in 0..START_ATTEMPTS {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let mut plan = Plan::new(options);
            let mut server = Server::spawn(command(options, &plan, dir.path()), &plan, dir);
            server.certificate = plan.certificate.take();
            server.password = options.password.clone();
            if server.wait_ready() {
                return server;
            }
            last_log = server.log();
        }
        panic!("the server does not start:\n{last_log}");
    }

    fn spawn(mut command: Command, plan: &Plan, dir: tempfile::TempDir) -> Server {
        command.current_dir(dir.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("start {command:?}: {e}"));
        let log = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take().expect("piped"), &log);
        collect(child.stderr.take().expect("piped"), &log);
        Server {
            child,
            log,
            port: plan.port,
            tls_port: plan.tls_port,
            http_port: plan.http_port,
            certificate: None,
            password: None,
            dir,
        }
    }

    /// Whether this process, and no other that took the port, answers; false when it has exited.
    fn wait_ready(&mut self) -> bool {
        let addr = self.addr();
        poll_until("the server's first PONG", || {
            if self.child.try_wait().expect("wait for the child").is_some() {
                return Some(false);
            }
            let mut conn = Conn::try_open(addr).ok()?;
            conn.send(&["PING"]);
            let reply = conn.try_read().ok()?.text();
            (reply == "PONG" || reply.starts_with("NOAUTH")).then(|| self.is_ours(conn))
        })
    }

    /// Whether the process at the other end is ours. Leaves in good order: the test that follows
    /// may count connections.
    fn is_ours(&self, mut conn: Conn) -> bool {
        if let Some(password) = &self.password {
            conn.cmd(&["AUTH", password]);
        }
        let info = conn.line("INFO server");
        conn.send(&["QUIT"]);
        conn.read_to_close();
        info.is_error()
            || match info
                .text()
                .lines()
                .find_map(|l| l.strip_prefix("process_id:"))
            {
                Some(pid) => pid.trim() == self.pid().to_string(),
                None => true,
            }
    }

    /// The address of the plain TCP port.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The plain TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of the TLS port; see [`Options::tls`].
    pub fn tls_addr(&self) -> SocketAddr {
        let port = self.tls_port.expect("started with Options::tls");
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    /// The address of the HTTP side port; see [`Options::http`].
    pub fn http_addr(&self) -> SocketAddr {
        let port = self.http_port.expect("started with Options::http");
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    /// The server's own directory: its configuration, certificate and socket are here.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The path of the unix socket; see [`Options::unix`].
    pub fn unix_path(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// The most memory that was ever resident, in bytes.
    pub fn peak_resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(path).expect("the server runs");
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        let kib: u64 = kib.and_then(|kib| kib.parse().ok()).expect("it is in kB");
        kib * 1024
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the process has written to its outputs so far.
    pub fn log(&self) -> String {
        let log = self.log.lock().expect("no reader panics");
        String::from_utf8_lossy(&log).into_owned()
    }

    /// A new connection, authenticated if a password is set, RESP2.
    #[track_caller]
    pub fn connect(&self) -> Conn {
        let mut conn = Conn::open(self.addr());
        if let Some(password) = &self.password {
            let reply = conn.cmd(&["AUTH", password]);
            assert!(!reply.is_error(), "AUTH: {reply}");
        }
        conn
    }

    /// A new RESP3 connection.
    #[track_caller]
    pub fn connect3(&self) -> Conn {
        let mut conn = self.connect();
        conn.hello(3);
        conn
    }

    /// A new connection to the TLS port that trusts the server's certificate.
    #[track_caller]
    pub fn connect_tls(&self) -> Conn {
        let mut roots = rustls::RootCertStore::empty();
        let certificate = self.certificate.clone().expect("started with Options::tls");
        roots
            .add(certificate)
            .expect("a fresh certificate is valid");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring serves the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Conn::try_open_tls(self.tls_addr(), Arc::new(config)).expect("TLS handshake")
    }

    /// Sends a signal by name: `signal("TERM")`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status()
            .expect("run kill");
        assert!(status.success(), "kill -s {name}");
    }

    /// Waits until the process exits by itself.
    #[track_caller]
    pub fn wait_exit(&mut self) -> ExitStatus {
        poll_until("the server's exit", || {
            self.child.try_wait().expect("wait for the child")
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process has already been reaped.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("--- log of process {} ---\n{}---", self.pid(), self.log());
        }
    }
}

fn collect(mut pipe: impl Read + Send + 'static, log: &Arc<Mutex<Vec<u8>>>) {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(n @ 1..) = pipe.read(&mut chunk) {
            log.lock()
                .expect("no reader panics")
                .extend_from_slice(&chunk[..n]);
        }
    });
}

/// What one attempt to start uses.
struct Plan {
    port: u16,
    tls_port: Option<u16>,
    http_port: Option<u16>,
    key_pem: String,
    cert_pem: String,
    certificate: Option<rustls::pki_types::CertificateDer<'static>>,
}

impl Plan {
    fn new(options: &Options) -> Plan {
        let mut plan = Plan {
            port: free_port(),
            tls_port: options.tls.then(free_port),
            http_port: options.http.then(free_port),
            key_pem: String::new(),
            cert_pem: String::new(),
            certificate: None,
        };
        if options.tls {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
                .expect("a certificate for localhost");
            plan.key_pem = made.signing_key.serialize_pem();
            plan.cert_pem = made.cert.pem();
            plan.certificate = Some(made.cert.der().clone());
        }
        plan
    }
}

fn redistill_command(options: &Options, plan: &Plan, dir: &Path) -> Command {
    let config = dir.join("redistill.toml");
    std::fs::write(&config, &options.toml).expect("write the configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_redistill"));
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("REDISTILL_") || name_text.starts_with("REDIS_") {
            command.env_remove(&name);
        }
    }
    command.arg("--config").arg(config).args(&options.args);
    let mut set = |key: &str, value: &str| {
        let name = format!("REDISTILL_{}", key.replace('.', "_").to_uppercase());
        command.env(name, value);
    };
    set("server.bind", "127.0.0.1");
    set("server.port", &plan.port.to_string());
    set(
        "server.health_check_port",
        &plan.http_port.unwrap_or(0).to_string(),
    );
    set("security.enable_debug_command", "yes");
    if let Some(password) = &options.password {
        set("security.password", password);
    }
    if let Some(tls_port) = plan.tls_port {
        let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        std::fs::write(&cert, &plan.cert_pem).expect("write the certificate");
        std::fs::write(&key, &plan.key_pem).expect("write the key");
        set("security.tls_enabled", "true");
        set("security.tls_port", &tls_port.to_string());
        set("security.tls_cert_path", &cert.to_string_lossy());
        set("security.tls_key_path", &key.to_string_lossy());
    }
    if options.unix {
        set("server.unix_socket", &dir.join("socket").to_string_lossy());
    }
    for (key, value) in &options.settings {
        set(key, value);
    }
    command.envs(options.env.iter().map(|(name, value)| (name, value)));
    command
}

fn redis_command(options: &Options, plan: &Plan, dir: &Path) -> Command {
    let ours_only = options.tls || options.http || !options.toml.is_empty();
    assert!(
        !ours_only,
        "redis-server cannot be started with {options:?}"
    );
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &plan.port.to_string()]);
    command.args(["--save", "", "--enable-debug-command", "yes"]);
    command.arg("--dir").arg(dir).args(&options.args);
    if let Some(password) = &options.password {
        command.args(["--requirepass", password]);
    }
    if options.unix {
        command.arg("--unixsocket").arg(dir.join("socket"));
    }
    for (key, value) in &options.settings {
        if let Some(name) = redis_name(key) {
            command.args([&format!("--{name}"), value]);
        }
    }
    command.envs(options.env.iter().map(|(name, value)| (name, value)));
    command
}

/// What redis-server calls one of our options; `None` for what it has no need of.
fn redis_name(key: &str) -> Option<&'static str> {
    Some(match key {
        "server.databases" => "databases",
        "server.max_connections" => "maxclients",
        "server.connection_timeout" => "timeout",
        "limits.max_bulk_bytes" => "proto-max-bulk-len",
        "encoding.hll_sparse_max_bytes" => "hll-sparse-max-bytes",
        "encoding.zset_max_listpack_entries" => "zset-max-listpack-entries",
        "memory.max_memory" => "maxmemory",
        "memory.eviction_policy" => "maxmemory-policy",
        "server.workers" | "server.num_shards" | "server.batch_size" => return None,
        _ => panic!("{key} has no equivalent in redis-server: give its name here"),
    })
}
