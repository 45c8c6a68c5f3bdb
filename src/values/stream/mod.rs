//! Streams: messages in the order of their ids, and the groups that consume them.
//!
//! A stream is always a structure of its own ([`super::Big::Stream`]), and stays when it is empty.

mod block;
mod group;
mod id;
mod ids;
mod log;
mod producers;
#[cfg(test)]
mod tests;

pub use block::{Message, NodeLimits, Pairs};
pub use group::{Consumer, ConsumerId, Group, GroupMut, Groups, Pending};
pub use id::{Id, Wanted};
pub use ids::Ids;
pub use log::{Bound, Log, Range, Refused, Trim};
pub use producers::{Producers, digest};

use super::content::{Big, Content, Read, Value, Write};

/// Messages and consumer groups.
#[derive(Clone, Default)]
pub struct Stream {
    log: Log,
    groups: Groups,
    /// What producers have added lately, if any of them wants that remembered.
    producers: Option<Box<Producers>>,
}

/// What becomes of the groups' references to a message that is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// They stay: `KEEPREF`.
    #[default]
    Keep,
    /// They go with it: `DELREF`.
    Delete,
    /// Only messages without any are deleted: `ACKED`.
    Respect,
}

/// What became of a message that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// There is none with this id.
    Missing,
    /// It is gone.
    Deleted,
    /// A group still refers to it.
    Referenced,
}

impl Stream {
    /// Number of messages.
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Bytes it takes from the allocator, its own struct not included. O(1).
    pub fn size_bytes(&self) -> usize {
        let producers = self.producers.as_ref();
        let producers = producers.map_or(0, |producers| producers.size_bytes());
        self.log.size_bytes() + self.groups.size_bytes() + producers
    }

    /// The messages.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The messages, to change.
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// The groups.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The groups, to change.
    pub fn groups_mut(&mut self) -> &mut Groups {
        &mut self.groups
    }

    /// What producers have added lately, if that was ever asked for.
    pub fn producers(&self) -> Option<&Producers> {
        self.producers.as_deref()
    }

    /// What producers have added lately, to change.
    pub fn producers_mut(&mut self) -> &mut Producers {
        self.producers.get_or_insert_default()
    }

    /// The messages and a group, to change.
    pub fn with_group(&mut self, name: &[u8]) -> Option<(&mut Log, GroupMut<'_>)> {
        Some((&mut self.log, self.groups.get_mut(name)?))
    }

    /// Deletes a message. O(log n), with references times the number of groups.
    pub fn delete(&mut self, id: Id, references: References) -> Deletion {
        if references != References::Keep {
            if !self.log.contains(id) {
                return Deletion::Missing;
            }
            if references == References::Respect && !self.groups.are_done_with(id) {
                return Deletion::Referenced;
            }
            self.groups.forget(id);
        }
        match self.log.delete(id) {
            true => Deletion::Deleted,
            false => Deletion::Missing,
        }
    }

    /// Removes the oldest messages and returns how many.
    pub fn trim(&mut self, trim: &Trim, references: References) -> usize {
        let groups = &mut self.groups;
        match references {
            References::Keep => self.log.trim(trim, None),
            References::Delete => self.log.trim(
                trim,
                Some(&mut |id| {
                    groups.forget(id);
                    true
                }),
            ),
            References::Respect => self
                .log
                .trim(trim, Some(&mut |id| groups.are_done_with(id))),
        }
    }
}

/// The stream somebody holds; `None` for a key that does not exist.
#[inline]
pub fn of(content: Content<'_>) -> Option<&Stream> {
    match content {
        Content::Big(Big::Stream(stream)) => Some(stream),
        _ => None,
    }
}

/// The stream somebody holds, to change; `None` for a key that does not exist.
#[inline]
pub fn of_mut<C: Write + ?Sized>(holder: &mut C) -> Option<&mut Stream> {
    match holder.big_mut() {
        Some(Big::Stream(stream)) => Some(stream),
        _ => None,
    }
}

/// The stream somebody holds, to change; made if there is none.
#[inline]
pub fn create<C: Write + ?Sized>(holder: &mut C) -> &mut Stream {
    if of(holder.content()).is_none() {
        holder.replace(Value::Big(Big::Stream(Box::default())));
    }
    of_mut(holder).expect("a stream is there")
}
