//! How much memory there is, and what gives way when it is full.

use super::{INT_MAX, Spec, choice, int, section};
use crate::config::machine;
use crate::config::types::{ClientBudget, EvictionPolicy};
use crate::config::value::Kind;

/// A percentage of `max_memory` for clients' buffers is never taken for less: about a hundred
/// clients with a full read buffer, or a few with large values.
const CLIENT_SHARE_MIN: u64 = 8 << 20;

section! {
    /// How much memory there is, and what gives way when it is full.
    memory: Memory {
        /// Bytes that the server may use, or a percentage of what the machine or cgroup has;
        /// 0 is no limit.
        max_memory: u64 = Spec::new(Kind::MachineSize, "0").live()
            .redis(&["maxmemory"]).env("REDIS_MAX_MEMORY");
        /// What gives way when memory is full.
        eviction_policy: EvictionPolicy = choice::<EvictionPolicy>("noeviction").live()
            .redis(&["maxmemory-policy"]);
        /// Keys looked at to find one to evict: more is closer to the policy, and slower.
        eviction_sample_size: u32 = int(1, INT_MAX, "5").live().redis(&["maxmemory-samples"]);
        /// Bytes that all clients' buffers may take together, or a percentage of `max_memory` (of
        /// what the machine has, if that is 0) that is at least 8 MB; beyond, the largest is
        /// disconnected. 0 is no limit.
        max_client_memory: ClientBudget = Spec::new(Kind::Budget, "25%").live()
            .redis(&["maxmemory-clients"]);
        /// How slowly the LFU counter grows: 0 counts every access, 10 is full at about a million.
        lfu_log_factor: u32 = int(0, INT_MAX, "10").live().redis(&["lfu-log-factor"]);
        /// Minutes after which the LFU counter of an unused key is lowered by one; 0 is never.
        lfu_decay_time: u32 = int(0, INT_MAX, "1").live().redis(&["lfu-decay-time"]);
        /// How much work is spent on finding expired keys, from 1 to 10.
        active_expire_effort: u32 = int(1, 10, "1").live().redis(&["active-expire-effort"]);
    }
}

impl Memory {
    /// Bytes that all clients' buffers may take together; `None` is no limit.
    pub fn client_memory_limit(&self) -> Option<u64> {
        self.client_memory_of(machine::memory_bytes)
    }

    fn client_memory_of(&self, machine_bytes: impl Fn() -> Option<u64>) -> Option<u64> {
        match self.max_client_memory {
            ClientBudget::Bytes(0) | ClientBudget::Percent(0) => None,
            ClientBudget::Bytes(bytes) => Some(bytes),
            ClientBudget::Percent(percent) => {
                let whole = match self.max_memory {
                    0 => machine_bytes()?,
                    limit => limit,
                };
                // Cannot overflow: a hundredth of the whole, at most a hundred times.
                let part =
                    whole / 100 * u64::from(percent) + whole % 100 * u64::from(percent) / 100;
                Some(part.max(CLIENT_SHARE_MIN))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_budget_is_part_of_the_limit_or_of_the_machine() {
        let budget = |max_memory, max_client_memory| {
            let memory = Memory {
                max_memory,
                max_client_memory,
                ..Memory::default()
            };
            memory.client_memory_of(|| Some(8 << 30))
        };
        assert_eq!(budget(1 << 30, ClientBudget::Percent(25)), Some(1 << 28));
        assert_eq!(budget(0, ClientBudget::Percent(25)), Some(2 << 30));
        // A little of little would disconnect ordinary clients.
        assert_eq!(budget(1 << 20, ClientBudget::Percent(25)), Some(8 << 20));
        assert_eq!(budget(u64::MAX, ClientBudget::Percent(100)), Some(u64::MAX));
        assert_eq!(budget(1000, ClientBudget::Percent(0)), None);
        assert_eq!(budget(1000, ClientBudget::Bytes(77)), Some(77));
        assert_eq!(budget(1000, ClientBudget::Bytes(0)), None);
    }
}
