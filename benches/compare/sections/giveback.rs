//! Whether memory that was freed goes back to the system, and how soon.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::Result;
use super::super::contender::Contender;
use super::super::loadgen::{Load, preload};
use super::super::options::Options;
use super::super::report::{Findings, Table, mebibytes};
use super::super::request::{Batch, Op, Pick};
use super::super::server::Server;
use super::{placement, settings};

const KEYS: u64 = 2_000_000;
/// Seconds after the keys are gone at which resident memory is read.
const AFTER_SECONDS: &[u64] = &[0, 1, 2, 5, 10];
const PIPELINE: u64 = 100;

/// A way to lose keys.
struct Loss {
    what: &'static str,
    value_bytes: usize,
    run: fn(&Server, u64) -> Result<()>,
}

const LOSSES: &[Loss] = &[
    Loss {
        what: "90 % deleted",
        value_bytes: 256,
        run: delete_nine_of_ten,
    },
    Loss {
        what: "FLUSHALL of 2 GB",
        value_bytes: 1000,
        run: flush,
    },
];

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let mut rows = Vec::new();
    let mut samples = Vec::new();
    for loss in LOSSES {
        for contender in contenders {
            eprintln!("compare: giveback: {}, {}", loss.what, contender.name);
            let (loaded, left) = drive(options, contender, loss)?;
            let mut cells = vec![
                loss.what.to_owned(),
                contender.name.clone(),
                mebibytes(loaded),
            ];
            cells.extend(
                left.iter()
                    .map(|bytes| format!("{:.1}", 100.0 * bytes / loaded)),
            );
            rows.push(cells);
            samples.push(json!({
                "loss": loss.what, "contender": contender.name,
                "loaded_bytes": loaded, "left_bytes": left,
            }));
        }
    }
    let mut heads = vec![
        "keys lost".to_owned(),
        "server".into(),
        "loaded, MiB".into(),
    ];
    heads.extend(
        AFTER_SECONDS
            .iter()
            .map(|seconds| format!("after {seconds} s, %")),
    );
    let table = Table {
        title: "Memory given back".into(),
        note: format!(
            "Growth of VmRSS by {} keys (256-byte values; 1000-byte for FLUSHALL), then how much \
             of it is still resident so many seconds after keys, every tenth spared, were \
             deleted or all were flushed.",
            options.scaled(KEYS)
        ),
        columns: heads,
        rows,
    };
    Ok(Findings {
        name: "giveback",
        tables: vec![table],
        samples: json!(samples),
    })
}

/// Bytes of growth when loaded, and what is left of it at each of [`AFTER_SECONDS`].
fn drive(options: &Options, contender: &Contender, loss: &Loss) -> Result<(f64, Vec<f64>)> {
    let keys = options.scaled(KEYS);
    let server = Server::start(contender, &settings(options), &placement(options))?;
    let empty = server.settled_resident_bytes()? as f64;
    preload(&server, &Op::set(), loss.value_bytes, 0, keys)?;
    let loaded = server.settled_resident_bytes()? as f64 - empty;
    (loss.run)(&server, keys)?;
    let gone_at = Instant::now();
    let mut left = Vec::new();
    for &seconds in AFTER_SECONDS {
        let due = gone_at + Duration::from_secs(if options.quick { 0 } else { seconds });
        sleep(due.saturating_duration_since(Instant::now()));
        left.push(server.resident_bytes()? as f64 - empty);
    }
    Ok((loaded, left))
}

fn delete_nine_of_ten(server: &Server, keys: u64) -> Result<()> {
    let pick = Pick::NineOfTen { next: 0 };
    let mut batch = Batch::new(&Op::del(), server.speaks_resp, PIPELINE as usize, 0, pick)?;
    Load::connect(server, 4)?.run_strictly(&mut batch, keys * 9 / 10 / PIPELINE)
}

fn flush(server: &Server, _keys: u64) -> Result<()> {
    Load::connect(server, 1)?.flush_all()
}
