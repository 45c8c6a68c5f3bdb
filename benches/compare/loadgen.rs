//! The load: connections with one batch of requests in flight each, served in turn.
//!
//! One thread writes a batch on every connection, then reads the oldest connection's replies
//! in full, writes its next batch, and goes on to the next connection. Plain blocking sockets:
//! two system calls a batch and no event loop, so that the load is never what is measured.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use super::Result;
use super::request::{Answer, Batch, Replies};
use super::server::Server;

/// How long a reply may take; servers under valgrind need seconds for a deep pipeline.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// Connections from one address; by default a system gives 28,232 ports for them.
const PORTS_OF_AN_ADDRESS: u32 = 5_000;
/// Connections that have had an address of their own, and 5,000 so that none ends in 0.
static OPENED: AtomicU32 = AtomicU32::new(PORTS_OF_AN_ADDRESS);
/// Connections of very many that are opened before they log in.
const CONNECTED_AT_ONCE: usize = 500;

/// A set of connections to one server.
pub(crate) struct Load {
    connections: Vec<Box<dyn Connection>>,
    speaks_resp: bool,
    /// Replies of the batch being read.
    input: Vec<u8>,
    /// The first refusal, as the server worded it.
    refusal: Option<String>,
}

trait Connection: Read + Write {}
impl Connection for TcpStream {}
impl Connection for StreamOwned<ClientConnection, TcpStream> {}

impl Load {
    /// Opens `connections` plain connections, authenticated when the server wants that.
    pub(crate) fn connect(server: &Server, connections: usize) -> Result<Load> {
        let open = || Ok(Box::new(tcp(server.port)?) as Box<dyn Connection>);
        Load::open(server, connections, open)
    }

