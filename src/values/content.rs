//! Where a collection's value is: packed into bytes inside its entry while it is small, a
//! structure of its own when it has outgrown that.
//!
//! Each type (`hash`, `list`, `set`, `zset`, `stream`) is a view over anything that is [`Read`] or
//! [`Write`], so that the same code serves an entry in the keyspace and a value being put
//! together ([`Value`], as by `SUNIONSTORE`).

use super::{Type, hash, list, packed, set, stream, zset};
use crate::base::alloc::good_size;

/// Longest packed value, in bytes. Whatever the configured limits say, a longer one becomes a
/// structure of its own.
pub const PACKED_MAX: usize = 60_000;

/// How a packed value's bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Elements one after the other, see [`super::packed`].
    Listpack,
    /// A hash's fields, values and deadlines, see [`super::hash`].
    Extended,
    /// Sorted integers of equal width, see [`super::set`].
    Intset,
}

/// A collection's value, borrowed. One that does not exist is an empty listpack of no bytes.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// Packed.
    Packed(Packing, &'a [u8]),
    /// A structure of its own.
    Big(&'a Big),
}

impl Content<'_> {
    /// What a key that does not exist holds.
    pub const EMPTY: Content<'static> = Content::Packed(Packing::Listpack, &[]);

    /// Has it no elements?
    pub fn is_empty(self) -> bool {
        match self {
            Content::Packed(Packing::Intset, bytes) => bytes.len() <= set::INTSET_HEAD,
            Content::Packed(_, bytes) => packed::count(bytes) == 0,
            Content::Big(big) => big.is_empty(),
        }
    }

    /// What `OBJECT ENCODING` calls it.
    pub fn encoding(self) -> &'static str {
        match self {
            Content::Packed(Packing::Listpack, _) => "listpack",
            Content::Packed(Packing::Extended, _) => "listpackex",
            Content::Packed(Packing::Intset, _) => "intset",
            Content::Big(big) => big.encoding(),
        }
    }
}

/// What a request looks for in a collection, as far as its arguments tell by themselves.
#[derive(Clone, Copy)]
pub enum Sought<'a> {
    /// An element with this name: a field, a member.
    Name(&'a [u8]),
    /// Elements at an end, or none in particular.
    Ends,
}

/// A structure that is too large to be packed. It lies in its key's entry; what most of them are is
/// in no box of its own.
#[derive(Clone)]
pub enum Big {
    /// A hash table of fields.
    Hash(hash::Table),
    /// A sequence of packed chunks.
    List(list::Chunks),
    /// A hash table of members.
    Set(set::Table),
    /// A hash table of members and a tree in the order of their scores.
    Zset(Box<zset::Tree>),
    /// Blocks of messages, and consumer groups.
    Stream(Box<stream::Stream>),
}

macro_rules! each {
    ($big:expr, $inner:ident => $value:expr) => {
        match $big {
            Big::Hash($inner) => $value,
            Big::List($inner) => $value,
            Big::Set($inner) => $value,
            Big::Zset($inner) => $value,
            Big::Stream($inner) => $value,
        }
    };
}

impl Big {
    /// Its type.
    pub fn kind(&self) -> Type {
        match self {
            Big::Hash(_) => Type::Hash,
            Big::List(_) => Type::List,
            Big::Set(_) => Type::Set,
            Big::Zset(_) => Type::Zset,
            Big::Stream(_) => Type::Stream,
        }
    }

    /// Number of elements: fields, members, messages.
    pub fn len(&self) -> usize {
        each!(self, inner => inner.len())
    }

    /// Elements that are held, also a hash's fields that have vanished and are not removed yet: what
    /// it takes to go through all. O(1).
    pub fn held(&self) -> usize {
        match self {
            Big::Hash(table) => table.held(),
            other => other.len(),
        }
    }

    /// Has it no elements? A stream is then still a stream; any other collection ceases to be.
    pub fn is_empty(&self) -> bool {
        each!(self, inner => inner.is_empty())
    }

    /// Bytes it takes from the allocator, its own struct not included. O(1).
    #[inline]
    pub fn size_bytes(&self) -> usize {
        let boxed = match self {
            Big::Hash(_) | Big::List(_) | Big::Set(_) => 0,
            Big::Zset(_) => good_size(size_of::<zset::Tree>()),
            Big::Stream(_) => good_size(size_of::<stream::Stream>()),
        };
        each!(self, inner => inner.size_bytes()) + boxed
    }

