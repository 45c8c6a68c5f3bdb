//! Cuts a history that ends in a difference down to the commands that matter.

use crate::generate::Command;

/// What a search may cost.
const REPLAYS_MAX: usize = 500;
const REPLAYED_COMMANDS_MAX: usize = 2_000_000;

/// The fewest commands found that still end in a difference; `None` when `history` itself, played
/// again, ends in none. `replay` plays commands on empty servers and says which one, if any,
/// is the first whose replies differ.
pub fn shrink(
    history: &[Command],
    replay: impl FnMut(&[Command]) -> Option<usize>,
) -> Option<Vec<Command>> {
    let mut search = Search {
        replay,
        replays: 0,
        commands: 0,
    };
    let suspects = candidates(history);
    let mut found = suspects
        .iter()
        .find_map(|suspect| search.reproduce(suspect))?;
    let mut chunk = found.len().div_ceil(2);
    loop {
        let before = found.len();
        search.remove_chunks(&mut found, chunk);
        if search.exhausted() || (chunk == 1 && found.len() == before) {
            return Some(found);
        }
        chunk = chunk.div_ceil(2);
    }
}

/// Parts of the history that may suffice, the most promising first.
fn candidates(history: &[Command]) -> Vec<Vec<Command>> {
    let (last, earlier) = history.split_last().expect("a difference has a command");
    let related = |command: &&Command| {
        let keys = &last.args[1..];
        command.row.args.is_empty() || command.args[1..].iter().any(|arg| keys.contains(arg))
    };
    let mut by_key: Vec<Command> = earlier.iter().filter(related).cloned().collect();
    by_key.push(last.clone());
    let tail = |count: usize| history[history.len().saturating_sub(count)..].to_vec();
    vec![tail(20), by_key, tail(200), tail(2000), history.to_vec()]
}

struct Search<F> {
    replay: F,
    replays: usize,
    commands: usize,
}

impl<F: FnMut(&[Command]) -> Option<usize>> Search<F> {
    /// Plays commands; returns those up to the difference, if there is one of the kind sought.
    fn reproduce(&mut self, commands: &[Command]) -> Option<Vec<Command>> {
        self.replays += 1;
        self.commands += commands.len();
        let at = (self.replay)(commands)?;
        Some(commands[..=at].to_vec())
    }

    fn remove_chunks(&mut self, found: &mut Vec<Command>, chunk: usize) {
        // From the end, so that what is removed does not move what is still to be tried.
        let mut end = found.len() - 1;
        while end > 0 && !self.exhausted() {
            let start = end.saturating_sub(chunk);
            let mut without = found[..start].to_vec();
            without.extend_from_slice(&found[end..]);
            if let Some(shorter) = self.reproduce(&without) {
                *found = shorter;
            }
            end = start.min(found.len() - 1);
        }
    }

    fn exhausted(&self) -> bool {
        self.replays >= REPLAYS_MAX || self.commands >= REPLAYED_COMMANDS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::shrink;
    use crate::generate::Command;
    use crate::rows::{Arg, Row, row};

    const ECHO: Row = row("ECHO", &[Arg::Value]);

    fn history(len: usize) -> Vec<Command> {
        let command = |i: usize| Command {
            client: 0,
            row: &ECHO,
            args: vec![b"ECHO".to_vec(), i.to_string().into_bytes()],
        };
        (0..len).map(command).collect()
    }

    #[test]
    fn only_what_matters_is_left() {
        let named = |commands: &[Command]| -> Vec<usize> {
            let number = |c: &Command| String::from_utf8_lossy(&c.args[1]).parse().expect("ours");
            commands.iter().map(number).collect()
        };
        // 3 and 500 together make 999 differ.
        let replay = |commands: &[Command]| {
            let numbers = named(commands);
            let spoilt = numbers.contains(&3) && numbers.contains(&500);
            numbers.iter().position(|n| *n == 999).filter(|_| spoilt)
        };
        let found = shrink(&history(1000), replay).expect("it reproduces");
        assert_eq!(named(&found), [3, 500, 999]);
    }

    #[test]
    fn what_does_not_repeat_is_not_shrunk() {
        assert!(shrink(&history(10), |_| None).is_none());
    }
}
