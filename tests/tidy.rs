//! The house rules, executed.
//!
//! Each test names every violation with its file and line. The text before a file's `mod tests` is
//! what is judged, where a rule does not say otherwise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The modules in the order data flows. A module may import from those above it only. Modules in
/// one line are one layer.
const LAYERS: &[&[&str]] = &[
    &["base"],
    &["protocol"],
    &["values"],
    &["config"],
    &["keyspace"],
    &["pubsub"],
    &["tracking"],
    &["scripting"],
    &["persistence"],
    &["replication"],
    &["cluster"],
    &["metrics"],
    // A handler's type names the session it runs in, a session queues commands and has a user, and
    // what a user may is a bit for each command.
    &["acl", "commands", "session"],
    &["dispatch"],
    &["client"],
    &["http"],
    &["server"],
];

/// What every module may import: the errors, and nothing else.
const EVERYBODYS: &[&str] = &["error"];

/// The files that may hold `unsafe`, each an island behind a safe interface.
const UNSAFE_ISLANDS: &[&str] = &[
    "src/base/alloc.rs",
    "src/base/hangup.rs",
    "src/base/heap.rs",
    "src/base/pages.rs",
    "src/base/slab.rs",
    "src/base/slab/pool.rs",
    "src/base/slab/tests.rs",
    "src/keyspace/entry.rs",
    "src/keyspace/entry/borrow.rs",
    "src/keyspace/retire.rs",
    "src/keyspace/shard.rs",
    "src/keyspace/table.rs",
    "src/keyspace/table/arrays.rs",
    "src/keyspace/table/tags.rs",
    "src/scripting/bridge.rs",
    "src/scripting/natives.rs",
    "src/scripting/reply.rs",
    "src/scripting/value.rs",
    "src/values/record.rs",
];

/// Lines of a file before its tests.
const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;

/// The first words of error replies.
const ERROR_CODES: &[&str] = &[
    "ERR",
    "WRONGTYPE",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "EXECABORT",
    "OOM",
    "NOPROTO",
    "LOADING",
    "BUSY",
    "NOSCRIPT",
    "MISCONF",
    "READONLY",
    "DENIED",
    "BUSYKEY",
    "UNBLOCKED",
];

/// Where error texts may stand besides `src/error.rs` and its folder, with the reason.
const ERROR_TEXTS: &[(&str, &str)] = &[];

/// Files of `src/commands` that hold no commands.
const NOT_A_FAMILY: &[&str] = &["mod", "spec", "table"];

/// A source file, read.
struct Source {
    /// Relative to the repository, with `/`.
    path: String,
    lines: Vec<String>,
    /// Number of lines before the tests.
    code: usize,
}

impl Source {
    /// Numbered lines before the tests, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = (1..).zip(&self.lines).take(self.code);
        numbered.map(|(number, line)| (number, without_comment(line)))
    }

    /// The module path: `["keyspace", "txn"]` for `src/keyspace/txn.rs`.
    fn module(&self) -> Vec<&str> {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let mut parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        if matches!(parts.last(), Some(&"mod" | &"lib" | &"main")) {
            parts.pop();
        }
        parts
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under a folder; none if there is no such folder.
fn sources(folder: &str) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read(file: &Path) -> Source {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let path = file
        .strip_prefix(root())
        .expect("it was found there")
        .to_string_lossy();
    let whole_file = path.ends_with("/tests.rs");
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    let code = if whole_file {
        0
    } else {
        tests.unwrap_or(lines.len())
    };
    Source {
        path: path.into_owned(),
        lines,
        code,
    }
}

/// A line up to its comment. A `//` inside a string ends it as well, unless it follows a colon.
fn without_comment(line: &str) -> &str {
    let comment = line
        .match_indices("//")
        .find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// The identifier at the start of a text.
fn identifier(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}

#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{} violations:\n{}",
        violations.len(),
        violations.join("\n")
    );
}

#[test]
fn imports_point_up_the_layers() {
    let layer = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut violations = Vec::new();
    for source in sources("src") {
        let module = source.module();
        let Some(&importer) = module.first() else {
            continue;
        };
        if EVERYBODYS.contains(&importer) {
            continue;
        }
        let Some(own) = layer(importer) else {
            violations.push(format!(
                "{}: {importer} has no place in LAYERS",
                source.path
            ));
            continue;
        };
        for (number, line) in source.code() {
            for imported in imports(line, module.len()) {
                let fine = match layer(imported) {
                    Some(other) => other <= own,
                    None => EVERYBODYS.contains(&imported),
                };
                if !fine {
                    violations.push(format!(
                        "{}:{number}: {importer} -> {imported}",
                        source.path
                    ));
                }
            }
        }
    }
    assert_none(&violations);
}

