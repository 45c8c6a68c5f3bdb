//! Messages to many: server CPU per delivered message, and what a subscription takes that nothing
//! is published to.
//!
//! A thousand subscribers are read by one thread that waits for all of them, as a program with many
//! connections does; the next messages are published when everybody has the last. Every byte that
//! comes is compared with what was published.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::super::Result;
use super::super::contender::{Contender, Kind};
use super::super::options::Options;
use super::super::report::{Findings, Table, median, ratio};
use super::super::server::Server;
use super::transactions::{Peer, request};
use super::{columns, placement, settings, those};

const SUBSCRIBERS: usize = 1000;
/// Messages published per sample.
const PUBLISHES: u64 = 400;
const MESSAGE: &str = "one hundred bytes of a message, more or less, as chats and feeds send them to whoever listens now";
const IDLE_CONNECTIONS: usize = 100;
const IDLE_CHANNELS: usize = 1000;
/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Messages published at once, and the protocol of the subscribers.
const LOADS: [(&str, usize, u8); 3] = [
    ("PUBLISH: µs per message delivered", 1, 2),
    ("the same, 10 PUBLISHes in a pipeline", 10, 2),
    ("the same, to subscribers that speak RESP3", 10, 3),
];
const IDLE: &str = "bytes per idle subscription of 100,000";

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let contenders = those(contenders, Kind::has_policies);
    let mut samples = vec![vec![Vec::new(); contenders.len()]; LOADS.len() + 1];
    for round in 0..options.rounds {
        eprintln!("compare: pubsub: round {} of {}", round + 1, options.rounds);
        let servers = contenders
            .iter()
            .map(|one| Server::start(one, &settings(options), &placement(options)))
            .collect::<Result<Vec<_>>>()?;
        for (row, &(_, pipeline, protocol)) in LOADS.iter().enumerate() {
            let mut crowds = servers
                .iter()
                .map(|server| Crowd::gather(options, server, pipeline, protocol))
                .collect::<Result<Vec<_>>>()?;
            for turn in 0..options.samples * servers.len() {
                let at = (turn + turn / servers.len() + round) % servers.len();
                samples[row][at].push(crowds[at].measure(options)?);
            }
        }
        drop(servers);
        for (at, one) in contenders.iter().enumerate() {
            let server = Server::start(one, &settings(options), &placement(options))?;
            samples[LOADS.len()][at].push(idle_subscriptions(&server)?);
        }
    }
    let names = LOADS.iter().map(|(name, ..)| *name).chain([IDLE]);
    let row = |(name, samples): (&str, &Vec<Vec<f64>>)| {
        let cells = samples
            .iter()
            .map(|figures| format!("{:.3} ({})", median(figures), ratio(figures, &samples[0])));
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    Ok(Findings {
        name: "pubsub",
        tables: vec![Table {
            title: "Messages to many".into(),
            note: format!(
                "{SUBSCRIBERS} subscribers of one channel, {}-byte messages, the next when all \
                 have the last, all read by one thread that waits for them with epoll; \
                 {IDLE_CONNECTIONS} connections with {IDLE_CHANNELS} channels each. In brackets \
                 the ratio to the first; medians of {} rounds.",
                MESSAGE.len(),
                options.rounds
            ),
            columns: columns("", &contenders, ""),
            rows: names.zip(&samples).map(row).collect(),
        }],
        samples: json!(samples),
    })
}

/// Subscribers of a server, and who publishes to them.
struct Crowd<'a> {
    server: &'a Server,
    runtime: tokio::runtime::Runtime,
    /// The subscribers' tasks.
    tasks: tokio::task::LocalSet,
    publisher: TcpStream,
    channel: String,
    pipeline: usize,
    message_bytes: u64,
    received: Rc<Received>,
}

/// What has come at all subscribers together.
#[derive(Default)]
struct Received {
    bytes: Cell<u64>,
    /// So much is to come.
    wanted: Cell<u64>,
    failure: Cell<Option<String>>,
    changed: Notify,
}

