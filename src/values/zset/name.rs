//! A member's name in sixteen bytes: short ones in place, longer ones in a block that is exactly
//! one of the allocator's size classes, so that a thin pointer and a length say all and nothing is
//! rounded up behind our back.

use crate::base::alloc::good_size;

/// Longest name kept in place.
const SHORT_MAX: usize = 14;

macro_rules! names {
    ($($class:ident = $size:literal;)*) => {
        /// A name; see the module's text.
        #[derive(Clone)]
        pub(super) enum Name {
            /// None: the slot is free, and linked to other free ones.
            Free { prev: u32, next: u32 },
            /// In place.
            Short(u8, [u8; SHORT_MAX]),
            $(
                #[doc = concat!("In a block of ", $size, " bytes.")]
                $class(u16, Box<[u8; $size]>),
            )*
            /// Longer than any class: a block of its own length.
            Long(Box<Box<[u8]>>),
        }

        impl Name {
            /// Copies a name.
            pub fn new(bytes: &[u8]) -> Name {
                let len = bytes.len();
                if len <= SHORT_MAX {
                    let mut short = [0; SHORT_MAX];
                    short[..len].copy_from_slice(bytes);
                    return Name::Short(len as u8, short);
                }
                $(
                    if len <= $size {
                        let mut block = Box::new([0; $size]);
                        block[..len].copy_from_slice(bytes);
                        return Name::$class(len as u16, block);
                    }
                )*
                Name::Long(Box::new(bytes.into()))
            }

            /// The name.
            #[inline]
            pub fn bytes(&self) -> &[u8] {
                match self {
                    Name::Short(len, bytes) => &bytes[..usize::from(*len)],
                    $(Name::$class(len, bytes) => &bytes[..usize::from(*len)],)*
                    Name::Long(bytes) => bytes,
                    Name::Free { .. } => unreachable!("free slots are not looked at"),
                }
            }

            /// Bytes it takes from the allocator.
            pub fn heap_bytes(&self) -> usize {
                match self {
                    Name::Free { .. } | Name::Short(..) => 0,
                    $(Name::$class(..) => $size,)*
                    Name::Long(bytes) => size_of::<Box<[u8]>>() + good_size(bytes.len()),
                }
            }
        }
    };
}

names! {
    B16 = 16;
    B32 = 32;
    B48 = 48;
    B64 = 64;
    B80 = 80;
    B96 = 96;
    B112 = 112;
    B128 = 128;
    B160 = 160;
    B192 = 192;
    B224 = 224;
    B256 = 256;
}

const _: () = assert!(size_of::<Name>() == 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_lengths() {
        for len in 0..600 {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let name = Name::new(&bytes);
            assert_eq!(name.bytes(), bytes);
            assert_eq!(name.clone().bytes(), bytes);
            let heap = name.heap_bytes();
            assert!(len <= SHORT_MAX && heap == 0 || heap >= len, "{len} {heap}");
        }
    }

    #[test]
    fn classes_are_the_allocators() {
        macro_rules! same {
            ($($size:literal)*) => { $(assert_eq!(good_size($size), $size);)* };
        }
        same!(16 32 48 64 80 96 112 128 160 192 224 256);
    }
}