/// The top-level modules a line names, by `crate::` or by enough `super::`, in a module `depth`
/// below the crate. A group right at the root, `crate::{`, cannot be judged and is named as such.
fn imports(line: &str, depth: usize) -> Vec<&str> {
    let from_crate = line
        .match_indices("crate::")
        .map(|(at, path)| at + path.len());
    let climb = "super::".repeat(depth);
    let from_super = line.match_indices(&climb).map(|(at, path)| at + path.len());
    from_crate
        .chain(from_super)
        .map(|at| {
            if line[at..].starts_with('{') {
                "crate::{"
            } else {
                identifier(&line[at..])
            }
        })
        .filter(|name| *name != "super" && !name.is_empty())
        .collect()
}

#[test]
fn files_stay_short() {
    let mut violations = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        if source.code > FILE_LINES_MAX {
            violations.push(format!("{}: {} lines", source.path, source.code));
        }
    }
    assert_none(&violations);
}

#[test]
fn functions_fit_a_screen() {
    let mut violations = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        for (name, first, last) in functions(&source.lines) {
            let length = last - first + 1;
            if first <= source.code && length > FUNCTION_LINES_MAX {
                violations.push(format!(
                    "{}:{first}: {name} has {length} lines",
                    source.path
                ));
            }
        }
    }
    assert_none(&violations);
}

/// Name, first and last line of every function with a body. What rustfmt has formatted ends with a
/// brace in the column where the function begins.
fn functions(lines: &[String]) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some(name) = function_name(line.trim_start()) else {
            continue;
        };
        let end = |line: &String| {
            line[..].starts_with(&" ".repeat(indent)) && {
                let rest = &line[indent..];
                rest == "}" || rest.starts_with("} //")
            }
        };
        let one_line = line.ends_with('}') || line.ends_with(';');
        let length = if one_line {
            Some(0)
        } else {
            lines[i..].iter().position(end)
        };
        found.extend(length.map(|length| (name.to_owned(), i + 1, i + 1 + length)));
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    const BEFORE: &[&str] = &[
        "pub ",
        "pub(crate) ",
        "pub(super) ",
        "const ",
        "async ",
        "unsafe ",
        "extern \"C\" ",
    ];
    let mut rest = line;
    while let Some(shorter) = BEFORE.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = shorter;
    }
    rest.strip_prefix("fn ").map(identifier)
}

