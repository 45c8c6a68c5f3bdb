//! When two replies count as equal.

use crate::support::Reply;

/// How the replies to a row's command are compared. Errors are always compared exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The same.
    Exact,
    /// Integers that may lie this far apart unless negative: clocks.
    Near(i64),
    /// Arrays, sets or maps with the same elements in any order.
    Unordered,
    /// SCAN that returns everything at once: cursor 0, the same keys in any order.
    WholeScan,
    /// Any of what there is: a string, or null if nothing.
    OneOfMany,
    /// Replies of the same type, whatever they hold.
    Shape,
    /// What is told of streams: the same but for moments and how long ago they were, for how many
    /// nodes a tree has, and for fields younger than 7.0.
    Streams,
    /// HELLO: the same fields, and the same values but for who the server is.
    Hello,
}

impl Compare {
    /// Whether our reply will do where redis-server gave `theirs`.
    pub fn accepts(self, theirs: &Reply, ours: &Reply) -> bool {
        if theirs == ours {
            return true;
        }
        match (self, theirs, ours) {
            (_, Reply::Error(_), _) | (_, _, Reply::Error(_)) => false,
            (Compare::Near(slack), Reply::Int(a), Reply::Int(b)) => {
                *a >= 0 && *b >= 0 && a.abs_diff(*b) <= slack.unsigned_abs()
            }
            (Compare::Unordered, a, b) => same_elements(a, b),
            (Compare::WholeScan, Reply::Array(a), Reply::Array(b)) => match (&a[..], &b[..]) {
                ([Reply::Bulk(at), keys], [Reply::Bulk(our_at), our_keys]) => {
                    at == our_at && same_elements(keys, our_keys)
                }
                _ => false,
            },
            (Compare::OneOfMany, Reply::Bulk(_), Reply::Bulk(_)) => true,
            // With a count, which the row did not have before it was made wrong.
            (Compare::OneOfMany, Reply::Array(a), Reply::Array(b)) => a.len() == b.len(),
            (Compare::Shape, a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
            (Compare::Streams, a, b) => same_stream(a, b),
            (Compare::Hello, a, b) => same_greeting(a, b),
            _ => false,
        }
    }
}

fn same_elements(theirs: &Reply, ours: &Reply) -> bool {
    let sorted = |items: &[Reply]| {
        let mut items = items.to_vec();
        items.sort();
        items
    };
    match (theirs, ours) {
        (Reply::Array(a), Reply::Array(b)) | (Reply::Set(a), Reply::Set(b)) => {
            sorted(a) == sorted(b)
        }
        (Reply::Map(a), Reply::Map(b)) => {
            let (mut a, mut b) = (a.clone(), b.clone());
            a.sort();
            b.sort();
            a == b
        }
        _ => false,
    }
}

fn same_greeting(theirs: &Reply, ours: &Reply) -> bool {
    if std::mem::discriminant(theirs) != std::mem::discriminant(ours) {
        return false;
    }
    let is_greeting = |reply: &Reply| matches!(reply, Reply::Map(_) | Reply::Array(_));
    if !is_greeting(theirs) {
        return false;
    }
    let (theirs, ours) = (theirs.pairs(), ours.pairs());
    theirs.len() == ours.len()
        && theirs
            .iter()
            .zip(&ours)
            .all(|((name, value), (our_name, our_value))| {
                let who = [&b"server"[..], b"version", b"id"].contains(&name.bytes());
                name == our_name && (who || value == our_value)
            })
}

/// How far moments may be apart, in ms.
const MOMENTS_APART: u64 = 60_000;

fn same_stream(theirs: &Reply, ours: &Reply) -> bool {
    let (Reply::Array(_) | Reply::Map(_), Reply::Array(_) | Reply::Map(_)) = (theirs, ours) else {
        return theirs == ours;
    };
    if is_described(theirs) {
        return same_description(theirs, ours);
    }
    let (theirs, ours) = (theirs.items(), ours.items());
    let pending = matches!(theirs.len(), 3 | 4);
    theirs.len() == ours.len()
        && theirs.iter().zip(ours).enumerate().all(|(at, (a, b))| {
            // Of a pending entry the last but one says when it was delivered.
            let moment = pending && at + 2 == theirs.len();
            same_stream(a, b) || (moment && near(a, b))
        })
}

fn near(theirs: &Reply, ours: &Reply) -> bool {
    let (Reply::Int(a), Reply::Int(b)) = (theirs, ours) else {
        return false;
    };
    *a >= 0 && *b >= 0 && a.abs_diff(*b) <= MOMENTS_APART
}

/// Is it a map of a stream's, a group's or a consumer's fields?
fn is_described(reply: &Reply) -> bool {
    let first = match reply {
        Reply::Map(pairs) => pairs.first().map(|(name, _)| name),
        reply => reply.items().first(),
    };
    matches!(first, Some(Reply::Bulk(name)) if [&b"name"[..], b"length"].contains(&&name[..]))
}

fn same_description(theirs: &Reply, ours: &Reply) -> bool {
    let (theirs, mut ours) = (theirs.pairs(), ours.pairs());
    ours.retain(|(name, _)| ![&b"inactive"[..], b"active-time"].contains(&name.bytes()));
    theirs.len() == ours.len()
        && theirs
            .iter()
            .zip(&ours)
            .all(|((name, value), (our_name, our_value))| {
                name == our_name
                    && match name.bytes() {
                        b"radix-tree-nodes" => true,
                        b"idle" | b"seen-time" => near(value, our_value),
                        _ => same_stream(value, our_value),
                    }
            })
}

#[cfg(test)]
mod tests {
    use super::Compare::{Exact, Hello, Near, OneOfMany, Shape, Unordered, WholeScan};
    use crate::support::{Reply, decode};

