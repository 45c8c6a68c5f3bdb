//! Borrows of entries that live in a table, which keeps them as addresses.
//!
//! Part of the unsafe island of [`super`]: the table vouches for the addresses.
#![allow(unsafe_code)]

use super::{Entry, NewValue, Size, ValueRef, again};
use crate::values::{Big, Content, Type};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A shared borrow of an entry that lives in a table.
#[derive(Clone, Copy)]
pub struct EntryRef<'a>(NonNull<u8>, PhantomData<&'a Entry>);

impl<'a> EntryRef<'a> {
    /// Borrows the entry whose address [`Entry::into_address`] gave.
    ///
    /// # Safety
    /// The entry is alive and not changed for `'a`.
    #[inline]
    pub unsafe fn from_address(address: u64) -> EntryRef<'a> {
        // SAFETY: addresses given away are never null.
        EntryRef(
            unsafe { NonNull::new_unchecked(address as *mut u8) },
            PhantomData,
        )
    }

    /// The entry's key.
    #[inline]
    pub fn key(self) -> &'a [u8] {
        // SAFETY: the entry outlives `'a` by the contract of `from_address`; only the temporary
        // handle is shorter.
        unsafe { &*std::ptr::from_ref(ManuallyDrop::new(Entry(self.0)).key()) }
    }

    /// The entry's value.
    #[inline]
    pub fn value(self) -> ValueRef<'a> {
        // SAFETY: as for `key`.
        unsafe {
            std::mem::transmute::<ValueRef<'_>, ValueRef<'a>>(
                ManuallyDrop::new(Entry(self.0)).value(),
            )
        }
    }

    /// The string, to be stored again.
    pub fn string_again(self) -> NewValue<'a> {
        again(self.value(), self.is_raw())
    }

    /// See [`Entry::content`].
    #[inline]
    pub fn content(self) -> Content<'a> {
        // SAFETY: as for `key`.
        unsafe {
            std::mem::transmute::<Content<'_>, Content<'a>>(
                ManuallyDrop::new(Entry(self.0)).content(),
            )
        }
    }

    /// The collection, if it is a big one.
    #[inline]
    pub fn big(self) -> Option<&'a Big> {
        let entry = ManuallyDrop::new(Entry(self.0));
        if !entry.is_big() {
            return None;
        }
        match self.content() {
            Content::Big(big) => Some(big),
            Content::Packed(..) => None,
        }
    }

    /// See [`Entry::may_have_field_deadlines`].
    #[inline]
    pub fn may_have_field_deadlines(self) -> bool {
        ManuallyDrop::new(Entry(self.0)).may_have_field_deadlines()
    }

    /// When the key expires, in ms on the server timeline.
    #[inline]
    pub fn deadline(self) -> Option<u64> {
        ManuallyDrop::new(Entry(self.0)).deadline()
    }

    /// The type of the value.
    #[inline]
    pub fn kind(self) -> Type {
        ManuallyDrop::new(Entry(self.0)).kind()
    }

    /// See [`Entry::is_raw`].
    pub fn is_raw(self) -> bool {
        ManuallyDrop::new(Entry(self.0)).is_raw()
    }

    /// See [`Entry::used_seconds`].
    pub fn used_seconds(self) -> u32 {
        ManuallyDrop::new(Entry(self.0)).used_seconds()
    }

    /// See [`Entry::block_bytes`].
    pub fn block_bytes(self) -> usize {
        ManuallyDrop::new(Entry(self.0)).block_bytes()
    }

    /// See [`Entry::size`].
    #[inline]
    pub fn size(self) -> Size {
        ManuallyDrop::new(Entry(self.0)).size()
    }

    /// See [`Entry::size_bytes`].
    pub fn size_bytes(self) -> usize {
        ManuallyDrop::new(Entry(self.0)).size_bytes()
    }
}

/// An exclusive borrow of an entry that lives in a table.
pub struct EntryMut<'a>(ManuallyDrop<Entry>, PhantomData<&'a mut Entry>);

impl<'a> EntryMut<'a> {
    /// See [`Entry::packed_mut`].
    pub fn into_packed_mut(mut self) -> &'a mut [u8] {
        let bytes: *mut [u8] = self.0.packed_mut();
        // SAFETY: the entry is borrowed by nobody else for `'a`, by the contract of
        // `from_address`; only the temporary handle is shorter.
        unsafe { &mut *bytes }
    }

    /// See [`Entry::big_mut`].
    pub fn into_big_mut(mut self) -> Option<&'a mut Big> {
        let big: *mut Big = self.0.big_mut()?;
        // SAFETY: as for `into_packed_mut`.
        Some(unsafe { &mut *big })
    }

    /// Borrows the entry whose address [`Entry::into_address`] gave.
    ///
    /// # Safety
    /// The entry is alive and borrowed by nobody else for `'a`.
    #[inline]
    pub unsafe fn from_address(address: u64) -> Self {
        // SAFETY: addresses given away are never null; `ManuallyDrop` leaves ownership where it is.
        EntryMut(
            ManuallyDrop::new(unsafe { Entry::from_address(address) }),
            PhantomData,
        )
    }
}

impl Deref for EntryMut<'_> {
    type Target = Entry;

    #[inline]
    fn deref(&self) -> &Entry {
        &self.0
    }
}

impl DerefMut for EntryMut<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Entry {
        &mut self.0
    }
}
