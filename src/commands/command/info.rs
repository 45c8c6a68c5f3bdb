//! `COMMAND INFO`: a command's row as clients and proxies read it.

use super::super::spec::*;
use super::super::table::{self, Registered};
use crate::protocol::Reply;

/// One command: ten elements, the last its subcommands in the same form.
pub(super) fn row(registered: &Registered, reply: &mut Reply<'_>) {
    let command = registered.command;
    let (first, last, step) = range(command);
    reply.array(10);
    reply.bulk(registered.full_name.as_bytes());
    reply.int(command.arity.into());
    let flags: Vec<&str> = flags(registered).collect();
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
    reply.int(first);
    reply.int(last);
    reply.int(step);
    let categories: Vec<String> = CATEGORY_NAMES
        .iter()
        .filter(|(category, _)| registered.categories.has(*category))
        .map(|(_, name)| format!("@{name}"))
        .collect();
    reply.set(categories.len());
    categories
        .iter()
        .for_each(|category| reply.simple(category));
    // Tips are for proxies that split requests; none of ours needs one yet.
    reply.set(0);
    reply.set(command.keys.len());
    command.keys.iter().for_each(|spec| key_spec(spec, reply));
    reply.set(registered.subcommands.len());
    for id in &registered.subcommands {
        row(&table::all()[*id], reply);
    }
}

/// The flags shown, those that follow from key specs included.
fn flags(registered: &Registered) -> impl Iterator<Item = &'static str> {
    let movable = registered
        .command
        .keys
        .iter()
        .any(|spec| !matches!(spec.place, Place::Range { .. }));
    FLAG_NAMES
        .iter()
        .filter(move |(flag, _)| registered.has(*flag) || (movable && *flag == MOVABLEKEYS))
        .map(|(_, name)| *name)
}

/// First key, last key and step, as clients older than key specs read them.
fn range(command: &Command) -> (i64, i64, i64) {
    let mut ranges = command.keys.iter().filter_map(|spec| match spec.place {
        Place::Range { first, last, step } => Some((first, last, step)),
        Place::Counted { .. } | Place::Keyword { .. } | Place::Found(_) => None,
    });
    let Some((first, mut last, step)) = ranges.next() else {
        return (0, 0, 0);
    };
    for (_, other, _) in ranges {
        last = if last < 0 || other < 0 {
            last.min(other)
        } else {
            last.max(other)
        };
    }
    (first.into(), last.into(), step.into())
}

/// What a request does with a key.
pub(super) fn access(access: Access, reply: &mut Reply<'_>) {
    flag_set(access, false, reply);
}

fn flag_set(access: Access, varies: bool, reply: &mut Reply<'_>) {
    let names = access.flag_names();
    reply.set(names.len() + usize::from(varies));
    names.iter().for_each(|name| reply.simple(name));
    if varies {
        reply.simple("variable_flags");
    }
}

fn key_spec(spec: &KeySpec, reply: &mut Reply<'_>) {
    reply.map(if spec.notes.is_empty() { 3 } else { 4 });
    if !spec.notes.is_empty() {
        reply.bulk(b"notes");
        reply.bulk(spec.notes.as_bytes());
    }
    reply.bulk(b"flags");
    flag_set(spec.access, spec.varies.is_some(), reply);
    if matches!(spec.place, Place::Found(_)) {
        for step in ["begin_search", "find_keys"] {
            reply.bulk(step.as_bytes());
            typed("unknown", &[], reply);
        }
        return;
    }
    places(spec.place, reply);
}

/// Where a search for keys begins, and how it finds them.
fn places(place: Place, reply: &mut Reply<'_>) {
    let (first, find): (i64, [(&str, i64); 3]) = match place {
        Place::Range { first, last, step } => {
            // Relative to the first key; from the end where it is counted from there.
            let last = if last < 0 { last } else { last - first };
            (
                first.into(),
                [
                    ("lastkey", last.into()),
                    ("keystep", step.into()),
                    ("limit", 0),
                ],
            )
        }
        Place::Counted { count, first, step } => {
            let first_key = i64::from(first - count);
            (
                count.into(),
                [
                    ("keynumidx", 0),
                    ("firstkey", first_key),
                    ("keystep", step.into()),
                ],
            )
        }
        Place::Keyword {
            from, many, parts, ..
        } => {
            let limit = if parts > 1 { i64::from(parts) } else { 0 };
            let last = -i64::from(many);
            (
                from.into(),
                [("lastkey", last), ("keystep", 1), ("limit", limit)],
            )
        }
        Place::Found(_) => unreachable!("shown as unknown"),
    };
    let kind = match place {
        Place::Counted { .. } => "keynum",
        _ => "range",
    };
    reply.bulk(b"begin_search");
    match place {
        Place::Keyword { word, .. } => behind(word, first, reply),
        _ => typed("index", &[("index", first)], reply),
    }
    reply.bulk(b"find_keys");
    typed(kind, &find, reply);
}

/// Where keys begin that stand behind a word.
fn behind(word: &str, from: i64, reply: &mut Reply<'_>) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(b"keyword");
    reply.bulk(b"spec");
    reply.map(2);
    reply.bulk(b"keyword");
    reply.bulk(word.as_bytes());
    reply.bulk(b"startfrom");
    reply.int(from);
}

fn typed(kind: &str, fields: &[(&str, i64)], reply: &mut Reply<'_>) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(fields.len());
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        reply.int(*value);
    }
}
