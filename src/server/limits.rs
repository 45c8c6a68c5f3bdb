//! How many connections are let in, and how fast.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Addresses whose rate is remembered; beyond that, idle ones are forgotten first.
const ADDRESSES_MAX: usize = 65_536;

/// A token bucket: `rate` per second, and as many at once.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn full(rate: u32, now: Instant) -> Bucket {
        Bucket {
            tokens: f64::from(rate),
            filled: now,
        }
    }

    fn take(&mut self, rate: u32, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * f64::from(rate)).min(f64::from(rate));
        self.filled = now;
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }
}

/// Limits new connections per second, in total and for each address.
#[derive(Debug, Default)]
pub struct RateLimits {
    total: Option<Bucket>,
    addresses: HashMap<IpAddr, Bucket>,
}

impl RateLimits {
    /// May one more connection from `address` be accepted? Rates are per second; 0 is no limit.
    pub fn allow(
        &mut self,
        total_rate: u32,
        address_rate: u32,
        address: Option<IpAddr>,
        now: Instant,
    ) -> bool {
        if let (Some(address), 1..) = (address, address_rate) {
            if self.addresses.len() >= ADDRESSES_MAX {
                self.forget_idle(now);
            }
            let full = Bucket::full(address_rate, now);
            if !self
                .addresses
                .entry(address)
                .or_insert(full)
                .take(address_rate, now)
            {
                return false;
            }
        }
        if total_rate == 0 {
            self.total = None;
            return true;
        }
        let full = Bucket::full(total_rate, now);
        self.total.get_or_insert(full).take(total_rate, now)
    }

    /// Forgets addresses whose bucket is full again, or all if there are still too many.
    fn forget_idle(&mut self, now: Instant) {
        self.addresses.retain(|_, bucket| {
            now.saturating_duration_since(bucket.filled) < Duration::from_secs(1)
        });
        if self.addresses.len() >= ADDRESSES_MAX {
            self.addresses.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_excess_is_refused_until_time_passes() {
        let mut limits = RateLimits::default();
        let start = Instant::now();
        let granted =
            |limits: &mut RateLimits, at| (0..20).filter(|_| limits.allow(5, 0, None, at)).count();
        assert_eq!(granted(&mut limits, start), 5);
        assert_eq!(granted(&mut limits, start), 0);
        assert_eq!(granted(&mut limits, start + Duration::from_millis(400)), 2);
        assert_eq!(granted(&mut limits, start + Duration::from_secs(60)), 5);
    }

    #[test]
    fn each_address_has_its_own_rate() {
        let mut limits = RateLimits::default();
        let now = Instant::now();
        let from = |limits: &mut RateLimits, last: u8| {
            let address = Some(IpAddr::from([10, 0, 0, last]));
            (0..10).filter(|_| limits.allow(0, 3, address, now)).count()
        };
        assert_eq!(from(&mut limits, 1), 3);
        assert_eq!(from(&mut limits, 2), 3);
        assert_eq!(
            (0..10).filter(|_| limits.allow(0, 0, None, now)).count(),
            10
        );
    }

    #[test]
    fn many_addresses_cost_bounded_memory() {
        let mut limits = RateLimits::default();
        let now = Instant::now();
        for n in 0..ADDRESSES_MAX as u32 * 2 {
            limits.allow(0, 3, Some(IpAddr::from(n.to_be_bytes())), now);
        }
        assert!(limits.addresses.len() <= ADDRESSES_MAX);
    }
}
