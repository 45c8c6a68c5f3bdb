//! What other clients feel while something big goes on: growth, mass expiry, eviction, FLUSHALL.
//!
//! A probe sends a small pipelined batch at fixed moments and notes how long after its moment each
//! was answered, so that a stall counts for every batch it delayed, not only for the one that met
//! it. Its connections have a thread each, so that no batch waits for another's reply, and run
//! before whatever else the core of the load has to do. That is done for a while before the event, and again while it goes on. Where the event is a
//! stream of writes, a stream of writes that cause nothing runs before it, too.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Kind, Settings};
use super::super::loadgen::{Load, preload};
use super::super::machine;
use super::super::options::Options;
use super::super::report::{Findings, Table, figure};
use super::super::request::{Answer, Batch, Op, Part, Pick};
use super::super::server::Server;
use super::{placement, settings, those};

/// Requests of a probe's batch.
const PROBE_PIPELINE: usize = 16;
/// Between two batches of the probe, on one of its connections after the other.
const PROBE_PERIOD: Duration = Duration::from_micros(250);
const PROBE_CONNECTIONS: u32 = 8;
const PROBE_KEYS: u64 = 10_000;
/// How long the probe looks before the event, in ms.
const BEFORE_MS: u64 = 4_000;
/// How long it looks at least once the event has begun, in ms.
const DURING_LEAST_MS: u64 = 2_000;
/// How long writing the keys that are to expire may take, in ms.
const WRITING_MS: u64 = 10_000;
const WRITE_PIPELINE: usize = 50;
const WRITE_CONNECTIONS: usize = 4;

/// The keys the events are about; the probe has its own.
const MASS_KEY: Part = Part::Key("big:");

/// Something big that happens to a server.
struct Event {
    name: &'static str,
    writes: Writes,
    max_memory_mb: Option<u64>,
    prepare: fn(&Stage<'_>) -> Result<()>,
    happen: fn(&Stage<'_>) -> Result<()>,
}

/// Whether others write, overwriting the same keys.
#[derive(PartialEq)]
enum Writes {
    Never,
    /// For comparison: the event itself is a stream of writes.
    Before,
    Throughout,
}

struct Stage<'a> {
    server: &'a Server,
    options: &'a Options,
    /// When the event begins, if that was settled by what prepared it; ms since 1970.
    begins_at_ms: Cell<u64>,
}

const EVENTS: &[Event] = &[
    Event {
        name: "growth from 0 to 10 M keys",
        writes: Writes::Before,
        max_memory_mb: None,
        prepare: |_| Ok(()),
        happen: |stage| stage.write(0, 10_000_000, 8),
    },
    Event {
        name: "1 M keys expire in one second",
        writes: Writes::Never,
        max_memory_mb: None,
        prepare: |stage| stage.write_volatile(),
        happen: |stage| {
            sleep_until(stage.begins_at_ms.get() + 1_000);
            Ok(())
        },
    },
    Event {
        name: "eviction at full write rate",
        writes: Writes::Before,
        max_memory_mb: Some(256),
        prepare: |stage| stage.write(0, 1_000_000, 256),
        happen: |stage| stage.write(1_000_000, 2_500_000, 256),
    },
    Event {
        name: "FLUSHALL of 5 M keys",
        writes: Writes::Never,
        max_memory_mb: None,
        prepare: |stage| stage.write(0, 5_000_000, 8),
        happen: |stage| stage.ask("FLUSHALL", 1),
    },
    Event {
        name: "DEL of a set of 5 M members",
        writes: Writes::Never,
        max_memory_mb: None,
        prepare: |stage| {
            let parts = vec![Part::Word("SADD"), Part::Word("set"), MASS_KEY];
            let add = Op::new("SADD", parts, Answer::Integer);
            preload(stage.server, &add, 0, 0, stage.options.scaled(5_000_000))
        },
        happen: |stage| stage.ask("DEL set", 1),
    },
    Event {
        name: "KEYS * over 5 M keys",
        writes: Writes::Never,
        max_memory_mb: None,
        prepare: |stage| stage.write(0, 5_000_000, 8),
        happen: |stage| {
            let keys = stage.options.scaled(5_000_000) + PROBE_KEYS;
            stage.ask("KEYS *", 1 + 2 * keys as usize)
        },
    },
    Event {
        name: "1,000 connections open at once",
        writes: Writes::Never,
        max_memory_mb: None,
        prepare: |_| Ok(()),
        happen: |stage| Load::connect(stage.server, 1_000)?.ping(),
    },
    Event {
        name: "max_memory set to half",
        writes: Writes::Throughout,
        max_memory_mb: Some(512),
        prepare: |stage| stage.write(0, 2_000_000, 256),
        happen: |stage| stage.ask("CONFIG SET maxmemory 268435456", 1),
    },
];

impl Stage<'_> {
    /// Writes keys `from..to`, both scaled.
    fn write(&self, from: u64, to: u64, value_bytes: usize) -> Result<()> {
        let scaled = |count| self.options.scaled(count);
        let next = scaled(from);
        let batches = (scaled(to) - next) / WRITE_PIPELINE as u64;
        let mut batch = writes(Pick::Sequence { next }, value_bytes)?;
        Load::connect(self.server, WRITE_CONNECTIONS)?.run_strictly(&mut batch, batches)
    }

