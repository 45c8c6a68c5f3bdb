//! Transactions: server CPU per `MULTI` of ten `SET`s.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Kind};
use super::super::loadgen::preload;
use super::super::options::Options;
use super::super::report::{Findings, Table, median, ratio};
use super::super::request::Op;
use super::super::server::Server;
use super::{columns, placement, settings, those};

const TRANSACTION_CONNECTIONS: usize = 50;
const TRANSACTIONS: u64 = 100_000;
const SETS: usize = 10;

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let contenders = those(contenders, Kind::has_policies);
    let mut samples = vec![Vec::new(); contenders.len()];
    for round in 0..options.rounds {
        eprintln!(
            "compare: transactions: round {} of {}",
            round + 1,
            options.rounds
        );
        for (at, contender) in contenders.iter().enumerate() {
            samples[at].push(measure(options, contender)?);
        }
    }
    let cells = samples
        .iter()
        .map(|figures| format!("{:.3} ({})", median(figures), ratio(figures, &samples[0])));
    let name = format!("MULTI, {SETS} SETs, EXEC");
    Ok(Findings {
        name: "transactions",
        tables: vec![Table {
            title: "Server CPU per transaction".into(),
            note: format!(
                "{TRANSACTION_CONNECTIONS} connections with a transaction each. In brackets the \
                 ratio to the first; medians of {} rounds.",
                options.rounds
            ),
            columns: columns("", &contenders, "µs"),
            rows: vec![std::iter::once(name).chain(cells).collect()],
        }],
        samples: json!(samples),
    })
}

fn measure(options: &Options, contender: &Contender) -> Result<f64> {
    let server = Server::start(contender, &settings(options), &placement(options))?;
    preload(&server, &Op::set(), options.value_bytes, 0, options.keys)?;
    transactions(options, &server)
}

/// A connection that is told how many bytes to wait for.
pub(super) struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Peer {
    pub(super) fn connect(server: &Server) -> Result<Peer> {
        let stream = TcpStream::connect(("127.0.0.1", server.port))?;
        stream.set_nodelay(true)?;
        let mut peer = Peer {
            stream,
            input: Vec::new(),
        };
        if let Some(password) = &server.settings.password {
            peer.send(format!("AUTH {password}\r\n").as_bytes())?;
            peer.take(5, b"+OK")?;
        }
        Ok(peer)
    }

    /// Goes over to RESP3.
    pub(super) fn hello(&mut self, options: &Options) -> Result<()> {
        let text = match &options.password {
            Some(password) => request(&["HELLO", "3", "AUTH", "default", password]),
            None => request(&["HELLO", "3"]),
        };
        self.send(text.as_bytes())?;
        // The reply's length is not known: what follows it is.
        self.send(request(&["PING"]).as_bytes())?;
        let mut seen = Vec::new();
        let mut byte = [0];
        while !seen.ends_with(b"+PONG\r\n") {
            self.stream.read_exact(&mut byte)?;
            seen.push(byte[0]);
        }
        Ok(())
    }

    /// The socket, which nothing is owed to.
    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Reads so many bytes, which must begin with `head`.
    pub(super) fn take(&mut self, bytes: usize, head: &[u8]) -> Result<()> {
        self.input.resize(bytes, 0);
        self.stream.read_exact(&mut self.input)?;
        match self.input.starts_with(head) {
            true => Ok(()),
            false => {
                Err(format!("not {head:?}: {:?}", String::from_utf8_lossy(&self.input)).into())
            }
        }
    }
}

pub(super) fn request(words: &[&str]) -> String {
    let bulk = |word: &&str| format!("${}\r\n{word}\r\n", word.len());
    format!(
        "*{}\r\n{}",
        words.len(),
        words.iter().map(bulk).collect::<String>()
    )
}

/// Microseconds per transaction.
fn transactions(options: &Options, server: &Server) -> Result<f64> {
    let mut peers = (0..TRANSACTION_CONNECTIONS)
        .map(|_| Peer::connect(server))
        .collect::<Result<Vec<_>>>()?;
    let value = "v".repeat(options.value_bytes);
    let mut reply = String::from("+OK\r\n");
    reply += &"+QUEUED\r\n".repeat(SETS);
    reply += &format!("*{SETS}\r\n{}", "+OK\r\n".repeat(SETS));
    let mut state = 1_u64;
    let mut next = |keys: u64| {
        let mut text = request(&["MULTI"]);
        for _ in 0..SETS {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let key = format!("key:{:012}", (state >> 33) % keys);
            text += &request(&["SET", &key, &value]);
        }
        text + &request(&["EXEC"])
    };
    let mut drive = |count: u64| -> Result<()> {
        for at in 0..count {
            let peer = &mut peers[at as usize % TRANSACTION_CONNECTIONS];
            if at >= TRANSACTION_CONNECTIONS as u64 {
                peer.take(reply.len(), reply.as_bytes())?;
            }
            peer.send(next(options.keys).as_bytes())?;
        }
        let owed = TRANSACTION_CONNECTIONS.min(count as usize);
        peers[..owed]
            .iter_mut()
            .try_for_each(|peer| peer.take(reply.len(), reply.as_bytes()))
    };
    let count = options.scaled(TRANSACTIONS);
    drive(count / 5)?;
    let before_ns = server.cpu_ns()?;
    drive(count)?;
    Ok((server.cpu_ns()? - before_ns) as f64 / 1000.0 / count as f64)
}
