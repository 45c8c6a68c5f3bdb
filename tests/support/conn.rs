//! A blocking client connection with a timeout on every read.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::reply::{Reply, decode};

/// How long a read waits before the test fails. Generous: the machine may be busy.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Encodes one request as clients send it.
pub fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Why no reply could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The server closed the connection; what was left of the stream.
    Closed(Vec<u8>),
    /// Nothing came in time.
    Timeout,
    /// The frame is malformed.
    Malformed(String),
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
}

/// One client connection.
pub struct Conn {
    stream: Stream,
    received: Vec<u8>,
    /// How much of `received` has been handed out as replies.
    taken: usize,
    /// The protocol version negotiated by [`Conn::hello`].
    pub protocol: u8,
    /// Push messages that arrived while [`Conn::cmd`] and its kin waited for their replies.
    pub pushes: Vec<Reply>,
}

impl Conn {
    /// Connects by TCP.
    #[track_caller]
    pub fn open(addr: SocketAddr) -> Conn {
        Conn::try_open(addr).unwrap_or_else(|e| panic!("connect to {addr}: {e}"))
    }

    /// Connects by TCP.
    ///
    /// # Errors
    ///
    /// Those of `connect`.
    pub fn try_open(addr: SocketAddr) -> std::io::Result<Conn> {
        Ok(Conn::over(Stream::Tcp(connect(addr)?)))
    }

    /// Connects to a unix socket.
    #[track_caller]
    pub fn open_unix(path: &Path) -> Conn {
        let stream = UnixStream::connect(path).expect("connect to the unix socket");
        stream
            .set_read_timeout(Some(READ_TIMEOUT))
            .expect("a timeout can be set");
        Conn::over(Stream::Unix(stream))
    }

    /// Connects by TLS to a server whose certificate names `localhost`.
    ///
    /// # Errors
    ///
    /// Those of `connect` and of the handshake.
    pub fn try_open_tls(
        addr: SocketAddr,
        config: Arc<rustls::ClientConfig>,
    ) -> std::io::Result<Conn> {
        let name = "localhost".try_into().expect("a valid host name");
        let client = rustls::ClientConnection::new(config, name).map_err(std::io::Error::other)?;
        let mut tls = rustls::StreamOwned::new(client, connect(addr)?);
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        Ok(Conn::over(Stream::Tls(Box::new(tls))))
    }

    fn over(stream: Stream) -> Conn {
        Conn {
            stream,
            received: Vec::new(),
            taken: 0,
            protocol: 2,
            pushes: Vec::new(),
        }
    }

    /// Changes how long reads wait.
    pub fn set_timeout(&mut self, timeout: Duration) {
        match &self.stream {
            Stream::Tcp(s) => s.set_read_timeout(Some(timeout)),
            Stream::Unix(s) => s.set_read_timeout(Some(timeout)),
            Stream::Tls(s) => s.sock.set_read_timeout(Some(timeout)),
        }
        .expect("a timeout can be set");
    }

    /// Switches the protocol with `HELLO`.
    #[track_caller]
    pub fn hello(&mut self, protocol: u8) -> &mut Conn {
        let reply = self.cmd(&["HELLO", &protocol.to_string()]);
        assert!(!reply.is_error(), "HELLO {protocol}: {reply}");
        self.protocol = protocol;
        self
    }

    /// Sends bytes as they are. A peer that has closed is noticed by the next read, not here: its
    /// last words may still be on their way.
    #[track_caller]
    pub fn send_raw(&mut self, bytes: &[u8]) {
        let sent = match &mut self.stream {
            Stream::Tcp(s) => s.write_all(bytes),
            Stream::Unix(s) => s.write_all(bytes),
            Stream::Tls(s) => s.write_all(bytes).and_then(|()| s.flush()),
        };
        match sent {
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            sent => sent.expect("send"),
        }
    }

