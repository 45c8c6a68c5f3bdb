//! Libraries in the format of `FUNCTION DUMP`: that of Redis's snapshots, so that libraries can move
//! between servers.
//!
//! Each library is an opcode and its text as a string; two bytes of version and a checksum follow.

use super::functions::Library;
use std::sync::Arc;

/// A library, in the second version of its format.
const OPCODE: u8 = 245;
/// The version of the format that is written, and the last that is read.
const VERSION: u16 = 10;
const VERSION_MAX: u16 = 80;
/// Bytes of version and checksum.
const FOOTER: usize = 10;
/// Bytes a compressed text may grow to.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// Writes libraries.
pub fn dump(libraries: &[Arc<Library>]) -> Vec<u8> {
    let mut out = Vec::new();
    for library in libraries {
        let text = library.text();
        out.push(OPCODE);
        match text.len() {
            len @ 0..64 => out.push(len as u8),
            len @ 64..16384 => out.extend_from_slice(&(0x4000 | len as u16).to_be_bytes()),
            len => {
                out.push(0x80);
                out.extend_from_slice(&(len as u32).to_be_bytes());
            }
        }
        out.extend_from_slice(text);
    }
    out.extend_from_slice(&VERSION.to_le_bytes());
    let sum = checksum(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// The libraries' texts; `None` when version or checksum are wrong, or what is between them.
pub fn parse(dump: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (signed, sum) = dump.split_at_checked(dump.len().checked_sub(8)?)?;
    if checksum(signed) != u64::from_le_bytes(sum.try_into().ok()?) {
        return None;
    }
    let (mut rest, version) = signed.split_at_checked(dump.len().checked_sub(FOOTER)?)?;
    if u16::from_le_bytes(version.try_into().ok()?) > VERSION_MAX {
        return None;
    }
    let mut texts = Vec::new();
    while let Some((opcode, after)) = rest.split_first() {
        if *opcode != OPCODE {
            return None;
        }
        rest = after;
        texts.push(string(&mut rest)?);
    }
    Some(texts)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

/// A length; `Err` is the number of a special encoding.
fn length(rest: &mut &[u8]) -> Option<Result<usize, u8>> {
    let first = take(rest, 1)?[0];
    let big_endian = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    Some(Ok(match (first >> 6, first) {
        (0, _) => usize::from(first),
        (1, _) => usize::from(first & 63) << 8 | usize::from(take(rest, 1)?[0]),
        (2, 0x80) => big_endian(take(rest, 4)?),
        (2, 0x81) => big_endian(take(rest, 8)?),
        (3, _) => return Some(Err(first & 63)),
        _ => return None,
    }))
}

fn string(rest: &mut &[u8]) -> Option<Vec<u8>> {
    /// Compressed text.
    const COMPRESSED: u8 = 3;
    match length(rest)? {
        Ok(len) => Some(take(rest, len)?.to_vec()),
        Err(COMPRESSED) => {
            let packed = length(rest)?.ok()?;
            let unpacked = length(rest)?.ok()?;
            decompress(take(rest, packed)?, unpacked)
        }
        Err(_) => None,
    }
}

/// Expands LZF: runs of literal bytes, and references to what came before.
fn decompress(mut packed: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > TEXT_BYTES_MAX {
        return None;
    }
    let mut out = Vec::new();
    while let Some((control, after)) = packed.split_first() {
        packed = after;
        let control = usize::from(*control);
        if control < 32 {
            out.extend_from_slice(take(&mut packed, control + 1)?);
        } else {
            let mut count = control >> 5;
            if count == 7 {
                count += usize::from(take(&mut packed, 1)?[0]);
            }
            let low = usize::from(take(&mut packed, 1)?[0]);
            let distance = ((control & 31) << 8 | low) + 1;
            let start = out.len().checked_sub(distance)?;
            for at in start..start + count + 2 {
                out.push(out[at]);
            }
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}

/// The 64-bit cyclic redundancy check with the polynomial of Jones, reflected, starting at 0.
fn checksum(bytes: &[u8]) -> u64 {
    const POLYNOMIAL: u64 = 0x95AC_9329_AC4B_C9B5;
    bytes.iter().fold(0, |sum: u64, byte| {
        (0..8).fold(sum ^ u64::from(*byte), |sum, _| match sum & 1 {
            1 => sum >> 1 ^ POLYNOMIAL,
            _ => sum >> 1,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_redis() {
        assert_eq!(checksum(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn what_redis_has_dumped_is_read() {
        let dump = b"\xf59#!lua name=b\nredis.register_function('f', function() end)\xf57#!lua \
            name=a\nredis.register_function(1, function() end)\n\x00}*\xe6\xa2\x84,\xda\xae";
        let texts = parse(dump).expect("a dump of redis-server 7.0.15");
        assert_eq!(texts.len(), 2);
        assert!(texts[1].starts_with(b"#!lua name=a\n"));
        for at in 0..dump.len() {
            let mut damaged = dump.to_vec();
            damaged[at] ^= 1;
            assert_eq!(parse(&damaged), None, "damaged at {at}");
            assert_eq!(parse(&dump[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn compressed_texts_are_expanded() {
        assert_eq!(
            decompress(b"\x01ab\x20\x01", 5).as_deref(),
            Some(&b"ababa"[..])
        );
        assert_eq!(decompress(b"\x01ab\x20\x05", 5), None);
        assert_eq!(decompress(b"\x01ab", 3), None);
        assert_eq!(decompress(b"\x05ab", 2), None);
        assert_eq!(decompress(b"", usize::MAX), None);
    }
}
