//! `ACL LOG`: what users were refused.

use super::{Args, Context, Error, Outcome, Reply};
use crate::acl::log::{Entry, Origin, Reason};
use crate::base::number;
use crate::commands::spec::DONE;

/// Entries shown unless told.
const SHOWN: usize = 10;

/// `ACL LOG`.
pub(super) fn log(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let log = &cx.shared.acl.log;
    let count = match args.len() {
        2 => SHOWN,
        3 if args.is(2, "reset") => {
            log.clear();
            reply.ok();
            return DONE;
        }
        3 => {
            let count = number::parse_i64(args.at(2)).ok_or(Error::NotInteger)?;
            usize::try_from(count).unwrap_or(0)
        }
        _ => return Err(Error::subcommand_usage(args.at(1), "ACL")),
    };
    let entries = log.latest(count);
    let now_ms = cx.shared.unix_ms();
    reply.array(entries.len());
    for entry in &entries {
        write(entry, now_ms, reply);
    }
    DONE
}

fn write(entry: &Entry, now_ms: u64, reply: &mut Reply<'_>) {
    reply.map(10);
    reply.bulk(b"count");
    reply.int(entry.count as i64);
    let reason = match entry.reason {
        Reason::Command => "command",
        Reason::Key => "key",
        Reason::Channel => "channel",
        Reason::Login => "auth",
    };
    let context = match entry.origin {
        Origin::TopLevel => "toplevel",
        Origin::Multi => "multi",
        Origin::Script => "lua",
    };
    let texts: [(&str, &[u8]); 4] = [
        ("reason", reason.as_bytes()),
        ("context", context.as_bytes()),
        ("object", &entry.object),
        ("username", &entry.user),
    ];
    for (name, text) in texts {
        reply.bulk(name.as_bytes());
        reply.bulk(text);
    }
    reply.bulk(b"age-seconds");
    reply.double(now_ms.saturating_sub(entry.updated_ms) as f64 / 1000.0);
    reply.bulk(b"client-info");
    reply.bulk(&entry.client);
    let numbers = [
        ("entry-id", entry.id),
        ("timestamp-created", entry.created_ms),
        ("timestamp-last-updated", entry.updated_ms),
    ];
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.int(number as i64);
    }
}
