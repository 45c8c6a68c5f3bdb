//! `ACL` subcommands on single users.

use super::{Args, Context, Error, Outcome, Reply};
use crate::acl::{DEFAULT_USER, NAME_BYTES_MAX, Selector, USERS_MAX, User, is_invalid_name, merge};
use crate::commands::spec::{DONE, Flow};
use crate::commands::table;
use crate::config::ChannelDefault;
use crate::error::{Refusal, dry_run};

/// `ACL SETUSER`: all rules, or none.
pub(super) fn setuser(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let name = args.at(2);
    if is_invalid_name(name) {
        return Err(Error::USER_NAME);
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::USER_LIMIT);
    }
    let rules = merge(args.from(3)).map_err(Error::acl_parenthesis)?;
    let open_channels = cx.config.acl.pubsub_default == ChannelDefault::All;
    let turn = cx.shared.acl.turn();
    let old = match cx.shared.acl.user(name) {
        Some(user) => User::clone(&user).defaulting_to(open_channels),
        None if turn.count() >= USERS_MAX => return Err(Error::USER_LIMIT),
        None => User::new(name, open_channels),
    };
    let new = old
        .with(rules.iter().map(Vec::as_slice))
        .map_err(|(at, why)| Error::acl_rule(&rules[at], why))?;
    turn.put(new.clone());
    drop(turn);
    if cx.shared.user_changed(&new, cx.session.client.id) {
        reply.ok();
        return Ok(Flow::Close);
    }
    cx.answer_in_force(reply, |reply| reply.ok())
}

/// `ACL DELUSER`: their clients are disconnected.
pub(super) fn deluser(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.from(2).any(|name| name == DEFAULT_USER) {
        return Err(Error::DEFAULT_USER_STAYS);
    }
    let (mut count, mut own) = (0, false);
    for name in args.from(2) {
        if cx.shared.acl.turn().remove(name) {
            count += 1;
            own |= cx.shared.disconnect_user(name, cx.session.client.id);
        }
    }
    if own {
        reply.count(count);
        return Ok(Flow::Close);
    }
    cx.answer_in_force(reply, move |reply| reply.count(count))
}

/// `ACL GETUSER`.
pub(super) fn getuser(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Some(user) = cx.shared.acl.user(args.at(2)) else {
        reply.null();
        return DONE;
    };
    reply.map(6);
    reply.bulk(b"flags");
    let flags = user.flags();
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    let hashes = user.hashes();
    reply.array(hashes.len());
    hashes.iter().for_each(|hash| reply.bulk(hash.as_bytes()));
    let mut selectors = user.selectors();
    describe(selectors.next().expect("the root selector"), reply);
    reply.bulk(b"selectors");
    let others: Vec<&Selector> = selectors.collect();
    reply.array(others.len());
    for selector in others {
        reply.map(3);
        describe(selector, reply);
    }
    DONE
}

fn describe(selector: &Selector, reply: &mut Reply<'_>) {
    let (mut keys, mut channels) = (Vec::new(), Vec::new());
    selector.describe_keys(&mut keys);
    selector.describe_channels(&mut channels);
    let commands = selector.describe_commands().into_bytes();
    for (name, text) in [
        ("commands", commands),
        ("keys", keys),
        ("channels", channels),
    ] {
        reply.bulk(name.as_bytes());
        reply.bulk(&text);
    }
}

/// `ACL LIST`.
pub(super) fn list(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let users = cx.shared.acl.all();
    reply.array(users.len());
    users.iter().for_each(|user| reply.bulk(&user.line()));
    DONE
}

/// `ACL USERS`.
pub(super) fn names(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let users = cx.shared.acl.all();
    reply.array(users.len());
    users.iter().for_each(|user| reply.bulk(user.name()));
    DONE
}

/// `ACL WHOAMI`.
pub(super) fn whoami(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.bulk(cx.session.user().name());
    DONE
}

/// `ACL DRYRUN`.
pub(super) fn dryrun(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let user = cx.shared.acl.user(args.at(2));
    let user = user.ok_or_else(|| Error::user_not_found(args.at(2)))?;
    let request = args.skip(3);
    let unknown = || Error::command_not_found(request.at(0));
    let top = table::find(request.at(0)).ok_or_else(unknown)?;
    let command = match request.get(1) {
        Some(sub) if !top.subcommands.is_empty() => top.subcommand(sub).ok_or_else(unknown)?,
        _ => top,
    };
    if !command.command.accepts(request.len()) {
        return Err(Error::WrongArity(command.full_name));
    }
    match user.check(command, request) {
        Ok(()) => reply.ok(),
        Err(denial) => reply.bulk(&dry_run(
            denial.refusal,
            match denial.refusal {
                Refusal::Command => command.full_name.as_bytes(),
                Refusal::Key | Refusal::Channel => request.at(denial.at),
            },
        )),
    }
    DONE
}
