//! Strings as `MONITOR` and `redis-cli` show them.

use std::io::Write;

/// Appends `bytes` in double quotes, with C-like escapes for what is not printable ASCII.
pub fn quoted(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            7 => out.extend_from_slice(b"\\a"),
            8 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => write!(out, "\\x{byte:02x}").expect("writing to memory does not fail"),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #[test]
    fn escapes_what_is_not_printable() {
        let mut out = Vec::new();
        super::quoted(b"a\"b\\\n\x00\xff", &mut out);
        assert_eq!(out, br#""a\"b\\\n\x00\xff""#);
    }
}