#[test]
fn error_texts_have_one_home() {
    let mut violations = Vec::new();
    for source in sources("src") {
        let excepted = ERROR_TEXTS.iter().any(|(path, _)| *path == source.path);
        if source.module().first() == Some(&"error") || excepted {
            continue;
        }
        for (number, line) in source.code() {
            let text = ERROR_CODES.iter().any(|code| {
                line.contains(&format!("\"{code} ")) || line.contains(&format!("\"-{code} "))
            });
            if text {
                violations.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn unsafe_stays_on_its_islands() {
    let mut violations = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        if source.path == "tests/tidy.rs" {
            continue;
        }
        let island = UNSAFE_ISLANDS.contains(&source.path.as_str());
        let lines = (1..)
            .zip(&source.lines)
            .map(|(number, line)| (number, without_comment(line)));
        let used: Vec<usize> = lines
            .filter(|(_, line)| has_word(line, "unsafe"))
            .map(|(number, _)| number)
            .collect();
        if island && used.is_empty() {
            violations.push(format!("{}: no island any more", source.path));
        }
        if !island {
            violations.extend(
                used.iter()
                    .map(|number| format!("{}:{number}", source.path)),
            );
        }
    }
    assert_none(&violations);
}

/// Whether a text holds a word, delimited by anything but letters, digits, `_` and `-`.
fn has_word(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(part_of_word) && !text[at + word.len()..].starts_with(part_of_word)
    })
}

#[test]
fn every_command_is_tested_on_the_wire() {
    let mut tests: BTreeMap<String, String> = BTreeMap::new();
    for source in sources("tests/wire") {
        for part in source.module() {
            tests
                .entry(part.to_owned())
                .or_default()
                .push_str(&source.lines.join("\n"));
        }
    }
    let mut violations = Vec::new();
    for source in sources("src/commands") {
        let module = source.module();
        let family = module.get(1).copied().unwrap_or("mod");
        if NOT_A_FAMILY.contains(&family) {
            continue;
        }
        let text = tests.get(family).map_or("", |text| text);
        for name in command_names(&source) {
            if !has_word(text, &name.to_uppercase()) {
                violations.push(format!(
                    "{}: {name} is not named in tests/wire",
                    source.path
                ));
            }
        }
    }
    assert_none(&violations);
}

/// The names in a file's command rows: the first argument of `Command::write(` and its kin, when it
/// is a string.
fn command_names(source: &Source) -> Vec<String> {
    let text: String = source.code().map(|(_, line)| line.trim()).collect();
    let rows = text
        .match_indices("Command::")
        .map(|(at, path)| &text[at + path.len()..]);
    rows.filter_map(|rest| {
        let arguments = rest[identifier(rest).len()..].strip_prefix('(')?;
        let name = arguments.strip_prefix('"')?.split('"').next()?;
        Some(name.to_owned())
    })
    .collect()
}

/// A file no `mod` names is not compiled: its tests would never run.
#[test]
fn every_file_is_part_of_its_module_tree() {
    let mut violations = Vec::new();
    for source in ["src", "tests"].into_iter().flat_map(sources) {
        let (folder, file) = source.path.rsplit_once('/').expect("a file is in a folder");
        let is_root = matches!(file, "main.rs" | "lib.rs" | "mod.rs") || folder == "tests";
        if is_root || folder == "src/bin" {
            continue;
        }
        let stem = file.trim_end_matches(".rs");
        let mut parents = ["mod.rs", "main.rs", "lib.rs"]
            .map(|parent| format!("{folder}/{parent}"))
            .to_vec();
        parents.push(format!("{folder}.rs"));
        let named = parents.iter().any(|parent| {
            let text = std::fs::read_to_string(root().join(parent)).unwrap_or_default();
            text.lines()
                .any(|line| line.trim().ends_with(&format!("mod {stem};")))
        });
        if !named {
            violations.push(format!("{} is in nobody's `mod`", source.path));
        }
    }
    assert_none(&violations);
}

#[cfg(test)]
mod tests {
    use super::{command_names, functions, has_word, identifier, imports, without_comment};

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn imports_are_found_however_they_are_written() {
        assert_eq!(imports("use crate::keyspace::Txn;", 2), ["keyspace"]);
        assert_eq!(
            imports("x: crate::base::A, y: &crate::config::B", 1),
            ["base", "config"]
        );
        assert_eq!(imports("use crate::{a, b};", 2), ["crate::{"]);
        assert_eq!(imports("use super::super::server::X;", 2), ["server"]);
        assert_eq!(imports("use super::server::X;", 1), ["server"]);
        assert!(imports("use super::entry::X;", 2).is_empty());
        assert!(imports("pub(crate) fn f()", 1).is_empty());
    }

    #[test]
    fn functions_are_measured_by_their_closing_brace() {
        let text =
            "    pub const fn a(\n    ) {\n        {\n        }\n    }\nfn b() {}\nlet fn_c;";
        let found = functions(&lines(text));
        assert_eq!(found, [("a".to_owned(), 1, 5), ("b".to_owned(), 6, 6)]);
    }

    #[test]
    fn words_and_comments_are_told_apart() {
        assert!(has_word("  GET k -> v", "GET") && has_word("[\"GET\", ", "GET"));
        assert!(
            !has_word("GETEX", "GET") && !has_word("MEGET", "GET") && !has_word("NO-GET", "GET")
        );
        assert_eq!(without_comment("a // b"), "a ");
        assert_eq!(without_comment("\"http://x\""), "\"http://x\"");
        assert_eq!(identifier("abc_1::d"), "abc_1");
    }

    #[test]
    fn names_of_commands_are_read_from_their_rows() {
        let text =
            "Command::write(\"set\", -3, set)\nCommand::read(\n    \"get\",\nCommand::new(name, 1)";
        let lines = lines(text);
        let code = lines.len();
        let source = super::Source {
            path: "src/commands/string.rs".into(),
            lines,
            code,
        };
        assert_eq!(command_names(&source), ["set", "get"]);
    }
}
