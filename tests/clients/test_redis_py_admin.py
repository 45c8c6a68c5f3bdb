"""What monitoring agents and consoles ask of a server, parsed by redis-py."""

import pytest
import redis

from harness import wait_for


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def client(server, request):
    return server.client(protocol=request.param, decode_responses=True)


# The fields agents such as redis_exporter, Datadog and Telegraf read, by section.
INFO_FIELDS = {
    "server": ["redis_version", "redis_mode", "os", "arch_bits", "process_id", "run_id",
               "tcp_port", "uptime_in_seconds", "uptime_in_days", "hz", "config_file"],
    "clients": ["connected_clients", "maxclients", "blocked_clients",
                "client_recent_max_input_buffer", "client_recent_max_output_buffer"],
    "memory": ["used_memory", "used_memory_human", "used_memory_rss", "used_memory_peak",
               "maxmemory", "maxmemory_policy", "mem_fragmentation_ratio",
               "used_memory_overhead", "used_memory_dataset", "mem_clients_normal"],
    "persistence": ["loading", "rdb_changes_since_last_save", "rdb_bgsave_in_progress",
                    "aof_enabled"],
    "stats": ["total_connections_received", "total_commands_processed",
              "instantaneous_ops_per_sec", "total_net_input_bytes", "total_net_output_bytes",
              "rejected_connections", "expired_keys", "evicted_keys", "keyspace_hits",
              "keyspace_misses", "total_error_replies"],
    "replication": ["role", "connected_slaves", "master_repl_offset"],
    "cpu": ["used_cpu_sys", "used_cpu_user"],
    "cluster": ["cluster_enabled"],
    "keyspace": ["db0"],
}


def test_info_parses_in_every_section(client, server):
    client.set("k", "v")
    everything = client.info()
    for section, fields in INFO_FIELDS.items():
        alone = client.info(section)
        missing = [field for field in fields if field not in alone]
        assert not missing, f"INFO {section} lacks {missing}"
        assert set(fields) <= set(everything)
    assert everything["redis_mode"] == "standalone"
    assert everything["arch_bits"] == 64
    assert everything["cluster_enabled"] == 0
    assert everything["role"] == "master"
    assert everything["tcp_port"] == server.port
    assert everything["process_id"] == server.process.pid
    assert everything["redistill_version"]
    assert everything["db0"]["keys"] == 1
    assert everything["used_memory"] > 0


def test_info_counts_truly(client):
    client.config_resetstat()
    before = client.info()
    client.set("k", "v")
    client.get("k")
    client.get("absent")
    with pytest.raises(redis.ResponseError):
        client.incr("k")
    after = client.info()
    assert after["keyspace_hits"] - before["keyspace_hits"] == 1
    assert after["keyspace_misses"] - before["keyspace_misses"] == 1
    assert after["total_error_replies"] - before["total_error_replies"] == 1
    assert after["total_commands_processed"] - before["total_commands_processed"] == 5
    commands = client.info("commandstats")
    assert commands["cmdstat_get"]["calls"] == 2
    assert commands["cmdstat_incrby"]["failed_calls"] == 1
    assert client.info("errorstats")["errorstat_ERR"]["count"] == 1
    assert "latency_percentiles_usec_get" in client.info("latencystats")
    assert "cmdstat_get" in client.info("everything")


def test_config_get_and_set(client):
    found = client.config_get("maxmemory*")
    assert {"maxmemory", "maxmemory-policy", "maxmemory-samples"} <= set(found)
    try:
        assert client.config_set("maxmemory", "300mb") is True
        assert client.config_get("maxmemory") == {"maxmemory": str(300 << 20)}
        client.config_set("maxmemory-policy", "allkeys-lfu")
        assert client.info("memory")["maxmemory_policy"] == "allkeys-lfu"
        with pytest.raises(redis.ResponseError, match="CONFIG SET failed"):
            client.config_set("maxmemory-policy", "no-such-policy")
        with pytest.raises(redis.ResponseError, match="Unknown option"):
            client.config_set("no-such-option", "1")
    finally:
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")
    assert client.config_get("no-such-option") == {}


def test_slowlog(client):
    client.config_set("slowlog-log-slower-than", 0)
    try:
        client.slowlog_reset()
        client.set("slow", "x" * 500)
        entries = wait_for(
            lambda: [e for e in client.slowlog_get(100) if "SET" in str(e["command"]).upper()
                     and "slow" in str(e["command"])],
            "the command is in the slow log",
        )
        entry = entries[0]
        assert entry["duration"] >= 0
        assert entry["client_address"].startswith(b"127.0.0.1:")
        assert "more bytes" in str(entry["command"]), "long arguments are shortened"
        assert client.slowlog_len() >= 1
    finally:
        client.config_set("slowlog-log-slower-than", 10_000)
    client.slowlog_reset()
    assert client.slowlog_len() == 0


def test_memory_usage_and_stats(client):
    client.set("small", "x")
    client.set("large", "x" * 10_000)
    small, large = client.memory_usage("small"), client.memory_usage("large")
    assert 0 < small < 500
    assert 10_000 <= large < 13_000
    assert client.memory_usage("absent") is None
    stats = client.memory_stats()
    assert stats["keys.count"] == 2
    assert stats["total.allocated"] > 10_000
    assert client.memory_purge() in (True, "OK")


def test_command_tables(client):
    commands = client.command()
    assert client.command_count() == len(commands) > 70
    get = commands["get"]
    assert get["arity"] == 2
    assert {"readonly", "fast"} <= set(get["flags"])
    assert (get["first_key_pos"], get["last_key_pos"], get["step_count"]) == (1, 1, 1)
    assert commands["mset"]["last_key_pos"] == -1
    known, unknown = client.execute_command("COMMAND INFO", "get", "nosuchcommand")
    assert known[:2] == ["get", 2]
    assert unknown is None
    assert client.command_getkeys("MSET", "a", "1", "b", "2") == ["a", "b"]
    assert "get" in client.command_list()


def test_time_and_lolwut(client):
    seconds, microseconds = client.time()
    assert seconds > 1_600_000_000
    assert 0 <= microseconds < 1_000_000
    assert "ver" in client.lolwut()


def test_monitor_shows_what_others_do(server):
    watcher, worker = server.client(protocol=2), server.client(protocol=2)
    worker.ping()
    with watcher.monitor() as monitor:
        worker.set("watched", 'a "quoted" value')
        seen = monitor.next_command()
    assert seen["command"] == 'SET watched a \\"quoted\\" value' or "watched" in seen["command"]
    assert seen["client_address"] == "127.0.0.1"
    assert seen["db"] == 0


def test_latency_histogram_and_doctor(client):
    client.config_resetstat()
    client.set("k", "v")
    histogram = client.execute_command("LATENCY HISTOGRAM", "set")
    assert "set" in str(histogram)
    assert client.execute_command("LATENCY RESET") == 0
    assert isinstance(client.execute_command("LATENCY DOCTOR"), str)
