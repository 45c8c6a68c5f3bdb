//! Traces: read from files, or made.

use super::{Cache, Result};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Requests for keys, which are numbered from 0 in the order of their first appearance.
pub(super) struct Trace {
    pub(super) name: String,
    pub(super) requests: Vec<u32>,
    pub(super) keys: usize,
    /// Keys from this number on belong to scans: their requests are not counted.
    scanned_from: u32,
}

impl Trace {
    /// Reads a file, see the program's text.
    pub(super) fn read(file: &Path) -> Result<Trace> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let name = name.trim_end_matches(".gz");
        let bytes = match file.extension().is_some_and(|extension| extension == "gz") {
            true => unzip(file)?,
            false => fs::read(file)?,
        };
        let trace = match name.strip_suffix(".u32le") {
            Some(name) => Trace::of(name, bytes.chunks_exact(4)),
            None => Trace::of(
                name,
                bytes
                    .split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty()),
            ),
        };
        match trace.requests.is_empty() {
            true => Err(format!("{} holds no requests", file.display()).into()),
            false => Ok(trace),
        }
    }

    fn of<'a>(name: &str, keys: impl Iterator<Item = &'a [u8]>) -> Trace {
        let mut numbers = HashMap::new();
        let mut requests = Vec::new();
        for key in keys {
            let next = numbers.len() as u32;
            requests.push(*numbers.entry(key).or_insert(next));
        }
        Trace {
            name: name.to_owned(),
            requests,
            keys: numbers.len(),
            scanned_from: u32::MAX,
        }
    }

    /// Percent of the counted requests that hit.
    pub(super) fn replay(&self, cache: &mut impl Cache) -> f64 {
        let (mut hits, mut counted) = (0_u64, 0_u64);
        for &key in &self.requests {
            let hit = cache.request(key);
            if key < self.scanned_from {
                hits += u64::from(hit);
                counted += 1;
            }
        }
        100.0 * hits as f64 / counted as f64
    }
}

fn unzip(file: &Path) -> Result<Vec<u8>> {
    let output = Command::new("gzip").arg("-dc").arg(file).output()?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(format!("gzip cannot read {}", file.display()).into()),
    }
}

/// The trace files of a folder, by name.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_file())
        .filter(|path| {
            !path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("README"))
        })
        .collect();
    files.sort();
    match files.is_empty() {
        true => Err(format!("{} has no files", folder.display()).into()),
        false => Ok(files),
    }
}

/// Keys of a trace that is made, and its requests for each of them.
const KEYS: usize = 100_000;
const REQUESTS_PER_KEY: usize = 20;

/// Traces that are the same in every run: keys by Zipf's law, and such with scans between.
pub(super) fn made(quick: bool) -> Vec<Trace> {
    let keys = if quick { KEYS / 100 } else { KEYS };
    let mut traces: Vec<Trace> = [0.8, 0.99, 1.2]
        .into_iter()
        .map(|exponent| zipf(keys, exponent))
        .collect();
    traces.push(scanned(zipf(keys, 0.99)));
    traces
}

/// Requests for key `k` with a probability in proportion to `1 / (k + 1)^exponent`.
fn zipf(keys: usize, exponent: f64) -> Trace {
    let mut below = Vec::with_capacity(keys);
    let mut sum = 0.0;
    for rank in 1..=keys {
        sum += (rank as f64).powf(-exponent);
        below.push(sum);
    }
    let mut random = SmallRng::seed_from_u64(42);
    let mut pick = || {
        let at = random.random::<f64>() * sum;
        below.partition_point(|upto| *upto <= at).min(keys - 1) as u32
    };
    Trace {
        name: format!("Zipf {exponent}"),
        requests: (0..keys * REQUESTS_PER_KEY).map(|_| pick()).collect(),
        keys,
        scanned_from: u32::MAX,
    }
}

/// The same with as many requests again for keys that are asked for once, a tenth of the keys at a
/// time: what a backup or a crawler does to a cache. Only the others are counted.
fn scanned(trace: Trace) -> Trace {
    let stretch = trace.keys / 10;
    let mut requests = Vec::with_capacity(2 * trace.requests.len());
    let mut next = trace.keys as u32;
    for part in trace.requests.chunks(stretch) {
        requests.extend_from_slice(part);
        requests.extend(next..next + part.len() as u32);
        next += part.len() as u32;
    }
    Trace {
        name: format!("{} between scans", trace.name),
        requests,
        keys: trace.keys,
        scanned_from: trace.keys as u32,
    }
}
