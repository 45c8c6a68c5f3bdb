//! Consumer groups: what was delivered to whom and is not acknowledged yet.

use super::id::Id;
use super::ids::Ids;
use super::log::Log;
use crate::base::alloc::good_size;

/// A delivered message that is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Who has it.
    pub consumer: ConsumerId,
    /// When it was last delivered, Unix time in ms.
    pub delivered_ms: u64,
    /// How often.
    pub count: u64,
}

/// A consumer of a group, as long as it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

impl ConsumerId {
    /// Whoever has what was given back.
    pub const NOBODY: ConsumerId = ConsumerId(u32::MAX);
}

/// A consumer.
#[derive(Clone)]
pub struct Consumer {
    /// Its name.
    pub name: Box<[u8]>,
    /// When it last asked for anything, Unix time in ms.
    pub seen_ms: u64,
    /// When it last got anything.
    pub active_ms: Option<u64>,
    /// What it has not acknowledged.
    pub pending: Ids<()>,
}

/// A consumer group.
#[derive(Clone)]
pub struct Group {
    name: Box<[u8]>,
    /// The last message that was delivered.
    pub last_id: Id,
    /// How many messages of all there have been were delivered, if that is known.
    pub entries_read: Option<i64>,
    pending: Ids<Pending>,
    /// By number; numbers of consumers that are gone are given again.
    consumers: Vec<Option<Consumer>>,
    /// Numbers in the order of names.
    order: Vec<u32>,
    /// Bytes of names and of consumers' pending ids.
    consumer_bytes: usize,
}

impl Consumer {
    fn size_bytes(&self) -> usize {
        good_size(self.name.len()) + self.pending.size_bytes()
    }
}

impl Group {
    /// Without consumers.
    pub fn new(name: &[u8], last_id: Id, entries_read: Option<i64>) -> Group {
        Group {
            name: name.into(),
            last_id,
            entries_read,
            pending: Ids::default(),
            consumers: Vec::new(),
            order: Vec::new(),
            consumer_bytes: 0,
        }
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Bytes taken from the allocator, its own struct not included. O(1).
    pub fn size_bytes(&self) -> usize {
        good_size(self.name.len())
            + self.pending.size_bytes()
            + good_size(self.consumers.capacity() * size_of::<Option<Consumer>>())
            + good_size(self.order.capacity() * size_of::<u32>())
            + self.consumer_bytes
    }

    /// What is delivered and not acknowledged.
    pub fn pending(&self) -> &Ids<Pending> {
        &self.pending
    }

    /// Number of consumers.
    pub fn consumer_count(&self) -> usize {
        self.order.len()
    }

    /// The consumers, in the order of their names.
    pub fn consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.order.iter().map(|number| self.slot(*number))
    }

    /// A consumer.
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.slot(id.0)
    }

    /// The name of whoever has a message; empty for nobody.
    pub fn owner(&self, entry: &Pending) -> &[u8] {
        match entry.consumer {
            ConsumerId::NOBODY => &[],
            ConsumerId(number) => &self.slot(number).name,
        }
    }

    /// The consumer of this name.
    pub fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        let at = self.position(name).ok()?;
        Some(ConsumerId(self.order[at]))
    }

    /// The consumer of this name, made if there is none; true if it was. It has been seen now.
    pub fn find_or_create(&mut self, name: &[u8], now_ms: u64) -> (ConsumerId, bool) {
        let at = match self.position(name) {
            Ok(at) => {
                let number = self.order[at];
                self.slot_mut(number).seen_ms = now_ms;
                return (ConsumerId(number), false);
            }
            Err(at) => at,
        };
        let consumer = Consumer {
            name: name.into(),
            seen_ms: now_ms,
            active_ms: None,
            pending: Ids::default(),
        };
        self.consumer_bytes += consumer.size_bytes();
        let vacant = (self.order.len() < self.consumers.len())
            .then(|| self.consumers.iter().position(Option::is_none))
            .flatten();
        let number = match vacant {
            Some(number) => {
                self.consumers[number] = Some(consumer);
                number
            }
            None => {
                if self.consumers.is_empty() {
                    self.consumers.reserve_exact(1);
                    self.order.reserve_exact(1);
                }
                self.consumers.push(Some(consumer));
                self.consumers.len() - 1
            }
        };
        self.order.insert(at, number as u32);
        (ConsumerId(number as u32), true)
    }

    /// Removes a consumer with all it has not acknowledged, and says how many those were.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let at = self.position(name).ok()?;
        let number = self.order.remove(at);
        let consumer = self.consumers[number as usize].take();
        let consumer = consumer.expect("consumers in order exist");
        self.consumer_bytes -= consumer.size_bytes();
        let count = consumer.pending.len();
        if count == self.pending.len() {
            self.pending = Ids::default();
        } else if count > self.pending.len() / 8 {
            self.pending.retain(|_, entry| entry.consumer.0 != number);
        } else {
            for (id, ()) in consumer.pending.iter_from(Id::MIN) {
                self.pending.remove(id);
            }
        }
        Some(count)
    }

    /// Notes that a consumer got something.
    pub fn set_active(&mut self, id: ConsumerId, now_ms: u64) {
        self.slot_mut(id.0).active_ms = Some(now_ms);
    }

    /// Notes that messages up to `id` were delivered, the last of them `id` itself.
    #[inline]
    pub fn advance(&mut self, log: &Log, id: Id) {
        if id <= self.last_id {
            return;
        }
        match self.entries_read {
            Some(read) if !log.has_gap_from(id) => self.entries_read = Some(read.wrapping_add(1)),
            _ if log.added() > 0 => self.entries_read = log.ordinal(id),
            _ => {}
        }
        self.last_id = id;
    }

    /// Messages not delivered yet, where that is known.
    pub fn lag(&self, log: &Log) -> Option<i64> {
        if log.added() == 0 {
            return Some(0);
        }
        let read = match self.entries_read {
            Some(read) if !log.has_gap_from(self.last_id) => Some(read),
            _ => log.ordinal(self.last_id),
        };
        Some((log.added() as i64).wrapping_sub(read?))
    }

    /// Gives a message to a consumer, whoever had it before, as if for the first time.
    pub fn deliver(&mut self, id: Id, consumer: ConsumerId, now_ms: u64) {
        let entry = Pending {
            consumer,
            delivered_ms: now_ms,
            count: 1,
        };
        let owner = match self.pending.insert(id, entry) {
            Ok(()) => None,
            Err((entry, there)) => Some(std::mem::replace(there, entry).consumer),
        };
        self.hand_over(id, owner, Some(consumer));
    }

    /// Changes what is known of a delivered message; `change` may give it to another consumer.
    /// False if it is not pending.
    pub fn redeliver(&mut self, id: Id, change: impl FnOnce(&mut Pending)) -> bool {
        let Some(entry) = self.pending.get_mut(id) else {
            return false;
        };
        let before = entry.consumer;
        change(entry);
        let after = entry.consumer;
        self.hand_over(id, Some(before), Some(after));
        true
    }

    /// Forgets that a message was delivered; false if it was not, or is acknowledged.
    pub fn acknowledge(&mut self, id: Id) -> bool {
        let Some(entry) = self.pending.remove(id) else {
            return false;
        };
        self.hand_over(id, Some(entry.consumer), None);
        true
    }

    fn hand_over(&mut self, id: Id, from: Option<ConsumerId>, to: Option<ConsumerId>) {
        if from == to {
            return;
        }
        for (consumer, takes) in [(from, false), (to, true)] {
            let Some(ConsumerId(number)) = consumer.filter(|c| *c != ConsumerId::NOBODY) else {
                continue;
            };
            let pending = &mut self.slot_mut(number).pending;
            let before = pending.size_bytes();
            if takes {
                let fresh = pending.insert(id, ()).is_ok();
                debug_assert!(fresh, "a message has one consumer");
            } else {
                pending.remove(id);
            }
            let after = pending.size_bytes();
            self.consumer_bytes = self.consumer_bytes + after - before;
        }
    }

    fn position(&self, name: &[u8]) -> Result<usize, usize> {
        self.order
            .binary_search_by(|number| (*self.slot(*number).name).cmp(name))
    }

    fn slot(&self, number: u32) -> &Consumer {
        let consumer = self.consumers[number as usize].as_ref();
        consumer.expect("numbers in use have consumers")
    }

    fn slot_mut(&mut self, number: u32) -> &mut Consumer {
        let consumer = self.consumers[number as usize].as_mut();
        consumer.expect("numbers in use have consumers")
    }
}

