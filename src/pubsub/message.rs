//! A message on its way to its subscribers.

use crate::protocol::output::Blob;
use crate::protocol::{Output, Protocol, Reply};
use smallvec::SmallVec;
use std::cell::OnceCell;
use std::sync::Arc;

/// A message, encoded once for each protocol that one of its subscribers speaks.
pub struct Message<'a> {
    parts: SmallVec<[&'a [u8]; 4]>,
    encoded: [OnceCell<Blob>; 2],
}

impl<'a> Message<'a> {
    /// Of these parts: the kind, where it was published, what was published.
    pub fn new(parts: &[&'a [u8]]) -> Message<'a> {
        Message {
            parts: SmallVec::from_slice(parts),
            encoded: Default::default(),
        }
    }

    /// As it is sent: an array in RESP2, a push in RESP3.
    pub fn encoded(&self, protocol: Protocol) -> &Blob {
        let form = &self.encoded[usize::from(protocol == Protocol::Resp3)];
        form.get_or_init(|| {
            let mut out = Output::default();
            let mut reply = Reply::new(&mut out, protocol);
            reply.push(self.parts.len());
            self.parts.iter().for_each(|part| reply.bulk(part));
            Arc::new(std::mem::take(out.buffer()))
        })
    }
}
