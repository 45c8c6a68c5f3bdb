"""Each key of `[server]`: two settings, two different observations.

Other files test what has more to it: `batch_size`, the limits on connections, `port`, `databases`,
`unix_socket` and the grace period among them.
"""

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import free_port, run_server, toml, tool, wait_for

# Of a range that no machine has: RFC 5737 keeps it for documentation.
STRANGE_ADDRESS = "192.0.2.1"
LOOPBACKS = {"127.0.0.1": False, "127.0.0.2": False, "::1": False}


def answers(address, port):
    """Whether a Redis server answers there."""
    try:
        with socket.create_connection((address, port), timeout=10) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
    except ConnectionRefusedError:
        return False


def info(server, field):
    with server.client(decode_responses=True) as client:
        return client.info()[field]


@pytest.mark.parametrize(
    "bind", ["127.0.0.1", ["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "::1"], "127.0.0.1 127.0.0.2"]
)
@pytest.mark.parametrize("source", ["file", "REDIS_BIND"])
def test_bind(start_server, bind, source):
    listed = bind.split() if isinstance(bind, str) else bind
    if source == "file":
        server = start_server({"server": {"bind": bind}})
    else:
        server = start_server(env={"REDIS_BIND": " ".join(listed)})
    heard = {address: answers(address, server.port) for address in LOOPBACKS}
    assert heard == LOOPBACKS | dict.fromkeys(listed, True)


def test_an_address_the_machine_does_not_have(start_server, tmp_path):
    """An error, unless a `-` says that it may be missing."""
    server = start_server({"server": {"bind": ["127.0.0.1", f"-{STRANGE_ADDRESS}"]}})
    assert answers("127.0.0.1", server.port)

    path = tmp_path / "strict.toml"
    path.write_text(
        toml({
            "server": {
                "bind": ["127.0.0.1", STRANGE_ADDRESS],
                "port": free_port(),
                "health_check_port": free_port(),
            }
        })
    )
    done = run_server("--config", path)
    assert done.returncode == 1
    assert STRANGE_ADDRESS in done.stderr


def test_health_check_bind(start_server):
    """By default as `bind`; given, there and nowhere else."""

    def healthy(server, address):
        server.address = address
        answer = server.health(refused_is_none=True)
        return answer is not None and answer.status == 200

    follows = start_server({"server": {"bind": "127.0.0.2"}}, address="127.0.0.2")
    assert not healthy(follows, "127.0.0.1") and healthy(follows, "127.0.0.2")
    apart = start_server(
        {"server": {"bind": "127.0.0.1", "health_check_bind": ["127.0.0.2", "::1"]}},
        address="127.0.0.2",
    )
    assert answers("127.0.0.1", apart.port) and not answers("127.0.0.2", apart.port)
    assert healthy(apart, "[::1]") and healthy(apart, "127.0.0.2")
    assert not healthy(apart, "127.0.0.1")


@pytest.mark.parametrize("mode", ["700", "770", "606"])
def test_unix_socket_perm(start_server, tmp_path, mode):
    path = tmp_path / "s.sock"
    start_server({"server": {"unix_socket": str(path), "unix_socket_perm": mode}})
    assert f"{path.stat().st_mode & 0o777:o}" == mode


@pytest.mark.parametrize("umask", [0o077, 0o027])
def test_without_unix_socket_perm_the_umask_rules(start_server, tmp_path, umask):
    path = tmp_path / "s.sock"
    old = os.umask(umask)
    try:
        start_server({"server": {"unix_socket": str(path)}})
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o777 & ~umask


@pytest.mark.parametrize("backlog", [5, 123])
def test_backlog(start_server, backlog):
    server = start_server({"server": {"backlog": backlog}})
    shown = tool("ss", "-ltnH", f"sport = :{server.port}").split()
    # State, waiting to be accepted, how many may.
    assert shown[0] == "LISTEN"
    assert int(shown[2]) == backlog


@pytest.mark.parametrize("workers", [1, 3])
def test_workers(start_server, workers):
    server = start_server({"server": {"workers": workers}})
    tasks = f"/proc/{server.process.pid}/task"
    names = [open(f"{tasks}/{task}/comm").read().strip() for task in os.listdir(tasks)]
    found = sorted(name for name in names if name.startswith("worker-"))
    assert found == [f"worker-{index}" for index in range(workers)]
    assert info(server, "worker_threads") == workers


def test_workers_follow_the_cores_the_process_may_use(start_server):
    server = start_server(launcher=["taskset", "-c", str(min(os.sched_getaffinity(0)))])
    assert info(server, "worker_threads") == 1
    server = start_server()
    assert info(server, "worker_threads") == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("shards", [1, 64, 4096])
def test_num_shards(start_server, shards):
    """However many stripes: several clients at once lose nothing."""
    server = start_server({"server": {"num_shards": shards, "workers": 2}})
    assert info(server, "redistill_shards") == shards
    keys, rounds, workers = 300, 10, 4

    def work(client):
        for turn in range(rounds):
            pipe = client.pipeline(transaction=turn % 2 == 0)
            for key in range(keys):
                pipe.incr(f"k{key}")
            pipe.mset({f"m{key}": turn for key in range(20)})
            pipe.execute()

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, [server.client() for _ in range(workers)]))
    client = server.client()
    assert client.dbsize() == keys + 20
    counts = client.mget(f"k{key}" for key in range(keys))
    assert counts == [b"%d" % (rounds * workers)] * keys


