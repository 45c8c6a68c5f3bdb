//! What changes while a batch of requests runs, for clients in broadcast mode: each is told of it at
//! once when the batch is over, all keys of a prefix in one message, as Redis does.
//!
//! That is before the batch's replies are sent. Who reads a key in between is given what it is told
//! later has changed, which costs it a cached value and no more.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::take;

/// Keys after which a batch's changes are told before it is over.
const KEYS_MAX: usize = 4096;

/// Changed keys by prefix, each with the client that changed it; 0 if there are several.
pub(super) type Changes = BTreeMap<Box<[u8]>, BTreeMap<Box<[u8]>, u64>>;

thread_local! {
    static ROUND: RefCell<Round> = const {
        RefCell::new(Round {
            open: false,
            count: 0,
            changes: Changes::new(),
        })
    };
}

struct Round {
    open: bool,
    count: usize,
    changes: Changes,
}

/// Collects this thread's changes from now on.
pub(super) fn open() {
    ROUND.with_borrow_mut(|round| round.open = true);
}

/// Takes what was collected; changes are told one by one again.
pub(super) fn close() -> Changes {
    ROUND.with_borrow_mut(|round| {
        round.open = false;
        round.count = 0;
        take(&mut round.changes)
    })
}

/// Notes a change. If changes are not collected, or there are too many, false.
pub(super) fn note(prefix: &[u8], key: &[u8], by: u64) -> bool {
    ROUND.with_borrow_mut(|round| {
        if !round.open || round.count >= KEYS_MAX {
            return false;
        }
        let keys = match round.changes.get_mut(prefix) {
            Some(keys) => keys,
            None => round.changes.entry(prefix.into()).or_default(),
        };
        match keys.get_mut(key) {
            Some(other) if *other == by => {}
            Some(other) => *other = 0,
            None => {
                keys.insert(key.into(), by);
                round.count += 1;
            }
        }
        true
    })
}
