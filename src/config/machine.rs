//! How much memory there is for this process: the machine's, or less if a cgroup says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Bytes of memory that the machine or the process's cgroup (version 1 or 2) has, whichever is
/// less; `None` where the system does not say. Read once, at first use.
pub fn memory_bytes() -> Option<u64> {
    static BYTES: LazyLock<Option<u64>> = LazyLock::new(|| memory_below(Path::new("/")));
    *BYTES
}

/// As `memory_bytes`, with `/proc` and `/sys` looked up below `root`.
fn memory_below(root: &Path) -> Option<u64> {
    let limits = cgroup_files(root)
        .into_iter()
        .filter_map(|file| number_in(&file));
    limits.chain(installed(root)).min()
}

fn installed(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The limit files of the process's cgroup and of all above it: the least of them holds. Inside a
/// container the path in `/proc/self/cgroup` may be the host's, and only the root is there.
fn cgroup_files(root: &Path) -> Vec<PathBuf> {
    let Ok(memberships) = fs::read_to_string(root.join("proc/self/cgroup")) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for line in memberships.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (mount, file) = match controllers.split(',').any(|name| name == "memory") {
            true => ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            false if controllers.is_empty() => ("sys/fs/cgroup", "memory.max"),
            false => continue,
        };
        let path = Path::new(path.trim_start_matches('/'));
        files.extend(
            path.ancestors()
                .map(|level| root.join(mount).join(level).join(file)),
        );
    }
    files
}

/// `max` and whatever else is not a number is no limit.
fn number_in(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        memory_below(root.path())
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:       1000 kB\nMemFree: 5 kB\n");

    #[test]
    fn without_a_limit_it_is_what_is_installed() {
        assert_eq!(machine(&[]), None);
        assert_eq!(machine(&[MEMINFO]), Some(1_024_000));
        let unlimited = [
            MEMINFO,
            ("proc/self/cgroup", "0::/a\n"),
            ("sys/fs/cgroup/a/memory.max", "max\n"),
        ];
        assert_eq!(machine(&unlimited), Some(1_024_000));
    }

    #[test]
    fn version_2_takes_the_least_of_all_levels() {
        let nested = [
            MEMINFO,
            ("proc/self/cgroup", "0::/pod/app\n"),
            ("sys/fs/cgroup/pod/memory.max", "500000\n"),
            ("sys/fs/cgroup/pod/app/memory.max", "600000\n"),
        ];
        assert_eq!(machine(&nested), Some(500_000));
        let container = [
            MEMINFO,
            ("proc/self/cgroup", "0::/../outside\n"),
            ("sys/fs/cgroup/memory.max", "400000\n"),
        ];
        assert_eq!(machine(&container), Some(400_000));
    }

    #[test]
    fn version_1_has_a_controller() {
        let files = [
            MEMINFO,
            ("proc/self/cgroup", "3:cpu,memory:/docker/x\n2:pids:/y\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "300000\n"),
            ("sys/fs/cgroup/pids/memory.max", "1\n"),
        ];
        assert_eq!(machine(&files), Some(300_000));
        let unlimited = [
            MEMINFO,
            ("proc/self/cgroup", "3:memory:/\n"),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ];
        assert_eq!(machine(&unlimited), Some(1_024_000));
    }
}
