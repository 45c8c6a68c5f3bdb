//! Differences that are accepted, each with its reason: `tests/exceptions.txt`.

use crate::generate::{Command, typed};
use crate::support::Reply;

/// More than this would no longer be a short list.
const MOST: usize = 20;

/// The accepted differences.
pub struct Exceptions(Vec<Exception>);

struct Exception {
    command: String,
    theirs: String,
    ours: String,
}

impl Exceptions {
    /// Reads the list.
    pub fn read() -> Exceptions {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exceptions.txt");
        let text = std::fs::read_to_string(path).expect("tests/exceptions.txt");
        Exceptions::parse(&text)
    }

    fn parse(text: &str) -> Exceptions {
        let lines = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let exceptions: Vec<_> = lines.map(Exception::parse).collect();
        assert!(
            exceptions.len() <= MOST,
            "exceptions.txt is to stay under {MOST} lines"
        );
        Exceptions(exceptions)
    }

    /// Whether this difference is accepted.
    pub fn cover(&self, command: &Command, theirs: &Reply, ours: &Reply) -> bool {
        let (theirs, ours) = (theirs.to_string(), ours.to_string());
        let mut args = command.args.clone();
        args[0].make_ascii_uppercase();
        let command = typed(&args);
        self.0.iter().any(|e| {
            matches(&e.command, &command) && matches(&e.theirs, &theirs) && matches(&e.ours, &ours)
        })
    }
}

impl Exception {
    fn parse(line: &str) -> Exception {
        let parts: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [command, theirs, ours, reason] = parts[..] else {
            panic!("exceptions.txt: not `command | theirs | ours | reason`: {line}");
        };
        assert!(
            reason.len() >= 20,
            "exceptions.txt: no reason to speak of: {line}"
        );
        let everything = command == "…" && (theirs == "…" || ours == "…");
        assert!(
            !everything,
            "exceptions.txt: no exception but a surrender: {line}"
        );
        let [command, theirs, ours] = [command, theirs, ours].map(str::to_owned);
        Exception {
            command,
            theirs,
            ours,
        }
    }
}

/// Whether `text` matches a pattern in which `…` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('…') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|tail| {
            rest.is_empty()
                || tail
                    .char_indices()
                    .any(|(at, _)| matches(rest, &tail[at..]))
                || matches(rest, "")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Exceptions, matches};
    use crate::generate::Command;
    use crate::rows::{Arg, Row, row};
    use crate::support::Reply;

    #[test]
    fn the_list_is_well_formed() {
        Exceptions::read();
    }

    #[test]
    fn an_exception_covers_what_it_names() {
        const GET: Row = row("GET", &[Arg::Key]);
        let list = Exceptions::parse("GET … | :1 | :…2 | because a test wants it so\n");
        let get = Command {
            client: 0,
            row: &GET,
            args: vec![b"get".to_vec(), b"k".to_vec()],
        };
        let covers = |theirs, ours| list.cover(&get, &Reply::Int(theirs), &Reply::Int(ours));
        assert!(covers(1, 2) && covers(1, 12));
        assert!(!covers(1, 21) && !covers(2, 2));
    }

    #[test]
    fn ellipsis_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("a…", "a", true),
            ("a…c", "abc", true),
            ("…c", "c", true),
            ("a…c", "ab", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
