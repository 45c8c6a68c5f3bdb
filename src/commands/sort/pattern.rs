//! The patterns of `BY` and `GET`.

use crate::keyspace::{Txn, ValueRef};
use crate::values::Type;
use crate::values::hash::Hash;
use memchr::memmem;
use smallvec::SmallVec;

/// Names a value for each element.
#[derive(Clone, Copy)]
pub(super) enum Pattern<'a> {
    /// `#`: the element itself.
    Itself,
    /// Without a `*`: no element has one.
    Nothing,
    /// The element between two texts is a key: of a string, or of a hash with this field.
    Made {
        before: &'a [u8],
        behind: &'a [u8],
        field: Option<&'a [u8]>,
    },
}

impl<'a> Pattern<'a> {
    /// Reads a pattern: `before*behind`, `before*behind->field`, or `#`. As in C, a NUL hides
    /// from the search what follows it.
    pub(super) fn parse(text: &'a [u8]) -> Pattern<'a> {
        if text == b"#" {
            return Pattern::Itself;
        }
        let seen = text.split(|byte| *byte == 0).next().unwrap_or(text);
        let Some(star) = memchr::memchr(b'*', seen) else {
            return Pattern::Nothing;
        };
        let rest = &text[star + 1..];
        let arrow = memmem::find(&seen[star + 1..], b"->");
        // An arrow that nothing follows is part of the key.
        let arrow = arrow.filter(|at| rest.get(at + 2).is_some_and(|byte| *byte != 0));
        Pattern::Made {
            before: &text[..star],
            behind: arrow.map_or(rest, |at| &rest[..at]),
            field: arrow.map(|at| &rest[at + 2..]),
        }
    }

    /// Does it name keys that are no arguments?
    pub(super) fn makes_keys(&self) -> bool {
        matches!(self, Pattern::Made { .. })
    }

    /// Runs `with` on the value that `element` has by this pattern, if it has one.
    pub(super) fn look_up<T>(
        &self,
        txn: &mut Txn<'_>,
        element: &[u8],
        with: impl FnOnce(&[u8]) -> T,
    ) -> Option<T> {
        let (before, behind, field) = match *self {
            Pattern::Itself => return Some(with(element)),
            Pattern::Nothing => return None,
            Pattern::Made {
                before,
                behind,
                field,
            } => (before, behind, field),
        };
        let mut name: SmallVec<[u8; 128]> = SmallVec::from_slice(before);
        name.extend_from_slice(element);
        name.extend_from_slice(behind);
        let view = txn.read(txn.made_key(&name))?;
        match field {
            Some(field) if view.kind() == Type::Hash => {
                let hash = Hash::new(view.content());
                let found = hash.get(field)?;
                Some(found.value.with_text(with))
            }
            None if view.kind() == Type::String => Some(match view.value() {
                ValueRef::Int(value) => with(itoa::Buffer::new().format(value).as_bytes()),
                ValueRef::Bytes(bytes) => with(bytes),
                ValueRef::Blob(blob) => with(blob),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_are_taken_apart() {
        for (text, expected) in [
            (&b"w_*"[..], Some((&b"w_"[..], &b""[..], None))),
            (b"*", Some((b"", b"", None))),
            (b"a*b*c", Some((b"a", b"b*c", None))),
            (b"h_*->f", Some((b"h_", b"", Some(&b"f"[..])))),
            (b"h_*x->f->g", Some((b"h_", b"x", Some(b"f->g")))),
            (b"h_*->", Some((b"h_", b"->", None))),
            (b"h->*", Some((b"h->", b"", None))),
            (b"none", None),
            (b"", None),
            (b"a\0*", None),
            (b"*a\0->f", Some((b"", b"a\0->f", None))),
            (b"##", None),
        ] {
            let found = match Pattern::parse(text) {
                Pattern::Made {
                    before,
                    behind,
                    field,
                } => Some((before, behind, field)),
                _ => None,
            };
            assert_eq!(found, expected, "{}", text.escape_ascii());
        }
        assert!(matches!(Pattern::parse(b"#"), Pattern::Itself));
    }
}
