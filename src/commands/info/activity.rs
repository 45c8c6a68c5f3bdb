//! What the server does and has done: `stats` and the like, `persistence`, `replication`,
//! `keyspace`.

use super::Fields;
use crate::commands::context::Context;
use crate::commands::table;
use crate::metrics::Counter;
use crate::pubsub::Kind;
use crate::session::Phase;
use std::sync::atomic::Ordering::Relaxed;

pub(super) fn persistence(cx: &Context<'_>, fields: &mut Fields<'_>) {
    let loading = cx.shared.lifecycle.phase() == Phase::Loading;
    fields.put("loading", u8::from(loading));
    fields.put("async_loading", 0);
    fields.put(
        "rdb_changes_since_last_save",
        cx.shared.metrics.sum(Counter::Changes),
    );
    fields.put("rdb_bgsave_in_progress", 0);
    // As in Redis, counting from the start while nothing was ever saved.
    let uptime = cx.shared.clock.uptime_ms() / 1000;
    let started = cx.shared.clock.unix_seconds() - uptime as i64;
    fields.put("rdb_last_save_time", started);
    fields.put("rdb_last_bgsave_status", "ok");
    fields.put("rdb_last_bgsave_time_sec", -1);
    fields.put("rdb_current_bgsave_time_sec", -1);
    fields.zeros(&[
        "rdb_saves",
        "rdb_last_cow_size",
        "aof_enabled",
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
    ]);
    fields.put("aof_last_rewrite_time_sec", -1);
    fields.put("aof_current_rewrite_time_sec", -1);
    fields.put("aof_last_bgrewrite_status", "ok");
    fields.put("aof_last_write_status", "ok");
    fields.zeros(&[
        "aof_last_cow_size",
        "current_cow_peak",
        "current_cow_size",
        "module_fork_in_progress",
        "module_fork_last_cow_size",
    ]);
}

pub(super) fn stats(cx: &Context<'_>, fields: &mut Fields<'_>) {
    let metrics = &cx.shared.metrics;
    let sum = |counter| metrics.sum(counter);
    let [commands, received, sent] = metrics.per_second();
    let kbps = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    fields.put("total_connections_received", sum(Counter::Accepted));
    fields.put("total_commands_processed", sum(Counter::Commands));
    fields.put("instantaneous_ops_per_sec", commands);
    fields.put("total_net_input_bytes", sum(Counter::ReceivedBytes));
    fields.put("total_net_output_bytes", sum(Counter::SentBytes));
    fields.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    fields.put("instantaneous_input_kbps", kbps(received));
    fields.put("instantaneous_output_kbps", kbps(sent));
    fields.put("instantaneous_input_repl_kbps", kbps(0));
    fields.put("instantaneous_output_repl_kbps", kbps(0));
    rejections(cx, fields);
    fields.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    fields.put("expired_keys", sum(Counter::Expired));
    let stale = format!("{:.2}", metrics.stale_share() * 100.0);
    fields.put("expired_stale_perc", stale);
    fields.put(
        "expired_time_cap_reached_count",
        sum(Counter::ExpireTimeCaps),
    );
    fields.put(
        "expire_cycle_cpu_milliseconds",
        sum(Counter::ExpireCycleUs) / 1000,
    );
    fields.put("evicted_keys", sum(Counter::Evicted));
    fields.put("evicted_clients", sum(Counter::ClientsShed));
    fields.put("keyspace_hits", sum(Counter::Hits));
    fields.put("keyspace_misses", sum(Counter::Misses));
    let pubsub = &cx.shared.pubsub;
    fields.put("pubsub_channels", pubsub.len(Kind::Channel));
    fields.put("pubsub_patterns", pubsub.len(Kind::Pattern));
    fields.put("pubsubshard_channels", pubsub.len(Kind::Shard));
    fields.zeros(&[
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
    ]);
    let tracking = &cx.shared.tracking;
    let (keys, items) = tracking.noted();
    fields.put("tracking_total_keys", keys);
    fields.put("tracking_total_items", items);
    fields.put("tracking_total_prefixes", tracking.prefixes());
    fields.put("unexpected_error_replies", 0);
    fields.put("total_error_replies", metrics.error_replies());
    fields.put("dump_payload_sanitizations", 0);
    fields.put("total_reads_processed", sum(Counter::Reads));
    fields.put("total_writes_processed", sum(Counter::Writes));
    fields.zeros(&[
        "io_threaded_reads_processed",
        "io_threaded_writes_processed",
    ]);
    disconnections(cx, fields);
    fields.put("offloaded_commands", sum(Counter::Offloaded));
    fields.put("reused_input_buffers", sum(Counter::BuffersReused));
    fields.put("request_panics", metrics.panics.load(Relaxed));
}