    fn reply(frame: &str) -> Reply {
        let frame = frame.replace(' ', "\r\n") + "\r\n";
        decode(frame.as_bytes())
            .expect("well formed")
            .expect("complete")
            .0
    }

    #[test]
    fn equal_enough() {
        for (compare, theirs, ours) in [
            (Exact, "$1 a", "$1 a"),
            (Near(5), ":100", ":95"),
            (Near(5), ":-1", ":-1"),
            (Unordered, "*2 :1 :2", "*2 :2 :1"),
            (Unordered, "%2 :1 :2 :3 :4", "%2 :3 :4 :1 :2"),
            (WholeScan, "*2 $1 0 *2 :1 :2", "*2 $1 0 *2 :2 :1"),
            (OneOfMany, "$1 a", "$1 b"),
            (Shape, ":1", ":2"),
            (
                Hello,
                "%2 +server +redis +proto :3",
                "%2 +server +other +proto :3",
            ),
        ] {
            assert!(
                compare.accepts(&reply(theirs), &reply(ours)),
                "{compare:?} {theirs} {ours}"
            );
        }
    }

    #[test]
    fn different() {
        for (compare, theirs, ours) in [
            (Exact, "$1 a", "$1 b"),
            (Exact, "$1 a", "+a"),
            (Exact, "$-1", "*-1"),
            (Near(5), ":100", ":94"),
            (Near(5), ":-1", ":-2"),
            (Near(5), ":-1", ":1"),
            (Near(5), ":1", "-ERR"),
            (Unordered, "*2 :1 :2", "*2 :1 :1"),
            (Unordered, "*2 :1 :2", "*3 :1 :2 :2"),
            (Unordered, "*1 :1", "~1 :1"),
            (Unordered, "%2 :1 :2 :3 :4", "%2 :1 :4 :3 :2"),
            (WholeScan, "*2 $1 0 *1 :1", "*2 $1 7 *1 :1"),
            (WholeScan, "*2 $1 0 *1 :1", "*2 $1 0 *0"),
            (OneOfMany, "$1 a", "$-1"),
            (Shape, ":1", "$1 1"),
            (Shape, "-a", "-b"),
            (
                Hello,
                "%2 +server +redis +proto :3",
                "%2 +server +redis +proto :2",
            ),
            (
                Hello,
                "%2 +server +redis +proto :3",
                "*4 +server +redis +proto :3",
            ),
            (Hello, "%2 +server +redis +proto :3", "%1 +server +redis"),
        ] {
            assert!(
                !compare.accepts(&reply(theirs), &reply(ours)),
                "{compare:?} {theirs} {ours}"
            );
        }
    }
}
