//! The messages of a stream: blocks in the order of their ids.
//!
//! New messages go to the last block until it is full. Finding an id costs a binary search among
//! the blocks and a walk over one.

use super::block::{Block, Message, NODE_BYTES_MAX, NodeLimits, Verdict};
use super::id::{Id, Wanted};
use crate::base::alloc::good_size;
use std::collections::VecDeque;

/// Bytes by which a block may become longer than the one before without being moved.
const SLACK: usize = 48;

/// The messages of a stream.
#[derive(Default)]
pub struct Log {
    blocks: VecDeque<Block>,
    len: usize,
    /// The first message's id; [`Id::MIN`] when there is none.
    first: Id,
    /// The id that was given last.
    last: Id,
    /// The last message's id; [`Id::MIN`] when there is none.
    last_message: Id,
    /// The greatest id that was deleted by name.
    max_deleted: Id,
    /// Messages there have ever been.
    added: u64,
    /// Bytes of the blocks' contents.
    block_bytes: usize,
}

/// Why a message cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The id is not beyond the last.
    NotBeyondLast,
    /// It is too long.
    TooLarge,
}

/// What is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// All but so many.
    Length(u64),
    /// All before this id.
    Id(Id),
}

/// How to trim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// What is trimmed.
    pub bound: Bound,
    /// Whole blocks only.
    pub approximate: bool,
    /// Most messages removed; 0 for any.
    pub limit: u64,
}

impl Clone for Log {
    fn clone(&self) -> Log {
        let blocks = self.blocks.clone();
        Log {
            block_bytes: blocks.iter().map(Block::size_bytes).sum(),
            blocks,
            ..*self
        }
    }
}

impl Log {
    /// Number of messages.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes taken from the allocator. O(1).
    pub fn size_bytes(&self) -> usize {
        self.block_bytes + good_size(self.blocks.capacity() * size_of::<Block>())
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The first message's id; [`Id::MIN`] when there is none.
    pub fn first_id(&self) -> Id {
        self.first
    }

    /// The id that was given last.
    pub fn last_id(&self) -> Id {
        self.last
    }

    /// The last message's id; [`Id::MIN`] when there is none.
    pub fn last_message_id(&self) -> Id {
        self.last_message
    }

    /// The greatest id that was deleted by name.
    pub fn max_deleted_id(&self) -> Id {
        self.max_deleted
    }

    /// Messages there have ever been, as a client may have set it.
    pub fn added(&self) -> u64 {
        self.added
    }

    /// Sets what a client may set; the caller has checked that it fits the messages.
    pub fn set_id(&mut self, last: Id, added: Option<u64>, max_deleted: Option<Id>) {
        self.last = last;
        self.added = added.unwrap_or(self.added);
        self.max_deleted = max_deleted.unwrap_or(self.max_deleted);
    }

    /// The id a new message gets; `None` without the wish for one.
    pub fn next_id(&self, wanted: Option<Wanted>, unix_ms: u64) -> Result<Id, Refused> {
        let id = match wanted {
            Some(Wanted::Whole(id)) => id,
            Some(Wanted::Milliseconds(ms)) if ms == self.last.ms => {
                let seq = self.last.seq.checked_add(1).ok_or(Refused::NotBeyondLast)?;
                Id::new(ms, seq)
            }
            Some(Wanted::Milliseconds(ms)) => Id::new(ms, 0),
            None if unix_ms > self.last.ms => Id::new(unix_ms, 0),
            None => self.last.next().ok_or(Refused::NotBeyondLast)?,
        };
        if id <= self.last {
            return Err(Refused::NotBeyondLast);
        }
        Ok(id)
    }

    /// Adds a message with an id that [`Log::next_id`] gave: names and values in turn.
    pub fn append<'p>(
        &mut self,
        id: Id,
        pairs: impl ExactSizeIterator<Item = &'p [u8]> + Clone,
        limits: NodeLimits,
    ) -> Result<(), Refused> {
        let text_bytes: usize = pairs.clone().map(<[u8]>::len).sum();
        if text_bytes > NODE_BYTES_MAX {
            return Err(Refused::TooLarge);
        }
        self.drop_dead_end(id);
        match self.blocks.back() {
            Some(block) if block.has_room(text_bytes, limits) => {}
            _ => self.begin_block(id, pairs.clone()),
        }
        let block = self.blocks.back_mut().expect("there is one with room");
        let before = block.size_bytes();
        block.push(id, pairs);
        self.block_bytes = self.block_bytes + block.size_bytes() - before;
        self.added = self.added.wrapping_add(1);
        self.last = id;
        self.last_message = id;
        self.len += 1;
        if self.len == 1 {
            self.first = id;
        }
        Ok(())
    }

