"""Certificates for tests, made by openssl: an authority, and servers it vouches for."""

import subprocess
from pathlib import Path


def make(folder: Path) -> tuple[Path, Path, Path]:
    """A certificate for 127.0.0.1, its key and its authority's certificate, all PEM."""
    authority, authority_key = folder / "ca.crt", folder / "ca.key"
    certificate, key = folder / "server.crt", folder / "server.key"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
           "-nodes", "-days", "2"]
    run([*new, "-subj", "/CN=test authority", "-keyout", authority_key, "-out", authority])
    run([*new, "-subj", "/CN=redistill", "-addext", "subjectAltName=IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:FALSE", "-CA", authority, "-CAkey",
         authority_key, "-keyout", key, "-out", certificate])
    return certificate, key, authority


def run(command: list):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
