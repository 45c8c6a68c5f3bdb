//! Failed logins by address: guesses from an address that keeps failing are spaced out.
//!
//! An attempt that must wait is not looked at before its time, so that the right password does not
//! show by a quick reply and further connections do not help. Who shares the address waits too,
//! for [`SPACING_MS_MAX`] per attempt at most; a success forgets the failures.

use super::Address;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Failures of an address that cost nothing: mistakes.
pub const FREE_FAILURES: u32 = 5;
/// The distance between further attempts, in ms; it doubles with each failure.
pub const SPACING_MS: u64 = 50;
/// Up to this.
pub const SPACING_MS_MAX: u64 = 1000;
/// An address is forgotten this long after its last failure.
const FORGET_MS: u64 = 60_000;
/// Addresses remembered at most.
const ADDRESSES_MAX: usize = 16_384;

/// Failed logins by address.
#[derive(Default)]
pub struct Logins {
    addresses: Mutex<HashMap<IpAddr, Failures>>,
    /// Number of addresses, so that nobody takes the lock while there is none.
    count: AtomicUsize,
}

struct Failures {
    count: u32,
    last_ms: u64,
    /// The next attempt is looked at no earlier.
    next_ms: u64,
}

impl Failures {
    fn spacing_ms(&self) -> u64 {
        let beyond = self.count.saturating_sub(FREE_FAILURES).min(16);
        (SPACING_MS << beyond).min(SPACING_MS_MAX)
    }
}

impl Logins {
    /// Until when an attempt from this address must wait, if it must. If not, the moment is this
    /// attempt's: the next one has to wait.
    pub fn wait_until_ms(&self, address: &Address, now_ms: u64) -> Option<u64> {
        if self.count.load(Relaxed) == 0 {
            return None;
        }
        let mut addresses = self.addresses.lock();
        let failures = addresses.get_mut(&subject(address)?)?;
        if failures.count < FREE_FAILURES || now_ms > failures.last_ms + FORGET_MS {
            return None;
        }
        if now_ms < failures.next_ms {
            return Some(failures.next_ms);
        }
        failures.next_ms = now_ms + failures.spacing_ms();
        None
    }

    /// Notes a failure.
    pub fn failed(&self, address: &Address, now_ms: u64) {
        let Some(subject) = subject(address) else {
            return;
        };
        let mut addresses = self.addresses.lock();
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&subject) {
            make_room(&mut addresses, now_ms);
        }
        let failures = addresses.entry(subject).or_insert(Failures {
            count: 0,
            last_ms: now_ms,
            next_ms: 0,
        });
        if now_ms > failures.last_ms + FORGET_MS {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last_ms = now_ms;
        failures.next_ms = now_ms + failures.spacing_ms();
        self.count.store(addresses.len(), Relaxed);
    }

    /// Forgets the failures of an address from which somebody has logged in.
    pub fn succeeded(&self, address: &Address) {
        if self.count.load(Relaxed) == 0 {
            return;
        }
        if let Some(subject) = subject(address) {
            let mut addresses = self.addresses.lock();
            addresses.remove(&subject);
            self.count.store(addresses.len(), Relaxed);
        }
    }
}

/// Forgets whom there is no more reason to remember; failing that, the oldest.
fn make_room(addresses: &mut HashMap<IpAddr, Failures>, now_ms: u64) {
    addresses.retain(|_, failures| now_ms <= failures.last_ms + FORGET_MS);
    if addresses.len() < ADDRESSES_MAX {
        return;
    }
    let mut times: Vec<u64> = addresses
        .values()
        .map(|failures| failures.last_ms)
        .collect();
    // A sixteenth at a time, so that the search is not repeated for each newcomer.
    let (_, &mut limit, _) = times.select_nth_unstable(ADDRESSES_MAX / 16);
    addresses.retain(|_, failures| failures.last_ms > limit);
}

/// What counts as one address: an IPv6 host has a whole /64 to itself. A unix socket has none, and
/// whoever reaches it is past the file system's permissions.
fn subject(address: &Address) -> Option<IpAddr> {
    let Address::Tcp(address) = address else {
        return None;
    };
    Some(match address.ip().to_canonical() {
        IpAddr::V6(ip) => {
            let mut octets = ip.octets();
            octets[8..].fill(0);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        ip => ip,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn address(text: &str) -> Address {
        Address::Tcp(SocketAddr::new(text.parse().expect("an address"), 1234))
    }

    #[test]
    fn guesses_are_spaced_out_and_mistakes_are_not() {
        let logins = Logins::default();
        let (guesser, other) = (address("10.0.0.1"), address("10.0.0.2"));
        let mut now_ms = 1_000_000;
        for _ in 0..FREE_FAILURES {
            assert_eq!(logins.wait_until_ms(&guesser, now_ms), None);
            logins.failed(&guesser, now_ms);
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let until_ms = logins.wait_until_ms(&guesser, now_ms).expect("must wait");
            waits.push(until_ms - now_ms);
            now_ms = until_ms;
            // Of several that wait, one is let through and the others wait on.
            assert_eq!(logins.wait_until_ms(&guesser, now_ms), None);
            assert!(logins.wait_until_ms(&guesser, now_ms).is_some());
            logins.failed(&guesser, now_ms);
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000, 1000]);
        assert_eq!(logins.wait_until_ms(&other, now_ms), None);
        let later_ms = now_ms + FORGET_MS + 1;
        assert_eq!(logins.wait_until_ms(&guesser, later_ms), None);
        logins.succeeded(&guesser);
        assert_eq!(logins.wait_until_ms(&guesser, now_ms), None);
    }

    #[test]
    fn one_host_is_one_address() {
        assert_eq!(
            subject(&address("::ffff:10.0.0.1")),
            subject(&address("10.0.0.1"))
        );
        assert_eq!(
            subject(&address("2001:db8::1")),
            subject(&address("2001:db8::ffff:2"))
        );
        assert_ne!(
            subject(&address("2001:db8::1")),
            subject(&address("2001:db8:0:1::1"))
        );
        assert_eq!(subject(&Address::Unix("/tmp/s".into())), None);
    }

    #[test]
    fn many_addresses_cost_bounded_memory() {
        let logins = Logins::default();
        for n in 0..ADDRESSES_MAX as u32 * 2 {
            let ip = IpAddr::from(n.to_be_bytes());
            logins.failed(&Address::Tcp(SocketAddr::new(ip, 1)), u64::from(n / 100));
        }
        let held = logins.addresses.lock();
        assert!((ADDRESSES_MAX / 2..=ADDRESSES_MAX).contains(&held.len()));
    }
}
