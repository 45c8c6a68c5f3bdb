//! Listening, threads and connections.

use super::{INT_MAX, Spec, boolean, int, path, section, size_between};
use crate::config::types::BindAddress;
use crate::config::value::Kind;

/// Lock stripes at most, unless more are asked for.
const SHARDS_UNASKED_MAX: usize = 4096;
/// Memory for which there is a lock stripe of its own: a table of 50,000 keys at most, which grows in
/// about 2 ms.
const SHARD_BYTES: u64 = 4 << 20;

section! {
    /// Listening, threads and connections.
    server: Server {
        /// Address to listen on, or a list of them, IPv4 or IPv6. `*` is every IPv4 address, `::*`
        /// every IPv6 address; after a `-` the address may be missing on the machine.
        bind: Vec<BindAddress> = Spec::new(Kind::Addresses, "127.0.0.1")
            .redis(&["bind"]).env("REDIS_BIND");
        /// TCP port; 0 opens none.
        port: u16 = int(0, 65535, "6379").redis(&["port"]).env("REDIS_PORT");
        /// Path of a unix socket to listen on as well.
        unix_socket: Option<std::path::PathBuf> = path().redis(&["unixsocket"]);
        /// Permission bits of the unix socket, in octal; 0 leaves them to the umask.
        unix_socket_perm: u32 = Spec::new(Kind::Mode, "0").redis(&["unixsocketperm"]);
        /// Connections that may wait to be accepted.
        backlog: u32 = int(0, INT_MAX, "511").redis(&["tcp-backlog"]);
        /// Number of databases that SELECT can choose from.
        databases: u32 = int(1, 65_536, "16").redis(&["databases"]);
        /// Threads that serve clients; 0 is one for each core the process may use.
        workers: u32 = int(0, 1024, "0");
        /// Lock stripes of each database, a power of two. 0 is one for each 4 MB of `max_memory`, up to 4096
        /// and at least 256, 1024 from 8 workers on, 4096 from 32 on.
        num_shards: u32 = Spec::new(Kind::PowerOfTwo { max: 65_536 }, "0");
        /// Requests of a connection that are taken together. More is faster when clients
        /// pipeline; 1 sends each reply at once.
        batch_size: u32 = int(1, 1024, "64").live();
        /// Bytes read from a connection at a time.
        buffer_size: u64 = size_between(1024, 16 << 20, "64kb");
        /// Buffers that each worker keeps for reuse.
        buffer_pool_size: u32 = int(0, 65_536, "64");
        /// Clients connected at a time; the next is refused and counted.
        max_connections: u32 = int(1, u32::MAX as i64, "10000").live().redis(&["maxclients"]);
        /// Seconds after which an idle client is disconnected; 0 is never.
        connection_timeout: u32 = int(0, INT_MAX, "0").live().redis(&["timeout"]);
        /// New connections per second, in total; the excess is refused and counted. 0 is no limit.
        connection_rate_limit: u32 = int(0, INT_MAX, "0").live();
        /// New connections per second from one address; 0 is no limit.
        connection_rate_limit_per_ip: u32 = int(0, INT_MAX, "0").live();
        /// Port of the HTTP health endpoint; 0 opens none.
        health_check_port: u16 = int(0, 65535, "8080");
        /// Address of the health endpoint, or a list of them; empty is as `bind`.
        health_check_bind: Vec<BindAddress> = Spec::new(Kind::Addresses, "");
        /// Seconds that clients get to take their replies when the server shuts down.
        shutdown_grace_period_secs: u32 = int(0, 86_400, "10").live();
    }
}

section! {
    /// What is asked of the operating system for each connection.
    performance: Performance {
        /// Send replies at once rather than wait to fill a packet.
        tcp_nodelay: bool = boolean("true").live();
        /// Seconds of silence after which the system asks whether the peer is alive; 0 is never.
        tcp_keepalive: u32 = int(0, INT_MAX, "300").live().redis(&["tcp-keepalive"]);
        /// Milliseconds that sent data may stay unacknowledged before the connection is given up;
        /// 0 leaves it to the system (Linux: about 15 minutes).
        tcp_user_timeout_ms: u32 = int(0, INT_MAX, "0").live();
    }
}

impl Server {
    /// Threads that serve clients: `workers`, or the cores that the process may use, its CPU
    /// affinity and cgroup quota respected.
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers as usize,
        }
    }

    /// Lock stripes of each database: `num_shards`, or what suits the number of workers, so that they
    /// hardly meet, and `max_memory` (bytes, 0 is no limit), so that no stripe's table is so large that
    /// others feel it grow.
    pub fn shard_count(&self, max_memory: u64) -> usize {
        if self.num_shards > 0 {
            return self.num_shards as usize;
        }
        let least = match self.worker_count() {
            0..8 => 256,
            8..32 => 1024,
            _ => SHARDS_UNASKED_MAX,
        };
        let stripes = (max_memory / SHARD_BYTES).min(SHARDS_UNASKED_MAX as u64) as usize;
        stripes.next_power_of_two().max(least)
    }

    /// Addresses of the health endpoint.
    pub fn health_addresses(&self) -> &[BindAddress] {
        match self.health_check_bind.as_slice() {
            [] => &self.bind,
            list => list,
        }
    }

    /// Where to ask for the server's health from the same machine: at the first address that it
    /// must listen on. `None` when there is no health endpoint.
    pub fn health_url(&self) -> Option<String> {
        let addresses = self.health_addresses();
        let address = addresses.iter().find(|address| !address.optional);
        let host = address.or(addresses.first())?.url_host();
        let port = self.health_check_port;
        (port != 0).then(|| format!("http://{host}:{port}/health"))
    }
}
