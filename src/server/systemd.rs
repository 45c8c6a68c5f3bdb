//! sd_notify: tells the service manager how far the service is.
//!
//! The protocol is one datagram of `KEY=value` lines to the socket named by `$NOTIFY_SOCKET`;
//! see sd_notify(3) and sd_watchdog_enabled(3). What the environment says is passed in, so a
//! test needs no environment of its own.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

use sd_notify::NotifyState;

/// Time a notification may wait for a service manager whose queue is full.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The way to the service manager; silent when there is none.
#[derive(Debug)]
pub struct Notifier {
    manager: Option<(UnixDatagram, SocketAddr)>,
}

impl Notifier {
    /// The notifier that `$NOTIFY_SOCKET` asks for.
    ///
    /// # Errors
    /// As [`Notifier::new`].
    pub fn from_env() -> io::Result<Notifier> {
        Notifier::new(env::var_os("NOTIFY_SOCKET").as_deref())
    }

    /// A notifier to the socket at `path`; `@name` is a name in the abstract namespace. With no
    /// path, or an empty one, every notification does nothing.
    ///
    /// # Errors
    /// A path that cannot be a socket's address.
    pub fn new(path: Option<&OsStr>) -> io::Result<Notifier> {
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            return Ok(Notifier { manager: None });
        };
        let address = match path.as_bytes().split_first() {
            Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(path)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Notifier {
            manager: Some((socket, address)),
        })
    }

    /// Whether a service manager listens for notifications.
    pub fn is_enabled(&self) -> bool {
        self.manager.is_some()
    }

    /// The service has started, or has finished reloading.
    ///
    /// # Errors
    /// The notification could not be delivered; likewise for all that follow.
    pub fn notify_ready(&self) -> io::Result<()> {
        self.send(&[NotifyState::Ready])
    }

    /// The service begins to reload its configuration; [`Notifier::notify_ready`] must follow.
    ///
    /// # Errors
    /// The notification could not be delivered.
    pub fn notify_reloading(&self) -> io::Result<()> {
        self.send(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])
    }

    /// The service begins to shut down.
    ///
    /// # Errors
    /// The notification could not be delivered.
    pub fn notify_stopping(&self) -> io::Result<()> {
        self.send(&[NotifyState::Stopping])
    }

    /// The service is alive; due every [`watchdog_interval`].
    ///
    /// # Errors
    /// The notification could not be delivered.
    pub fn notify_watchdog(&self) -> io::Result<()> {
        self.send(&[NotifyState::Watchdog])
    }

    /// A line for `systemctl status`; line breaks in it become spaces.
    ///
    /// # Errors
    /// The notification could not be delivered.
    pub fn notify_status(&self, text: &str) -> io::Result<()> {
        let line = text.replace(char::is_control, " ");
        self.send(&[NotifyState::Status(&line)])
    }

    fn send(&self, states: &[NotifyState<'_>]) -> io::Result<()> {
        let Some((socket, address)) = &self.manager else {
            return Ok(());
        };
        let mut message = String::new();
        for state in states {
            writeln!(message, "{state}").expect("writing to a String cannot fail");
        }
        // Addressed each time rather than connected once: the manager may replace its socket.
        socket
            .send_to_addr(message.as_bytes(), address)
            .map(|_sent| ())
    }
}

/// How often the service manager wants to hear [`Notifier::notify_watchdog`], as
/// `$WATCHDOG_USEC` and `$WATCHDOG_PID` say; `None` if it does not.
pub fn watchdog_interval_from_env() -> Option<Duration> {
    let usec = env::var("WATCHDOG_USEC").ok();
    let pid = env::var("WATCHDOG_PID").ok();
    watchdog_interval(usec.as_deref(), pid.as_deref())
}

