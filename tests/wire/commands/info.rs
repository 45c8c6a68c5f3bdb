//! INFO.

use crate::support::{Conn, Options, Server, check, on_oracle, poll_until, run};
use std::collections::BTreeMap;

fn start() -> Server {
    Server::start(Options::new())
}

type Fields = BTreeMap<String, String>;

/// The fields of a reply; panics on a line that is neither a heading nor a field.
fn fields(text: &str) -> Fields {
    let mut fields = Fields::new();
    for line in text.split_terminator("\r\n") {
        if line.is_empty() || line.starts_with("# ") {
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?}"));
        let before = fields.insert(name.to_owned(), value.to_owned());
        assert!(before.is_none(), "{name} twice");
    }
    fields
}

fn info(conn: &mut Conn, sections: &str) -> Fields {
    fields(&conn.line(&format!("INFO {sections}")).text())
}

fn headings(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("# "))
        .collect()
}

const DEFAULT: [&str; 11] = [
    "Server",
    "Clients",
    "Memory",
    "Persistence",
    "Stats",
    "Replication",
    "CPU",
    "Modules",
    "Errorstats",
    "Cluster",
    "Keyspace",
];

#[test]
fn sections_are_chosen_by_name() {
    let server = start();
    for protocol in [2, 3] {
        let mut conn = server.connect();
        conn.hello(protocol);
        let mut shown = |line: &str| -> Vec<String> {
            let text = conn.line(line).text();
            assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
            headings(&text).iter().map(ToString::to_string).collect()
        };
        assert_eq!(shown("INFO"), DEFAULT);
        assert_eq!(shown("INFO default"), DEFAULT);
        assert_eq!(shown("INFO everything").len(), 13);
        assert_eq!(shown("INFO all").len(), 13);
        assert_eq!(shown("info CLUSTER memory cluster"), ["Memory", "Cluster"]);
        assert_eq!(shown("INFO default commandstats").len(), 12);
        assert_eq!(shown("INFO nosuch cpu"), ["CPU"]);
        run(
            &mut conn,
            r##"
            INFO cluster -> ="# Cluster\r\ncluster_enabled:0\r\n"
            INFO modules cluster -> ="# Modules\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n"
            INFO nosuch -> =
            INFO "" -> =
            MULTI -> +OK
            INFO cluster -> +QUEUED
            INFO everything -> +QUEUED
            EXEC -> [="# Cluster\r\ncluster_enabled:0\r\n" *]
            "##,
        );
    }
}