    /// After the last id was set back, a new message may come before deleted ones of the last block,
    /// which may have no other left after a trim: they are forgotten.
    fn drop_dead_end(&mut self, id: Id) {
        while let Some(block) = self.blocks.back_mut()
            && id <= block.last()
        {
            if block.live() > 0 {
                return block.end_with_live();
            }
            self.block_bytes -= block.size_bytes();
            self.blocks.pop_back();
        }
    }

    fn begin_block<'p>(&mut self, id: Id, pairs: impl ExactSizeIterator<Item = &'p [u8]> + Clone) {
        let mut expected_bytes = 0;
        if let Some(block) = self.blocks.back_mut() {
            expected_bytes = block.content_bytes() + SLACK;
            self.block_bytes -= block.size_bytes();
            block.shrink();
            self.block_bytes += block.size_bytes();
        }
        if self.blocks.len() == self.blocks.capacity() {
            // A stream of one block takes no room for more.
            self.blocks.reserve_exact(self.blocks.len().max(1));
        }
        let block = Block::new(id, pairs, expected_bytes);
        self.block_bytes += block.size_bytes();
        self.blocks.push_back(block);
    }

    /// Is there a message with this id?
    pub fn contains(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    /// The message with this id.
    pub fn get(&self, id: Id) -> Option<Message<'_>> {
        let block = self.blocks.get(self.block_of(id))?;
        let message = block.message_at(block.seek(id)?);
        (message.id == id).then_some(message)
    }

    /// The messages from `from` to `to`, both included, in order.
    pub fn range(&self, from: Id, to: Id) -> Range<'_> {
        let mut index = self.block_of(from);
        let mut at = 0;
        while let Some(block) = self.blocks.get(index) {
            if let Some(found) = block.seek(from) {
                at = found;
                break;
            }
            index += 1;
        }
        Range {
            log: self,
            index,
            block: self.blocks.get(index),
            at,
            to,
        }
    }

    /// The messages from `from` to `to`, both included, the last first.
    pub fn back(&self, from: Id, to: Id) -> impl Iterator<Item = Message<'_>> {
        let upto = self.blocks.partition_point(|block| block.first() <= to);
        let blocks = self.blocks.range(..upto).rev();
        blocks
            .take_while(move |block| block.last() >= from)
            .flat_map(|block| {
                let places = block.places();
                (0..places.len())
                    .rev()
                    .map(move |n| block.message_at(places[n] as usize))
            })
            .skip_while(move |message| message.id > to)
            .take_while(move |message| message.id >= from)
    }

    /// Deletes a message by name. True if there was one.
    pub fn delete(&mut self, id: Id) -> bool {
        let index = self.block_of(id);
        let deleted = self.delete_in(index, |found| match found.cmp(&id) {
            std::cmp::Ordering::Less => Verdict::Keep,
            std::cmp::Ordering::Equal => Verdict::Delete,
            std::cmp::Ordering::Greater => Verdict::Stop,
        });
        if deleted == 0 {
            return false;
        }
        if self.blocks[index].live() == 0 {
            self.remove_block(index);
        }
        self.max_deleted = self.max_deleted.max(id);
        if id == self.first {
            self.find_first();
        }
        if id == self.last_message {
            self.find_last();
        }
        true
    }

    /// Removes the oldest messages, those of them that `may` allows, and returns how many.
    pub fn trim(&mut self, trim: &Trim, mut may: Option<&mut dyn FnMut(Id) -> bool>) -> usize {
        let before = self.len;
        let mut index = 0;
        while let Some(block) = self.blocks.get(index) {
            let removed = (before - self.len) as u64;
            let over = match trim.bound {
                Bound::Length(most) => (self.len as u64).saturating_sub(most),
                Bound::Id(_) => u64::MAX,
            };
            if over == 0 || (trim.limit > 0 && removed + block.live() as u64 > trim.limit) {
                break;
            }
            let whole = match trim.bound {
                Bound::Length(_) => block.live() as u64 <= over,
                Bound::Id(id) => block.last() < id,
            };
            if !whole && trim.approximate {
                break;
            }
            if whole && may.is_none() {
                self.len -= block.live();
                self.remove_block(index);
                continue;
            }
            let mut left = over;
            self.delete_in(index, |id| {
                if left == 0 || matches!(trim.bound, Bound::Id(least) if id >= least) {
                    return Verdict::Stop;
                }
                if may.as_mut().is_some_and(|may| !may(id)) {
                    return Verdict::Keep;
                }
                left -= 1;
                Verdict::Delete
            });
            if !whole {
                break;
            }
            if self.blocks[index].live() == 0 {
                self.remove_block(index);
            } else {
                index += 1;
            }
        }
        if before != self.len {
            self.find_first();
            if may.is_some() || self.len == 0 {
                self.find_last();
            }
        }
        before - self.len
    }

    /// Deletes messages of one block; it stays, even if it has none left.
    fn delete_in(&mut self, index: usize, which: impl FnMut(Id) -> Verdict) -> usize {
        let Some(block) = self.blocks.get_mut(index) else {
            return 0;
        };
        self.block_bytes -= block.size_bytes();
        let deleted = block.delete(which);
        self.block_bytes += block.size_bytes();
        self.len -= deleted;
        deleted
    }

    fn remove_block(&mut self, index: usize) {
        let block = self.blocks.remove(index).expect("the caller looked at it");
        self.block_bytes -= block.size_bytes();
        if self.blocks.len() * 4 < self.blocks.capacity() {
            self.blocks.shrink_to(self.blocks.len() * 2);
        }
    }

    fn find_first(&mut self) {
        let first = self.range(Id::MIN, Id::MAX).next();
        self.first = first.map_or(Id::MIN, |message| message.id);
    }

    fn find_last(&mut self) {
        let last = self.back(Id::MIN, Id::MAX).next();
        self.last_message = last.map_or(Id::MIN, |message| message.id);
    }

    /// The only block where `id` can be; 0 where there is none.
    fn block_of(&self, id: Id) -> usize {
        match self.blocks.back() {
            Some(block) if block.first() <= id => self.blocks.len() - 1,
            _ => self
                .blocks
                .partition_point(|block| block.first() <= id)
                .saturating_sub(1),
        }
    }

    /// Was a message from `from` on deleted by name, so that what lies ahead cannot be counted?
    pub fn has_gap_from(&self, from: Id) -> bool {
        self.len > 0 && self.first <= self.max_deleted && from <= self.max_deleted
    }

    /// How many messages there have been up to and including this id, where that is known.
    pub fn ordinal(&self, id: Id) -> Option<i64> {
        let added = self.added as i64;
        let before_first = (self.added as i64).wrapping_sub(self.len as i64);
        if self.added == 0 {
            return Some(0);
        }
        if self.len == 0 && id <= self.last {
            return Some(added);
        }
        match id.cmp(&self.last) {
            std::cmp::Ordering::Equal => return Some(added),
            std::cmp::Ordering::Greater => return None,
            std::cmp::Ordering::Less => {}
        }
        let whole = self.max_deleted < self.first;
        match id.cmp(&self.first) {
            std::cmp::Ordering::Less if whole => Some(before_first),
            std::cmp::Ordering::Equal if whole => Some(before_first.wrapping_add(1)),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Log {
    /// As [`Log::size_bytes`], from scratch.
    pub fn recounted_bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(Block::size_bytes).sum();
        blocks + good_size(self.blocks.capacity() * size_of::<Block>())
    }
}

/// See [`Log::range`].
#[derive(Clone)]
pub struct Range<'a> {
    log: &'a Log,
    index: usize,
    block: Option<&'a Block>,
    at: usize,
    to: Id,
}

impl<'a> Range<'a> {
    /// How many messages are left, but at most `most`. Costs a glance at each.
    pub fn count_up_to(&self, most: usize) -> usize {
        if self.to >= self.log.last {
            // All there are from here on: most blocks need not be looked into.
            let mut walk = self.clone();
            let mut count = 0;
            while let Some(block) = walk.block {
                while count < most && block.next(&mut walk.at).is_some() {
                    count += 1;
                }
                walk.enter(walk.index + 1);
                while let Some(block) = walk.block
                    && count + block.live() <= most
                {
                    count += block.live();
                    walk.enter(walk.index + 1);
                }
                if count == most {
                    break;
                }
            }
            return count;
        }
        self.clone().take(most).count()
    }

    fn enter(&mut self, index: usize) {
        self.index = index;
        self.block = self.log.blocks.get(index);
        self.at = self.block.map_or(0, Block::start);
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Message<'a>;

    #[inline]
    fn next(&mut self) -> Option<Message<'a>> {
        loop {
            let block = self.block?;
            if let Some(message) = block.next(&mut self.at) {
                if message.id > self.to {
                    self.block = None;
                    return None;
                }
                return Some(message);
            }
            self.enter(self.index + 1);
        }
    }
}