    /// Sends a request without waiting for its reply.
    #[track_caller]
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        self.send_raw(&encode(args));
    }

    /// Closes the sending half: the server sees the end of the stream.
    pub fn finish_sending(&mut self) {
        let shut = match &mut self.stream {
            Stream::Tcp(s) => s.shutdown(std::net::Shutdown::Write),
            Stream::Unix(s) => s.shutdown(std::net::Shutdown::Write),
            Stream::Tls(s) => {
                s.conn.send_close_notify();
                s.flush()
            }
        };
        shut.expect("shut the sending half");
    }

    /// Sends a request and reads its reply; push messages on the way are put aside.
    #[track_caller]
    pub fn cmd<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Reply {
        self.send(args);
        self.reply()
    }

    /// Sends a request written as in redis-cli (see [`super::split_line`]) and reads its reply.
    #[track_caller]
    pub fn line(&mut self, line: &str) -> Reply {
        self.cmd(&super::split_line(line))
    }

    /// Keeps asking until `done`. `None` when the server has disconnected this client for having
    /// asked nothing for `idle`, as on a machine that stood still; panics when it was earlier.
    #[track_caller]
    pub fn keep_busy_until(
        &mut self,
        idle: Duration,
        mut done: impl FnMut() -> bool,
    ) -> Option<()> {
        let mut last = Instant::now();
        super::poll_until("a client that is busy meanwhile", || {
            let now = Instant::now();
            self.send(&["PING"]);
            match self.try_read() {
                Ok(reply) => assert_eq!(reply.text(), "PONG"),
                Err(error) => {
                    let asked_before = last.elapsed();
                    assert!(asked_before >= idle, "{error:?} after {asked_before:?}");
                    return Some(None);
                }
            }
            last = now;
            done().then_some(Some(()))
        })
    }

    /// Sends all requests at once, then reads as many replies.
    #[track_caller]
    pub fn pipeline<A: AsRef<[u8]>>(&mut self, requests: &[Vec<A>]) -> Vec<Reply> {
        let bytes: Vec<u8> = requests.iter().flat_map(|args| encode(args)).collect();
        self.pipeline_raw(&bytes, requests.len())
    }

    /// Sends bytes that hold `count` requests, then reads as many replies. The sending has its
    /// own thread over TCP, so neither side can wait for the other to drain.
    #[track_caller]
    pub fn pipeline_raw(&mut self, bytes: &[u8], count: usize) -> Vec<Reply> {
        let writer = match &self.stream {
            Stream::Tcp(s) => Some(s.try_clone().expect("clone the socket")),
            Stream::Unix(_) | Stream::Tls(_) => None,
        };
        let Some(mut writer) = writer else {
            self.send_raw(bytes);
            return (0..count).map(|_| self.reply()).collect();
        };
        std::thread::scope(|scope| {
            scope.spawn(move || drop(writer.write_all(bytes)));
            (0..count).map(|_| self.reply()).collect()
        })
    }

    /// As [`Conn::pipeline_raw`], over TCP, with push messages among the replies and each with its
    /// bytes. What follows the first failure is the same failure.
    pub fn try_pipeline_raw(
        &mut self,
        bytes: &[u8],
        count: usize,
    ) -> Vec<Result<(Reply, Vec<u8>), ReadError>> {
        let Stream::Tcp(stream) = &self.stream else {
            panic!("pipelines of this kind need TCP")
        };
        let mut writer = stream.try_clone().expect("clone the socket");
        std::thread::scope(|scope| {
            scope.spawn(move || drop(writer.write_all(bytes)));
            let mut answers: Vec<Result<_, ReadError>> = Vec::with_capacity(count);
            while answers.len() < count {
                match answers.last() {
                    Some(Err(e)) => answers.push(Err(e.clone())),
                    _ => answers.push(self.try_read_raw()),
                }
            }
            answers
        })
    }

    /// Reads the next reply; push messages before it are put aside.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        loop {
            match self.read() {
                push @ Reply::Push(_) => self.pushes.push(push),
                reply => return reply,
            }
        }
    }

    /// Reads the next message, push or reply; panics when there is none.
    #[track_caller]
    pub fn read(&mut self) -> Reply {
        match self.try_read() {
            Ok(reply) => reply,
            Err(e) => panic!("no reply: {e:?}"),
        }
    }

    /// Reads the next message, push or reply.
    ///
    /// # Errors
    ///
    /// When the connection ends, nothing comes in time, or the bytes are no reply.
    pub fn try_read(&mut self) -> Result<Reply, ReadError> {
        self.try_read_raw().map(|(reply, _)| reply)
    }

    /// Reads the next message and its bytes as they came.
    ///
    /// # Errors
    ///
    /// As [`Conn::try_read`].
    pub fn try_read_raw(&mut self) -> Result<(Reply, Vec<u8>), ReadError> {
        loop {
            let unread = &self.received[self.taken..];
            if let Some((reply, used)) = decode(unread).map_err(ReadError::Malformed)? {
                let raw = unread[..used].to_vec();
                self.taken += used;
                return Ok((reply, raw));
            }
            if self.receive()? == 0 {
                return Err(ReadError::Closed(self.take_unread()));
            }
        }
    }

    /// Reads until the server closes; returns what it still sent. Panics when it does not close.
    #[track_caller]
    pub fn read_to_close(&mut self) -> Vec<u8> {
        loop {
            match self.receive() {
                Ok(0) => return self.take_unread(),
                Ok(_) => {}
                Err(e) => panic!("the connection stays open: {e:?}"),
            }
        }
    }

    fn take_unread(&mut self) -> Vec<u8> {
        self.received.drain(..std::mem::take(&mut self.taken));
        std::mem::take(&mut self.received)
    }

    /// Receives once: how many bytes came, 0 at the end of the stream.
    fn receive(&mut self) -> Result<usize, ReadError> {
        let mut chunk = [0; 64 * 1024];
        let got = match &mut self.stream {
            Stream::Tcp(s) => s.read(&mut chunk),
            Stream::Unix(s) => s.read(&mut chunk),
            Stream::Tls(s) => s.read(&mut chunk),
        };
        match got {
            Ok(n) => {
                self.received.drain(..std::mem::take(&mut self.taken));
                self.received.extend_from_slice(&chunk[..n]);
                Ok(n)
            }
            Err(e) => match e.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(ReadError::Timeout),
                ErrorKind::Interrupted => self.receive(),
                ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => Ok(0),
                _ => panic!("read: {e}"),
            },
        }
    }
}

fn connect(addr: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&addr, READ_TIMEOUT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    Ok(stream)
}
