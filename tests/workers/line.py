"""A line to the object store that is slow, that breaks, that stands for a proxy or speaks TLS."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PAGE = 16_384


class Line:
    """Each connection is passed on to the store; ``asked`` has every question's first line and headers.

    delay: seconds that a question takes to the store. cuts: by the first byte of a range, how often and after how many
    bytes of the answer, its head among them, the connection breaks.
    """

    def __init__(self, store: str, tls: ssl.SSLContext | None = None) -> None:
        self.delay, self.cuts, self.asked = 0.0, dict[int, list[int]](), list[str]()
        self.connections = 0
        self._lock = threading.Lock()
        to = urlsplit(store)
        self._store, self._tls = (to.hostname, to.port), tls
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._open, daemon=True).start()

    def ranges(self) -> list[str]:
        return [found[1] for head in self.asked if (found := re.search(r"(?m)^Range: bytes=(\S+)", head))]

    def close(self) -> None:
        self._door.close()

    def _open(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._door.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=[caller], daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls:
                caller = self._tls.wrap_socket(caller, server_side=True)
            with caller, socket.create_connection(self._store) as store:
                while head := _head(caller):
                    with self._lock:
                        self.asked.append(head.decode())
                        found = re.search(rb"(?m)^Range: bytes=(\d+)", head)
                        cuts = self.cuts.get(int(found[1])) if found else None
                        cut = cuts.pop(0) if cuts else None
                    time.sleep(self.delay)
                    store.sendall(head)
                    if not _passed_back(store, caller, head.startswith(b"HEAD "), cut):
                        return


def _passed_back(store: socket.socket, caller: socket.socket, bare: bool, cut: int | None) -> bool:
    """Whether all of the answer was; ``bare``: it is a head alone."""
    page = _head(store)
    found = re.search(rb"(?i)content-length: (\d+)", page)
    left = len(page) + (int(found[1]) if found and not bare else 0)
    while page:
        caller.sendall(page[:cut])
        if cut is not None and (cut := cut - len(page)) <= 0:
            return False
        left -= len(page)
        page = store.recv(min(left, PAGE)) if left else b""
    return True


def _head(line: socket.socket) -> bytes:
    """To the empty line, or nothing where the other side is gone."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (byte := line.recv(1)):
            return b""
        head += byte
    return head


@contextmanager
def line(store: str, tls: ssl.SSLContext | None = None) -> Iterator[Line]:
    one = Line(store, tls)
    try:
        yield one
    finally:
        one.close()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS for 127.0.0.1, and the file by which a caller trusts it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a store of the studio")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, secret = folder / "trusted.pem", folder / "secret.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trusted, secret)
    return context, trusted
