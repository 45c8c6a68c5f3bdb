//! Data structures; they know no keys, clients or clocks.
//!
//! [`content`] says where a collection's value is; each type is one file, and a view over that.

pub mod content;
pub mod geohash;
pub mod hash;
pub mod list;
pub mod members;
pub mod packed;
pub mod record;
pub mod set;
pub mod stream;
pub mod zset;

pub use content::{Big, Content, Packing, Value};
pub use packed::Element;

pub mod bits;
pub mod hyperloglog;

/// The type of a value, as `TYPE` names it. The discriminants are stored in entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Type {
    /// A string: bytes or an integer.
    String = 0,
    /// A list.
    List = 1,
    /// A set.
    Set = 2,
    /// A sorted set.
    Zset = 3,
    /// A hash.
    Hash = 4,
    /// A stream.
    Stream = 5,
}

impl Type {
    /// The type with this discriminant; there is no other beyond the last.
    #[inline]
    pub fn of(discriminant: u8) -> Type {
        match discriminant {
            0 => Type::String,
            1 => Type::List,
            2 => Type::Set,
            3 => Type::Zset,
            4 => Type::Hash,
            _ => Type::Stream,
        }
    }

    /// All types, in the order of their discriminants.
    pub const ALL: [Type; 6] = [
        Type::String,
        Type::List,
        Type::Set,
        Type::Zset,
        Type::Hash,
        Type::Stream,
    ];

    /// The name `TYPE` and `SCAN TYPE` use.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::List => "list",
            Type::Set => "set",
            Type::Zset => "zset",
            Type::Hash => "hash",
            Type::Stream => "stream",
        }
    }
}
