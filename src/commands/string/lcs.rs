//! `LCS`. The algorithm is [`crate::base::lcs`]'s.

use super::super::spec::*;
use crate::base::lcs::{Refusal, Table, length};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Key, Txn, ValueRef};
use crate::protocol::output::Blob;
use crate::protocol::{Args, Reply};

#[derive(Default)]
struct Options {
    length: bool,
    matches: bool,
    match_length_min: i64,
    match_lengths: bool,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut at = 3;
        while at < args.len() {
            if args.is(at, "IDX") {
                options.matches = true;
            } else if args.is(at, "LEN") {
                options.length = true;
            } else if args.is(at, "WITHMATCHLEN") {
                options.match_lengths = true;
            } else if args.is(at, "MINMATCHLEN") && at + 1 < args.len() {
                at += 1;
                options.match_length_min =
                    number::parse_i64(args.at(at)).ok_or(Error::NotInteger)?;
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        if options.length && options.matches {
            return Err(Error::LCS_LENGTH_AND_MATCHES);
        }
        Ok(options)
    }
}

pub(super) fn lcs(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let limit = txn.config().limits.max_bulk_bytes;
    let (a, b) = (string(txn, txn.key(0)), string(txn, txn.key(1)));
    let (a, b) = (a?, b?);
    let options = Options::parse(args)?;
    if [&a, &b]
        .iter()
        .any(|text| text.bytes().len() as u64 >= u64::from(u32::MAX) - 1)
    {
        return Err(Error::LCS_TOO_LONG);
    }
    if options.length {
        reply.count(length(a.bytes(), b.bytes(), limit).map_err(refused)?);
        return DONE;
    }
    let table = Table::new(a.bytes(), b.bytes(), limit).map_err(refused)?;
    if options.matches {
        reply_matches(&table, &options, reply);
    } else {
        reply.bulk(&table.subsequence());
    }
    DONE
}

fn reply_matches(table: &Table<'_>, options: &Options, reply: &mut Reply<'_>) {
    let long_enough = |length: usize| length as i64 >= options.match_length_min;
    let matches: Vec<_> = table
        .matches()
        .filter(|run| long_enough(run.length))
        .collect();
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(matches.len());
    for run in matches {
        reply.array(2 + usize::from(options.match_lengths));
        for start in [run.a_start, run.b_start] {
            reply.array(2);
            reply.count(start);
            reply.count(start + run.length - 1);
        }
        if options.match_lengths {
            reply.count(run.length);
        }
    }
    reply.bulk(b"len");
    reply.count(table.length());
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::TooLarge => Error::LCS_TABLE_TOO_LARGE,
        Refusal::OutOfMemory => Error::LCS_OUT_OF_MEMORY,
    }
}

/// A string taken out of its key, so that the other key can be read as well.
enum Text {
    Short(Vec<u8>),
    Blob(Blob),
}

impl Text {
    fn bytes(&self) -> &[u8] {
        match self {
            Text::Short(bytes) => bytes,
            Text::Blob(blob) => blob,
        }
    }
}

fn string(txn: &mut Txn<'_>, key: Key<'_>) -> Result<Text, Error> {
    Ok(match txn.read_string(key).map_err(|_| Error::LCS_TYPE)? {
        None => Text::Short(Vec::new()),
        Some(ValueRef::Int(number)) => Text::Short(number.to_string().into_bytes()),
        Some(ValueRef::Bytes(bytes)) => Text::Short(bytes.to_vec()),
        Some(ValueRef::Blob(blob)) => Text::Blob(blob.clone()),
    })
}