/// The groups of a stream, in the order of their names.
#[derive(Clone, Default)]
pub struct Groups {
    groups: Vec<Group>,
    /// Bytes of the groups' contents.
    content_bytes: usize,
}

impl Groups {
    /// Number of groups.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Bytes taken from the allocator. O(1).
    pub fn size_bytes(&self) -> usize {
        self.content_bytes + good_size(self.groups.capacity() * size_of::<Group>())
    }

    /// The groups, in the order of their names.
    pub fn iter(&self) -> std::slice::Iter<'_, Group> {
        self.groups.iter()
    }

    /// The group of this name.
    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        Some(&self.groups[self.position(name).ok()?])
    }

    /// The group of this name, to change.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        let at = self.position(name).ok()?;
        Some(self.at_mut(at))
    }

    /// Adds a group; false if there is one of this name.
    pub fn create(&mut self, group: Group) -> bool {
        let Err(at) = self.position(group.name()) else {
            return false;
        };
        self.content_bytes += group.size_bytes();
        if self.groups.is_empty() {
            self.groups.reserve_exact(1);
        }
        self.groups.insert(at, group);
        true
    }

    /// Removes a group; false if there is none of this name.
    pub fn destroy(&mut self, name: &[u8]) -> bool {
        let Ok(at) = self.position(name) else {
            return false;
        };
        self.content_bytes -= self.groups[at].size_bytes();
        self.groups.remove(at);
        true
    }

    /// Forgets in every group that a message was delivered.
    pub fn forget(&mut self, id: Id) {
        for at in 0..self.groups.len() {
            self.at_mut(at).acknowledge(id);
        }
    }

    /// Has every group been delivered this message and acknowledged it?
    pub fn are_done_with(&self, id: Id) -> bool {
        self.groups
            .iter()
            .all(|group| id <= group.last_id && group.pending.get(id).is_none())
    }

    fn at_mut(&mut self, at: usize) -> GroupMut<'_> {
        let group = &mut self.groups[at];
        GroupMut {
            before: group.size_bytes(),
            content_bytes: &mut self.content_bytes,
            group,
        }
    }

    fn position(&self, name: &[u8]) -> Result<usize, usize> {
        self.groups
            .binary_search_by(|group| (*group.name).cmp(name))
    }
}

/// A group opened for changing: its bytes are counted when it is closed.
pub struct GroupMut<'a> {
    group: &'a mut Group,
    before: usize,
    content_bytes: &'a mut usize,
}

impl std::ops::Deref for GroupMut<'_> {
    type Target = Group;

    fn deref(&self) -> &Group {
        self.group
    }
}

impl std::ops::DerefMut for GroupMut<'_> {
    fn deref_mut(&mut self) -> &mut Group {
        self.group
    }
}

impl Drop for GroupMut<'_> {
    fn drop(&mut self) {
        *self.content_bytes = *self.content_bytes + self.group.size_bytes() - self.before;
    }
}
