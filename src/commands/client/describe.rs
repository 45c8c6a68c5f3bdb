//! The line `CLIENT LIST` and `CLIENT INFO` have for a client.

use super::super::table;
use crate::pubsub::Kind;
use crate::session::{Client, Flag};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The line, without its end.
pub fn client_line(client: &Client, now_ms: u64) -> Vec<u8> {
    let mut line = Vec::new();
    describe(client, now_ms, &mut line);
    line.pop();
    line
}

/// Appends the line. Fields and their order are those of Redis 7.2, then those of Valkey 8 that
/// count traffic. There is no reply buffer of fixed size (`rbs`, `rbp`, `obl` are 0), and requests
/// are executed where they were received (`argv-mem` is 0).
pub(super) fn describe(client: &Client, now_ms: u64, out: &mut Vec<u8>) {
    let get = |number: &AtomicU64| number.load(Relaxed);
    let since = |ms: u64| now_ms.saturating_sub(ms) / 1000;
    let subscriptions = |kind| client.subscriptions[kind as usize].load(Relaxed);
    let identity = client.identity();
    let (input, unread) = (get(&client.input_bytes), get(&client.input_used_bytes));
    let output = get(&client.output_bytes);
    write!(
        out,
        "id={} addr={} laddr={} fd={} name=",
        client.id, client.address, client.local_address, client.fd
    )
    .expect(NEVER_FAILS);
    out.extend_from_slice(&identity.name);
    write!(
        out,
        " age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} watch={} qbuf={} \
         qbuf-free={} argv-mem=0 multi-mem={} rbs=0 rbp=0 obl=0 oll={} omem={} tot-mem={} \
         events={} cmd={} user=",
        since(client.connected_ms),
        since(get(&client.active_ms)),
        flags(client),
        client.db.load(Relaxed),
        subscriptions(Kind::Channel),
        subscriptions(Kind::Pattern),
        subscriptions(Kind::Shard),
        client.queued.load(Relaxed),
        client.watched.load(Relaxed),
        unread,
        input.saturating_sub(unread),
        get(&client.multi_bytes),
        u8::from(output > 0),
        output,
        client.held_bytes(),
        if output > 0 { "rw" } else { "r" },
        command(client),
    )
    .expect(NEVER_FAILS);
    out.extend_from_slice(&client.user());
    write!(
        out,
        " redir={} resp={} lib-name=",
        client.redirect.load(Relaxed),
        client.protocol()
    )
    .expect(NEVER_FAILS);
    out.extend_from_slice(&identity.library);
    out.extend_from_slice(b" lib-ver=");
    out.extend_from_slice(&identity.library_version);
    writeln!(
        out,
        " tot-net-in={} tot-net-out={} tot-cmds={}",
        get(&client.received_bytes),
        get(&client.sent_bytes),
        get(&client.commands)
    )
    .expect(NEVER_FAILS);
}

const NEVER_FAILS: &str = "writing to memory does not fail";

/// The last command's full name.
fn command(client: &Client) -> &'static str {
    let id = client.last_command.load(Relaxed) as usize;
    table::all()
        .get(id)
        .map_or("NULL", |command| command.full_name)
}

/// One letter for each condition, `N` without any.
pub(super) fn flags(client: &Client) -> String {
    let letters: String = [
        (client.is(Flag::Monitor), 'O'),
        (client.is(Flag::PubSub), 'P'),
        (client.is(Flag::Multi), 'x'),
        (client.is(Flag::Blocked), 'b'),
        (client.is(Flag::Tracking), 't'),
        (client.is(Flag::BrokenRedirect), 'R'),
        (client.is(Flag::Broadcast), 'B'),
        (client.is_dirty(), 'd'),
        (client.is(Flag::Unix), 'U'),
        (client.is(Flag::NoEvict), 'e'),
        (client.is(Flag::NoTouch), 'T'),
    ]
    .into_iter()
    .filter(|(holds, _)| *holds)
    .map(|(_, letter)| letter)
    .collect();
    if letters.is_empty() {
        "N".to_owned()
    } else {
        letters
    }
}
