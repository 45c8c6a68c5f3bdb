//! A message on its way to its subscribers.

use crate::protocol::output::Blob;
use crate::protocol::{Output, Protocol, Reply};
use smallvec::SmallVec;
use std::cell::OnceCell;
use std::sync::Arc;

/// A message, or several that follow each other, encoded once for each protocol that one of its
/// subscribers speaks.
pub struct Message<'a> {
    head: SmallVec<[&'a [u8]; 3]>,
    payloads: SmallVec<[&'a [u8]; 4]>,
    encoded: [OnceCell<Blob>; 2],
}

impl<'a> Message<'a> {
    /// With these parts before what was published: the kind, and where; of everything that was
    /// published there, one after the other.
    pub fn new(head: &[&'a [u8]], payloads: impl IntoIterator<Item = &'a [u8]>) -> Message<'a> {
        Message {
            head: SmallVec::from_slice(head),
            payloads: payloads.into_iter().collect(),
            encoded: Default::default(),
        }
    }

    /// As it is sent: an array in RESP2, a push in RESP3.
    pub fn encoded(&self, protocol: Protocol) -> &Blob {
        let form = &self.encoded[usize::from(protocol == Protocol::Resp3)];
        form.get_or_init(|| {
            let mut out = Output::default();
            let mut reply = Reply::new(&mut out, protocol);
            for payload in &self.payloads {
                reply.push(self.head.len() + 1);
                self.head.iter().for_each(|part| reply.bulk(part));
                reply.bulk(payload);
            }
            Arc::new(std::mem::take(out.buffer()))
        })
    }
}
