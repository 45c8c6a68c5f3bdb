//! `CLIENT TRACKING`, `CACHING`, `GETREDIR` and `TRACKINGINFO`: client-side caches.

use super::super::context::Context;
use super::super::spec::*;
use crate::base::number;
use crate::error::Error;
use crate::protocol::{Args, Reply};
use crate::session::{Caching, Flag, redirected};
use crate::tracking::{PREFIX_BYTES_MAX, PREFIXES_MAX, Wishes};

pub(super) fn tracking(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (wishes, prefixes) = parse(cx, args)?;
    if args.is(2, "off") {
        let audience = &cx.shared.keyspace.audience;
        cx.session
            .end_caching(&cx.shared.tracking, |on| audience.track(on));
    } else if args.is(2, "on") {
        check(cx, &wishes, &prefixes)?;
        enable(cx, wishes, prefixes)?;
    } else {
        return Err(Error::Syntax);
    }
    reply.ok();
    DONE
}

fn parse<'a>(cx: &Context<'_>, args: Args<'a>) -> Result<(Wishes, Vec<&'a [u8]>), Error> {
    let mut wishes = Wishes::default();
    let mut prefixes = Vec::new();
    let mut at = 3;
    while at < args.len() {
        let operand = args.get(at + 1);
        match operand {
            Some(operand) if args.is(at, "redirect") => {
                if wishes.redirect.is_some() {
                    return Err(Error::TRACKING_TWO_REDIRECTS);
                }
                let id = number::parse_i64(operand).ok_or(Error::NotInteger)?;
                let id = u64::try_from(id).ok();
                let client = id.and_then(|id| cx.shared.clients.get(id));
                let client = client.ok_or(Error::TRACKING_NO_SUCH_CLIENT)?;
                wishes.redirect = Some(client.id);
                at += 1;
            }
            Some(operand) if args.is(at, "prefix") => {
                prefixes.push(operand);
                at += 1;
            }
            _ if args.is(at, "bcast") => wishes.broadcast = true,
            _ if args.is(at, "optin") => wishes.opt_in = true,
            _ if args.is(at, "optout") => wishes.opt_out = true,
            _ if args.is(at, "noloop") => wishes.no_loop = true,
            _ => return Err(Error::Syntax),
        }
        at += 1;
    }
    Ok((wishes, prefixes))
}

/// Refuses wishes that contradict each other, or what was asked for before.
fn check(cx: &Context<'_>, wishes: &Wishes, prefixes: &[&[u8]]) -> Result<(), Error> {
    if !wishes.broadcast && !prefixes.is_empty() {
        return Err(Error::TRACKING_PREFIX_ALONE);
    }
    let before = cx.session.caching.as_deref();
    let had = |wish: fn(&Wishes) -> bool| before.is_some_and(|caching| wish(&caching.wishes));
    if before.is_some() && had(|wishes| wishes.broadcast) != wishes.broadcast {
        return Err(Error::TRACKING_SWITCHES_BCAST);
    }
    if wishes.broadcast && (wishes.opt_in || wishes.opt_out) {
        return Err(Error::TRACKING_OPT_AND_BCAST);
    }
    if wishes.opt_in && wishes.opt_out {
        return Err(Error::TRACKING_OPT_BOTH);
    }
    let switches = wishes.opt_in && had(|wishes| wishes.opt_out)
        || wishes.opt_out && had(|wishes| wishes.opt_in);
    if switches {
        return Err(Error::TRACKING_SWITCHES_OPT);
    }
    check_prefixes(before, prefixes)
}

/// Refuses prefixes that begin with one another, and too many of them.
fn check_prefixes(before: Option<&Caching>, prefixes: &[&[u8]]) -> Result<(), Error> {
    let old = || before.into_iter().flat_map(|caching| &caching.prefixes);
    let count = old().count() + prefixes.len();
    let bytes = old().map(|prefix| prefix.len()).sum::<usize>()
        + prefixes.iter().map(|prefix| prefix.len()).sum::<usize>();
    if count > PREFIXES_MAX || bytes > PREFIX_BYTES_MAX {
        return Err(Error::TRACKING_TOO_MANY_PREFIXES);
    }
    let overlap = |a: &[u8], b: &[u8]| a.starts_with(b) || b.starts_with(a);
    for (at, prefix) in prefixes.iter().enumerate() {
        if let Some(other) = old().find(|other| overlap(prefix, other)) {
            return Err(Error::tracking_overlap(prefix, "an existing", other));
        }
        let mut later = prefixes[at + 1..].iter();
        if let Some(other) = later.find(|other| overlap(prefix, other)) {
            return Err(Error::tracking_overlap(prefix, "another provided", other));
        }
    }
    Ok(())
}

fn enable(cx: &mut Context<'_>, wishes: Wishes, mut prefixes: Vec<&[u8]>) -> Result<(), Error> {
    let shared = cx.shared;
    let redirect = redirected(&shared.clients, &wishes);
    if wishes.redirect.is_some() && redirect.is_none() {
        return Err(Error::TRACKING_NO_SUCH_CLIENT);
    }
    if wishes.broadcast && prefixes.is_empty() {
        prefixes.push(b"");
    }
    let audience = &shared.keyspace.audience;
    let told = (&wishes, redirect);
    let client = &cx.session.client;
    shared
        .tracking
        .enable(client, told, &prefixes, |on| audience.track(on));
    let caching = cx.session.caching.get_or_insert_default();
    caching.wishes = wishes;
    caching
        .prefixes
        .extend(prefixes.iter().map(|prefix| Box::from(*prefix)));
    cx.session.show_caching();
    Ok(())
}

pub(super) fn caching(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let caching = cx.session.caching.as_mut();
    let caching = caching.ok_or(Error::CACHING_WITHOUT_MODE)?;
    if args.is(2, "yes") {
        if !caching.wishes.opt_in {
            return Err(Error::CACHING_YES);
        }
    } else if args.is(2, "no") {
        if !caching.wishes.opt_out {
            return Err(Error::CACHING_NO);
        }
    } else {
        return Err(Error::Syntax);
    }
    caching.said = true;
    reply.ok();
    DONE
}

pub(super) fn getredir(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.int(redirect(cx));
    DONE
}

/// The client that is told instead: 0 without one, −1 without tracking.
fn redirect(cx: &Context<'_>) -> i64 {
    match &cx.session.caching {
        None => -1,
        Some(caching) => caching.wishes.redirect.unwrap_or(0) as i64,
    }
}

pub(super) fn trackinginfo(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let caching = cx.session.caching.as_deref();
    let mut flags = vec![if caching.is_some() { "on" } else { "off" }];
    if let Some(Caching { wishes, said, .. }) = caching {
        let broken = cx.session.client.is(Flag::BrokenRedirect);
        let letters = [
            (wishes.broadcast, "bcast"),
            (wishes.opt_in, "optin"),
            (wishes.opt_in && *said, "caching-yes"),
            (wishes.opt_out, "optout"),
            (wishes.opt_out && *said, "caching-no"),
            (wishes.no_loop, "noloop"),
            (broken, "broken_redirect"),
        ];
        flags.extend(
            letters
                .iter()
                .filter(|(holds, _)| *holds)
                .map(|(_, name)| name),
        );
    }
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.int(redirect(cx));
    reply.bulk(b"prefixes");
    let prefixes = caching.map(|caching| &caching.prefixes);
    reply.array(prefixes.map_or(0, |prefixes| prefixes.len()));
    prefixes
        .into_iter()
        .flatten()
        .for_each(|prefix| reply.bulk(prefix));
    DONE
}
