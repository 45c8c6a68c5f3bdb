//! One running server process: start, CPU time, resident memory, stop.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Result;
use super::contender::{Contender, Launch, Place, Settings};
use super::loadgen::Load;

/// A server on ephemeral ports of 127.0.0.1; killed when dropped.
pub(crate) struct Server {
    child: Child,
    directory: TempDir,
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
    pub(crate) speaks_resp: bool,
    pub(crate) settings: Settings,
}

/// Which cores a server runs on and what runs around it.
#[derive(Clone, Default)]
pub(crate) struct Placement {
    /// As taskset lists them: `0`, or `0,1`.
    pub(crate) cores: String,
    /// A program, with arguments, that runs the server, such as valgrind.
    pub(crate) wrapper: Vec<OsString>,
}

impl Server {
    /// Starts `contender` and waits until it answers.
    ///
    /// # Errors
    /// When it exits or has not answered within a minute; the message ends with its log.
    pub(crate) fn start(
        contender: &Contender,
        settings: &Settings,
        placement: &Placement,
    ) -> Result<Server> {
        let directory = tempfile::tempdir()?;
        let (port, tls_port) = free_ports()?;
        let place = Place {
            port,
            tls_port,
            directory: directory.path(),
        };
        let Launch {
            arguments,
            environment,
        } = contender.launch(&place, settings);
        let log = File::create(directory.path().join("log"))?;
        // Dies with this process, however that ends.
        let child = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "taskset",
                "--cpu-list",
                &placement.cores,
            ])
            .args(&placement.wrapper)
            .arg(&contender.program)
            .args(arguments)
            .envs(environment)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", contender.name))?;
        let mut server = Server {
            child,
            directory,
            name: contender.name.clone(),
            port,
            tls_port,
            speaks_resp: contender.kind.speaks_resp(),
            settings: settings.clone(),
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let failure = match Load::connect(self, 1).and_then(|mut load| load.ping()) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let exited = self.child.try_wait()?;
            if exited.is_some() || Instant::now() > deadline {
                let name = &self.name;
                return Err(format!("{name} does not serve: {failure}\n{}", self.log()).into());
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// What the server has printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// An error with the last lines the server has printed.
    pub(crate) fn blame(&self, error: Box<dyn std::error::Error>) -> Box<dyn std::error::Error> {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(5)..].join("\n");
        format!("{}: {error}; its log ends:\n{tail}", self.name).into()
    }

    /// The process id, also under a wrapper that replaces itself.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time, user and system, that all threads have used so far, in nanoseconds.
    ///
    /// The sum of `utime` and `stime` in `/proc/PID/stat` is the same clock in ticks of 10 ms.
    pub(crate) fn cpu_ns(&self) -> Result<u64> {
        let mut sum_ns = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let first = text.split(' ').next().unwrap_or_default();
            sum_ns += first.parse::<u64>()?;
        }
        Ok(sum_ns)
    }

    /// Resident memory in bytes, as the kernel counts it.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let line = line.ok_or_else(|| format!("{} has ended:\n{}", self.name, self.log()))?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// Resident memory once it has stood still for 300 ms, or after 3 s.
    pub(crate) fn settled_resident_bytes(&self) -> Result<u64> {
        let deadline = Instant::now() + Duration::from_secs(3);
        let mut still = 0;
        let mut last = self.resident_bytes()?;
        while still < 3 && Instant::now() < deadline {
            sleep(Duration::from_millis(100));
            let now = self.resident_bytes()?;
            still = if now == last { still + 1 } else { 0 };
            last = now;
        }
        Ok(last)
    }

    /// Asks the server to end by SIGTERM, waits for it, and hands back what it printed.
    pub(crate) fn stop(mut self) -> Result<String> {
        Command::new("kill")
            .args(["-TERM", &self.pid().to_string()])
            .status()?;
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err(format!("{} ignores SIGTERM", self.name).into());
            }
            sleep(Duration::from_millis(10));
        }
        Ok(self.log())
    }

    /// A file in the server's own directory, which goes when the server does.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_ports() -> Result<(u16, u16)> {
    let first = TcpListener::bind("127.0.0.1:0")?;
    let second = TcpListener::bind("127.0.0.1:0")?;
    Ok((first.local_addr()?.port(), second.local_addr()?.port()))
}
