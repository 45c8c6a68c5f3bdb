"""redis-cli and redis-benchmark, the tools every operator has, run against the server."""

import re
import subprocess

import pytest

from harness import clean_environment, free_port, tool

PASSWORD = "correct horse"


@pytest.fixture
def cli(server):
    def run(*args, **options):
        return tool("redis-cli", "-p", server.port, *args, **options)

    return run


def load(server, count, value=b"x"):
    client = server.client(protocol=2)
    with client.pipeline(transaction=False) as pipe:
        for number in range(count):
            pipe.set(f"key:{number}", value)
        pipe.execute()
    return client


def test_commands_and_replies(cli):
    assert cli("SET", "k", "v") == "OK\n"
    assert cli("GET", "k") == "v\n"
    assert cli("-3", "GET", "absent") == "\n"
    assert cli("--no-raw", "INCR", "n") == "(integer) 1\n"
    assert cli("-r", "5", "INCR", "n").split() == ["2", "3", "4", "5", "6"]
    assert cli("-n", "7", "DBSIZE") == "0\n"
    assert "redis_version:7.4.0" in cli("INFO")
    assert cli("-x", "SET", "k", input="from standard input") == "OK\n"
    assert cli("GET", "k") == "from standard input\n"


def test_inline_commands_from_a_script(cli):
    script = "MULTI\nSET a 1\nINCR a\nEXEC\nGET a\n"
    assert cli(input=script).split() == ["OK", "QUEUED", "QUEUED", "OK", "2", "2"]


def test_over_tls_with_a_password(start_server, authority, server_certificate):
    port = free_port()
    start_server(
        {
            "security": {
                "password": PASSWORD,
                "tls_enabled": True,
                "tls_port": port,
                "tls_cert_path": str(server_certificate.cert),
                "tls_key_path": str(server_certificate.key),
            }
        }
    )
    tls = ("redis-cli", "-h", "localhost", "-p", port, "--tls", "--cacert", authority.cert)
    assert tool(*tls, "-a", PASSWORD, "--no-auth-warning", "PING") == "PONG\n"
    assert tool(*tls, "PING", env={"REDISCLI_AUTH": PASSWORD}) == "PONG\n"
    assert "NOAUTH" in tool(*tls, "PING")
    figures = tool(
        "redis-benchmark", "-h", "localhost", "-p", port, "--tls", "--cacert", authority.cert,
        "-a", PASSWORD, "-t", "set,get", "-n", 20_000, "-P", 16, "-q",
    )
    assert_benchmark_ran(figures, ["SET", "GET"])


def test_pipe_loads_a_million_keys(server, tmp_path):
    count = 1_000_000
    protocol = tmp_path / "keys.resp"
    with protocol.open("wb") as file:
        for start in range(0, count, 10_000):
            file.write(
                b"".join(
                    b"*3\r\n$3\r\nSET\r\n$11\r\nkey:%07d\r\n$7\r\n%07d\r\n" % (number, number)
                    for number in range(start, start + 10_000)
                )
            )
    with protocol.open() as file:
        done = subprocess.run(
            ["redis-cli", "-p", str(server.port), "--pipe"],
            stdin=file, capture_output=True, text=True, timeout=100,
        )
    assert done.returncode == 0, done
    assert f"errors: 0, replies: {count}" in done.stdout
    client = server.client(protocol=2)
    assert client.dbsize() == count
    assert client.get("key:0123456") == b"0123456"
    assert client.info("keyspace")["db0"]["keys"] == count


def test_pipe_reports_errors_and_goes_on(server):
    lines = "SET text abc\r\n" + "INCR text\r\n" * 3 + "SET after 1\r\n"
    done = subprocess.run(
        ["redis-cli", "-p", str(server.port), "--pipe"],
        input=lines, capture_output=True, text=True, timeout=60,
    )
    assert "errors: 3, replies: 5" in done.stdout, done
    assert server.client().get("after") == b"1"


def test_bigkeys_and_memkeys(server, cli):
    load(server, 5000).set("the-big-one", b"x" * 100_000)
    by_length = cli("--bigkeys", "-i", "0")
    assert "Sampled 5001 keys in the keyspace!" in by_length
    assert re.search(r"Biggest string found .*the-big-one.* has 100000 bytes", by_length)
    by_memory = cli("--memkeys", "-i", "0")
    assert "Sampled 5001 keys in the keyspace!" in by_memory
    assert re.search(r"Biggest string found .*the-big-one.* has 1\d{5} bytes", by_memory)


def test_hotkeys(start_server):
    server = start_server({"memory": {"max_memory": "200mb", "eviction_policy": "allkeys-lfu"}})
    client = load(server, 500)
    for _ in range(2000):
        client.get("key:7")
    report = tool("redis-cli", "-p", server.port, "--hotkeys", "-i", "0")
    hottest = re.findall(r"hot key found with counter: (\d+)\s+keyname: (\S+)", report)
    assert max((int(count), name.strip('"')) for count, name in hottest)[1] == "key:7", report


def test_scan_with_a_pattern(server, cli):
    load(server, 3000)
    found = cli("--scan", "--pattern", "key:1?3").split()
    assert sorted(found) == [f"key:1{digit}3" for digit in range(10)]
    assert len(cli("--scan").split()) == 3000
    assert cli("--scan", "--pattern", "nothing*") == ""


def test_latency_sample(cli):
    smallest, largest, mean, samples = cli("--latency", "--raw", "-i", "1").split()
    assert int(samples) > 0
    assert float(smallest) <= float(mean) <= float(largest)


def test_one_line_of_stat(server):
    load(server, 100)
    with subprocess.Popen(
        ["redis-cli", "-p", str(server.port), "--stat", "-i", "0.05"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=clean_environment(),
    ) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        process.kill()
    assert "keys" in lines[1] and "mem" in lines[1] and "requests" in lines[1], lines
    row = lines[2].split()
    assert row[0] == "100", "the number of keys"
    assert row[1][0].isdigit() and row[1][-1] in "BKMG", "memory in use"


def assert_benchmark_ran(output, names):
    assert "error" not in output.lower(), output
    rates = dict(re.findall(r"(\w+)[^\r\n]*?: (\d+\.\d+) requests per second", output))
    assert set(rates) >= set(names), output
    assert all(float(rate) > 0 for rate in rates.values())


def test_benchmark(server):
    client = server.client(protocol=2)
    client.config_resetstat()
    output = tool(
        "redis-benchmark", "-p", server.port, "-t", "set,get,incr,mset", "-n", 100_000, "-P", 16,
        "-r", 10_000, "-q",
    )
    assert_benchmark_ran(output, ["SET", "GET", "INCR", "MSET"])
    assert client.info("stats")["total_error_replies"] == 0
    counters = client.keys("counter:*")
    assert sum(int(value) for value in client.mget(counters)) == 100_000


def test_benchmark_with_many_clients_and_threads(server):
    output = tool(
        "redis-benchmark", "-p", server.port, "-t", "set,get", "-n", 100_000, "-c", 200,
        "--threads", 2, "-q",
    )
    assert_benchmark_ran(output, ["SET", "GET"])
