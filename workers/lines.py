"""A line to an address that was checked, and to nowhere else; it can be cut at any moment, whoever is slow on it."""

from __future__ import annotations

import contextlib
import socket
import ssl
from functools import cache

from urllib3.connection import HTTPConnection, HTTPSConnection

from workers.addresses import Address


class _Held:
    """While hands are shaken a connection's own socket is nobody's: only a second handle on it can end that."""

    line: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        self.line = made.dup()
        return made

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        if self.line is not None:
            self.line.close()


class _Plain(_Held, HTTPConnection):
    pass


class _Secure(_Held, HTTPSConnection):
    pass


Line = _Plain | _Secure


def line_to(address: Address, ip: str, *, silent: float) -> Line:
    """Not yet opened. silent: seconds from byte to byte. The certificate must be the name's, whatever ``ip`` is."""
    if address.scheme == "http":
        return _Plain(ip, address.port, timeout=silent)
    return _Secure(ip, address.port, timeout=silent, ssl_context=_trust(), server_hostname=address.host)


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def cut(connection: Line) -> None:
    """End it for both sides; whoever waits on it goes on with an error."""
    with contextlib.suppress(OSError, AttributeError):
        connection.line.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
