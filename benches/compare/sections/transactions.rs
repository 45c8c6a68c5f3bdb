//! Transactions, and messages to many: server CPU per `MULTI` of ten `SET`s and per delivered
//! message, and what a subscription takes that nothing is published to.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::super::Result;
use super::super::contender::Contender;
use super::super::loadgen::preload;
use super::super::options::Options;
use super::super::report::{Findings, Table, median};
use super::super::request::Op;
use super::super::server::Server;
use super::{columns, placement, settings};

const TRANSACTION_CONNECTIONS: usize = 50;
const TRANSACTIONS: u64 = 100_000;
const SETS: usize = 10;
const SUBSCRIBERS: usize = 1000;
const PUBLISHES: u64 = 600;
const MESSAGE: &str = "one hundred bytes of a message, more or less, as chats and feeds send them to whoever listens now";
const IDLE_CONNECTIONS: usize = 100;
const IDLE_CHANNELS: usize = 1000;

/// What is measured of each contender, in the order of the rows.
const ROWS: [&str; 4] = [
    "MULTI, 10 SETs, EXEC: µs per transaction",
    "PUBLISH to 1,000: µs per message delivered",
    "the same, 10 PUBLISHes in a pipeline",
    "bytes per idle subscription of 100,000",
];

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let contenders: Vec<Contender> = contenders
        .iter()
        .filter(|contender| contender.kind.has_policies())
        .cloned()
        .collect();
    let mut samples = vec![vec![Vec::new(); contenders.len()]; ROWS.len()];
    for round in 0..options.rounds {
        eprintln!(
            "compare: transactions: round {} of {}",
            round + 1,
            options.rounds
        );
        for (at, contender) in contenders.iter().enumerate() {
            for (row, figure) in measure(options, contender)?.into_iter().enumerate() {
                samples[row][at].push(figure);
            }
        }
    }
    let table = |row: usize| {
        let cells = samples[row].iter().map(|figures| {
            let ratios: Vec<f64> = figures
                .iter()
                .zip(&samples[row][0])
                .map(|(a, b)| a / b)
                .collect();
            format!("{:.3} (**{:.2}**)", median(figures), median(&ratios))
        });
        std::iter::once(ROWS[row].to_owned()).chain(cells).collect()
    };
    Ok(Findings {
        name: "transactions",
        tables: vec![Table {
            title: "Transactions and messages".into(),
            note: format!(
                "{TRANSACTION_CONNECTIONS} connections with a transaction each; {SUBSCRIBERS} \
                 subscribers of one channel, {}-byte messages; {IDLE_CONNECTIONS} connections \
                 with {IDLE_CHANNELS} channels each. In brackets the ratio to the first; medians \
                 of {} rounds.",
                MESSAGE.len(),
                options.rounds
            ),
            columns: columns("", &contenders, ""),
            rows: (0..ROWS.len()).map(table).collect(),
        }],
        samples: json!(samples),
    })
}

fn measure(options: &Options, contender: &Contender) -> Result<[f64; 4]> {
    let server = Server::start(contender, &settings(options), &placement(options))?;
    preload(&server, &Op::set(), options.value_bytes, 0, options.keys)?;
    let transaction = transactions(options, &server)?;
    let single = publishes(options, &server, 1)?;
    let pipelined = publishes(options, &server, 10)?;
    let idle = idle_subscriptions(&server)?;
    Ok([transaction, single, pipelined, idle])
}

/// A connection that is told how many bytes to wait for.
struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Peer {
    fn connect(server: &Server) -> Result<Peer> {
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

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Reads so many bytes, which must begin with `head`.
    fn take(&mut self, bytes: usize, head: &[u8]) -> Result<()> {
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

fn request(words: &[&str]) -> String {
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

/// Microseconds per message delivered, with so many messages published at once.
fn publishes(options: &Options, server: &Server, pipeline: usize) -> Result<f64> {
    let subscribe = request(&["SUBSCRIBE", "news"]);
    let mut subscribers = Vec::with_capacity(SUBSCRIBERS);
    for _ in 0..SUBSCRIBERS {
        let mut peer = Peer::connect(server)?;
        peer.send(subscribe.as_bytes())?;
        peer.take("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n".len(), b"*3")?;
        subscribers.push(peer);
    }
    let mut publisher = Peer::connect(server)?;
    let publish = request(&["PUBLISH", "news", MESSAGE]).repeat(pipeline);
    let message = request(&["message", "news", MESSAGE]);
    let mut drive = |rounds: u64| -> Result<()> {
        for _ in 0..rounds {
            publisher.send(publish.as_bytes())?;
            publisher.take(pipeline * ":1000\r\n".len(), b":1000")?;
            for peer in &mut subscribers {
                peer.take(pipeline * message.len(), message.as_bytes())?;
            }
        }
        Ok(())
    };
    let rounds = (options.scaled(PUBLISHES) / pipeline as u64).max(1);
    drive(rounds / 5 + 1)?;
    let before_ns = server.cpu_ns()?;
    drive(rounds)?;
    let delivered = rounds * (pipeline * SUBSCRIBERS) as u64;
    Ok((server.cpu_ns()? - before_ns) as f64 / 1000.0 / delivered as f64)
}

/// Resident bytes per subscription, without those of its connection.
fn idle_subscriptions(server: &Server) -> Result<f64> {
    let mut peers = (0..IDLE_CONNECTIONS)
        .map(|_| Peer::connect(server))
        .collect::<Result<Vec<_>>>()?;
    // A first one each: what belongs to the connection is there.
    let mut subscribe = |at: usize, from: usize, to: usize| -> Result<()> {
        let peer = &mut peers[at];
        for channel in from..to {
            let name = format!("ch:{at:06}:{channel:06}");
            peer.send(request(&["SUBSCRIBE", &name]).as_bytes())?;
            let count = (channel + 1).to_string();
            let reply = format!("*3\r\n$9\r\nsubscribe\r\n$16\r\n{name}\r\n:{count}\r\n");
            peer.take(reply.len(), b"*3")?;
        }
        Ok(())
    };
    for at in 0..IDLE_CONNECTIONS {
        subscribe(at, 0, 1)?;
    }
    let before = server.settled_resident_bytes()?;
    for at in 0..IDLE_CONNECTIONS {
        subscribe(at, 1, IDLE_CHANNELS)?;
    }
    let grown = server.settled_resident_bytes()?.saturating_sub(before);
    Ok(grown as f64 / (IDLE_CONNECTIONS * (IDLE_CHANNELS - 1)) as f64)
}