#[test]
fn the_server_describes_itself() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().set("server.workers", 2).unix());
    let server_info = info(&mut server.connect(), "server");
    let field = |name: &str| server_info[name].as_str();
    assert_eq!(field("redis_version"), "7.4.0");
    assert_eq!(field("redistill_version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(field("redis_mode"), "standalone");
    assert_eq!(field("arch_bits"), "64");
    assert_eq!(field("multiplexing_api"), "epoll");
    assert_eq!(field("process_id"), server.pid().to_string());
    assert_eq!(field("tcp_port"), server.port().to_string());
    assert_eq!(field("worker_threads"), "2");
    assert_eq!(field("run_id").len(), 40);
    assert!(field("os").starts_with("Linux "));
    assert!(field("executable").ends_with("redistill"));
    let file = server.dir().join("redistill.toml");
    assert_eq!(field("config_file"), file.to_string_lossy());
    for name in [
        "uptime_in_seconds",
        "uptime_in_days",
        "hz",
        "configured_hz",
        "lru_clock",
    ] {
        assert!(field(name).parse::<u64>().is_ok(), "{name}");
    }
}

/// The fields that redis_exporter, Telegraf and Datadog's agent read of Redis 7.2.
const READ_BY_AGENTS: &str = "\
    redis_version redis_mode os arch_bits process_id run_id tcp_port uptime_in_seconds \
    uptime_in_days hz lru_clock config_file connected_clients cluster_connections maxclients \
    client_recent_max_input_buffer client_recent_max_output_buffer blocked_clients \
    tracking_clients clients_in_timeout_table total_blocking_keys total_blocking_keys_on_nokey \
    used_memory used_memory_human used_memory_rss used_memory_rss_human used_memory_peak \
    used_memory_peak_human used_memory_peak_perc used_memory_overhead used_memory_startup \
    used_memory_dataset used_memory_dataset_perc allocator_allocated allocator_active \
    allocator_resident total_system_memory used_memory_lua used_memory_scripts \
    number_of_cached_scripts maxmemory maxmemory_human maxmemory_policy allocator_frag_ratio \
    allocator_frag_bytes allocator_rss_ratio allocator_rss_bytes rss_overhead_ratio \
    rss_overhead_bytes mem_fragmentation_ratio mem_fragmentation_bytes mem_not_counted_for_evict \
    mem_replication_backlog mem_clients_slaves mem_clients_normal mem_aof_buffer mem_allocator \
    active_defrag_running loading async_loading rdb_changes_since_last_save \
    rdb_bgsave_in_progress rdb_last_save_time rdb_last_bgsave_status rdb_last_bgsave_time_sec \
    rdb_current_bgsave_time_sec rdb_last_cow_size aof_enabled aof_rewrite_in_progress \
    aof_rewrite_scheduled aof_last_rewrite_time_sec aof_current_rewrite_time_sec \
    aof_last_bgrewrite_status aof_last_write_status aof_last_cow_size \
    module_fork_in_progress total_connections_received total_commands_processed \
    instantaneous_ops_per_sec total_net_input_bytes total_net_output_bytes \
    instantaneous_input_kbps instantaneous_output_kbps rejected_connections sync_full \
    sync_partial_ok sync_partial_err expired_keys expired_stale_perc \
    expired_time_cap_reached_count expire_cycle_cpu_milliseconds evicted_keys evicted_clients \
    keyspace_hits keyspace_misses pubsub_channels pubsub_patterns pubsubshard_channels \
    latest_fork_usec total_forks migrate_cached_sockets slave_expires_tracked_keys \
    active_defrag_hits active_defrag_misses active_defrag_key_hits active_defrag_key_misses \
    tracking_total_keys tracking_total_items tracking_total_prefixes unexpected_error_replies \
    total_error_replies dump_payload_sanitizations total_reads_processed \
    total_writes_processed io_threaded_reads_processed io_threaded_writes_processed role \
    connected_slaves master_failover_state master_replid master_repl_offset second_repl_offset \
    repl_backlog_active repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen \
    used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children \
    used_cpu_sys_main_thread used_cpu_user_main_thread cluster_enabled";

#[test]
fn agents_find_what_they_read() {
    let server = start();
    let everything = info(&mut server.connect(), "everything");
    let missing: Vec<&str> = READ_BY_AGENTS
        .split_whitespace()
        .filter(|name| !everything.contains_key(*name))
        // Newer than the oracle.
        .filter(|name| !(on_oracle() && name.starts_with("total_blocking_keys")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (name, expected) in [
        ("role", "master"),
        ("connected_slaves", "0"),
        ("loading", "0"),
        ("aof_enabled", "0"),
        ("maxmemory_policy", "noeviction"),
        ("maxclients", "10000"),
    ] {
        assert_eq!(everything[name], expected, "{name}");
    }
}

fn number(fields: &Fields, name: &str) -> f64 {
    let value = fields[name].trim_end_matches('%');
    value.parse().unwrap_or_else(|_| panic!("{name}:{value}"))
}

#[test]
fn what_happens_is_counted() {
    let server = start();
    let mut conn = server.connect();
    run(&mut conn, "CONFIG RESETSTAT -> +OK");
    let before = info(&mut conn, "stats persistence");
    let mut other = server.connect();
    run(
        &mut other,
        "SET k v\n GET k\n GET none\n INCR k -> !\n GET -> !\n NOSUCH -> !\n PING",
    );
    drop(other);
    let after = info(&mut conn, "stats persistence");
    let grown = |name: &str| number(&after, name) - number(&before, name);
    assert_eq!(grown("keyspace_hits"), 1.0);
    assert_eq!(grown("keyspace_misses"), 1.0);
    assert_eq!(grown("total_error_replies"), 3.0);
    assert_eq!(grown("total_connections_received"), 1.0);
    // Five ran, and the first INFO, which is counted when it has ended.
    assert_eq!(grown("total_commands_processed"), 6.0);
    assert_eq!(grown("rdb_changes_since_last_save"), 1.0);
    assert!(grown("total_net_input_bytes") > 100.0);
    assert!(grown("total_net_output_bytes") > 1000.0);
    assert!(grown("total_reads_processed") >= 7.0);
    let commands = info(&mut conn, "commandstats errorstats");
    let get = &commands["cmdstat_get"];
    assert!(get.starts_with("calls=2,usec="), "{get}");
    assert!(get.ends_with(",rejected_calls=1,failed_calls=0"), "{get}");
    let incr = &commands["cmdstat_incr"];
    assert!(incr.ends_with(",rejected_calls=0,failed_calls=1"), "{incr}");
    assert_eq!(commands["errorstat_ERR"], "count=3");
    assert!(commands.contains_key("cmdstat_config|resetstat"));
    let percentiles = &info(&mut conn, "latencystats")["latency_percentiles_usec_get"];
    let parts: Vec<&str> = percentiles.split(',').map(|part| &part[..3]).collect();
    assert_eq!(parts, ["p50", "p99", "p99"], "{percentiles}");
}

#[test]
fn errors_inside_transactions_and_of_the_protocol_count_too() {
    let server = start();
    let mut conn = server.connect();
    run(&mut conn, "SET k text\n CONFIG RESETSTAT");
    run(
        &mut conn,
        "MULTI\n INCR k -> +QUEUED\n INCR k -> +QUEUED\n EXEC -> [! !]",
    );
    let mut broken = server.connect();
    broken.send_raw(b"*x\r\n");
    broken.read_to_close();
    let counted = info(&mut conn, "stats errorstats commandstats");
    assert_eq!(counted["total_error_replies"], "3");
    assert_eq!(counted["errorstat_ERR"], "count=3");
    assert!(counted["cmdstat_incr"].ends_with("failed_calls=2"));
    if !on_oracle() {
        assert_eq!(counted["protocol_errors"], "1");
    }
}

#[test]
fn rates_follow_the_load() {
    let server = start();
    let mut conn = server.connect();
    poll_until("the rates have risen", || {
        for _ in 0..100 {
            check(&mut conn, "PING", "+PONG");
        }
        let stats = info(&mut conn, "stats");
        let positive = ["instantaneous_ops_per_sec", "instantaneous_input_kbps"];
        positive
            .iter()
            .all(|name| number(&stats, name) > 0.0)
            .then_some(())
    });
    poll_until("CPU time has been spent", || {
        check(&mut conn, "PING", "+PONG");
        let cpu = info(&mut conn, "cpu");
        let spent = number(&cpu, "used_cpu_user") + number(&cpu, "used_cpu_sys");
        (spent > 0.0).then_some(())
    });
}

#[test]
fn databases_are_listed_with_their_keys() {
    let server = start();
    let mut conn = server.connect();
    assert!(info(&mut conn, "keyspace").is_empty());
    run(
        &mut conn,
        "SET a 1\n SET b 1 PX 100000\n SET c 1 PX 300000\n SELECT 7\n SET a 1",
    );
    let databases = info(&mut conn, "keyspace");
    assert!(
        databases["db0"].starts_with("keys=3,expires=2,avg_ttl="),
        "{databases:?}"
    );
    assert!(
        databases["db7"].starts_with("keys=1,expires=0,avg_ttl=0"),
        "{databases:?}"
    );
    if !on_oracle() {
        poll_until("the average is known", || {
            let databases = info(&mut conn, "keyspace");
            let average: u64 = databases["db0"].split('=').next_back()?.parse().ok()?;
            (150_000..=200_000).contains(&average).then_some(())
        });
    }
    run(&mut conn, "DEL a\n SELECT 0\n DEL a b c");
    assert!(info(&mut conn, "keyspace").is_empty());
}

#[test]
fn clients_are_counted() {
    let server = start();
    let mut conn = server.connect();
    let mut others: Vec<Conn> = (0..3).map(|_| server.connect()).collect();
    others
        .iter_mut()
        .for_each(|other| check(other, "PING", "+PONG"));
    assert_eq!(info(&mut conn, "clients")["connected_clients"], "4");
    if !on_oracle() {
        check(&mut others[0], "WATCH a b", "+OK");
        let clients = info(&mut conn, "clients");
        assert_eq!(clients["watching_clients"], "1");
        assert_eq!(clients["total_watched_keys"], "2");
        assert!(number(&clients, "max_connected_clients") >= 4.0);
    }
    drop(others);
    poll_until("they are gone", || {
        (info(&mut conn, "clients")["connected_clients"] == "1").then_some(())
    });
}

#[test]
fn refused_connections_and_logins_are_counted() {
    let server = Server::start(Options::new().password("s3cret"));
    let mut conn = server.connect();
    // Whoever looked whether the server is ready must be gone.
    poll_until("nobody else is connected", || {
        (info(&mut conn, "clients")["connected_clients"] == "1").then_some(())
    });
    run(&mut conn, "CONFIG RESETSTAT\n CONFIG SET maxclients 2");
    let mut stranger = Conn::open(server.addr());
    run(
        &mut stranger,
        "AUTH wrong -> -WRONGPASS…\n AUTH default wrong -> -WRONGPASS…",
    );
    let mut third = Conn::open(server.addr());
    assert_eq!(
        third.read_to_close(),
        b"-ERR max number of clients reached\r\n"
    );
    let stats = info(&mut conn, "stats");
    assert_eq!(stats["rejected_connections"], "1");
    if !on_oracle() {
        assert_eq!(stats["acl_access_denied_auth"], "2");
        assert_eq!(stats["rejected_connections_maxclients"], "1");
    }
}

#[test]
fn it_tells_no_secrets() {
    let server = Server::start(Options::new().password("s3cret-word"));
    let mut conn = server.connect();
    run(
        &mut conn,
        "SET private-key private-value\n GET private-key\n CLIENT SETNAME private-name",
    );
    let text = conn.line("INFO everything").text();
    for secret in ["s3cret-word", "private-"] {
        assert!(!text.contains(secret), "{text}");
    }
    run(
        &mut Conn::open(server.addr()),
        "INFO -> -NOAUTH Authentication required.",
    );
}
