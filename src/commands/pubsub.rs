//! `SUBSCRIBE`, `PUBLISH` and the like.
//!
//! Messages reach a client through its mailbox, confirmations through its replies. To keep the
//! order of both, what is in the mailbox goes into the reply first; not inside a transaction, whose
//! reply is one array: there it follows.

use super::context::Context;
use super::help;
use super::spec::*;
use super::table::Family;
use crate::error::Error;
use crate::protocol::{Args, Protocol, Reply};
use crate::pubsub::Kind;
use crate::session::{Flag, ReplyMode, Shared};

/// The family.
pub static FAMILY: Family = Family {
    group: "pubsub",
    category: Categories(0),
    commands: COMMANDS,
};

/// With more channels than this, listing them is long work: each costs about 100 ns.
const LIST_IN_PLACE_MAX: usize = 2_000;

const SUBSCRIBES: Flags = PUBSUB.and(NOSCRIPT).and(LOADING).and(STALE);
const PUBLISHES: Flags = PUBSUB.and(LOADING).and(STALE).and(FAST).and(MAY_REPLICATE);
const LISTS: Flags = PUBSUB.and(LOADING).and(STALE);

const SHARD_CHANNELS: &[KeySpec] = &[range(1, -1, 1, Access::NotKey)];

const COMMANDS: &[Command] = checked(&[
    Command::session("psubscribe", -2, |cx, args, reply| {
        subscribe(cx, args, reply, Kind::Pattern)
    })
    .flags(SUBSCRIBES)
    .syntax("pattern [pattern ...]")
    .about(
        "Listens for messages published on channels that match patterns.",
        "O(N) where N is the number of patterns to subscribe to",
        "2.0.0",
    ),
    Command::session("publish", 3, publish)
        .flags(PUBLISHES)
        .syntax("channel message")
        .about(
            "Posts a message on a channel.",
            "O(N+M) where N is the number of clients subscribed to the channel and M the total \
             number of subscribed patterns",
            "2.0.0",
        ),
    Command::container("pubsub", SUBCOMMANDS).about(
        "A container for commands that tell of subscriptions.",
        "Depends on subcommand",
        "2.8.0",
    ),
    Command::session("punsubscribe", -1, |cx, args, reply| {
        unsubscribe(cx, args, reply, Kind::Pattern)
    })
    .flags(SUBSCRIBES)
    .syntax("[pattern [pattern ...]]")
    .about(
        "Stops listening for messages on channels that match patterns.",
        "O(N) where N is the number of patterns to unsubscribe from",
        "2.0.0",
    ),
    Command::session("spublish", 3, spublish)
        .flags(PUBLISHES)
        .keys(&[key(1, Access::NotKey)])
        .syntax("shardchannel message")
        .about(
            "Posts a message on a channel of a shard.",
            "O(N) where N is the number of clients subscribed to the channel",
            "7.0.0",
        ),
    Command::session("ssubscribe", -2, |cx, args, reply| {
        subscribe(cx, args, reply, Kind::Shard)
    })
    .flags(SUBSCRIBES)
    .keys(SHARD_CHANNELS)
    .syntax("shardchannel [shardchannel ...]")
    .about(
        "Listens for messages published on channels of a shard.",
        "O(N) where N is the number of channels to subscribe to",
        "7.0.0",
    ),
    Command::session("subscribe", -2, |cx, args, reply| {
        subscribe(cx, args, reply, Kind::Channel)
    })
    .flags(SUBSCRIBES)
    .syntax("channel [channel ...]")
    .about(
        "Listens for messages published on channels.",
        "O(N) where N is the number of channels to subscribe to",
        "2.0.0",
    ),
    Command::session("sunsubscribe", -1, |cx, args, reply| {
        unsubscribe(cx, args, reply, Kind::Shard)
    })
    .flags(SUBSCRIBES)
    .keys(SHARD_CHANNELS)
    .syntax("[shardchannel [shardchannel ...]]")
    .about(
        "Stops listening for messages on channels of a shard.",
        "O(N) where N is the number of channels to unsubscribe from",
        "7.0.0",
    ),
    Command::session("unsubscribe", -1, |cx, args, reply| {
        unsubscribe(cx, args, reply, Kind::Channel)
    })
    .flags(SUBSCRIBES)
    .syntax("[channel [channel ...]]")
    .about(
        "Stops listening for messages on channels.",
        "O(N) where N is the number of channels to unsubscribe from",
        "2.0.0",
    ),
]);

const SUBCOMMANDS: &[Command] = checked(&[
    Command::session("channels", -2, |cx, args, reply| {
        channels(cx, args, reply, Kind::Channel)
    })
    .flags(LISTS)
    .syntax("[pattern]")
    .about(
        "Lists the channels that have subscribers.",
        "O(N) where N is the number of channels",
        "2.8.0",
    ),
    help::row("6.2.0"),
    Command::session("numpat", 2, numpat).flags(LISTS).about(
        "Counts the patterns that have subscribers.",
        "O(1)",
        "2.8.0",
    ),
    Command::session("numsub", -2, |cx, args, reply| {
        numsub(cx, args, reply, Kind::Channel)
    })
    .flags(LISTS)
    .syntax("[channel [channel ...]]")
    .about(
        "Counts the subscribers of channels.",
        "O(N) where N is the number of channels asked for",
        "2.8.0",
    ),
    Command::session("shardchannels", -2, |cx, args, reply| {
        channels(cx, args, reply, Kind::Shard)
    })
    .flags(LISTS)
    .syntax("[pattern]")
    .about(
        "Lists the channels of shards that have subscribers.",
        "O(N) where N is the number of channels",
        "7.0.0",
    ),
    Command::session("shardnumsub", -2, |cx, args, reply| {
        numsub(cx, args, reply, Kind::Shard)
    })
    .flags(LISTS)
    .syntax("[shardchannel [shardchannel ...]]")
    .about(
        "Counts the subscribers of channels of shards.",
        "O(N) where N is the number of channels asked for",
        "7.0.0",
    ),
]);

