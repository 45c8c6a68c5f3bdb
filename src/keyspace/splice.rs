//! Writing into the middle, or at the end, of a string.
//!
//! A string in its entry is overwritten there when the result is as long as before, else stored
//! anew. A blob is changed in place, and grows by an eighth more than it needs, so that appending
//! byte by byte costs constant time per byte and at most an eighth of the memory. Only when a
//! reply that is not sent yet quotes the blob is it copied, once.

use super::entry::INLINE_MAX;
use super::{Edit, NewValue, Ttl, ValueRef};
use crate::protocol::output::Blob;
use smallvec::SmallVec;
use std::sync::Arc;

/// Longer strings are put together on the heap.
const STACK_BYTES: usize = 512;

impl Edit<'_, '_> {
    /// Writes `bytes` at `offset` of the string, with zeros in a gap between its end and
    /// `offset`; a key that does not exist is an empty string. What was written to is `raw` to
    /// `OBJECT ENCODING`. The caller has seen that the key holds no other type and that the
    /// result is not too long.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        if self.change_blob(|blob| write_blob(blob, offset, bytes)) {
            return;
        }
        let end = offset + bytes.len();
        if let Some(mut inline) = self.inline_mut()
            && let Some(part) = inline.bytes().and_then(|old| old.get_mut(offset..end))
        {
            return part.copy_from_slice(bytes);
        }
        let mut digits = itoa::Buffer::new();
        let old = match self.view().map(|view| view.value()) {
            None => &[],
            Some(ValueRef::Int(number)) => digits.format(number).as_bytes(),
            Some(ValueRef::Bytes(old)) => old,
            Some(ValueRef::Blob(_)) => unreachable!("a blob was changed above"),
        };
        let length = old.len().max(end);
        if length >= INLINE_MAX {
            // Zeroed by the system, so what lies in a large gap costs nothing until it is used.
            let mut whole = vec![0; length];
            whole[..old.len()].copy_from_slice(old);
            whole[offset..end].copy_from_slice(bytes);
            return self.store(NewValue::Blob(&Arc::new(whole)), Ttl::Keep);
        }
        let mut whole: SmallVec<[u8; STACK_BYTES]> = SmallVec::with_capacity(length);
        whole.extend_from_slice(old);
        whole.resize(length, 0);
        whole[offset..end].copy_from_slice(bytes);
        self.store(NewValue::RawBytes(&whole), Ttl::Keep);
    }

    /// Changes bytes of the string where it is, its length excepted; an integer becomes bytes
    /// first. The string is then `raw` to `OBJECT ENCODING` even if nothing was changed. The
    /// caller has seen that the key exists and holds no other type. O(1) beyond `change`, unless
    /// a reply that is not sent yet quotes the string.
    pub fn change_bytes<T>(&mut self, change: impl FnOnce(&mut [u8]) -> T) -> T {
        let value = self.view().map(|view| view.value());
        if matches!(value, Some(ValueRef::Blob(_))) {
            let mut result = None;
            self.change_blob(|blob| result = Some(change(Arc::<Vec<u8>>::make_mut(blob))));
            return result.expect("it is a blob");
        }
        if matches!(value, Some(ValueRef::Int(_))) {
            self.write_at(0, &[]);
        }
        let mut inline = self.inline_mut().expect("the key exists");
        change(inline.bytes().expect("it is neither blob nor integer"))
    }
}

fn write_blob(blob: &mut Blob, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if Arc::get_mut(blob).is_none() {
        let mut copy = Vec::with_capacity(blob.len().max(end));
        copy.extend_from_slice(blob);
        *blob = Arc::new(copy);
    }
    let whole = Arc::get_mut(blob).expect("it is not shared, or was just made");
    if end > whole.capacity() {
        whole.reserve_exact(end + end / 8 - whole.len());
    }
    if offset == whole.len() {
        return whole.extend_from_slice(bytes);
    }
    if end > whole.len() {
        whole.resize(end, 0);
    }
    whole[offset..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::write_blob;
    use crate::protocol::output::Blob;
    use std::sync::Arc;

    #[test]
    fn a_quoted_blob_is_left_as_it_was() {
        let mut blob: Blob = Arc::new(b"hello".to_vec());
        let quoted = Arc::clone(&blob);
        write_blob(&mut blob, 7, b"you");
        assert_eq!(**blob, *b"hello\0\0you");
        assert_eq!(**quoted, *b"hello");
    }

    #[test]
    fn appending_moves_a_blob_rarely() {
        let mut blob: Blob = Arc::new(vec![b'x'; 1 << 16]);
        let mut moves = 0;
        for at in blob.len()..1 << 20 {
            let before = blob.as_ptr();
            write_blob(&mut blob, at, b"y");
            moves += usize::from(before != blob.as_ptr());
            assert!(blob.capacity() <= blob.len() + blob.len() / 8 + 1);
        }
        assert!(blob[1 << 16..].iter().all(|byte| *byte == b'y'));
        assert!(moves < 32, "{moves} moves");
    }

    #[test]
    fn what_is_inside_is_overwritten() {
        let mut blob: Blob = Arc::new(b"hello".to_vec());
        let place = blob.as_ptr();
        write_blob(&mut blob, 1, b"al");
        assert_eq!(**blob, *b"hallo");
        assert_eq!(blob.as_ptr(), place);
    }
}
