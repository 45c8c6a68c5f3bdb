//! What somebody may have meant by a key that does not exist.

use super::options::{self, Row};

/// A word about the option nearest to `key` in `section`: one of the section by a small slip, one
/// of another section or by Redis's name, or else all the keys there are.
pub fn for_key(section: &str, key: &str) -> String {
    let key = key.to_ascii_lowercase().replace('-', "_");
    if let Some(row) = elsewhere(&key) {
        return format!("did you mean '{}' in [{}]?", row.key, row.section);
    }
    let own = options::rows().filter(|row| row.section == section);
    if let Some(near) = nearest(&key, own.map(|row| row.key)) {
        return format!("did you mean '{near}'?");
    }
    let near = nearest(&key, options::rows().map(|row| row.key));
    if let Some(row) = near.and_then(elsewhere) {
        return format!("did you mean '{}' in [{}]?", row.key, row.section);
    }
    let own = options::rows().filter(|row| row.section == section);
    let keys: Vec<&str> = own.map(|row| row.key).collect();
    format!("[{section}] takes {}", keys.join(", "))
}

/// A word about the section nearest to `name`, or about the option of that name.
pub fn for_section(name: &str) -> String {
    if let Some(row) = elsewhere(&name.to_ascii_lowercase().replace('-', "_")) {
        return format!("did you mean '{}' in [{}]?", row.key, row.section);
    }
    let sections = || options::SECTIONS.iter().map(|section| section.name);
    match nearest(name, sections()) {
        Some(near) => format!("did you mean [{near}]?"),
        None => format!("there are {}", sections().collect::<Vec<_>>().join(", ")),
    }
}

/// The dotted name nearest to `name`, written in whatever style.
pub fn for_name(name: &str) -> Option<&'static str> {
    let plain = name.to_ascii_lowercase().replace('-', "_");
    if let Some(row) = elsewhere(&plain) {
        return Some(row.name);
    }
    let names = options::rows().map(|row| row.name);
    if let Some(near) = nearest(&plain, names) {
        return Some(near);
    }
    let key = plain.rsplit('.').next().unwrap_or(&plain);
    let near = nearest(key, options::rows().map(|row| row.key))?;
    elsewhere(near).map(|row| row.name)
}

/// The option of exactly that key in any section, or of that Redis name.
fn elsewhere(key: &str) -> Option<&'static Row> {
    let by_key = options::rows().find(|row| row.key == key);
    by_key.or_else(|| options::find(&key.replace('_', "-")).map(|(row, _)| row))
}

/// The candidate with the smallest edit distance, if that is a slip rather than another word.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let slip_max = (word.chars().count() / 3).clamp(1, 4);
    let measured = candidates.map(|candidate| (distance(word, candidate), candidate));
    let best = measured.min_by_key(|(distance, _)| *distance);
    best.filter(|(distance, _)| *distance <= slip_max)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other
/// (optimal string alignment). O(a × b).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut above: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut cost = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(above[j - 2] + 1);
            }
            row.push(cost);
        }
        above = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("port", "port", 0),
            ("prot", "port", 1),
            ("por", "port", 1),
            ("kitten", "sitting", 3),
            ("", "abc", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn suggestions() {
        assert_eq!(for_key("server", "prot"), "did you mean 'port'?");
        assert_eq!(
            for_key("server", "max-connections"),
            "did you mean 'max_connections' in [server]?"
        );
        assert_eq!(
            for_key("server", "max_memory"),
            "did you mean 'max_memory' in [memory]?"
        );
        assert_eq!(
            for_key("memory", "maxmemory"),
            "did you mean 'max_memory' in [memory]?"
        );
        assert_eq!(
            for_key("memory", "max_conections"),
            "did you mean 'max_connections' in [server]?"
        );
        assert!(for_key("logging", "zzzzzzzz").ends_with("takes level, format, file"));
        assert_eq!(for_section("sever"), "did you mean [server]?");
        assert_eq!(for_section("port"), "did you mean 'port' in [server]?");
        assert!(for_section("zzzzzzzz").starts_with("there are server, security"));
        assert_eq!(for_name("server.prot"), Some("server.port"));
        assert_eq!(for_name("maxmemroy"), Some("memory.max_memory"));
        assert_eq!(for_name("tls-prot"), Some("security.tls_port"));
        assert_eq!(for_name("zzzzzzzz"), None);
    }
}
