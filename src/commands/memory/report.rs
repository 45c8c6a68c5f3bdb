//! What `INFO memory`, `MEMORY STATS` and `MEMORY DOCTOR` tell, gathered once.

use crate::session::Shared;
use std::sync::atomic::Ordering::Relaxed;

/// Amounts of memory in bytes.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct Report {
    /// Held by the process as accounted.
    pub used: u64,
    /// The most that was.
    pub peak: u64,
    /// Held before the first key was stored.
    pub startup: u64,
    /// Resident, as the operating system counts.
    pub resident: u64,
    /// Held for clients.
    pub clients: u64,
    /// Neither keys nor values.
    pub overhead: u64,
    /// Keys in all databases.
    pub keys: u64,
    /// Databases that hold keys.
    pub databases: Vec<Database>,
}

/// What one database takes beside its entries.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct Database {
    /// Its number.
    pub index: usize,
    /// Bytes of its bucket arrays.
    pub array_bytes: u64,
}

impl Report {
    /// Takes no locks of the keyspace; asks every client.
    pub fn of(shared: &Shared) -> Report {
        let (keyspace, metrics) = (&shared.keyspace, &shared.metrics);
        let mut databases = Vec::new();
        let (mut keys, mut arrays) = (0, 0);
        for index in 0..keyspace.databases() {
            let array_bytes = keyspace.array_bytes(index) as u64;
            arrays += array_bytes;
            let count = keyspace.len(index) as u64;
            if count > 0 {
                keys += count;
                databases.push(Database { index, array_bytes });
            }
        }
        let clients = shared.clients.held_bytes();
        let used = shared.used_memory_with(clients);
        let startup = metrics.baseline_bytes.load(Relaxed);
        let logs = shared.slowlog.held_bytes();
        Report {
            used,
            peak: metrics.peak_bytes.fetch_max(used, Relaxed).max(used),
            startup,
            resident: metrics.resident_bytes.load(Relaxed),
            clients,
            overhead: startup + arrays + clients + logs,
            keys,
            databases,
        }
    }

    /// Keys and values.
    pub fn dataset(&self) -> u64 {
        self.used.saturating_sub(self.overhead)
    }

    /// The dataset's share of what was taken since the start.
    pub fn dataset_percent(&self) -> f64 {
        percent(self.dataset(), self.used.saturating_sub(self.startup))
    }

    /// What is used now, as a share of the most that was.
    pub fn peak_percent(&self) -> f64 {
        percent(self.used, self.peak)
    }

    /// What a key takes on average, its share of everything included.
    pub fn bytes_per_key(&self) -> u64 {
        let net = self.used.saturating_sub(self.startup);
        net.checked_div(self.keys).unwrap_or(0)
    }

    /// How many times as much is resident as is used.
    pub fn fragmentation(&self) -> f64 {
        match self.used {
            0 => 0.0,
            used => self.resident as f64 / used as f64,
        }
    }

    /// What is resident beyond what is used.
    pub fn fragmentation_bytes(&self) -> i64 {
        self.resident as i64 - self.used as i64
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 * 100.0 / whole as f64,
    }
}
