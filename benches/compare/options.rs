//! The command line: which sections, which contenders, how much of everything.

use std::path::PathBuf;

use lexopt::prelude::*;

use super::sections::{SECTIONS, Section};
use super::{Result, contender};

pub(crate) const HELP: &str = "\
Compares Redistill with other servers and prints Markdown tables of ratios.

cargo bench --bench compare -- [options]

what to run
  --section NAMES        comma-separated: cpu, many, large, huge, bitmap, hyperloglog, tls, acl,
                         types, transactions, pubsub, scripting, types-memory, workers,
                         memory, shift, empty, giveback, idle, tail, syscalls, instructions
                         (default: all)
  --rows PATTERN         cpu: only rows whose name contains PATTERN, such as \"GET\" or \"P30\"
  --quick                a smoke run: tiny sizes, one round; the figures mean nothing
contenders (redis-server is the baseline, others are taken when installed)
  --redistill PATH       another binary than the one just built
  --peer NAME=PATH       add a contender; its kind is told from the file name of PATH
  --only NAMES           keep only these contenders, comma-separated, the first is the baseline
load
  --rounds N             rounds with fresh servers (default 5)
  --samples N            samples per row and round (default 3)
  --ops N                operations per sample (default: by row)
  --keys N               keys preloaded for the cpu rows (default 1000000)
  --value-bytes N        size of the values (default 256)
  --pipelines LIST       pipeline depths (default 1,30,64)
  --connections N        connections without pipelining (default 50)
  --pipelined-connections N  connections with pipelining (default 16)
  --workers N            server threads (default 1)
  --password TEXT        servers ask for this password (default: none)
  --max-memory-mb N      limit in section shift (default 256)
  --policy NAME          eviction policy in section shift (default allkeys-lru)
machine
  --server-core N        core of the servers (default 0)
  --load-core N          core of the load (default 1)
output
  --json FILE            every sample as JSON as well
";

/// What to run and how large; see [`HELP`] for each field's meaning.
pub(crate) struct Options {
    pub(crate) sections: Vec<&'static Section>,
    pub(crate) rows: Option<String>,
    pub(crate) quick: bool,
    pub(crate) redistill: PathBuf,
    pub(crate) peers: Vec<(String, PathBuf)>,
    pub(crate) only: Option<Vec<String>>,
    pub(crate) rounds: usize,
    pub(crate) samples: usize,
    pub(crate) ops: Option<u64>,
    pub(crate) keys: u64,
    pub(crate) value_bytes: usize,
    pub(crate) pipelines: Vec<usize>,
    pub(crate) connections: usize,
    pub(crate) pipelined_connections: usize,
    pub(crate) workers: usize,
    pub(crate) password: Option<String>,
    pub(crate) max_memory_mb: u64,
    pub(crate) policy: String,
    pub(crate) server_core: usize,
    pub(crate) load_core: usize,
    pub(crate) json: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            sections: SECTIONS.iter().collect(),
            rows: None,
            quick: false,
            redistill: contender::built_redistill(),
            peers: Vec::new(),
            only: None,
            rounds: 5,
            samples: 3,
            ops: None,
            keys: 1_000_000,
            value_bytes: 256,
            pipelines: vec![1, 30, 64],
            connections: 50,
            pipelined_connections: 16,
            workers: 1,
            password: None,
            max_memory_mb: 256,
            policy: "allkeys-lru".into(),
            server_core: 0,
            load_core: 1,
            json: None,
        }
    }
}

impl Options {
    /// Everything small and once: proves that the tool works, measures nothing.
    pub(crate) fn quick() -> Self {
        Options {
            quick: true,
            rounds: 1,
            samples: 1,
            keys: 5_000,
            connections: 4,
            pipelined_connections: 2,
            max_memory_mb: 32,
            ..Options::default()
        }
    }

    /// `count`, or a fiftieth of it in a quick run.
    pub(crate) fn scaled(&self, count: u64) -> u64 {
        if self.quick { count / 50 } else { count }
    }

    /// Reads the process's arguments; `None` means help was asked for.
    ///
    /// `cargo test --benches` starts the program without any argument, which means `--quick`.
    pub(crate) fn from_command_line() -> Result<Option<Self>> {
        let arguments: Vec<_> = std::env::args_os().skip(1).collect();
        let quick = arguments.is_empty() || arguments.iter().any(|a| a == "--quick");
        let mut options = if quick {
            Options::quick()
        } else {
            Options::default()
        };
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(None),
                Long(name) => {
                    let name = name.to_owned();
                    options.set(&name, &mut parser)?;
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(Some(options))
    }

    fn set(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<()> {
        match name {
            // Passed by `cargo bench` to every bench; the second was read before the loop.
            "bench" | "quick" => {}
            "section" => self.sections = sections(&parser.value()?.string()?)?,
            "rows" => self.rows = Some(parser.value()?.string()?),
            "redistill" => self.redistill = parser.value()?.into(),
            "peer" => self.peers.push(peer(&parser.value()?.string()?)?),
            "only" => self.only = Some(list(&parser.value()?.string()?)),
            "rounds" => self.rounds = parser.value()?.parse()?,
            "samples" => self.samples = parser.value()?.parse()?,
            "ops" => self.ops = Some(parser.value()?.parse()?),
            "keys" => self.keys = parser.value()?.parse()?,
            "value-bytes" => self.value_bytes = parser.value()?.parse()?,
            "pipelines" => {
                let depths = list(&parser.value()?.string()?);
                self.pipelines = depths
                    .iter()
                    .map(|d| d.parse())
                    .collect::<std::result::Result<_, _>>()?;
            }
            "connections" => self.connections = parser.value()?.parse()?,
            "pipelined-connections" => self.pipelined_connections = parser.value()?.parse()?,
            "workers" => self.workers = parser.value()?.parse()?,
            "password" => self.password = Some(parser.value()?.string()?),
            "max-memory-mb" => self.max_memory_mb = parser.value()?.parse()?,
            "policy" => self.policy = parser.value()?.string()?,
            "server-core" => self.server_core = parser.value()?.parse()?,
            "load-core" => self.load_core = parser.value()?.parse()?,
            "json" => self.json = Some(parser.value()?.into()),
            _ => return Err(format!("unknown option --{name}; try --help").into()),
        }
        Ok(())
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

fn sections(names: &str) -> Result<Vec<&'static Section>> {
    let find = |name: &String| {
        let found = SECTIONS.iter().find(|section| section.name == name);
        found.ok_or_else(|| format!("unknown section {name}; try --help").into())
    };
    list(names).iter().map(find).collect()
}

fn peer(text: &str) -> Result<(String, PathBuf)> {
    let (name, path) = text.split_once('=').ok_or("--peer wants NAME=PATH")?;
    Ok((name.to_owned(), path.into()))
}
