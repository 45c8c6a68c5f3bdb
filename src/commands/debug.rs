//! `DEBUG`: for tests and for those who look inside. Dispatch asks `enable-debug-command` first.
//!
//! One command without declared keys, as in Redis, so it walks: `OBJECT` locks the one shard it
//! looks at (inside `EXEC`, all are held).

use super::spec::*;
use super::table::Family;
use crate::base::{float, number};
use crate::error::Error;
use crate::keyspace::entry::EntryRef;
use crate::keyspace::{Keyspace, Txn, ValueRef, hash_key};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The family.
pub static FAMILY: Family = Family {
    group: "server",
    category: Categories(0),
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[Command::walk("debug", -2, debug)
    .flags(ADMIN.and(NOSCRIPT).and(LOADING).and(STALE).and(PROTECTED))
    .syntax("subcommand [argument [argument ...]]")
    .about(
        "A container for debugging commands.",
        "Depends on subcommand.",
        "1.0.0",
    )]);

const HELP: &[&str] = &[
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ERROR <string>",
    "    Reply with an error of this text.",
    "HTSTATS <dbid>",
    "    Return statistics of a database's hash tables.",
    "LOG <message>",
    "    Write <message> to the server log.",
    "OBJECT <key>",
    "    Show low level information about a key and its value.",
    "PANIC",
    "    Let the request fail by a panic: it ends this connection and no other.",
    "PROTOCOL <type>",
    "    Reply with a test value of the specified type. <type> can be: string,",
    "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
    "    true, false.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not",
    "    accessed. Setting it to 1 reenables back the default.",
    "SLEEP <seconds>",
    "    Reply after <seconds>. Decimals allowed. Other clients are served meanwhile,",
    "    unless this is part of a transaction.",
    "HELP",
    "    Prints this help.",
];

fn debug(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let subcommand = args.at(1).to_ascii_lowercase();
    match (subcommand.as_slice(), args.len()) {
        (b"help", 2) => {
            reply.array(HELP.len());
            HELP.iter().for_each(|line| reply.simple(line));
        }
        (b"sleep", 3) => return Ok(sleep(args.at(2))),
        (b"object", 3) => object(txn, args.at(2), reply)?,
        (b"set-active-expire", 3) => {
            let on = atoi(args.at(2)) != 0;
            txn.keyspace().active_expire.store(on, Relaxed);
            reply.ok();
        }
        (b"htstats", 3) => table_statistics(txn.keyspace(), args.at(2), reply)?,
        (b"error", 3) => return Err(Error::as_asked(args.at(2))),
        (b"log", 3) => {
            let text = String::from_utf8_lossy(args.at(2)).into_owned();
            tracing::warn!("DEBUG LOG: {}", text.escape_debug());
            reply.ok();
        }
        (b"protocol", 3) => protocol(args.at(2), reply)?,
        (b"panic", 2) => panic!("asked for by DEBUG PANIC"),
        _ => return Err(Error::subcommand_usage(args.at(1), "DEBUG")),
    }
    DONE
}

/// What is no number counts as 0, as in Redis.
fn sleep(seconds: &[u8]) -> Flow {
    let seconds = float::parse_f64(seconds).unwrap_or(0.0);
    let span = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    Flow::Offload(Box::new(move |_, out| {
        std::thread::sleep(span);
        out.buffer().extend_from_slice(b"+OK\r\n");
    }))
}

/// The integer a text begins with, as C's `atoi` reads it; 0 without one.
fn atoi(text: &[u8]) -> i64 {
    let digits = text.iter().skip(1).take_while(|b| b.is_ascii_digit());
    let end = (1 + digits.count()).min(text.len());
    number::parse_i64(&text[..end]).unwrap_or(0)
}

fn object(txn: &mut Txn<'_>, key: &[u8], reply: &mut Reply<'_>) -> Result<(), Error> {
    let (hash, db, now_ms) = (hash_key(key), txn.db(), txn.now_ms());
    let index = txn.keyspace().shard_index(hash);
    let found = txn.one_shard(index, |shard, _| {
        let table = shard.existing_table(db)?;
        let pos = table.find(hash, key)?;
        let alive = !(table.is_volatile(pos) && table.is_due(pos, now_ms));
        alive.then(|| describe(table.entry(pos), now_ms))
    });
    reply.simple(&found.ok_or(Error::NoSuchKey)?);
    Ok(())
}