    /// Loads what step `step` towards something leads to, the steps before having been taken: passes
    /// addresses to `load`, which need not be of anything.
    pub fn ahead(&self, sought: Sought<'_>, step: usize, load: &mut impl FnMut(*const u8)) {
        match (self, sought) {
            (Big::Hash(table), Sought::Name(name)) => table.ahead(name, step, load),
            (Big::Set(table), Sought::Name(name)) => table.ahead(name, step, load),
            (Big::Zset(tree), _) if step == 0 => lines(&raw const **tree, load),
            (Big::Zset(tree), Sought::Name(name)) => tree.ahead(name, step, load),
            (Big::List(list), _) => list.ahead(step, load),
            _ => {}
        }
    }

    /// What `OBJECT ENCODING` calls it.
    pub fn encoding(&self) -> &'static str {
        match self {
            Big::Hash(_) | Big::Set(_) => "hashtable",
            Big::List(list) => list.encoding(),
            Big::Zset(_) => "skiplist",
            Big::Stream(_) => "stream",
        }
    }
}

/// Bytes of a cache line.
pub(super) const LINE_BYTES: usize = 64;

/// Loads all of a struct.
fn lines<T>(at: *const T, load: &mut impl FnMut(*const u8)) {
    let at = at.cast::<u8>();
    (0..size_of::<T>())
        .step_by(LINE_BYTES)
        .for_each(|offset| load(at.wrapping_add(offset)));
}

/// Something that holds a collection's value.
pub trait Read {
    /// The value.
    fn content(&self) -> Content<'_>;
}

/// Something whose collection can be changed in place.
pub trait Write: Read {
    /// The packed bytes, to change without changing their number; empty when the value is big.
    fn packed_mut(&mut self) -> &mut [u8];

    /// Replaces `removed` packed bytes at `at` by all `parts`, one after the other. The value is
    /// packed, and stays within [`PACKED_MAX`].
    fn splice(&mut self, at: usize, removed: usize, parts: &[&[u8]]);

    /// The structure, when the value is big.
    fn big_mut(&mut self) -> Option<&mut Big>;

    /// Puts another value, of the same type, in the place of this one.
    fn replace(&mut self, value: Value);
}

/// A collection's value that belongs to nobody yet.
#[derive(Clone)]
pub enum Value {
    /// Packed, within [`PACKED_MAX`].
    Packed(Packing, Vec<u8>),
    /// A structure of its own.
    Big(Big),
}

impl Value {
    /// An empty one, with room for so many packed bytes.
    pub fn with_capacity(bytes: usize) -> Value {
        let room = bytes.min(PACKED_MAX);
        Value::Packed(Packing::Listpack, Vec::with_capacity(room))
    }

    /// A copy. Costs as much as there is.
    pub fn of(content: Content<'_>) -> Value {
        match content {
            Content::Packed(packing, bytes) => Value::Packed(packing, bytes.to_vec()),
            Content::Big(big) => Value::Big(big.clone()),
        }
    }
}

impl Default for Value {
    fn default() -> Value {
        Value::Packed(Packing::Listpack, Vec::new())
    }
}

impl Read for Value {
    fn content(&self) -> Content<'_> {
        match self {
            Value::Packed(packing, bytes) => Content::Packed(*packing, bytes),
            Value::Big(big) => Content::Big(big),
        }
    }
}

impl Write for Value {
    fn packed_mut(&mut self) -> &mut [u8] {
        match self {
            Value::Packed(_, bytes) => bytes,
            Value::Big(_) => &mut [],
        }
    }

    fn splice(&mut self, at: usize, removed: usize, parts: &[&[u8]]) {
        let Value::Packed(_, bytes) = self else {
            panic!("a value is spliced while it is packed");
        };
        if at == bytes.len() {
            parts.iter().for_each(|part| bytes.extend_from_slice(part));
        } else {
            let added = parts.iter().copied().flatten().copied();
            bytes.splice(at..at + removed, added);
        }
        assert!(bytes.len() <= PACKED_MAX, "larger values are not packed");
    }

    fn big_mut(&mut self) -> Option<&mut Big> {
        match self {
            Value::Packed(..) => None,
            Value::Big(big) => Some(big),
        }
    }

    fn replace(&mut self, value: Value) {
        *self = value;
    }
}

impl Read for Content<'_> {
    fn content(&self) -> Content<'_> {
        *self
    }
}

impl<T: Read + ?Sized> Read for &T {
    fn content(&self) -> Content<'_> {
        (**self).content()
    }
}

impl<T: Read + ?Sized> Read for &mut T {
    fn content(&self) -> Content<'_> {
        (**self).content()
    }
}

impl<T: Write + ?Sized> Write for &mut T {
    fn packed_mut(&mut self) -> &mut [u8] {
        (**self).packed_mut()
    }

    fn splice(&mut self, at: usize, removed: usize, parts: &[&[u8]]) {
        (**self).splice(at, removed, parts);
    }

    fn big_mut(&mut self) -> Option<&mut Big> {
        (**self).big_mut()
    }

    fn replace(&mut self, value: Value) {
        (**self).replace(value);
    }
}
