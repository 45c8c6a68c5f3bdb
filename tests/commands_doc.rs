//! `docs/commands.md` is what the command table says, and the table agrees with the facts that
//! were collected from the current servers (`tests/data/commands.tsv`).

use redistill::commands::command::markdown;
use redistill::commands::spec::{CATEGORY_NAMES, FLAG_NAMES, Place};
use redistill::commands::table::{self, Registered};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[test]
fn the_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let text = markdown();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).expect("docs/ can be written");
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == text,
        "docs/commands.md is out of date: BLESS=1 cargo test --test commands_doc"
    );
}

struct Fact {
    arity: i64,
    flags: BTreeSet<String>,
    categories: BTreeSet<String>,
    keys: (i64, i64, i64),
}

/// The facts by full lower-case name.
fn facts() -> BTreeMap<String, Fact> {
    let text = include_str!("data/commands.tsv");
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split('\t').collect();
    let column = |name: &str| {
        header
            .iter()
            .position(|h| *h == name)
            .expect("a known column")
    };
    let words = |text: &str| -> BTreeSet<String> {
        text.split(',')
            .filter(|w| !w.is_empty())
            .map(str::to_ascii_lowercase)
            .collect()
    };
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let cell = |name: &str| cells[column(name)];
            let number = |name: &str| cell(name).parse().unwrap_or(0);
            let fact = Fact {
                arity: number("arity"),
                flags: words(cell("command_flags")),
                categories: words(cell("acl_categories")),
                keys: (number("first_key"), number("last_key"), number("step")),
            };
            (cell("command").to_ascii_lowercase(), fact)
        })
        .collect()
}

/// Flags that say how other servers load and replicate; they have no meaning here.
const FLAGS_NOT_OURS: &[&str] = &["sentinel", "asking", "skip_commandlog", "movablekeys"];

fn flags_of(registered: &Registered) -> BTreeSet<String> {
    FLAG_NAMES
        .iter()
        .filter(|(flag, _)| registered.has(*flag))
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

#[test]
fn every_row_agrees_with_the_facts() {
    let facts = facts();
    let ours: BTreeSet<&str> = ["redistill"].into();
    let mut wrong = Vec::new();
    for registered in table::all() {
        let name = registered.full_name;
        let Some(fact) = facts.get(name) else {
            if !ours.contains(name) && !NOT_IN_FACTS.contains(&name) {
                wrong.push(format!("{name}: not a command of any current server"));
            }
            continue;
        };
        if i64::from(registered.command.arity) != fact.arity {
            wrong.push(format!(
                "{name}: arity {} not {}",
                registered.command.arity, fact.arity
            ));
        }
        let mut expected = fact.flags.clone();
        expected.retain(|flag| !FLAGS_NOT_OURS.contains(&flag.as_str()));
        expected.remove("skip_monitor");
        let mut actual = flags_of(registered);
        actual.remove("skip_slowlog");
        actual.remove("skip_monitor");
        actual.remove("movablekeys");
        if actual != expected && !DIFFERENT_FLAGS.contains(&name) {
            wrong.push(format!("{name}: flags {actual:?} not {expected:?}"));
        }
        let categories: BTreeSet<String> = CATEGORY_NAMES
            .iter()
            .filter(|(category, _)| registered.categories.has(*category))
            .map(|(_, category)| (*category).to_owned())
            .collect();
        if !categories.is_superset(&fact.categories) {
            wrong.push(format!(
                "{name}: categories {categories:?} not {:?}",
                fact.categories
            ));
        }
        if let [spec] = registered.command.keys
            && let Place::Range { first, last, step } = spec.place
            && fact.keys != (first.into(), last.into(), step.into())
        {
            wrong.push(format!(
                "{name}: keys ({first}, {last}, {step}) not {:?}",
                fact.keys
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Commands that exist here and that the list of facts lacks.
const NOT_IN_FACTS: &[&str] = &[];

/// Commands whose flags differ on purpose.
const DIFFERENT_FLAGS: &[&str] = &[];
