//! The side port as its peers see it: raw sockets over loopback.

use super::*;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;

/// How long a test waits for what must come; reached only when it fails.
const PATIENCE: Duration = Duration::from_secs(60);

const REPORT: HealthReport = HealthReport {
    uptime_seconds: 11,
    active_connections: 2,
    total_connections: 33,
    rejected_connections: 4,
    memory_used: 55_555,
    max_memory: u64::MAX,
    evicted_keys: 7,
    total_commands: 88,
};

const FIGURES: &str = "\"uptime_seconds\":11,\"active_connections\":2,\"total_connections\":33,\
     \"rejected_connections\":4,\"memory_used\":55555,\"max_memory\":18446744073709551615,\
     \"evicted_keys\":7,\"total_commands\":88";

/// A server in whatever state the test says; `None` panics when asked.
struct Patient(Mutex<Option<State>>);

impl Patient {
    fn set(&self, state: Option<State>) {
        *self.0.lock().unwrap() = state;
    }
}

impl Probe for Patient {
    fn state(&self) -> State {
        let state = *self.0.lock().unwrap();
        state.expect("a panic the test asked for")
    }

    fn health(&self) -> HealthReport {
        REPORT
    }
}

struct Port {
    address: SocketAddr,
    patient: Arc<Patient>,
    handle: HttpHandle,
}

impl Port {
    fn start() -> Port {
        Port::start_within(LIMITS)
    }

    fn start_within(limits: Limits) -> Port {
        let listener = StdTcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let patient = Arc::new(Patient(Mutex::new(Some(State::Ok))));
        let handle = serve_within(limits, vec![listener], patient.clone()).unwrap();
        Port {
            address,
            patient,
            handle,
        }
    }

    fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    /// The reply to one request on a connection of its own.
    fn request(&self, method: &str, path: &str) -> Answer {
        let mut peer = self.connect();
        peer.send(&format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        peer.answer(method == "HEAD")
    }
}

struct Peer(TcpStream);

struct Answer {
    status: u16,
    /// In lower case.
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Peer {
    fn connect(address: SocketAddr) -> Peer {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Peer(stream)
    }

    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// Reads one reply, and not a byte more.
    fn answer(&mut self, to_head_request: bool) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("a reply");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.strip_prefix("http/1.").unwrap()[2..5].parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: String::new(),
        };
        let length = answer.header("content-length").unwrap_or("0");
        let mut body = vec![0; length.parse().unwrap()];
        if !to_head_request {
            self.0.read_exact(&mut body).expect("the whole body");
            answer.body = String::from_utf8(body).unwrap();
        }
        answer
    }

    /// What comes until the server closes; a reset is a close as well.
    fn until_closed(&mut self) -> String {
        let mut all = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut all) {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
        String::from_utf8(all).unwrap()
    }
}

