//! The machine: what it is, how busy it is, and which core this process runs on.

use std::fs;
use std::process::Command;

use super::Result;

/// Pins every thread of this process to `core`.
///
/// # Errors
/// When the machine has no such core: server and load must not share one.
pub(crate) fn pin_this_process(core: usize) -> Result<()> {
    taskset(
        &core.to_string(),
        &["--all-tasks"],
        &std::process::id().to_string(),
    )
}

/// Pins the calling thread to `cores`, listed as taskset does.
pub(crate) fn pin_this_thread(cores: &str) -> Result<()> {
    taskset(cores, &[], &this_thread()?)
}

/// Lets the calling thread run before all others of its core, as soon as it wants to: what it
/// measures is then not how long it waited for them.
///
/// # Errors
/// Where that is not permitted: it takes the capability `CAP_SYS_NICE`.
pub(crate) fn put_this_thread_first() -> Result<()> {
    let mut command = Command::new("chrt");
    run(command.args(["--fifo", "--pid", "1", &this_thread()?]))
        .map_err(|reason| format!("the probe cannot be put first: {reason}").into())
}

fn this_thread() -> Result<String> {
    let link = fs::read_link("/proc/thread-self")?;
    let thread = link
        .file_name()
        .ok_or("/proc/thread-self names no thread")?;
    Ok(thread.to_string_lossy().into_owned())
}

fn taskset(cores: &str, flags: &[&str], task: &str) -> Result<()> {
    let mut command = Command::new("taskset");
    command
        .args(flags)
        .args(["--cpu-list", "--pid", cores, task]);
    run(&mut command).map_err(|reason| {
        format!("cannot pin the load to core {cores} (two cores are needed): {reason}").into()
    })
}

fn run(command: &mut Command) -> std::result::Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Processor, cores, memory and kernel, on one line.
pub(crate) fn description() -> String {
    let model = field("/proc/cpuinfo", "model name").unwrap_or("unknown processor".into());
    let cores = fs::read_to_string("/proc/cpuinfo")
        .map(|text| {
            text.lines()
                .filter(|line| line.starts_with("processor"))
                .count()
        })
        .unwrap_or_default();
    let kilobytes = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kilobytes = kilobytes
        .trim_end_matches(" kB")
        .parse::<u64>()
        .unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let gigabytes = kilobytes.div_ceil(1 << 20);
    format!(
        "{model}, {cores} cores, {gigabytes} GiB, Linux {}",
        kernel.trim()
    )
}

/// The 1-minute load average: what else, on the average, wanted to run.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(f64::NAN)
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
