//! System calls per request, counted by strace.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::Result;
use super::super::contender::Contender;
use super::super::loadgen::{Load, preload};
use super::super::options::Options;
use super::super::report::{Findings, Table};
use super::super::request::{Batch, Op, Pick};
use super::super::server::Server;
use super::{placement, settings};

const KEYS: u64 = 1_000;
const REQUESTS: u64 = 20_000;
const READS: &[&str] = &["read", "readv", "recvfrom", "recvmsg"];
const WRITES: &[&str] = &["write", "writev", "sendto", "sendmsg"];
const WAITS: &[&str] = &[
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "poll",
    "io_uring_enter",
];

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let mut rows = Vec::new();
    let mut samples = Vec::new();
    for connections in [1, options.connections] {
        for op in [Op::get(), Op::set()] {
            for contender in contenders {
                eprintln!(
                    "compare: syscalls: {} by {connections}, {}",
                    op.name, contender.name
                );
                let counts = count(options, contender, &op, connections)?;
                let requests = options.scaled(REQUESTS) as f64;
                let share = |names: &[&str]| {
                    let calls = counts
                        .iter()
                        .filter(|(name, _)| names.contains(&name.as_str()));
                    calls.map(|(_, calls)| *calls as f64).sum::<f64>() / requests
                };
                let all = counts.iter().map(|(_, calls)| *calls as f64).sum::<f64>() / requests;
                let (reads, writes, waits) = (share(READS), share(WRITES), share(WAITS));
                let mut cells = vec![format!("{}, {connections} connections", op.name)];
                cells.push(contender.name.clone());
                let shares = [reads, writes, waits, all - reads - writes - waits];
                cells.extend(shares.map(|share| format!("{share:.3}")));
                rows.push(cells);
                samples.push(json!({
                    "contender": contender.name, "op": op.name, "connections": connections,
                    "requests": requests, "calls": counts,
                }));
            }
        }
    }
    let heads = ["requests", "server", "reads", "writes", "waits", "others"];
    let table = Table {
        title: "System calls per request, without pipelining".into(),
        note: "Counted by strace over all server threads while requests are answered; waits \
               are shared by the connections that become ready together."
            .into(),
        columns: heads.map(str::to_owned).to_vec(),
        rows,
    };
    Ok(Findings {
        name: "syscalls",
        tables: vec![table],
        samples: json!(samples),
    })
}

/// How often each system call was made while requests were served.
fn count(
    options: &Options,
    contender: &Contender,
    op: &Op,
    connections: usize,
) -> Result<Vec<(String, u64)>> {
    let server = Server::start(contender, &settings(options), &placement(options))?;
    preload(&server, &Op::set(), options.value_bytes, 0, KEYS)?;
    let mut load = Load::connect(&server, connections)?;
    load.ping()?;
    let pick = Pick::uniform(KEYS);
    let mut batch = Batch::new(op, server.speaks_resp, 1, options.value_bytes, pick)?;
    let trace = server.file("strace");
    let mut strace = Command::new("strace")
        .args([
            "-c",
            "-f",
            "-U",
            "calls,name",
            "-p",
            &server.pid().to_string(),
            "-o",
        ])
        .arg(&trace)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("strace: {error}"))?;
    wait_until_traced(&server, &mut strace)?;
    let outcome = load.run_strictly(&mut batch, options.scaled(REQUESTS));
    Command::new("kill")
        .args(["-INT", &strace.id().to_string()])
        .status()?;
    strace.wait()?;
    outcome?;
    parse(&fs::read_to_string(trace)?)
}

/// Waits until strace holds every thread of the server.
fn wait_until_traced(server: &Server, strace: &mut Child) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut untraced = 0;
        for task in fs::read_dir(format!("/proc/{}/task", server.pid()))? {
            let status = fs::read_to_string(task?.path().join("status"))?;
            untraced += usize::from(status.contains("TracerPid:\t0\n"));
        }
        if untraced == 0 {
            return Ok(());
        }
        if Instant::now() > deadline || strace.try_wait()?.is_some() {
            return Err("strace cannot attach to the server".into());
        }
        sleep(Duration::from_millis(5));
    }
}

/// Reads strace's summary: a count and a name per line, between two rules.
fn parse(summary: &str) -> Result<Vec<(String, u64)>> {
    let mut counts = Vec::new();
    for line in summary
        .lines()
        .skip_while(|line| !line.starts_with('-'))
        .skip(1)
    {
        if line.starts_with('-') {
            return Ok(counts);
        }
        let mut words = line.split_whitespace();
        let (Some(calls), Some(name)) = (words.next(), words.next()) else {
            continue;
        };
        counts.push((name.to_owned(), calls.parse()?));
    }
    Err(format!("strace's summary has no end: {summary}").into())
}
