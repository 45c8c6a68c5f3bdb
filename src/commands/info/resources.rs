//! What the server is and what it takes: `server`, `clients`, `memory`, `cpu`.

use super::Fields;
use crate::base::clock;
use crate::base::size::format_size;
use crate::commands::context::Context;
use crate::commands::memory::Report;
use crate::config::{Choice, machine};
use crate::keyspace::txn::seconds;
use crate::metrics::process::{self, CpuTimes};
use crate::session::{Flag, REDIS_VERSION, TICKS_PER_SECOND, VERSION};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

pub(super) fn server(cx: &Context<'_>, fields: &mut Fields<'_>) {
    let (shared, server) = (cx.shared, &cx.config.server);
    let uptime = shared.clock.uptime_ms() / 1000;
    let supervised = match std::env::var_os("NOTIFY_SOCKET") {
        Some(_) => "systemd",
        None => "no",
    };
    let port = match server.port {
        0 => cx.config.security.tls_port,
        port => port,
    };
    fields.put("redis_version", REDIS_VERSION);
    fields.put("redistill_version", VERSION);
    fields.put("redistill_shards", shared.keyspace.shards().len());
    fields.put("redis_mode", "standalone");
    fields.put("os", process::operating_system());
    fields.put("arch_bits", usize::BITS);
    fields.put("monotonic_clock", "POSIX clock_gettime");
    fields.put("multiplexing_api", "epoll");
    fields.put("process_id", std::process::id());
    fields.put("process_supervised", supervised);
    fields.put("run_id", &shared.run_id);
    fields.put("tcp_port", port);
    fields.put("server_time_usec", clock::wall_us());
    fields.put("uptime_in_seconds", uptime);
    fields.put("uptime_in_days", uptime / 86_400);
    fields.put("hz", TICKS_PER_SECOND);
    fields.put("configured_hz", TICKS_PER_SECOND);
    fields.put("lru_clock", seconds(cx.now_ms));
    fields.put("executable", shown(std::env::current_exe().ok().as_deref()));
    fields.put("config_file", shown(config_file(cx).as_deref()));
    // Each worker does the input and output of its own clients: there are no threads beside.
    fields.put("io_threads_active", 0);
    fields.put("worker_threads", server.worker_count());
}

fn config_file(cx: &Context<'_>) -> Option<PathBuf> {
    let file = cx.shared.config.file()?;
    Some(std::path::absolute(&file).unwrap_or(file))
}

fn shown(path: Option<&Path>) -> String {
    path.map(|path| path.display().to_string().replace(['\r', '\n'], "?"))
        .unwrap_or_default()
}

pub(super) fn clients(cx: &Context<'_>, fields: &mut Fields<'_>) {
    let (mut input_max, mut output_max) = (0, 0);
    let (mut blocked, mut watching, mut watched) = (0_u64, 0_u64, 0_u64);
    let mut subscribers = 0_u64;
    cx.shared.clients.each(|client| {
        input_max = input_max.max(client.input_bytes.load(Relaxed));
        output_max = output_max.max(client.output_bytes.load(Relaxed));
        blocked += u64::from(client.is(Flag::Blocked));
        subscribers += u64::from(client.is(Flag::PubSub));
        let keys = client.watched.load(Relaxed);
        watching += u64::from(keys > 0);
        watched += u64::from(keys);
    });
    fields.put("connected_clients", cx.shared.clients.len());
    fields.put("cluster_connections", 0);
    fields.put("maxclients", cx.config.server.max_connections);
    fields.put("client_recent_max_input_buffer", input_max);
    fields.put("client_recent_max_output_buffer", output_max);
    fields.put("blocked_clients", blocked);
    fields.put("tracking_clients", cx.shared.tracking.clients());
    fields.put("pubsub_clients", subscribers);
    fields.put("watching_clients", watching);
    let (keys, when_gone, timed) = cx.shared.keyspace.waiting.counts();
    fields.put("clients_in_timeout_table", timed);
    fields.put("total_watched_keys", watched);
    fields.put("total_blocking_keys", keys);
    fields.put("total_blocking_keys_on_nokey", when_gone);
    fields.put("monitor_clients", cx.shared.clients.monitor_count());
    fields.put(
        "max_connected_clients",
        cx.shared.metrics.clients_max.load(Relaxed),
    );
}

