//! Loading what the collections of a batch lead to, before its requests run.
//!
//! A large collection is a chain of places, each found only in the one before: a hash's segment, its
//! array, the record. One request after the other would wait for memory at each of them. So a batch
//! takes the first step for all its requests, then the second, and their waits overlap.
//!
//! What hangs off an entry may be looked at under its shard's lock only, which is taken for each step:
//! some 20 ns for a key, worth it where there are large collections. Whether there are, the first requests tell.

use super::shard::Guard;
use super::table::prefetch;
use super::{Hash, Keyspace};
use crate::values::Big;
use crate::values::content::Sought;

/// Steps of the longest chain.
const STEPS: usize = 3;
/// So many requests of a batch are looked at; without a large collection among them it is left at
/// that.
const PROBED: usize = 2;

impl Keyspace {
    /// Starts loading what requests on collections are going to touch beyond their entries, which were
    /// prefetched before: each with the hash of its key and what it looks for there.
    pub fn prefetch_inside<'r>(
        &self,
        db: usize,
        requests: impl Iterator<Item = (Hash, Sought<'r>)> + Clone,
    ) {
        if !self.step_inside(db, requests.clone().take(PROBED), 0) {
            return;
        }
        self.step_inside(db, requests.clone().skip(PROBED), 0);
        for step in 1..STEPS {
            self.step_inside(db, requests.clone(), step);
        }
    }

    /// One step into the collection of each request; false when none of them is large.
    fn step_inside<'r>(
        &self,
        db: usize,
        requests: impl Iterator<Item = (Hash, Sought<'r>)>,
        step: usize,
    ) -> bool {
        let mut any = false;
        // Requests on one key often come together: it is looked up once then.
        let mut held: Option<Held<'_>> = None;
        for (hash, sought) in requests {
            let is_held = held.as_ref().is_some_and(|held| held.hash == hash);
            if is_held && matches!(sought, Sought::Ends) {
                continue;
            }
            if !is_held {
                // At most one lock at a time.
                drop(held.take());
                held = self.hold(db, hash);
            }
            if let Some(big) = held.as_ref().and_then(|held| held.big) {
                any = true;
                big.ahead(sought, step, &mut |address| prefetch(address));
            }
        }
        any
    }

    /// Locks a key's shard, if nobody holds it, and finds what is most likely the key's.
    #[inline]
    fn hold(&self, db: usize, hash: Hash) -> Option<Held<'_>> {
        let shard = self.shard(hash);
        let guard = shard.try_lock()?;
        let entry = shard.existing_table(db)?.likely(hash);
        Some(Held {
            hash,
            big: entry.and_then(|entry| entry.big()),
            _guard: guard,
        })
    }
}

/// A key while its shard is held.
struct Held<'k> {
    hash: Hash,
    /// What it holds, if that is large.
    big: Option<&'k Big>,
    _guard: Guard<'k>,
}