fn subscribe(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>, kind: Kind) -> Outcome {
    catch_up(cx, reply);
    for name in args.from(1) {
        cx.session.subscribe(&cx.shared.pubsub, kind, name);
        let what = ["subscribe", "psubscribe", "ssubscribe"][kind as usize];
        confirm(cx, reply, kind, what, Some(name));
    }
    cx.session.check_subscriptions(&cx.shared.acl);
    DONE
}

fn unsubscribe(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>, kind: Kind) -> Outcome {
    let what = ["unsubscribe", "punsubscribe", "sunsubscribe"][kind as usize];
    let end = |cx: &mut Context<'_>, name: &[u8], reply: &mut Reply<'_>| {
        cx.session.unsubscribe(&cx.shared.pubsub, kind, name);
        catch_up(cx, reply);
        confirm(cx, reply, kind, what, Some(name));
    };
    if args.len() > 1 {
        args.from(1).for_each(|name| end(cx, name, reply));
    } else {
        let own = cx.session.subscriptions.as_ref();
        let names = own.map(|own| own.names(kind)).unwrap_or_default();
        names.iter().for_each(|name| end(cx, name, reply));
        if names.is_empty() {
            confirm(cx, reply, kind, what, None);
        }
    }
    cx.shared.pubsub.shrink();
    // To others a transaction is one moment: of what it subscribed to and left again, nothing came.
    let client = &cx.session.client;
    let nothing_may_come = cx.session.protocol == Protocol::Resp2 && !cx.session.is_subscriber();
    if cx.in_transaction && nothing_may_come && !client.is(Flag::Monitor) {
        client.discard_mail();
    }
    DONE
}

/// Puts what was posted to this client so far into the reply.
fn catch_up(cx: &mut Context<'_>, reply: &mut Reply<'_>) {
    if !cx.in_transaction
        && let Some(mut mail) = cx.session.client.take_mail()
    {
        reply.output().append(&mut mail);
    }
}

fn confirm(
    cx: &Context<'_>,
    reply: &mut Reply<'_>,
    kind: Kind,
    what: &'static str,
    name: Option<&[u8]>,
) {
    let count = |kind| cx.session.subscription_count(kind);
    reply.push(3);
    reply.bulk(what.as_bytes());
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.count(match kind {
        Kind::Shard => count(kind),
        Kind::Channel | Kind::Pattern => count(Kind::Channel) + count(Kind::Pattern),
    });
}

fn publish(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let limit = cx.config.limits.client_output_buffer.pubsub.hard_bytes;
    let receivers = cx.shared.pubsub.publish(args.at(1), args.at(2), limit);
    published(cx, receivers, reply)
}

fn spublish(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let limit = cx.config.limits.client_output_buffer.pubsub.hard_bytes;
    let pubsub = &cx.shared.pubsub;
    let receivers = pubsub.publish_in_shard(args.at(1), args.at(2), limit);
    published(cx, receivers, reply)
}

/// Replies with the number of receivers; who is one of them gets the message first.
fn published(cx: &mut Context<'_>, receivers: usize, reply: &mut Reply<'_>) -> Outcome {
    // An unwanted reply is taken back, and with it would go the message.
    if cx.session.is_subscriber() && cx.session.reply_mode == ReplyMode::On {
        catch_up(cx, reply);
    }
    reply.count(receivers);
    DONE
}

fn channels(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>, kind: Kind) -> Outcome {
    if args.len() > 3 {
        return Err(Error::subcommand_usage(args.at(1), "PUBSUB"));
    }
    let pattern = args.get(2);
    if cx.shared.pubsub.len(kind) <= LIST_IN_PLACE_MAX {
        list(cx.shared, kind, pattern, reply);
        return DONE;
    }
    let (pattern, protocol) = (pattern.map(<[u8]>::to_vec), cx.session.protocol);
    Ok(Flow::Offload(Box::new(move |shared, out| {
        let mut reply = Reply::new(out, protocol);
        list(shared, kind, pattern.as_deref(), &mut reply);
    })))
}

fn list(shared: &Shared, kind: Kind, pattern: Option<&[u8]>, reply: &mut Reply<'_>) {
    let names = shared.pubsub.names(kind, pattern);
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
}

fn numpat(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.count(cx.shared.pubsub.len(Kind::Pattern));
    DONE
}

fn numsub(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>, kind: Kind) -> Outcome {
    // Pairs, but in RESP3 too an array.
    reply.array((args.len() - 2) * 2);
    for name in args.from(2) {
        reply.bulk(name);
        reply.count(cx.shared.pubsub.subscribers(kind, name));
    }
    DONE
}