#[test]
fn health_is_exactly_these_fields() {
    let answer = Port::start().request("GET", "/health");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, format!("{{\"status\":\"ok\",{FIGURES}}}"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn a_query_does_not_matter() {
    assert_eq!(Port::start().request("GET", "/health?at=now").status, 200);
}

#[test]
fn each_state_is_told_in_each_place() {
    let port = Port::start();
    for (state, name, status) in [
        (State::Loading, "loading", 503),
        (State::Ok, "ok", 200),
        (State::ShuttingDown, "shutting_down", 503),
    ] {
        port.patient.set(Some(state));
        let health = port.request("GET", "/health");
        assert_eq!(health.status, status);
        assert_eq!(health.body, format!("{{\"status\":\"{name}\",{FIGURES}}}"));
        let ready = port.request("GET", "/ready");
        assert_eq!(ready.status, status);
        assert_eq!(ready.body, format!("{{\"status\":\"{name}\"}}"));
        let live = port.request("GET", "/live");
        assert_eq!(live.status, 200);
        assert_eq!(live.body, "{\"status\":\"ok\"}");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let port = Port::start();
    for path in ["/health", "/live", "/ready", "/elsewhere"] {
        let get = port.request("GET", path);
        let mut peer = port.connect();
        peer.send(&format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let head = peer.answer(true);
        assert_eq!(head.status, get.status);
        assert_eq!(head.header("content-length"), get.header("content-length"));
        assert_eq!(head.header("content-type"), get.header("content-type"));
        // Nothing of a body stands before the next reply.
        peer.send("GET /live HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(peer.answer(false).status, 200);
    }
}

#[test]
fn other_paths_are_not_found() {
    let port = Port::start();
    for path in [
        "/", "/metrics", "/health/", "/HEALTH", "//health", "/live/x", "*",
    ] {
        assert_eq!(port.request("GET", path).status, 404, "{path}");
    }
    assert_eq!(port.request("DELETE", "/elsewhere").status, 404);
}

#[test]
fn other_methods_are_not_allowed() {
    let port = Port::start();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let answer = port.request(method, "/health");
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("get, head"));
    }
}

#[test]
fn a_body_is_not_waited_for() {
    let port = Port::start();
    let mut peer = port.connect();
    peer.send("POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n");
    assert_eq!(peer.answer(false).status, 405);
    assert_eq!(peer.until_closed(), "");
}

#[test]
fn requests_are_answered_in_order_on_one_connection() {
    let port = Port::start();
    let mut peer = port.connect();
    peer.send(
        "GET /live HTTP/1.1\r\nHost: x\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n\
         HEAD /health HTTP/1.1\r\nHost: x\r\n\r\nPOST /live HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert_eq!(peer.answer(false).status, 200);
    assert_eq!(peer.answer(false).status, 404);
    assert_eq!(peer.answer(true).status, 200);
    assert_eq!(peer.answer(false).status, 405);
    for byte in b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" {
        peer.0.write_all(&[*byte]).unwrap();
    }
    assert_eq!(peer.answer(false).status, 200);
    assert_eq!(peer.until_closed(), "");
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let port = Port::start();
    let mut peer = port.connect();
    peer.send("GET /live HTTP/1.0\r\n\r\n");
    assert_eq!(peer.answer(false).status, 200);
    assert_eq!(peer.until_closed(), "");
}

#[test]
fn what_is_not_http_is_cut_off() {
    let port = Port::start();
    for text in ["*1\r\n$4\r\nPING\r\n", "GET /health\r\n\r\n", "\0\0\0\0"] {
        let mut peer = port.connect();
        peer.send(text);
        let answer = peer.until_closed();
        assert!(answer.is_empty() || answer.contains(" 400 "), "{answer}");
    }
    assert_eq!(port.request("GET", "/live").status, 200);
}

fn short_patience() -> Limits {
    Limits {
        head_timeout: Duration::from_millis(100),
        write_timeout: Duration::from_millis(200),
        ..LIMITS
    }
}

#[test]
fn a_request_that_stops_half_way_is_cut_off() {
    let port = Port::start_within(short_patience());
    for text in ["", "G", "GET /health HTTP/1.1\r\nHost: x\r\n"] {
        let mut peer = port.connect();
        peer.send(text);
        let answer = peer.until_closed();
        assert!(!answer.contains(" 200 "), "{answer}");
    }
}

#[test]
fn a_request_that_trickles_in_is_cut_off() {
    let port = Port::start_within(short_patience());
    let mut peer = port.connect();
    peer.send("GET /health HTTP/1.1\r\n");
    // Each byte comes well within the limit; only the whole takes too long.
    let pause = Duration::from_millis(10);
    peer.0.set_read_timeout(Some(pause)).unwrap();
    let cut = (0..1000).any(|_| {
        let mut byte = [0];
        let sent = peer.0.write_all(b"a");
        match peer.0.read(&mut byte) {
            Ok(read) => read == 0,
            Err(error) => sent.is_err() || error.kind() == io::ErrorKind::ConnectionReset,
        }
    });
    assert!(cut);
}

#[test]
fn an_idle_connection_is_closed() {
    let port = Port::start_within(short_patience());
    let mut peer = port.connect();
    peer.send("GET /live HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(peer.answer(false).status, 200);
    assert!(!peer.until_closed().contains(" 200 "));
}

#[test]
fn an_oversized_head_is_cut_off() {
    let port = Port::start();
    let begin = "GET /health HTTP/1.1\r\nHost: x\r\nX: ";
    // As many bytes as are read, so that the refusal is not lost to a reset.
    let mut peer = port.connect();
    peer.send(&format!(
        "{begin}{}",
        "a".repeat(LIMITS.head_bytes_max - begin.len())
    ));
    assert!(peer.until_closed().starts_with("HTTP/1.1 431 "));

    let mut peer = port.connect();
    peer.send(&format!(
        "GET /health HTTP/1.1\r\n{}\r\n",
        "X: y\r\n".repeat(LIMITS.headers_max + 1)
    ));
    assert!(peer.until_closed().starts_with("HTTP/1.1 431 "));

    let mut peer = port.connect();
    let path = "a".repeat(64 << 10);
    // The server may well close before it is all sent.
    let _ = peer
        .0
        .write_all(format!("GET /{path} HTTP/1.1\r\n\r\n").as_bytes());
    assert!(!peer.until_closed().contains(" 200 "));

    let mut peer = port.connect();
    peer.send(&format!(
        "GET /health HTTP/1.1\r\n{}\r\n",
        "X: y\r\n".repeat(LIMITS.headers_max)
    ));
    assert_eq!(peer.answer(false).status, 200);
}

#[test]
fn a_peer_that_does_not_read_is_cut_off() {
    let port = Port::start_within(short_patience());
    let mut peer = port.connect();
    let requests = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    // Sooner or later both directions are full, and then only the cut ends the wait.
    let error = loop {
        if let Err(error) = peer.0.write_all(requests.as_bytes()) {
            break error;
        }
    };
    assert!(
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        ),
        "{error}"
    );
}

#[test]
fn the_oldest_connection_gives_way() {
    let port = Port::start_within(Limits {
        connections_max: 2,
        // No connection makes room by idling out.
        head_timeout: 10 * PATIENCE,
        ..LIMITS
    });
    let mut peers: Vec<Peer> = Vec::new();
    for _ in 0..4 {
        let mut peer = port.connect();
        peer.send("GET /live HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(peer.answer(false).status, 200);
        peers.push(peer);
    }
    for peer in &mut peers[..2] {
        assert_eq!(peer.until_closed(), "");
    }
    for peer in &mut peers[2..] {
        peer.send("GET /live HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(peer.answer(false).status, 200);
    }
}

#[test]
fn finished_connections_leave_room() {
    let port = Port::start_within(Limits {
        connections_max: 2,
        ..LIMITS
    });
    let mut first = port.connect();
    first.send("GET /live HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(first.answer(false).status, 200);
    for _ in 0..10 {
        let mut passing = port.connect();
        passing.send("GET /live HTTP/1.0\r\n\r\n");
        assert_eq!(passing.answer(false).status, 200);
        passing.0.shutdown(Shutdown::Write).unwrap();
        assert_eq!(passing.until_closed(), "");
    }
    first.send("GET /live HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(first.answer(false).status, 200);
}

#[test]
fn every_listener_is_served() {
    let listeners: Vec<_> = ["127.0.0.1:0", "[::1]:0"]
        .map(|address| StdTcpListener::bind(address).unwrap())
        .into();
    let addresses: Vec<_> = listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap())
        .collect();
    let patient = Arc::new(Patient(Mutex::new(Some(State::Ok))));
    let _handle = serve(listeners, patient).unwrap();
    for address in addresses {
        let url = format!("http://{address}/health");
        assert_eq!(client::get_status(&url, PATIENCE).unwrap(), 200);
    }
}

#[test]
fn a_panic_in_the_probe_ends_one_connection_only() {
    let port = Port::start();
    port.patient.set(None);
    let mut peer = port.connect();
    peer.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(peer.until_closed(), "");
    port.patient.set(Some(State::Ok));
    assert_eq!(port.request("GET", "/health").status, 200);
}

#[test]
fn shutdown_closes_everything() {
    let port = Port::start();
    let mut idle = port.connect();
    idle.send("GET /live HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(idle.answer(false).status, 200);
    let mut unfinished = port.connect();
    unfinished.send("GET /live HT");
    let address = port.address;
    port.handle.shutdown();
    assert_eq!(idle.until_closed(), "");
    assert_eq!(unfinished.until_closed(), "");
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}
