//! Replies with elements of collections.

use crate::protocol::{Bulks, Reply};
use crate::values::packed::{self, Element};

/// Replies with an element of a collection.
#[inline]
pub(super) fn reply_element(element: Element<'_>, reply: &mut Reply<'_>) {
    match element {
        Element::Int(number) => reply.bulk_int(number),
        Element::Bytes(bytes) => reply.bulk(bytes),
        Element::Score(_) => element.with_text(|text| reply.bulk(text)),
    }
}

/// Appends an element of a collection to a reply of many.
#[inline]
pub(super) fn push_element(element: Element<'_>, bulks: &mut Bulks<'_>) {
    match element {
        Element::Int(number) => bulks.push_int(number),
        Element::Bytes(bytes) => bulks.push(bytes, bytes.len()),
        Element::Score(_) => element.with_text(|text| bulks.push(text, text.len())),
    }
}

/// Appends every element of a packed sequence.
#[inline]
pub(super) fn push_packed(mut elements: &[u8], bulks: &mut Bulks<'_>) {
    while !elements.is_empty() {
        elements = match packed::short_text(elements) {
            Some((text, len)) => {
                bulks.push(text, len);
                &text[len..]
            }
            None => {
                let (element, len) = packed::decode(elements);
                push_element(element, bulks);
                &elements[len..]
            }
        };
    }
}