    /// Writes a million keys that expire within one second, some seconds from now.
    fn write_volatile(&self) -> Result<()> {
        const STEPS: u64 = 10;
        let before_ms = self.options.scaled(BEFORE_MS);
        let begins_at_ms = now_ms() + self.options.scaled(WRITING_MS).max(2_000) + before_ms;
        self.begins_at_ms.set(begins_at_ms);
        let keys = self.options.scaled(1_000_000) / STEPS;
        for step in 0..STEPS {
            let at_ms = (begins_at_ms + step * 1_000 / STEPS).to_string();
            // Ten short texts for the rest of the run.
            let at_ms: &'static str = String::leak(at_ms);
            let deadline = [Part::Word("PXAT"), Part::Word(at_ms)];
            let parts = [Part::Word("SET"), MASS_KEY, Part::Value];
            let set = Op::new("SET PXAT", [&parts[..], &deadline].concat(), Answer::Status);
            preload(self.server, &set, 8, step * keys, (step + 1) * keys)?;
        }
        if now_ms() + before_ms > begins_at_ms {
            return Err("writing a million keys took longer than they were to live".into());
        }
        Ok(())
    }

    /// Sends a request and reads its reply, of so many lines.
    fn ask(&self, request: &str, lines: usize) -> Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.server.port))?;
        let password = self.server.settings.password.as_ref();
        let auth = password.map(|password| format!("AUTH {password}\r\n"));
        let lines = lines + usize::from(auth.is_some());
        stream.write_all(format!("{}{request}\r\n", auth.unwrap_or_default()).as_bytes())?;
        let (mut seen, mut input) = (0, vec![0; 256 * 1024]);
        while seen < lines {
            let read = stream.read(&mut input)?;
            if read == 0 || input[0] == b'-' && seen == 0 {
                let text = String::from_utf8_lossy(&input[..read.min(100)]).into_owned();
                return Err(format!("{request} was answered by {text:?}").into());
            }
            seen += memchr::memchr_iter(b'\n', &input[..read]).count();
        }
        Ok(())
    }
}

fn writes(pick: Pick, value_bytes: usize) -> Result<Batch> {
    let parts = vec![Part::Word("SET"), MASS_KEY, Part::Value];
    let set = Op::new("SET", parts, Answer::Status);
    Batch::new(&set, true, WRITE_PIPELINE, value_bytes, pick)
}

/// Latencies of the probe, in microseconds.
struct Felt {
    p999_us: f64,
    max_us: f64,
}

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let contenders = those(contenders, Kind::has_policies);
    let mut rows = Vec::new();
    let mut samples = Vec::new();
    for event in EVENTS {
        let mut cells = vec![event.name.to_owned()];
        for contender in &contenders {
            eprintln!("compare: tail: {}: {}", event.name, contender.name);
            let (before, during) = watch(options, contender, event)?;
            let ms = |us: f64| figure(us / 1000.0, 2);
            cells.push(ms(before.p999_us));
            cells.push(format!("**{}**", ms(during.p999_us)));
            cells.push(ms(during.max_us));
            samples.push(json!({
                "event": event.name, "contender": contender.name,
                "before_p999_us": before.p999_us, "during_p999_us": during.p999_us,
                "during_max_us": during.max_us,
            }));
        }
        rows.push(cells);
    }
    let mut columns = vec!["event".to_owned()];
    for contender in &contenders {
        columns
            .extend(["before", "during", "max"].map(|what| format!("{}, {what}", contender.name)));
    }
    let table = Table {
        title: "What other clients feel".into(),
        note: format!(
            "p99.9 of the time to answer {PROBE_PIPELINE} pipelined EXISTS, in ms, counted from \
             the moment they were to be sent, every {} µs on one of {PROBE_CONNECTIONS} connections; before the event and while it goes on \
             (and for {} s at least), with the longest wait.",
            PROBE_PERIOD.as_micros(),
            DURING_LEAST_MS / 1_000
        ),
        columns,
        rows,
    };
    Ok(Findings {
        name: "tail",
        tables: vec![table],
        samples: json!(samples),
    })
}

