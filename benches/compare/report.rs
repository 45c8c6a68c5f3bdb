//! What a run found, as Markdown for people and JSON for programs.

use std::path::Path;

use serde_json::{Value, json};

use super::contender::Contender;
use super::options::Options;
use super::{Result, machine};

/// A finished run.
pub(crate) struct Report {
    pub(crate) sections: Vec<Findings>,
    /// Why a section has no findings.
    pub(crate) failures: Vec<String>,
    machine: String,
    conditions: String,
    versions: Vec<(String, String)>,
    quick: bool,
    load_at_start: f64,
    load_at_end: f64,
}

/// What one section found: its tables, and every sample behind them.
pub(crate) struct Findings {
    pub(crate) name: &'static str,
    pub(crate) tables: Vec<Table>,
    pub(crate) samples: Value,
}

/// A table with a title and the two lines that say what was done.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Report {
    pub(crate) fn new(options: &Options, contenders: &[Contender]) -> Report {
        let versions = contenders
            .iter()
            .map(|c| (c.name.clone(), c.version()))
            .collect();
        let password = if options.password.is_some() {
            "on"
        } else {
            "off"
        };
        Report {
            sections: Vec::new(),
            failures: Vec::new(),
            machine: machine::description(),
            conditions: format!(
                "{} server thread(s) on core {}, load on core {}, loopback TCP, persistence \
                 off, authentication {password}",
                options.workers, options.server_core, options.load_core
            ),
            versions,
            quick: options.quick,
            load_at_start: machine::load_average(),
            load_at_end: f64::NAN,
        }
    }

    pub(crate) fn finish(&mut self) {
        self.load_at_end = machine::load_average();
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("Machine: {}. {}.\n", self.machine, self.conditions);
        text += &format!(
            "Load average {:.2} at the start, {:.2} at the end (above 2, others were at work \
             too: ratios hold, absolute figures less so).\n",
            self.load_at_start, self.load_at_end
        );
        if self.quick {
            text += "\n**Quick run: these figures prove that the tool works, nothing else.**\n";
        }
        text.push('\n');
        for (name, version) in &self.versions {
            text += &format!("- {name}: {version}\n");
        }
        for table in self.sections.iter().flat_map(|section| &section.tables) {
            text += &table.markdown();
        }
        for failure in &self.failures {
            text += &format!("\n**Failed:** {failure}\n");
        }
        text
    }

    /// Writes everything, samples included, to `path` if there is one.
    pub(crate) fn write_json(&self, path: Option<&Path>) -> Result<()> {
        let Some(path) = path else { return Ok(()) };
        let sections: serde_json::Map<_, _> = self
            .sections
            .iter()
            .map(|s| (s.name.to_owned(), s.json()))
            .collect();
        let versions: serde_json::Map<_, _> = self
            .versions
            .iter()
            .map(|(name, text)| (name.clone(), json!(text)))
            .collect();
        let whole = json!({
            "machine": self.machine,
            "conditions": self.conditions,
            "quick": self.quick,
            "load_average": [self.load_at_start, self.load_at_end],
            "versions": versions,
            "sections": sections,
            "failures": self.failures,
        });
        Ok(std::fs::write(path, serde_json::to_string_pretty(&whole)?)?)
    }
}

impl Findings {
    fn json(&self) -> Value {
        let table = |table: &Table| json!({ "title": table.title, "columns": table.columns, "rows": table.rows });
        let tables: Vec<Value> = self.tables.iter().map(table).collect();
        json!({ "tables": tables, "samples": self.samples })
    }
}

impl Table {
    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("\n### {}\n\n{}\n\n", self.title, self.note);
        text += &line(&self.columns);
        text += &format!("|---|{}\n", "---:|".repeat(self.columns.len() - 1));
        for row in &self.rows {
            text += &line(row);
        }
        text
    }
}

/// The middle of `values`; NaN when there are none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

/// The median of the ratios of neighbouring samples, with the range of the middle half.
pub(crate) fn ratio(samples: &[f64], baseline: &[f64]) -> Ratio {
    let mut ratios: Vec<f64> = samples.iter().zip(baseline).map(|(a, b)| a / b).collect();
    ratios.sort_by(f64::total_cmp);
    let at = |quarters: usize| {
        ratios
            .get((ratios.len().max(1) - 1) * quarters / 4)
            .copied()
    };
    let (low, high) = (at(1).unwrap_or(f64::NAN), at(3).unwrap_or(f64::NAN));
    Ratio {
        median: median(&ratios),
        low,
        high,
    }
}

/// See [`ratio`].
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "**{:.2}** ({:.2}–{:.2})",
            self.median, self.low, self.high
        )
    }
}

/// A figure with `decimals`, or a dash where the server has no such operation.
pub(crate) fn figure(value: f64, decimals: usize) -> String {
    if value.is_nan() {
        "–".into()
    } else {
        format!("{value:.decimals$}")
    }
}

/// Bytes as mebibytes with one decimal.
pub(crate) fn mebibytes(bytes: f64) -> String {
    format!("{:.1}", bytes / (1 << 20) as f64)
}
