//! The types of options that are more than a number or a text.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// An option that takes one of a few names.
pub trait Choice: Copy + PartialEq + 'static {
    /// Every choice with its name, in the order in which messages list them.
    const ALL: &'static [Self];
    /// The names, parallel to `ALL`.
    const NAMES: &'static [&'static str];

    /// The choice's name in `redistill.toml`.
    fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The choice's place in `ALL`.
    fn index(self) -> usize {
        let place = Self::ALL.iter().position(|choice| *choice == self);
        place.expect("ALL lists every choice")
    }
}

/// Declares an enum together with the names its choices go by.
macro_rules! choice {
    ($(#[$about:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $type { $($(#[$doc])* $variant,)+ }

        impl Choice for $type {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            const NAMES: &'static [&'static str] = &[$($name),+];
        }
    };
}

choice! {
    /// What gives way when memory is full.
    EvictionPolicy {
        /// The least recently used key that has a deadline.
        VolatileLru = "volatile-lru",
        /// The least frequently used key that has a deadline.
        VolatileLfu = "volatile-lfu",
        /// Any key that has a deadline.
        VolatileRandom = "volatile-random",
        /// The key that expires soonest.
        VolatileTtl = "volatile-ttl",
        /// The least recently used key.
        AllkeysLru = "allkeys-lru",
        /// The least frequently used key.
        AllkeysLfu = "allkeys-lfu",
        /// Any key.
        AllkeysRandom = "allkeys-random",
        /// The key that S3-FIFO would drop: scan-resistant, the best hit ratio of all.
        AllkeysS3fifo = "allkeys-s3fifo",
        /// Nothing: writes are refused.
        #[default]
        Noeviction = "noeviction",
    }
}

choice! {
    /// The least important kind of message that is logged.
    LogLevel {
        /// Everything, single requests included.
        Trace = "trace",
        /// What a developer wants to see.
        Debug = "debug",
        /// What an operator wants to see.
        #[default]
        Info = "info",
        /// Only what needs attention.
        Warn = "warn",
        /// Only what went wrong.
        Error = "error",
    }
}

choice! {
    /// How a log line is written.
    LogFormat {
        /// A line for people.
        #[default]
        Text = "text",
        /// A JSON object for machines.
        Json = "json",
    }
}

choice! {
    /// Whether a TLS client must show a certificate.
    TlsClientAuth {
        /// None is asked for.
        #[default]
        No = "no",
        /// Every client must.
        Yes = "yes",
        /// A client may; one it shows must be valid.
        Optional = "optional",
    }
}

choice! {
    /// What in a TLS client's certificate names the user that it is.
    TlsClientUser {
        /// Nothing.
        #[default]
        Off = "off",
        /// Its common name.
        CommonName = "CN",
        /// A URI among its alternative names.
        Uri = "URI",
    }
}

choice! {
    /// The TLS versions offered.
    TlsProtocols {
        /// 1.2 and 1.3.
        #[default]
        Both = "TLSv1.2 TLSv1.3",
        /// 1.2 only.
        V12 = "TLSv1.2",
        /// 1.3 only.
        V13 = "TLSv1.3",
    }
}

choice! {
    /// The channels of users whose rules name none.
    ChannelDefault {
        /// None.
        #[default]
        None = "resetchannels",
        /// All.
        All = "allchannels",
    }
}

choice! {
    /// Who may run a command that is unfit for production.
    Permission {
        /// Nobody.
        #[default]
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Clients on the same machine.
        Local = "local",
    }
}

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindAddress {
    /// An IP address, a host name, or `*` for every address (`::*` for every IPv6 address).
    pub host: String,
    /// Written with a leading `-`: no error if the machine does not have the address.
    pub optional: bool,
}

impl BindAddress {
    /// The socket addresses to listen on for `port`.
    ///
    /// # Errors
    /// When the host name cannot be resolved.
    pub fn resolve(&self, port: u16) -> io::Result<Vec<SocketAddr>> {
        match self.ip() {
            Some(ip) => Ok(vec![SocketAddr::new(ip, port)]),
            None => Ok((self.host.as_str(), port).to_socket_addrs()?.collect()),
        }
    }

    /// Whether only clients on the same machine can reach it.
    pub fn is_loopback(&self) -> bool {
        match self.ip() {
            Some(ip) => ip.is_loopback(),
            None => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// The host as a URL on the same machine names it: where a listener on every address is
    /// asked at the loopback address, and IPv6 addresses are in brackets.
    pub fn url_host(&self) -> String {
        match self.ip() {
            Some(IpAddr::V4(ip)) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            Some(IpAddr::V6(ip)) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
            Some(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => self.host.clone(),
        }
    }

    fn ip(&self) -> Option<IpAddr> {
        match self.host.as_str() {
            "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
            "::*" => Some(Ipv6Addr::UNSPECIFIED.into()),
            host => host.parse().ok(),
        }
    }
}

impl FromStr for BindAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (optional, host) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let address = Self {
            host: bare.unwrap_or(host).to_owned(),
            optional,
        };
        let named = !host.is_empty()
            && !host.starts_with(['-', '.'])
            && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
            // "1.2.3" and "127.0.0.256" are mistyped addresses, not names.
            && !host.chars().all(|c| c.is_ascii_digit() || c == '.');
        if address.ip().is_some() || (bare.is_none() && named) {
            Ok(address)
        } else {
            Err(())
        }
    }
}

impl std::fmt::Display for BindAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.optional { "-" } else { "" };
        write!(f, "{sign}{}", self.host)
    }
}

/// How much memory all clients' buffers together may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientBudget {
    /// So many bytes; 0 is no limit.
    Bytes(u64),
    /// So many hundredths of the memory limit, or of the machine's memory if there is none.
    Percent(u8),
}

impl Default for ClientBudget {
    fn default() -> Self {
        Self::Bytes(0)
    }
}

/// When a client that does not read its output is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes of waiting output at which it is cut off at once; 0 is no limit.
    pub hard_bytes: u64,
    /// Bytes of waiting output at which it is cut off if they stay; 0 is no limit.
    pub soft_bytes: u64,
    /// How long the soft limit may be exceeded, in seconds.
    pub soft_seconds: u64,
}

/// Output limits for each class of client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimits {
    /// Ordinary clients.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
    /// Clients with subscriptions.
    pub pubsub: OutputLimit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bind_addresses() {
        let resolve = |text: &str| {
            let address: BindAddress = text.parse().unwrap();
            let found = address.resolve(7000).unwrap();
            assert_eq!(found.len(), 1, "{text}");
            found[0].to_string()
        };
        assert_eq!(resolve("*"), "0.0.0.0:7000");
        assert_eq!(resolve("-::*"), "[::]:7000");
        assert_eq!(resolve("[::1]"), "[::1]:7000");
        assert_eq!(resolve("127.0.0.1"), "127.0.0.1:7000");
        assert!("-::1".parse::<BindAddress>().unwrap().optional);
        assert!("localhost".parse::<BindAddress>().unwrap().is_loopback());
        for bad in [
            "",
            "-",
            "1.2.3",
            "127.0.0.256",
            "a b",
            "[localhost]",
            "::g",
            "a/b",
            "--x",
        ] {
            assert!(bad.parse::<BindAddress>().is_err(), "{bad}");
        }
    }
}