/// As [`watchdog_interval_from_env`], from the values of the two variables.
///
/// It is half of the time after which the manager would act, as sd_watchdog_enabled(3) advises.
/// A `pid` that is not this process, or values that are not numbers, mean no watchdog.
pub fn watchdog_interval(usec: Option<&str>, pid: Option<&str>) -> Option<Duration> {
    let usec: u64 = usec?.parse().ok().filter(|&usec| usec > 0)?;
    match pid.map(str::parse::<u32>) {
        None => {}
        Some(Ok(pid)) if pid == process::id() => {}
        Some(_) => return None,
    }
    Some(Duration::from_micros(usec) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A service manager's end of the protocol.
    struct Manager {
        dir: TempDir,
        socket: UnixDatagram,
    }

    impl Manager {
        fn new() -> Manager {
            let dir = tempfile::tempdir().unwrap();
            let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
            Manager { dir, socket }
        }

        fn notifier(&self) -> Notifier {
            Notifier::new(Some(self.dir.path().join("notify").as_os_str())).unwrap()
        }

        fn received(&self) -> String {
            let mut buffer = [0; 512];
            self.socket
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            let length = self.socket.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        }
    }

    #[test]
    fn each_notification_is_one_datagram() {
        let manager = Manager::new();
        let notifier = manager.notifier();
        assert!(notifier.is_enabled());
        notifier.notify_ready().unwrap();
        assert_eq!(manager.received(), "READY=1\n");
        notifier.notify_watchdog().unwrap();
        assert_eq!(manager.received(), "WATCHDOG=1\n");
        notifier.notify_status("3 clients\nREADY=0").unwrap();
        assert_eq!(manager.received(), "STATUS=3 clients READY=0\n");
        notifier.notify_stopping().unwrap();
        assert_eq!(manager.received(), "STOPPING=1\n");
    }

    #[test]
    fn reloading_carries_the_monotonic_clock() {
        let manager = Manager::new();
        let notifier = manager.notifier();
        let mut previous = 0;
        for _ in 0..2 {
            notifier.notify_reloading().unwrap();
            let text = manager.received();
            let usec = text
                .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
                .and_then(|rest| rest.strip_suffix('\n'))
                .expect("both fields in one datagram");
            let usec: u64 = usec.parse().unwrap();
            assert!(usec >= previous && usec > 0);
            previous = usec;
        }
    }

    #[test]
    fn an_abstract_socket_is_reached() {
        let name = format!("redistill-notify-{}", process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        let notifier = Notifier::new(Some(OsStr::new(&format!("@{name}")))).unwrap();
        notifier.notify_ready().unwrap();
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1\n");
    }

    #[test]
    fn a_replaced_socket_is_found_again() {
        let mut manager = Manager::new();
        let notifier = manager.notifier();
        notifier.notify_ready().unwrap();
        let path = manager.dir.path().join("notify");
        std::fs::remove_file(&path).unwrap();
        manager.socket = UnixDatagram::bind(&path).unwrap();
        notifier.notify_stopping().unwrap();
        assert_eq!(manager.received(), "STOPPING=1\n");
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        for path in [None, Some(OsStr::new(""))] {
            let notifier = Notifier::new(path).unwrap();
            assert!(!notifier.is_enabled());
            notifier.notify_ready().unwrap();
            notifier.notify_reloading().unwrap();
        }
    }

    #[test]
    fn a_manager_that_is_gone_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let notifier = Notifier::new(Some(dir.path().join("none").as_os_str())).unwrap();
        let error = notifier.notify_ready().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let long = "x".repeat(200);
        assert!(Notifier::new(Some(OsStr::new(&long))).is_err());
    }

    #[test]
    fn the_watchdog_is_fed_twice_per_period() {
        let own = process::id().to_string();
        let other = (process::id() + 1).to_string();
        let half = Some(Duration::from_millis(1500));
        assert_eq!(watchdog_interval(Some("3000000"), None), half);
        assert_eq!(watchdog_interval(Some("3000000"), Some(&own)), half);
        assert_eq!(watchdog_interval(Some("3000000"), Some(&other)), None);
        assert_eq!(watchdog_interval(Some("3000000"), Some("me")), None);
        assert_eq!(watchdog_interval(Some("0"), None), None);
        assert_eq!(watchdog_interval(Some("soon"), None), None);
        assert_eq!(watchdog_interval(None, Some(&own)), None);
    }
}
