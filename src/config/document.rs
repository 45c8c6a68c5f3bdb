//! The documents made from the rows: `redistill.toml` and `docs/config.md`.

use std::fmt::Write as _;

use super::options::{CONSTANTS, Row, SECTIONS};

/// The complete `redistill.toml`: every option with its help, at its default.
pub fn toml() -> String {
    let mut text = String::from(
        "# Redistill's configuration. Every option is here, at its default: delete what you do not\n\
         # change. Sizes are bytes or such as \"512mb\" (k, m, g are powers of 1000; kb, mb, gb of\n\
         # 1024). (*) marks options that CONFIG SET and SIGHUP change while the server runs.\n\
         # docs/config.md lists ranges, environment variables and Redis's names.\n",
    );
    for section in SECTIONS {
        let _ = write!(text, "\n#{}\n[{}]\n", section.about, section.name);
        for row in section.rows {
            let live = if row.spec.live { " (*)" } else { "" };
            let _ = writeln!(text, "\n#{}{live}", row.help.join("\n#"));
            let _ = writeln!(text, "{} = {}", row.key, default_toml(row));
        }
    }
    text
}

/// The reference of all options, `docs/config.md`.
pub fn markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    for section in SECTIONS {
        let _ = write!(
            text,
            "\n## [{}]\n\n{}\n\n",
            section.name,
            section.about.trim()
        );
        text.push_str("| Key | Default | Takes | Live | Redis's name | What it does |\n");
        text.push_str("|---|---|---|---|---|---|\n");
        for row in section.rows {
            text.push_str(&markdown_row(row));
        }
    }
    text.push_str(CONSTANTS_INTRODUCTION);
    for constant in CONSTANTS {
        let _ = writeln!(text, "| `{}` | `\"{}\"` |", constant.redis, constant.value);
    }
    text
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from src/config/options/ by `BLESS=1 cargo test --test config_docs`. -->

All of it is optional. A value is taken from the last of these that gives one:

1. the default;
2. the file: `--config FILE`, else `REDISTILL_CONFIG`, else `./redistill.toml`, else
   `/etc/redistill/redistill.toml`;
3. the environment: `REDISTILL_<SECTION>_<KEY>` for every option (`REDISTILL_MEMORY_MAX_MEMORY`),
   and `REDIS_PASSWORD`, `REDIS_PORT`, `REDIS_BIND`, `REDIS_MAX_MEMORY` for short. A password can
   be mounted as a file: `REDIS_PASSWORD_FILE` names it. Empty variables count as unset;
4. the command line: `--section.key value`, `--key value` or Redis's `--name value`.

A named file that is missing, an unknown key or `REDISTILL_` variable, a value of the wrong type or
out of range: the server says where and what, and exits with code 1. `redistill check` says the same
without starting.

SIGHUP reads the sources again and puts the *live* options into force without dropping a
connection; changes to the others are reported and wait for a restart. If there is a mistake,
everything stays as it was. `CONFIG SET` changes live options, all of its arguments or none, and
`CONFIG REWRITE` stores what is in force in the file, comments and formatting kept. Passwords from
the environment, the command line or a mounted file are never written to it.

`CONFIG GET` and `CONFIG SET` know an option by Redis's name and by ours (`memory.max_memory`).

Sizes are numbers of bytes, or texts such as `\"512mb\"`: `k`, `m`, `g` are powers of 1000, `kb`,
`mb`, `gb` powers of 1024.
";

const CONSTANTS_INTRODUCTION: &str = "
## Names with one answer

`CONFIG GET` answers these names of Redis with what is always true here; `CONFIG SET` takes that
very value and refuses any other. Names of Redis that stand neither here nor above have no effect
here: `CONFIG GET` does not list them and `CONFIG SET` refuses them.

| Redis's name | Answer |
|---|---|
";

fn markdown_row(row: &Row) -> String {
    let names: Vec<String> = row
        .spec
        .redis
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let mut help = row.help.concat().trim().to_owned();
    if let Some(name) = row.spec.env {
        let _ = write!(help, " Short variable: `{name}`.");
    }
    format!(
        "| `{}` | `{}` | {} | {} | {} | {help} |\n",
        row.key,
        default_toml(row),
        row.spec.kind.expectation(),
        if row.spec.live { "yes" } else { "restart" },
        names.join(", "),
    )
}

fn default_toml(row: &Row) -> String {
    row.spec.kind.toml(&row.default_value()).to_string()
}
