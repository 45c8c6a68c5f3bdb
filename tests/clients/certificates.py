"""Certificates of a private authority, made with openssl as an operator would."""

import subprocess
from pathlib import Path

# How openssl is told to make each kind of key an operator may bring.
KEY_KINDS = {
    "ecdsa-pkcs8": ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "ecdsa-sec1": ("ecparam", "-genkey", "-noout", "-name", "prime256v1"),
    "rsa-pkcs8": ("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "rsa-pkcs1": ("genrsa", "-traditional", "2048"),
    "ed25519": ("genpkey", "-algorithm", "ED25519"),
}


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


class Certificate:
    """A certificate file and its key file."""

    def __init__(self, folder, name):
        self.cert = Path(folder) / f"{name}.crt"
        self.key = Path(folder) / f"{name}.key"


class Authority:
    """A certificate authority that lives in a folder: a root, or signed by its parent."""

    def __init__(self, folder, name="ca", parent=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        own = Certificate(self.folder, name)
        self.cert, self.key = own.cert, own.key
        signer = ("-CA", parent.cert, "-CAkey", parent.key) if parent else ()
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-keyout", self.key, "-out", self.cert, "-days", 2, "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            *signer,
        )

    def issue(self, name, kind="ecdsa-pkcs8"):
        """A certificate for localhost and 127.0.0.1, for servers and clients alike."""
        issued = Certificate(self.folder, name)
        command, *options = KEY_KINDS[kind]
        openssl(command, "-out", issued.key, *options)
        request = self.folder / f"{name}.csr"
        openssl("req", "-new", "-key", issued.key, "-out", request, "-subj", f"/CN={name}")
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
            "extendedKeyUsage=serverAuth,clientAuth\n"
            "basicConstraints=CA:FALSE\n"
        )
        openssl(
            "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
            "-CAcreateserial", "-days", 2, "-extfile", extensions, "-out", issued.cert,
        )
        return issued