/// Who was let in and disconnected again.
fn disconnections(cx: &Context<'_>, fields: &mut Fields<'_>) {
    let sum = |counter| cx.shared.metrics.sum(counter);
    fields.put(
        "client_query_buffer_limit_disconnections",
        sum(Counter::QueryLimitDisconnects),
    );
    fields.put(
        "client_output_buffer_limit_disconnections",
        sum(Counter::OutputLimitDisconnects),
    );
    fields.put("idle_disconnections", sum(Counter::TimedOut));
}

/// Who was not let in, and what was not understood.
fn rejections(cx: &Context<'_>, fields: &mut Fields<'_>) {
    let sum = |counter| cx.shared.metrics.sum(counter);
    fields.put("rejected_connections", sum(Counter::Rejected));
    fields.put(
        "rejected_connections_maxclients",
        sum(Counter::RejectedLimit),
    );
    fields.put(
        "rejected_connections_rate_limit",
        sum(Counter::RejectedRate),
    );
    fields.put(
        "rejected_connections_protected_mode",
        sum(Counter::RejectedProtected),
    );
    fields.put("failed_tls_handshakes", sum(Counter::FailedHandshakes));
    fields.put("protocol_errors", sum(Counter::ProtocolErrors));
    fields.put("http_disconnections", sum(Counter::CrossProtocol));
    fields.put("acl_access_denied_auth", sum(Counter::FailedLogins));
    fields.put("acl_access_denied_cmd", sum(Counter::DeniedCommands));
    fields.put("acl_access_denied_key", sum(Counter::DeniedKeys));
    fields.put("acl_access_denied_channel", sum(Counter::DeniedChannels));
}

pub(super) fn replication(_: &Context<'_>, fields: &mut Fields<'_>) {
    const NONE: &str = "0000000000000000000000000000000000000000";
    fields.put("role", "master");
    fields.put("connected_slaves", 0);
    fields.put("master_failover_state", "no-failover");
    fields.put("master_replid", NONE);
    fields.put("master_replid2", NONE);
    fields.put("master_repl_offset", 0);
    fields.put("second_repl_offset", -1);
    fields.zeros(&[
        "repl_backlog_active",
        "repl_backlog_size",
        "repl_backlog_first_byte_offset",
        "repl_backlog_histlen",
    ]);
}

pub(super) fn command_stats(cx: &Context<'_>, fields: &mut Fields<'_>) {
    for command in table::all() {
        let totals = cx.shared.metrics.command(command.id);
        let calls = totals.calls();
        if calls == 0 && totals.rejected == 0 && totals.failed == 0 {
            continue;
        }
        let spent_us = totals.spent_ns / 1000;
        let per_call = match calls {
            0 => 0.0,
            calls => totals.spent_ns as f64 / 1000.0 / calls as f64,
        };
        fields.put(
            &format!("cmdstat_{}", command.full_name),
            format_args!(
                "calls={calls},usec={spent_us},usec_per_call={per_call:.2},rejected_calls={},\
                 failed_calls={}",
                totals.rejected, totals.failed
            ),
        );
    }
}

pub(super) fn error_stats(cx: &Context<'_>, fields: &mut Fields<'_>) {
    for (code, count) in cx.shared.metrics.errors() {
        fields.put(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latency_stats(cx: &Context<'_>, fields: &mut Fields<'_>) {
    let monitoring = &cx.config.monitoring;
    if !monitoring.latency_tracking {
        return;
    }
    for command in table::all() {
        let totals = cx.shared.metrics.command(command.id);
        if totals.calls() == 0 {
            continue;
        }
        let percentiles: Vec<String> = monitoring
            .latency_tracking_info_percentiles
            .iter()
            .map(|percentile| {
                let spent_us = totals.percentile_ns(*percentile) / 1000.0;
                format!("p{percentile}={spent_us:.3}")
            })
            .collect();
        let name = format!("latency_percentiles_usec_{}", command.full_name);
        fields.put(&name, percentiles.join(","));
    }
}

pub(super) fn keyspace(cx: &Context<'_>, fields: &mut Fields<'_>) {
    let keyspace = &cx.shared.keyspace;
    for db in 0..keyspace.databases() {
        let (keys, volatile) = (keyspace.len(db), keyspace.volatile_len(db));
        if keys == 0 {
            continue;
        }
        let average_ms = match volatile {
            0 => 0,
            _ => cx.shared.metrics.average_ttl.average_ms(db),
        };
        fields.put(
            &format!("db{db}"),
            format_args!("keys={keys},expires={volatile},avg_ttl={average_ms}"),
        );
    }
}
