//! The side port, and the client that asks it.

use crate::driver::{Target, fuzz, words};
use redistill::http::client::get_status;
use redistill::http::{HealthReport, Probe, State, serve};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

struct Healthy;

impl Probe for Healthy {
    fn state(&self) -> State {
        State::Ok
    }

    fn health(&self) -> HealthReport {
        HealthReport::default()
    }
}

/// Whatever is sent to the side port is answered in HTTP or not at all, and it goes on serving.
#[test]
fn side_port() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("can be set");
    let address = listener.local_addr().expect("bound");
    let _port = serve(vec![listener], Arc::new(Healthy)).expect("a side port");
    let target = Target {
        name: "side_port",
        inputs: 1_000,
        seeds: words(&[
            "GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
            "HEAD /health HTTP/1.0\r\n\r\n",
            "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
            "GET /live HTTP/1.1\r\nHost: x\r\n\r\nGET /ready HTTP/1.1\r\nHost: x\r\n\r\n",
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        ]),
        words: words(&[
            "\r\n",
            "\r\n\r\n",
            "GET ",
            "/health",
            " HTTP/1.1",
            " HTTP/2.0",
            "Content-Length: 99",
            "Connection: close",
            "Expect: 100-continue",
            "Upgrade: h2c",
            "\0",
            "%00",
            ": ",
        ]),
    };
    fuzz(&target, |input, outcome| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("can be set");
        // It may have heard enough before it has heard all.
        let _ = stream.write_all(input);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let cut_off = read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!cut_off, "neither answered nor closed");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."));
        outcome.note(answer.get(..12).map(<[u8]>::to_vec));
    });
    let healthy = get_status(&format!("http://{address}/health"), PATIENCE);
    assert_eq!(healthy.expect("it still serves"), 200);
}

/// Whatever a server answers, the probe gets a status or an error.
#[test]
fn status_lines() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let target = Target {
        name: "status_lines",
        inputs: 2_000,
        seeds: words(&[
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 503\n",
            "HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\n",
        ]),
        words: words(&[
            "HTTP/1.", "HTTP/2", " ", "200", "099", "1000", "\r\n", "\n", "\0",
        ]),
    };
    fuzz(&target, |answer, outcome| {
        let status = std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().expect("the client comes");
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).expect("a whole request");
                    request.push(byte[0]);
                }
                let _ = stream.write_all(answer);
            });
            get_status(&url, PATIENCE)
        });
        outcome.note(status.is_ok());
        if let Ok(status) = status {
            assert!((100..1000).contains(&status));
            let shown = format!(" {status}");
            let line = answer.split(|&byte| byte == b'\n').next().unwrap_or(answer);
            assert!(line.starts_with(b"HTTP/1."));
            assert!(memchr::memmem::find(line, shown.as_bytes()).is_some());
        }
    });
}