fn describe(entry: EntryRef<'_>, now_ms: u64) -> String {
    use crate::keyspace::txn::seconds;
    let (encoding, serialized) = if entry.kind() != Type::String {
        // A snapshot's bytes of a collection are not known; what it takes comes nearest.
        (entry.content().encoding(), entry.size_bytes())
    } else {
        match entry.value() {
            ValueRef::Int(number) => ("int", serialized_int_bytes(number)),
            ValueRef::Bytes(bytes) if entry.is_raw() => ("raw", serialized_bytes(bytes.len())),
            ValueRef::Bytes(bytes) if bytes.len() <= EMBSTR_BYTES_MAX => {
                ("embstr", serialized_bytes(bytes.len()))
            }
            ValueRef::Bytes(bytes) => ("raw", serialized_bytes(bytes.len())),
            ValueRef::Blob(blob) => ("raw", serialized_bytes(blob.len())),
        }
    };
    let used = entry.used_seconds();
    let idle = seconds(now_ms).wrapping_sub(used) & crate::keyspace::entry::SECONDS_MASK;
    format!(
        "Value at:{:p} refcount:1 encoding:{encoding} serializedlength:{serialized} lru:{used} \
         lru_seconds_idle:{idle} allocated:{}",
        entry.key().as_ptr(),
        entry.size_bytes()
    )
}

/// Up to this length Redis reports a string as embedded.
const EMBSTR_BYTES_MAX: usize = 44;

/// Bytes of a string in a snapshot of Redis's format, not compressed.
fn serialized_bytes(len: usize) -> usize {
    let prefix = match len {
        0..64 => 1,
        64..16_384 => 2,
        16_384..=0xffff_ffff => 5,
        _ => 9,
    };
    prefix + len
}

/// As [`serialized_bytes`], of a string that is an integer.
fn serialized_int_bytes(number: i64) -> usize {
    if i8::try_from(number).is_ok() {
        2
    } else if i16::try_from(number).is_ok() {
        3
    } else if i32::try_from(number).is_ok() {
        5
    } else {
        serialized_bytes(itoa::Buffer::new().format(number).len())
    }
}

/// Counts of all shards together; takes no lock.
fn table_statistics(keyspace: &Keyspace, db: &[u8], reply: &mut Reply<'_>) -> Result<(), Error> {
    let db = number::parse_i64(db).ok_or(Error::NotInteger)?;
    let db = usize::try_from(db)
        .ok()
        .filter(|db| *db < keyspace.databases());
    let db = db.ok_or(Error::no_such_database())?;
    let tables = || {
        keyspace
            .shards()
            .iter()
            .filter_map(|s| s.existing_table(db))
    };
    let lens = || tables().map(|table| table.len());
    let (elements, buckets) = (
        keyspace.len(db),
        tables().map(|t| t.buckets()).sum::<usize>(),
    );
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        writeln!(text, " {name}: {value}").expect("writing to memory does not fail");
    };
    line("shards", keyspace.shards().len().to_string());
    line("buckets", buckets.to_string());
    line("bytes of buckets", keyspace.array_bytes(db).to_string());
    line("number of elements", elements.to_string());
    line(
        "elements that expire",
        keyspace.volatile_len(db).to_string(),
    );
    line(
        "most elements of a shard",
        lens().max().unwrap_or(0).to_string(),
    );
    let load = match buckets {
        0 => 0.0,
        buckets => elements as f64 / buckets as f64,
    };
    line("elements per bucket", format!("{load:.2}"));
    let text = format!("[Dictionary HT]\nHash table statistics:\n{text}");
    reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

/// Test values of every type, for those who write clients.
fn protocol(kind: &[u8], reply: &mut Reply<'_>) -> Result<(), Error> {
    let sequence = |reply: &mut Reply<'_>| (0..3).for_each(|n| reply.int(n));
    match kind.to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.int(12345),
        b"double" => reply.double(3141.0 / 1000.0),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            sequence(reply);
        }
        b"set" => {
            reply.set(3);
            sequence(reply);
        }
        b"map" => {
            reply.map(3);
            for n in 0..3 {
                reply.int(n);
                reply.bool(n == 1);
            }
        }
        b"attrib" => {
            if reply.is_resp3() {
                reply.attribute(1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.int(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" => {
            if !reply.is_resp3() {
                return Err(Error::needs_resp3());
            }
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.int(42);
            reply.bulk(b"Some real reply following the push reply");
        }
        b"true" => reply.bool(true),
        b"false" => reply.bool(false),
        b"verbatim" => reply.verbatim(b"txt", b"This is a verbatim\nstring"),
        _ => return Err(Error::debug_protocol_type()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        let cases: [(&[u8], i64); 6] = [
            (b"1", 1),
            (b"0", 0),
            (b"12x", 12),
            (b"-3", -3),
            (b"x", 0),
            (b"", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(atoi(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn serialized_lengths_are_those_of_the_format() {
        assert_eq!(serialized_bytes(1), 2);
        assert_eq!(serialized_bytes(64), 66);
        assert_eq!(serialized_bytes(20_000), 20_005);
        assert_eq!(serialized_int_bytes(-128), 2);
        assert_eq!(serialized_int_bytes(200), 3);
        assert_eq!(serialized_int_bytes(70_000), 5);
        assert_eq!(serialized_int_bytes(10_000_000_000), 12);
    }
}