impl Crowd<'_> {
    /// Connects subscribers and waits until each is confirmed.
    fn gather<'a>(
        options: &Options,
        server: &'a Server,
        pipeline: usize,
        protocol: u8,
    ) -> Result<Crowd<'a>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let tasks = tokio::task::LocalSet::new();
        let received = Rc::new(Received::default());
        let mark = if protocol == 3 { '>' } else { '*' };
        // Those who have gone may not be gone for the server yet.
        let channel = format!("news:{pipeline:02}:{protocol}");
        let message: Rc<[u8]> = request(&["message", &channel, MESSAGE])
            .replacen('*', &mark.to_string(), 1)
            .into_bytes()
            .into();
        let confirmation = format!("{mark}3\r\n$9\r\nsubscribe\r\n$9\r\n{channel}\r\n:1\r\n");
        for _ in 0..SUBSCRIBERS {
            let mut peer = Peer::connect(server)?;
            if protocol == 3 {
                peer.hello(options)?;
            }
            peer.send(request(&["SUBSCRIBE", &channel]).as_bytes())?;
            peer.take(confirmation.len(), confirmation.as_bytes())?;
            let stream = peer.into_stream();
            stream.set_nonblocking(true)?;
            let stream = runtime.block_on(async { TcpStream::from_std(stream) })?;
            let listen = listen(stream, Rc::clone(&message), Rc::clone(&received));
            tasks.spawn_local(listen);
        }
        let publisher = Peer::connect(server)?.into_stream();
        publisher.set_nonblocking(true)?;
        Ok(Crowd {
            server,
            publisher: runtime.block_on(async { TcpStream::from_std(publisher) })?,
            runtime,
            tasks,
            channel,
            pipeline,
            message_bytes: message.len() as u64,
            received,
        })
    }

    /// Microseconds per message delivered.
    fn measure(&mut self, options: &Options) -> Result<f64> {
        let rounds = (options.scaled(PUBLISHES) / self.pipeline as u64).max(1);
        self.publish(rounds / 5 + 1)?;
        let before_ns = self.server.cpu_ns()?;
        self.publish(rounds)?;
        let delivered = rounds * (self.pipeline * SUBSCRIBERS) as u64;
        Ok((self.server.cpu_ns()? - before_ns) as f64 / 1000.0 / delivered as f64)
    }

    /// Publishes so many times, and waits each time until everybody has everything.
    fn publish(&mut self, rounds: u64) -> Result<()> {
        let publish = request(&["PUBLISH", &self.channel, MESSAGE]).repeat(self.pipeline);
        let reply = format!(":{SUBSCRIBERS}\r\n")
            .repeat(self.pipeline)
            .into_bytes();
        let round_bytes = self.message_bytes * (self.pipeline * SUBSCRIBERS) as u64;
        let (publisher, received) = (&mut self.publisher, &self.received);
        let all = async {
            let mut answer = vec![0; reply.len()];
            for _ in 0..rounds {
                received.wanted.set(received.wanted.get() + round_bytes);
                publisher.write_all(publish.as_bytes()).await?;
                publisher.read_exact(&mut answer).await?;
                if answer != reply {
                    return Err(
                        format!("not to all: {:?}", String::from_utf8_lossy(&answer)).into(),
                    );
                }
                while received.bytes.get() < received.wanted.get() {
                    received.changed.notified().await;
                }
                if let Some(failure) = received.failure.take() {
                    return Err(failure.into());
                }
            }
            Result::Ok(())
        };
        let all = async { tokio::time::timeout(PATIENCE, all).await };
        let done = self.tasks.block_on(&self.runtime, all);
        done.map_err(|_| "messages are missing")?
    }
}

/// Reads a subscriber's messages, which must all be `message`, and counts them.
async fn listen(mut stream: TcpStream, message: Rc<[u8]>, received: Rc<Received>) {
    let mut buffer = vec![0; 16 * 1024];
    let mut at = 0;
    loop {
        let count = match stream.read(&mut buffer).await {
            Ok(0) => return received.fail("a subscriber was disconnected".into()),
            Ok(count) => count,
            Err(error) => return received.fail(error.to_string()),
        };
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let expected = &message[at..message.len().min(at + rest.len())];
            if !rest.starts_with(expected) {
                return received.fail(format!(
                    "not a message: {:?}",
                    String::from_utf8_lossy(rest)
                ));
            }
            rest = &rest[expected.len()..];
            at = (at + expected.len()) % message.len();
        }
        let bytes = received.bytes.get() + count as u64;
        received.bytes.set(bytes);
        if bytes >= received.wanted.get() {
            received.changed.notify_one();
        }
    }
}

impl Received {
    fn fail(&self, why: String) {
        self.failure.set(Some(why));
        self.bytes.set(u64::MAX);
        self.changed.notify_one();
    }
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