/// Runs one event on a fresh server; what the probe felt before and during it.
fn watch(options: &Options, contender: &Contender, event: &Event) -> Result<(Felt, Felt)> {
    let settings = Settings {
        max_memory_mb: event.max_memory_mb,
        ..settings(options)
    };
    let server = Server::start(contender, &settings, &placement(options))?;
    preload(&server, &Op::set_counter(), 0, 0, PROBE_KEYS)?;
    let stage = Stage {
        server: &server,
        options,
        begins_at_ms: Cell::new(0),
    };
    (event.prepare)(&stage)?;
    sleep_until(
        stage
            .begins_at_ms
            .get()
            .saturating_sub(options.scaled(BEFORE_MS)),
    );
    let (write_on, watch_on) = (AtomicBool::new(true), AtomicBool::new(false));
    let server = &server;
    let alone = Barrier::new(PROBE_CONNECTIONS as usize);
    // Connecting takes a reply where there is a password: that is not to wait for the event.
    let ready = Barrier::new(PROBE_CONNECTIONS as usize + 1);
    let during_ms = options.scaled(DURING_LEAST_MS);
    thread::scope(|scope| {
        let writes = event.writes != Writes::Never;
        let writer = writes.then(|| scope.spawn(|| sent(overwrite(server, &write_on))));
        let before = probe(server, options.scaled(BEFORE_MS), &watch_on, &alone);
        write_on.store(event.writes == Writes::Throughout, Relaxed);
        watch_on.store(true, Relaxed);
        let during = scope.spawn(|| sent(probe(server, during_ms, &watch_on, &ready)));
        ready.wait();
        let happened = (event.happen)(&stage);
        watch_on.store(false, Relaxed);
        let during = during.join().expect("the probe does not panic");
        write_on.store(false, Relaxed);
        if let Some(writer) = writer {
            writer.join().expect("the writer does not panic")?;
        }
        happened?;
        Ok((before?, during?))
    })
}

/// Writes the same keys over and over until told to stop.
fn overwrite(server: &Server, on: &AtomicBool) -> Result<()> {
    let mut load = Load::connect(server, WRITE_CONNECTIONS)?;
    let mut batch = writes(Pick::uniform(PROBE_KEYS), 8)?;
    while on.load(Relaxed) {
        load.run_strictly(&mut batch, WRITE_CONNECTIONS as u64)?;
    }
    Ok(())
}

/// Looks for so long, and as long as `on` says, from when all are `ready`.
fn probe(server: &Server, least_ms: u64, on: &AtomicBool, ready: &Barrier) -> Result<Felt> {
    let least = Duration::from_millis(least_ms);
    let mut felt_us = thread::scope(|scope| {
        let connections = (0..PROBE_CONNECTIONS).map(|nth| {
            scope.spawn(move || {
                let made = Probe::new(server);
                ready.wait();
                let first = Instant::now() + PROBE_PERIOD * nth;
                sent(made.and_then(|mut probe| probe.run(first, least, on)))
            })
        });
        let connections: Vec<_> = connections.collect();
        let mut felt_us = Vec::new();
        for connection in connections {
            felt_us.extend(connection.join().expect("the probe does not panic")?);
        }
        Ok::<_, String>(felt_us)
    })?;
    felt_us.sort_by(f64::total_cmp);
    let at = |share: f64| felt_us[((felt_us.len() - 1) as f64 * share) as usize];
    Ok(Felt {
        p999_us: at(0.999),
        max_us: at(1.0),
    })
}

/// One of the probe's connections.
struct Probe {
    load: Load,
    batch: Batch,
}

impl Probe {
    /// Connects, from the thread that will run it.
    fn new(server: &Server) -> Result<Probe> {
        let parts = vec![Part::Word("EXISTS"), Part::Key("cnt:")];
        let exists = Op::new("EXISTS", parts, Answer::Integer);
        let pick = Pick::uniform(PROBE_KEYS);
        let batch = Batch::new(&exists, true, PROBE_PIPELINE, 0, pick)?;
        let load = Load::connect(server, 1)?;
        machine::put_this_thread_first()?;
        Ok(Probe { load, batch })
    }

    /// What it felt, in microseconds.
    fn run(&mut self, first: Instant, least: Duration, on: &AtomicBool) -> Result<Vec<f64>> {
        let mut felt_us = Vec::new();
        for turn in 0.. {
            let due = first + PROBE_PERIOD * PROBE_CONNECTIONS * turn;
            if due > first + least && !on.load(Relaxed) {
                break;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.load.run_strictly(&mut self.batch, 1)?;
            felt_us.push(due.elapsed().as_secs_f64() * 1e6);
        }
        Ok(felt_us)
    }
}

/// What a thread found, with an error that may leave it.
fn sent<T>(found: Result<T>) -> std::result::Result<T, String> {
    found.map_err(|error| error.to_string())
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is later than 1970").as_millis() as u64
}

fn sleep_until(at_ms: u64) {
    thread::sleep(Duration::from_millis(at_ms.saturating_sub(now_ms())));
}