def test_num_shards_defaults_to_what_suits_the_workers(start_server):
    assert info(start_server({"server": {"workers": 2}}), "redistill_shards") == 256
    assert info(start_server({"server": {"workers": 8}}), "redistill_shards") == 1024
    assert info(start_server({"server": {"workers": 32}}), "redistill_shards") == 4096


def test_buffer_size(start_server):
    """What has piled up is read in pieces of this size."""
    # Sixteen bytes each: no request is cut in two where a buffer ends.
    requests, request, reply = 3500, b"PING 123456789\r\n", b"$9\r\n123456789\r\n"
    sent = request * requests

    def reads(buffer_size):
        server = start_server({"server": {"buffer_size": buffer_size}})
        watcher = server.client(single_connection_client=True)
        with socket.create_connection((server.address, server.port), timeout=30) as connection:
            before = watcher.info("stats")["total_reads_processed"]
            # While the server stands still, all of it comes to lie in its socket.
            server.signal(signal.SIGSTOP)
            try:
                connection.sendall(sent)
            finally:
                server.signal(signal.SIGCONT)
            expected = requests * len(reply)
            with connection.makefile("rb") as replies:
                assert len(replies.read(expected)) == expected
            return watcher.info("stats")["total_reads_processed"] - before

    small, large = reads("2kb"), reads("1mb")
    assert small >= len(sent) // 2048
    assert large <= len(sent) // 2048 // 2, "no more than half as many"


@pytest.mark.parametrize("kept", [0, 1, 3, 64])
def test_buffer_pool_size(start_server, kept):
    """Of the buffers that four halves of requests needed, so many serve the next four."""
    server = start_server({"server": {"workers": 1, "buffer_pool_size": kept}})
    watcher = server.client(single_connection_client=True, decode_responses=True)
    connections = [
        socket.create_connection((server.address, server.port), timeout=30) for _ in range(4)
    ]

    def held():
        return [client for client in watcher.client_list() if int(client["qbuf"]) > 0]

    for _ in range(2):
        for connection in connections:
            connection.sendall(b"*1\r\n$4\r\nPI")
        wait_for(lambda: len(held()) == len(connections), "halves of requests are kept")
        for connection in connections:
            connection.sendall(b"NG\r\n")
            assert connection.recv(7) == b"+PONG\r\n"
    reused = watcher.info("stats")["reused_input_buffers"]
    assert reused == min(kept, len(connections))
    for connection in connections:
        connection.close()


def test_the_file_gives_way_to_the_environment_and_that_to_the_flags(start_server):
    """`databases` from one, two and three sources; the last one wins."""

    def databases(env=None, flags=""):
        # The harness names the file itself; a shell adds the flags behind it.
        launcher = ["sh", "-c", f'exec "$@" {flags}', "sh"] if flags else []
        server = start_server({"server": {"databases": 3}}, env=env, launcher=launcher)
        with server.client(decode_responses=True) as client:
            return int(client.config_get("databases")["databases"])

    env = {"REDISTILL_SERVER_DATABASES": "5"}
    assert databases() == 3
    assert databases(env=env) == 5
    assert databases(env=env, flags="--server.databases 7") == 7
    assert databases(flags="--databases 8") == 8


def test_short_variables(start_server):
    """`REDIS_PORT` and its like, against the file and against no file."""
    port = free_port()
    server = start_server({"security": {"password": "of the file"}}, env={
        "REDIS_PORT": str(port),
        "REDIS_BIND": "127.0.0.1 127.0.0.2",
        "REDIS_PASSWORD": "of the environment",
        "REDIS_MAX_MEMORY": "64mb",
    })
    assert not answers("127.0.0.1", server.port), "the file's port"
    client = server.client(
        host="127.0.0.2", port=port, password="of the environment", decode_responses=True
    )
    assert client.config_get("maxmemory") == {"maxmemory": str(64 << 20)}
    assert client.config_get("port") == {"port": str(port)}
