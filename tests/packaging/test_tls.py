"""docs/deployment.md, "TLS": the configuration it shows, and rotation by SIGHUP."""

import shutil
import signal
import socket
import ssl

import certificates
import markdown
from conftest import REPO
from server import wait_until


def shown_configuration(folder) -> str:
    """The document's block, its files looked for in `folder`."""
    (block,) = [b for b in markdown.blocks(REPO / "docs/deployment.md") if b.language == "toml"]
    return block.text.replace("/etc/redistill/tls", str(folder))


def connect(server, authority) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(authority))
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    return context.wrap_socket(raw, server_hostname="127.0.0.1")


def ping(connection: ssl.SSLSocket) -> bytes:
    connection.sendall(b"PING\r\n")
    return connection.recv(100)


def trusted(server, authority) -> bool:
    """Whether a new connection is shown a certificate that this authority signed."""
    try:
        with connect(server, authority) as connection:
            return ping(connection) == b"+PONG\r\n"
    except ssl.SSLCertVerificationError:
        return False


def test_rotation_keeps_connections_and_refuses_a_bad_pair(start, tmp_path):
    made = {}
    for name in ("old", "new", "bad"):
        (tmp_path / name).mkdir()
        made[name] = certificates.make(tmp_path / name)
    in_use = tmp_path / "tls"
    in_use.mkdir()

    def put(certificate, key):
        shutil.copy(certificate, in_use / "server.crt")
        shutil.copy(key, in_use / "server.key")

    put(*made["old"][:2])
    server = start(config=shown_configuration(in_use))
    opened_before = connect(server, made["old"][2])
    assert ping(opened_before) == b"+PONG\r\n"

    put(*made["new"][:2])
    assert trusted(server, made["old"][2]), "nothing changes before the signal"
    server.signal(signal.SIGHUP)
    wait_until(lambda: trusted(server, made["new"][2]), "the new certificate is in use")
    assert not trusted(server, made["old"][2])
    assert ping(opened_before) == b"+PONG\r\n"

    put(made["bad"][0], made["new"][1])
    before = len(server.log())
    server.signal(signal.SIGHUP)
    wait_until(lambda: "server.key" in server.log()[before:], "the log names the key")
    assert trusted(server, made["new"][2])
    assert ping(opened_before) == b"+PONG\r\n"
