//! One HTTP request, for `redistill health` in containers that hold no curl.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Bytes read in search of the end of the status line.
const STATUS_LINE_BYTES_MAX: usize = 1024;

/// The status code that a `GET` of `url` is answered with; the rest of the answer is not read.
///
/// `url` is `http://host[:port][/path][?query]`, an IPv6 host in brackets. Blocks for `timeout` at
/// most, all addresses of the host together, but for resolving its name, which the system limits.
///
/// # Errors
/// What is wrong with the URL, the connection or the answer.
pub fn get_status(url: &str, timeout: Duration) -> Result<u16, ClientError> {
    let target = Target::parse(url)?;
    let deadline = Instant::now() + timeout;
    let mut stream = connect(&target, deadline)?;
    stream.set_write_timeout(Some(remaining(deadline)?))?;
    stream.write_all(target.request().as_bytes())?;
    status(&mut stream, deadline)
}

/// Why a request got no status.
#[derive(Debug)]
pub enum ClientError {
    /// The URL cannot be used, with the reason.
    Url(&'static str),
    /// The host could not be reached, or not in time.
    Io(io::Error),
    /// The host does not speak HTTP/1.
    NotHttp,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Url(reason) => write!(f, "invalid URL: {reason}"),
            ClientError::Io(error) => error.fmt(f),
            ClientError::NotHttp => f.write_str("the answer is not HTTP"),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> ClientError {
        // A socket's timeout is reported as if it were non-blocking.
        match error.kind() {
            io::ErrorKind::WouldBlock => ClientError::Io(io::ErrorKind::TimedOut.into()),
            _ => ClientError::Io(error),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Target<'a> {
    /// Host and port as in the URL, for the `Host` header.
    authority: &'a str,
    /// Host without brackets.
    host: &'a str,
    port: u16,
    /// Path and query.
    path: &'a str,
}

impl<'a> Target<'a> {
    fn parse(url: &'a str) -> Result<Target<'a>, ClientError> {
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ClientError::Url("only printable ASCII, without spaces"));
        }
        let rest = match url.split_at_checked("http://".len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http://") => rest,
            _ => return Err(ClientError::Url("it must begin with http://")),
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = split_authority(authority)?;
        Ok(Target {
            authority,
            host,
            port,
            path,
        })
    }

    fn request(&self) -> String {
        let slash = if self.path.starts_with('/') { "" } else { "/" };
        format!(
            "GET {slash}{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: redistill\r\n\
             Connection: close\r\n\r\n",
            self.path, self.authority
        )
    }
}

fn split_authority(authority: &str) -> Result<(&str, u16), ClientError> {
    if authority.contains('@') {
        return Err(ClientError::Url("a user name is not supported"));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(ClientError::Url(
            "the IPv6 address lacks its closing bracket",
        ))?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if host.is_empty() {
        return Err(ClientError::Url("there is no host"));
    }
    let port = match (port, port.strip_prefix(':')) {
        // As RFC 3986 has it, an empty port is the default one.
        ("" | ":", _) => 80,
        (_, Some(digits)) => digits
            .parse()
            .ok()
            .filter(|&port| port != 0 && !digits.starts_with('+'))
            .ok_or(ClientError::Url("the port is not a number from 1 to 65535"))?,
        (_, None) => return Err(ClientError::Url("only a port may follow the address")),
    };
    Ok((host, port))
}

fn connect(target: &Target<'_>, deadline: Instant) -> Result<TcpStream, ClientError> {
    let mut failure = None;
    for address in (target.host, target.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, remaining(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(error),
        }
    }
    let none = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    Err(failure.unwrap_or_else(none).into())
}

/// Time left, never zero: a socket would take that for "no limit".
fn remaining(deadline: Instant) -> io::Result<Duration> {
    match deadline.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn status(stream: &mut TcpStream, deadline: Instant) -> Result<u16, ClientError> {
    let mut buffer = [0; STATUS_LINE_BYTES_MAX];
    let mut length = 0;
    loop {
        if let Some(end) = memchr::memchr(b'\n', &buffer[..length]) {
            return parse_status(&buffer[..end]).ok_or(ClientError::NotHttp);
        }
        stream.set_read_timeout(Some(remaining(deadline)?))?;
        match stream.read(&mut buffer[length..]) {
            // The end of the stream, or of the buffer.
            Ok(0) => return Err(ClientError::NotHttp),
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The code in `HTTP/1.x CODE reason`.
fn parse_status(line: &[u8]) -> Option<u16> {
    let line = line.trim_ascii_end();
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let [
        b'0'..=b'9',
        b' ',
        a @ b'1'..=b'9',
        b @ b'0'..=b'9',
        c @ b'0'..=b'9',
        rest @ ..,
    ] = rest
    else {
        return None;
    };
    let digit = |byte: u8| u16::from(byte - b'0');
    matches!(rest, [] | [b' ', ..]).then(|| digit(*a) * 100 + digit(*b) * 10 + digit(*c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    const LONG: Duration = Duration::from_secs(60);

    /// The outcome against a server that says `answer`, and the request it was sent.
    fn exchange(bind: &str, path: &str, answer: &[u8]) -> (Result<u16, ClientError>, String) {
        let listener = TcpListener::bind(bind).unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        let answer = answer.to_vec();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            // The peer may have heard enough before it has heard all.
            let _ = stream.write_all(&answer);
            String::from_utf8(request).unwrap()
        });
        let outcome = get_status(&url, LONG);
        (outcome, server.join().unwrap())
    }

    #[test]
    fn the_status_is_read_and_the_request_is_plain() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        let (status, request) = exchange("127.0.0.1:0", "/health?full=1#top", answer);
        assert_eq!(status.unwrap(), 503);
        let (line, headers) = request.split_once("\r\n").unwrap();
        assert_eq!(line, "GET /health?full=1 HTTP/1.1");
        assert!(headers.starts_with("Host: 127.0.0.1:"), "{headers}");
        assert!(headers.contains("\r\nConnection: close\r\n"), "{headers}");
    }

    #[test]
    fn ipv6_hosts_keep_their_brackets_in_the_host_header() {
        let (status, request) = exchange("[::1]:0", "", b"HTTP/1.0 200\n");
        assert_eq!(status.unwrap(), 200);
        assert!(
            request.starts_with("GET / HTTP/1.1\r\nHost: [::1]:"),
            "{request}"
        );
    }

    #[test]
    fn answers_that_are_not_http_are_told_apart() {
        let endless = [b'x'; 4 * STATUS_LINE_BYTES_MAX];
        for answer in [
            &b"-ERR unknown command\r\n"[..],
            b"HTTP/2 200\r\n",
            b"HTTP/1.1 2000 OK\r\n",
            b"HTTP/1.1 20\r\n",
            b"HTTP/1.1 099 x\r\n",
            b"HTTP/1.1 200 OK",
            b"",
            &endless,
        ] {
            let (outcome, _request) = exchange("127.0.0.1:0", "/", answer);
            assert!(matches!(outcome, Err(ClientError::NotHttp)), "{outcome:?}");
        }
    }

    #[test]
    fn a_silent_host_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        match get_status(&url, Duration::from_millis(20)) {
            Err(ClientError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_closed_port_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        match get_status(&url, LONG) {
            Err(ClientError::Io(error)) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn urls_are_taken_apart() {
        for (url, host, port, path) in [
            ("http://localhost", "localhost", 80, ""),
            ("HTTP://localhost:/x", "localhost", 80, "/x"),
            ("http://10.0.0.1:8080/health", "10.0.0.1", 8080, "/health"),
            ("http://[::1]:8080?q", "::1", 8080, "?q"),
            ("http://[fe80::1]/", "fe80::1", 80, "/"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.host, target.port, target.path), (host, port, path));
        }
    }

    #[test]
    fn urls_that_cannot_be_used_are_refused() {
        for url in [
            "",
            "localhost:8080/health",
            "https://localhost/",
            "http://",
            "http:///health",
            "http://:8080/",
            "http://user:secret@localhost/",
            "http://[::1/",
            "http://[::1]x:1/",
            "http://localhost:0/",
            "http://localhost:65536/",
            "http://localhost:+80/",
            "http://::1:80/",
            "http://localhost/a b",
            "http://localhost/\r\nX: y",
            "http://h\u{f6}st/",
        ] {
            let outcome = Target::parse(url);
            assert!(
                matches!(outcome, Err(ClientError::Url(_))),
                "{url}: {outcome:?}"
            );
        }
    }
}
