//! Commands that read one set.

use super::super::elements::push_element;
use super::super::iteration::{Found, Within, parse_cursor};
use super::super::spec::*;
use super::open;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::set::Set;

pub(super) fn sismember(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.int(open(txn)?.contains(args.at(2)).into());
    DONE
}

pub(super) fn smismember(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let set = open(txn)?;
    let members = args.from(2);
    reply.array(members.len());
    for member in members {
        reply.int(set.contains(member).into());
    }
    DONE
}

pub(super) fn scard(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.count(open(txn)?.len());
    DONE
}

pub(super) fn smembers(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let short_max = txn.short_elements_max();
    let set = open(txn)?;
    if set.len() > short_max {
        return Ok(Flow::Long);
    }
    reply.set(set.len());
    let mut bulks = reply.bulks();
    set.for_each(|member| push_element(member, &mut bulks));
    DONE
}

pub(super) fn sscan(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = parse_cursor(args.at(2))?;
    let short_max = txn.short_elements_max();
    let stored = txn.read_as(txn.key(0), Type::Set)?;
    let mut found = Found::default();
    let mut next = 0;
    // Redis does not look at the options when there is no set.
    if stored.exists() {
        let within = Within::parse(args, None)?;
        let set = Set::new(stored);
        if within.count.min(set.len()) > short_max {
            return Ok(Flow::Long);
        }
        next = set.scan(cursor, within.count, |member| {
            member.with_text(|member| {
                if within.admits(member) {
                    found.add(member);
                }
            });
        });
    }
    found.reply_to_scan(next, reply);
    DONE
}
