//! What access rules cost: server CPU per GET of a user with rules, beside one that may everything.

use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Kind};
use super::super::loadgen::{Load, preload};
use super::super::options::Options;
use super::super::report::{Findings, Table, figure, median, ratio};
use super::super::request::{Batch, Op, Pick};
use super::super::server::Server;
use super::{columns, placement, settings, those};

const PIPELINE: usize = 30;
const GETS: u64 = 600_000;

/// Who asks, by name, description and rules; the first is what the others are compared with.
pub(super) fn users(keys: u64) -> [(&'static str, &'static str, String); 3] {
    const COMMANDS: &str = "on nopass +@read +@write +@connection -@dangerous";
    const OTHERS: &str = "~session:* ~user:* ~cart:* ~queue:* ~lock:* ~cache:* ~rate:* ~job:* \
        ~feed:* ~stats:*";
    const MORE: &str = "~token:* ~index:* ~mail:* ~geo:* ~flags:* ~page:* ~fragment:* ~metric:* \
        ~temp:*";
    // Keys end in twelve digits; those that all have, and one of the next.
    let zeros = "0".repeat(12 - (keys - 1).max(1).to_string().len());
    let ten: String = (0..10)
        .map(|digit| format!(" ~key:{zeros}{digit}*"))
        .collect();
    [
        ("free", "may everything", String::new()),
        (
            "one",
            "20 key patterns, one of which matches",
            format!("{COMMANDS} {OTHERS} ~key:* {MORE}"),
        ),
        (
            "ten",
            "20 key patterns, of which ten match by turns",
            format!("{COMMANDS} {OTHERS}{ten}"),
        ),
    ]
}

/// Microseconds per GET: by user, then contender, then sample.
type Samples = Vec<Vec<Vec<f64>>>;

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let contenders = those(contenders, Kind::has_policies);
    let users = users(options.keys);
    let mut samples: Samples = vec![vec![Vec::new(); contenders.len()]; users.len()];
    for round in 0..options.rounds {
        eprintln!("compare: acl: round {} of {}", round + 1, options.rounds);
        for (at, contender) in contenders.iter().enumerate() {
            let server = Server::start(contender, &settings(options), &placement(options))?;
            preload(&server, &Op::set(), options.value_bytes, 0, options.keys)?;
            for (number, figures) in measure(options, &server, round)? {
                samples[number][at].extend(figures);
            }
        }
    }
    let row = |(number, (_, about, _)): (usize, &(&str, &str, String))| {
        let cells = samples[number]
            .iter()
            .zip(&samples[0])
            .map(|(figures, free)| {
                let ratio = ratio(figures, free);
                format!(
                    "{} (**{:.3}**, {:.3}–{:.3})",
                    figure(median(figures), 3),
                    ratio.median,
                    ratio.low,
                    ratio.high
                )
            });
        std::iter::once((*about).to_owned()).chain(cells).collect()
    };
    Ok(Findings {
        name: "acl",
        tables: vec![Table {
            title: "Server CPU per GET by what the user may do".into(),
            note: format!(
                "{} keys of 16 bytes, values of {} bytes, keys drawn uniformly, pipeline \
                 {PIPELINE}, {} connections of each user, in turns; µs, and in brackets the ratio \
                 to the first row: the median and the middle half of neighbouring samples.",
                options.keys, options.value_bytes, options.pipelined_connections
            ),
            columns: columns("user", &contenders, "µs"),
            rows: users.iter().enumerate().map(row).collect(),
        }],
        samples: json!(samples),
    })
}

/// Samples of every user, who take turns.
fn measure(options: &Options, server: &Server, round: usize) -> Result<Vec<(usize, Vec<f64>)>> {
    let mut seats = Vec::new();
    for (number, (name, _, rules)) in users(options.keys).iter().enumerate() {
        let load = Load::connect_as(server, options.pipelined_connections, (name, rules))?;
        let pick = Pick::uniform(options.keys);
        let batch = Batch::new(&Op::get(), true, PIPELINE, options.value_bytes, pick)?;
        seats.push((number, load, batch, Vec::new()));
    }
    let batches = (options.ops.unwrap_or(options.scaled(GETS)) / PIPELINE as u64).max(1);
    for (_, load, batch, _) in &mut seats {
        load.run_strictly(batch, batches / 5 + 1)?;
    }
    // Twice as many as elsewhere: it is about a few hundredths.
    for turn in 0..2 * options.samples * seats.len() {
        let who = (turn + turn / seats.len() + round) % seats.len();
        let (_, load, batch, figures) = &mut seats[who];
        let before_ns = server.cpu_ns()?;
        load.run_strictly(batch, batches)?;
        let gets = batches * PIPELINE as u64;
        figures.push((server.cpu_ns()? - before_ns) as f64 / 1000.0 / gets as f64);
    }
    let figures = seats
        .into_iter()
        .map(|(number, _, _, figures)| (number, figures));
    Ok(figures.collect())
}
