"""The one place where the name of another server becomes an address; tests put their own `lookup` here."""

from __future__ import annotations

import socket
from collections.abc import Callable

from workers.addresses import Address, BadAddress
from workers.errors import Refusal


def _system(host: str, port: int) -> list[str]:
    """Every address that the system knows for ``host``, in its order of preference. Raises ``OSError``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


lookup: Callable[[str, int], list[str]] = _system


def checked(address: Address, *, is_private_fine: bool, public: Callable[[str], bool]) -> list[str]:
    """The addresses of a server, asked once; connecting to one of these leaves a second answer no chance.

    One that is not public refuses the name, whatever the others are. Raises `BadAddress`, and `Refusal` for a name
    that is none.
    """
    try:
        ips = lookup(address.host, address.port)
    except (OSError, UnicodeError) as error:
        raise Refusal("no-such-server", f"There is no server called {address.host}.", retry=True) from error
    if not ips:
        raise Refusal("no-such-server", f"There is no server called {address.host}.", retry=True)
    if not is_private_fine and not all(public(ip) for ip in ips):
        raise BadAddress(f"{address.host} lies in a private network, and is not asked.")
    return ips
