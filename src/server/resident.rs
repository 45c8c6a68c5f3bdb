//! How much memory the operating system says the process has.

use std::fs::File;
use std::io::Read;

/// Resident memory in bytes, from `/proc/self/statm`; 0 where that cannot be read.
pub fn resident_bytes() -> u64 {
    let mut text = [0; 128];
    let Ok(mut file) = File::open("/proc/self/statm") else {
        return 0;
    };
    let Ok(len) = file.read(&mut text) else {
        return 0;
    };
    let pages = std::str::from_utf8(&text[..len])
        .ok()
        .and_then(|text| text.split_ascii_whitespace().nth(1))
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE_BYTES
}

/// Linux on the architectures we build for counts `statm` in pages of this size.
const PAGE_BYTES: u64 = 4096;

#[cfg(test)]
mod tests {
    #[test]
    fn grows_with_what_is_touched() {
        let before = super::resident_bytes();
        assert!(before > 0);
        let block = vec![1_u8; 64 << 20];
        assert!(
            super::resident_bytes() > before + (32 << 20),
            "{}",
            block.len()
        );
    }
}