    /// The same for more connections than an address has ports: they come from 127.1.0.1, 127.1.0.2
    /// and so on, and log in as they come, since servers do not wait for that for ever.
    pub(crate) fn connect_many(server: &Server, connections: usize) -> Result<Load> {
        let open = || {
            // None is used again: ports are taken for a minute after their connection has closed.
            let [.., high, low] =
                (OPENED.fetch_add(1, Relaxed) / PORTS_OF_AN_ADDRESS).to_be_bytes();
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&SocketAddr::from(([127, 1, high, low], 0)).into())?;
            socket.connect(&SocketAddr::from(([127, 0, 0, 1], server.port)).into())?;
            Ok(Box::new(prepared(socket.into())?) as Box<dyn Connection>)
        };
        let mut load = Load::open(server, 0, open)?;
        while load.connections.len() < connections {
            let more = CONNECTED_AT_ONCE.min(connections - load.connections.len());
            load.connections
                .append(&mut Load::open(server, more, open)?.connections);
        }
        Ok(load)
    }

    /// The same as a user of this name with these rules, which is made for it; if there are none,
    /// as who connects is.
    pub(crate) fn connect_as(
        server: &Server,
        connections: usize,
        (name, rules): (&str, &str),
    ) -> Result<Load> {
        let mut load = Load::connect(server, connections)?;
        if !rules.is_empty() {
            load.one(0, &format!("ACL SETUSER {name} reset {rules}\r\n"), "+OK")?;
            load.on_each(&format!("AUTH {name} anything\r\n"), "+OK")?;
        }
        Ok(load)
    }

    /// The same over TLS; the server must have been started with a certificate.
    pub(crate) fn connect_tls(server: &Server, connections: usize) -> Result<Load> {
        let certificate = &server.settings.certificate;
        let certificate = certificate
            .as_ref()
            .ok_or("the server has no certificate")?;
        let open = || {
            let mut stream = StreamOwned::new(certificate.client()?, tcp(server.tls_port)?);
            // Servers give a handshake little time; it would wait for the first request.
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock)?;
            }
            Ok(Box::new(stream) as Box<dyn Connection>)
        };
        Load::open(server, connections, open)
    }

    fn open(
        server: &Server,
        connections: usize,
        open: impl Fn() -> Result<Box<dyn Connection>>,
    ) -> Result<Load> {
        let connections = (0..connections).map(|_| open()).collect::<Result<_>>()?;
        let mut load = Load {
            refusal: None,
            connections,
            speaks_resp: server.speaks_resp,
            input: vec![0; 64 * 1024],
        };
        if let (true, Some(password)) = (server.speaks_resp, &server.settings.password) {
            load.on_each(&format!("AUTH {password}\r\n"), "+OK")?;
        }
        Ok(load)
    }

    /// A request and its reply on every connection: proves that the server serves them all.
    pub(crate) fn ping(&mut self) -> Result<()> {
        match self.speaks_resp {
            true => self.on_each("PING\r\n", "+PONG"),
            false => self.on_each("version\r\n", "VERSION"),
        }
    }

    /// Empties the server.
    pub(crate) fn flush_all(&mut self) -> Result<()> {
        let request = if self.speaks_resp {
            "FLUSHALL\r\n"
        } else {
            "flush_all\r\n"
        };
        let reply = if self.speaks_resp { "+OK" } else { "OK" };
        self.one(0, request, reply)
    }

    /// Sends requests one after the other; each reply must be one of few bytes that begins so.
    pub(crate) fn one_each(&mut self, requests: &[(&[&str], &str)]) -> Result<()> {
        requests.iter().try_for_each(|(words, reply)| {
            let bulk = |word: &&str| format!("${}\r\n{word}\r\n", word.len());
            let words = format!(
                "*{}\r\n{}",
                words.len(),
                words.iter().map(bulk).collect::<String>()
            );
            self.one(0, &words, reply)
        })
    }

    fn on_each(&mut self, request: &str, reply: &str) -> Result<()> {
        (0..self.connections.len()).try_for_each(|index| self.one(index, request, reply))
    }

    fn one(&mut self, index: usize, request: &str, reply: &str) -> Result<()> {
        self.connections[index].write_all(request.as_bytes())?;
        let connection = &mut self.connections[index];
        let mut filled = 0;
        while !self.input[..filled].ends_with(b"\n") {
            filled += read_some(connection.as_mut(), &mut self.input[filled..])?;
        }
        match self.input.starts_with(reply.as_bytes()) {
            true => Ok(()),
            false => Err(unexpected(&self.input[..filled], request)),
        }
    }

    /// Sends `batches` batches and checks their replies; returns how many were refusals, which
    /// only operations answered by a line may be.
    ///
    /// # Errors
    /// On any reply that is neither the expected one nor an error line, and after a minute
    /// without one.
    pub(crate) fn run(&mut self, batch: &mut Batch, batches: u64) -> Result<u64> {
        let count = self.connections.len() as u64;
        let mut refused = 0;
        for index in 0..batches.min(count) {
            self.connections[index as usize].write_all(batch.next())?;
        }
        for received in 0..batches {
            let index = (received % count) as usize;
            refused += self.read_replies(index, batch)?;
            if received + count < batches {
                self.connections[index].write_all(batch.next())?;
            }
        }
        Ok(refused)
    }

    /// Like [`Load::run`], with a refusal being an error.
    pub(crate) fn run_strictly(&mut self, batch: &mut Batch, batches: u64) -> Result<()> {
        match self.run(batch, batches)? {
            0 => Ok(()),
            refused => {
                let first = self.refusal.take().unwrap_or_default();
                Err(format!("{refused} requests were refused, the first by {first:?}").into())
            }
        }
    }

    /// Sends one request and takes the length and the beginning of its reply for those of all.
    ///
    /// # Errors
    /// When the reply is an error.
    pub(crate) fn learn(&mut self, one: &mut Batch) -> Result<Replies> {
        self.connections[0].write_all(one.next())?;
        let mut filled = 0;
        let bytes = loop {
            if filled == self.input.len() {
                self.input.resize(2 * filled, 0);
            }
            filled += read_some(self.connections[0].as_mut(), &mut self.input[filled..])?;
            if let Some(bytes) = reply_len(&self.input[..filled]) {
                break bytes;
            }
        };
        if self.input[0] == b'-' || bytes != filled {
            return Err(unexpected(&self.input[..filled], "a request to learn from"));
        }
        Ok(Replies::Fixed {
            head: self.input[..1].to_vec(),
            bytes,
        })
    }

    fn read_replies(&mut self, index: usize, batch: &Batch) -> Result<u64> {
        match &batch.replies {
            Replies::Fixed { head, bytes } => {
                self.read_fixed(index, batch.pipeline, *bytes, head)?;
                Ok(0)
            }
            Replies::Lines { head } => self.read_lines(index, batch.pipeline, head),
            Replies::Texts => {
                self.read_texts(index, batch.pipeline)?;
                Ok(0)
            }
        }
    }

    fn read_texts(&mut self, index: usize, count: usize) -> Result<()> {
        let (mut filled, mut read, mut texts) = (0, 0, 0);
        while texts < count {
            if filled == self.input.len() {
                self.input.resize(2 * filled, 0);
            }
            filled += read_some(self.connections[index].as_mut(), &mut self.input[filled..])?;
            while let Some(bytes) = reply_len(&self.input[read..filled]) {
                if self.input[read] != b'$' {
                    return Err(unexpected(&self.input[read..filled], "a text"));
                }
                read += bytes;
                texts += 1;
            }
        }
        Ok(())
    }

    fn read_fixed(&mut self, index: usize, count: usize, bytes: usize, head: &[u8]) -> Result<()> {
        let expected = count * bytes;
        if self.input.len() < expected {
            self.input.resize(expected, 0);
        }
        let mut filled = 0;
        while filled < expected {
            let connection = self.connections[index].as_mut();
            match read_some(connection, &mut self.input[filled..expected]) {
                Ok(read) => filled += read,
                Err(error) => {
                    let what = format!("{count} replies of {bytes} bytes ({error})");
                    return Err(unexpected(&self.input[..filled], &what));
                }
            }
        }
        let mut replies = self.input[..expected].chunks_exact(bytes);
        match replies.find(|reply| !reply.starts_with(head)) {
            None => Ok(()),
            Some(reply) => Err(unexpected(reply, "a value")),
        }
    }

    fn read_lines(&mut self, index: usize, count: usize, head: &[u8]) -> Result<u64> {
        let (mut filled, mut lines) = (0, 0);
        while lines < count {
            if filled == self.input.len() {
                self.input.resize(2 * filled, 0);
            }
            let connection = self.connections[index].as_mut();
            let read = read_some(connection, &mut self.input[filled..])?;
            lines += memchr::memchr_iter(b'\n', &self.input[filled..filled + read]).count();
            filled += read;
        }
        let mut refused = 0;
        for line in self.input[..filled].split_inclusive(|&byte| byte == b'\n') {
            if line.starts_with(head) {
                continue;
            }
            if !line.starts_with(b"-") && !line.starts_with(b"SERVER_ERROR") {
                return Err(unexpected(line, "a line"));
            }
            refused += 1;
            let text = || String::from_utf8_lossy(line).trim().to_owned();
            self.refusal.get_or_insert_with(text);
        }
        Ok(refused)
    }
}