pub(super) fn memory(cx: &Context<'_>, fields: &mut Fields<'_>) {
    let report = Report::of(cx.shared);
    let limits = &cx.config.memory;
    let mut amount = |name: &str, bytes: u64| {
        fields.put(name, bytes);
        fields.put(&format!("{name}_human"), format_size(bytes));
    };
    amount("used_memory", report.used);
    amount("used_memory_rss", report.resident);
    amount("used_memory_peak", report.peak);
    amount("maxmemory", limits.max_memory);
    if let Some(bytes) = machine::memory_bytes() {
        amount("total_system_memory", bytes);
    }
    let scripts = &cx.shared.scripts;
    let (texts, functions) = (scripts.held_bytes(), cx.shared.functions.held_bytes());
    amount("used_memory_lua", scripts.interpreter_bytes());
    amount("used_memory_scripts", texts + functions);
    amount("used_memory_vm_total", scripts.interpreter_bytes());
    let percent = |value: f64| format!("{value:.2}%");
    fields.put("used_memory_peak_perc", percent(report.peak_percent()));
    fields.put("used_memory_overhead", report.overhead);
    fields.put("used_memory_startup", report.startup);
    fields.put("used_memory_dataset", report.dataset());
    fields.put(
        "used_memory_dataset_perc",
        percent(report.dataset_percent()),
    );
    fields.put("allocator_allocated", report.used);
    fields.put("allocator_active", report.resident);
    fields.put("allocator_resident", report.resident);
    fields.put("maxmemory_policy", limits.eviction_policy.name());
    let ratio = format!("{:.2}", report.fragmentation());
    fields.put("allocator_frag_ratio", &ratio);
    fields.put("allocator_frag_bytes", report.fragmentation_bytes());
    // The allocator does not tell what it keeps resident: all that is counts as its own.
    fields.put("allocator_rss_ratio", "1.00");
    fields.put("allocator_rss_bytes", 0);
    fields.put("rss_overhead_ratio", "1.00");
    fields.put("rss_overhead_bytes", 0);
    fields.put("mem_fragmentation_ratio", &ratio);
    fields.put("mem_fragmentation_bytes", report.fragmentation_bytes());
    fields.put("mem_clients_normal", report.clients);
    fields.put("mem_allocator", allocator());
    fields.put("lazyfree_pending_bytes", cx.shared.keyspace.freeing_bytes());
    // One interpreter of a thread's runs both.
    fields.put("used_memory_vm_eval", scripts.interpreter_bytes());
    fields.put("used_memory_scripts_eval", texts);
    fields.put("used_memory_functions", functions);
    fields.put("number_of_cached_scripts", scripts.len());
    let (libraries, functions) = cx.shared.functions.counts();
    fields.put("number_of_functions", functions);
    fields.put("number_of_libraries", libraries);
    fields.zeros(&[
        "used_memory_vm_functions",
        "mem_not_counted_for_evict",
        "mem_replication_backlog",
        "mem_total_replication_buffers",
        "mem_clients_slaves",
        "mem_cluster_links",
        "mem_aof_buffer",
        "active_defrag_running",
    ]);
}

/// Name and version, as `jemalloc-5.3.0` is for Redis.
fn allocator() -> String {
    let version = mimalloc::MiMalloc.version();
    let (major, minor, patch) = match version {
        0..1000 => (version / 100, version / 10 % 10, version % 10),
        _ => (version / 10_000, version / 100 % 100, version % 100),
    };
    format!("mimalloc-{major}.{minor}.{patch}")
}

pub(super) fn cpu(_: &Context<'_>, fields: &mut Fields<'_>) {
    let CpuTimes {
        user_us,
        system_us,
        children_user_us,
        children_system_us,
    } = process::cpu_times();
    let main = process::main_thread_cpu_times();
    for (name, spent_us) in [
        ("used_cpu_sys", system_us),
        ("used_cpu_user", user_us),
        ("used_cpu_sys_children", children_system_us),
        ("used_cpu_user_children", children_user_us),
        ("used_cpu_sys_main_thread", main.system_us),
        ("used_cpu_user_main_thread", main.user_us),
    ] {
        let seconds = format!("{}.{:06}", spent_us / 1_000_000, spent_us % 1_000_000);
        fields.put(name, seconds);
    }
}
