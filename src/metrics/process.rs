//! What the operating system says of the process.

use std::fs;
use std::sync::OnceLock;

/// Linux counts CPU time in hundredths of a second on every architecture we build for.
const TICK_US: u64 = 10_000;

/// CPU time spent, in µs, to a hundredth of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// In the program itself.
    pub user_us: u64,
    /// In the kernel on its behalf.
    pub system_us: u64,
    /// As `user_us`, by child processes that have ended.
    pub children_user_us: u64,
    /// As `system_us`, likewise.
    pub children_system_us: u64,
}

/// CPU time of the whole process; zeros where the system does not say.
pub fn cpu_times() -> CpuTimes {
    read_stat("/proc/self/stat")
}

/// CPU time of the main thread, which accepts connections.
pub fn main_thread_cpu_times() -> CpuTimes {
    let id = std::process::id();
    read_stat(&format!("/proc/self/task/{id}/stat"))
}

fn read_stat(path: &str) -> CpuTimes {
    fs::read_to_string(path)
        .ok()
        .and_then(|text| parse_stat(&text))
        .unwrap_or_default()
}

/// Fields 14 to 17 of `/proc/<pid>/stat`. The second, the program's name, may hold blanks and
/// brackets; only the last bracket ends it.
fn parse_stat(text: &str) -> Option<CpuTimes> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut next_us = || Some(fields.next()?.parse::<u64>().ok()? * TICK_US);
    Some(CpuTimes {
        user_us: next_us()?,
        system_us: next_us()?,
        children_user_us: next_us()?,
        children_system_us: next_us()?,
    })
}

/// Name, release and architecture of the operating system, as `uname -srm` prints them.
pub fn operating_system() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let read = |what| {
            let text = fs::read_to_string(format!("/proc/sys/kernel/{what}"));
            text.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
        };
        let arch = std::env::consts::ARCH;
        format!("{} {} {arch}", read("ostype"), read("osrelease"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let text = "7 (a b) c) R 1 2 3 4 5 6 7 8 9 10 250 31 4 2 20 0 8 0 100";
        let expected = CpuTimes {
            user_us: 2_500_000,
            system_us: 310_000,
            children_user_us: 40_000,
            children_system_us: 20_000,
        };
        assert_eq!(parse_stat(text), Some(expected));
        assert_eq!(parse_stat("7 (a) R 1 2"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn time_passes_when_work_is_done() {
        let mut word = 1_u64;
        while cpu_times().user_us == 0 {
            word = (0..1_000_000).fold(word, |word, n| word.rotate_left(5) ^ n);
        }
        assert!(cpu_times().user_us > 0, "{word}");
        assert!(operating_system().starts_with("Linux "));
    }
}
