//! A sorted set being put together: the outcome of `ZUNIONSTORE`, `ZRANGESTORE`, `GEOSEARCHSTORE`.

use super::index::Index;
use super::slots::Slots;
use super::small;
use super::tree::Tree;
use crate::values::packed::Limits;
use crate::values::{Big, Value};

/// Members that are being put together and have no order yet.
pub struct Gathering {
    slots: Slots,
    index: Index,
}

impl Gathering {
    /// With room for `len` members before the index by name grows. Give no number that was only
    /// told by a client.
    pub fn with_room(len: usize) -> Gathering {
        Gathering {
            slots: Slots::default(),
            index: Index::with_room(len),
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a member with `score`; of one that is there, `merge` says from its score what becomes
    /// of it.
    pub fn put(&mut self, name: &[u8], score: f64, merge: impl FnOnce(f64) -> f64) {
        match self.index.find(name, &self.slots) {
            Some(id) => {
                let merged = merge(self.slots.score(id));
                self.slots.set_score(id, merged);
            }
            None => {
                let id = self.slots.add(name, score);
                self.index.insert(name, id, &self.slots);
            }
        }
    }

    /// Removes a member, if it is there.
    pub fn remove(&mut self, name: &[u8]) {
        if let Some(id) = self.index.find(name, &self.slots) {
            self.index.remove(name, id, &self.slots);
            self.slots.remove(id);
        }
    }

    /// The numbers of all members, in the order of scores and names. O(n log n); O(n) when they
    /// were added in this order.
    fn sorted(&self) -> Vec<u32> {
        let slots = &self.slots;
        let mut ids = Vec::with_capacity(slots.len());
        let mut cursor = 0;
        loop {
            cursor = self.index.scan(cursor, &mut |id| ids.push(id));
            if cursor == 0 {
                break;
            }
        }
        // The order in which they came.
        ids.sort_unstable();
        ids.sort_by(|a, b| {
            let scores = slots.score(*a).partial_cmp(&slots.score(*b));
            scores
                .expect("no score is NaN")
                .then_with(|| slots.name(*a).cmp(slots.name(*b)))
        });
        ids
    }

    /// Visits all members in the order of scores and names.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], f64)) {
        for id in self.sorted() {
            visit(self.slots.name(id), self.slots.score(id));
        }
    }

    /// The sorted set, packed if the limits allow it.
    pub fn into_value(self, limits: Limits) -> Value {
        let ids = self.sorted();
        let members = ids
            .iter()
            .map(|id| (self.slots.name(*id), self.slots.score(*id)));
        if let Some(packed) = small::pack(members, limits) {
            return packed;
        }
        let tree = Tree::of_sorted(self.slots, self.index, &ids);
        Value::Big(Big::Zset(Box::new(tree)))
    }

    pub(super) fn into_tree(self) -> Tree {
        let ids = self.sorted();
        Tree::of_sorted(self.slots, self.index, &ids)
    }
}