/// Length of the reply that `bytes` begins with, once it is all there.
fn reply_len(bytes: &[u8]) -> Option<usize> {
    let line = memchr::memchr(b'\n', bytes)? + 1;
    let number = || {
        let text = std::str::from_utf8(&bytes[1..line - 2]).ok()?;
        text.parse::<i64>().ok()
    };
    match bytes[0] {
        b'$' => match number()? {
            -1 => Some(line),
            len => (bytes.len() >= line + len as usize + 2).then_some(line + len as usize + 2),
        },
        b'*' => {
            let mut at = line;
            for _ in 0..number()?.max(0) {
                at += reply_len(&bytes[at..])?;
            }
            Some(at)
        }
        _ => Some(line),
    }
}

/// Stores keys `from..to`: values under `key:`, or what else `op` writes.
pub(crate) fn preload(
    server: &Server,
    op: &super::request::Op,
    value_bytes: usize,
    from: u64,
    to: u64,
) -> Result<()> {
    const PIPELINE: u64 = 100;
    // Messages of a stream must arrive in order: whatever is not a plain key has one connection.
    let connections = if matches!(op.answer, Answer::Alike) {
        1
    } else {
        4
    };
    let mut load = Load::connect(server, connections)?;
    let make = |pipeline: u64, next| {
        let pick = super::request::Pick::Sequence { next };
        Batch::new(op, server.speaks_resp, pipeline as usize, value_bytes, pick)
    };
    let (mut from, mut learnt) = (from, None);
    if matches!(op.answer, Answer::Alike) {
        // Number 0 is no id: the first message has number 1.
        learnt = Some(load.learn(&mut make(1, from + 1)?)?);
        from += 2;
    }
    let batches = to.saturating_sub(from) / PIPELINE;
    let rest = to.saturating_sub(from) % PIPELINE;
    let mut batch = make(PIPELINE, from)?;
    if let Some(replies) = learnt {
        batch.replies = replies;
        return load.run_strictly(&mut batch, batches);
    }
    load.run_strictly(&mut batch, batches)?;
    load.run_strictly(&mut make(1, to - rest)?, rest)
}

fn tcp(port: u16) -> Result<TcpStream> {
    prepared(TcpStream::connect(("127.0.0.1", port))?)
}

fn prepared(stream: TcpStream) -> Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
    Ok(stream)
}

fn read_some(connection: &mut dyn Connection, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match connection.read(buffer) {
            Ok(0) => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the server closed the connection",
                ));
            }
            // A process that was stopped and goes on finds its read interrupted, if that has a timeout.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

fn unexpected(reply: &[u8], request: &str) -> Box<dyn std::error::Error> {
    let text = String::from_utf8_lossy(&reply[..reply.len().min(100)]);
    format!("expected the reply to {:?}, got {text:?}", request.trim()).into()
}
