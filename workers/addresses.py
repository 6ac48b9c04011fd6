"""Which addresses a worker may ask on somebody's behalf; pure Python, so that the hub can say no before it queues.

A stranger's link must not make the hub speak to its own network. A host is asked only if it is on the list of hosts;
its name is resolved once and every address it has must be a public one; what is connected to is the address that was
checked. Entries of the list: ``example.org``, ``*.example.org`` (its subdomains), ``*`` (any public host), each by
https at its usual port; and ``http://10.0.0.5:8000`` (``:*`` for every port), an origin that an operator trusts as it
stands, private or not.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from workers.errors import Refusal

DEFAULT_HOSTS = (
    "civitai.com,*.civitai.com,civitai.red,*.civitai.red,*.r2.cloudflarestorage.com,*.backblazeb2.com,"
    "huggingface.co,*.huggingface.co,hf.co,*.hf.co"
)
PORTS = {"https": 443, "http": 80}
LONGEST = 4000  # signed addresses are long
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# The last label of a name is never a number: "0x7f.1", "2130706433" and "127.1" are spellings of an IPv4 address.
_HOST = re.compile(r"[^/?#]*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# IPv6 ranges that carry an IPv4 address within: NAT64 (RFC 6052, RFC 8215); 6to4 and Teredo have their own names below.
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")
IP = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadAddress(Refusal):
    """This address is not asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__("bad-address", sentence)


@dataclass(frozen=True)
class Address:
    """A checked address taken apart. ``host``: lower case, ASCII, without a last dot. ``target``: path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> str:
        """Scheme, host and port, as one writes them: ``https://civitai.com``, ``http://127.0.0.1:8000``."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}{self.target}"


def parsed(url: str) -> Address:
    """``url`` taken apart. Raises `BadAddress` for whatever two programs might read in two ways."""
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or any(mark in url for mark in ' \\"<>^`{|}'):
        url = _in_ascii(url)
    try:
        parts = urlsplit(url)
    except ValueError as error:  # brackets that do not match, letters that become slashes
        raise BadAddress("The name of the server is not one.") from error
    if parts.scheme.lower() not in PORTS:
        raise BadAddress("Only addresses that begin with https:// are asked.")
    if "@" in parts.netloc:
        raise BadAddress("An address with a name or a password in it is not asked.")
    try:
        port = parts.port
    except ValueError as error:
        raise BadAddress("The address has a port that is none.") from error
    if port == 0:
        raise BadAddress("The address has a port that is none.")
    scheme = parts.scheme.lower()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(scheme, _host(parts.hostname or "", "[" in parts.netloc), port or PORTS[scheme], target)


def _in_ascii(url: str) -> str:
    """Addresses in pages hold spaces and letters; what is in the path is escaped, and anything else refused."""
    if len(url) > LONGEST:
        raise BadAddress("The address is too long.")
    start, slashes, rest = url.partition("://")
    host = _HOST.match(rest)[0]  # type: ignore[index]  # it matches nothing, too
    path = rest[len(host) :]
    if not slashes or not url.isprintable() or "\\" in url or any(mark in host for mark in ' "<>^`{|}'):
        raise BadAddress("The address holds letters that no address has.")
    safe = "".join(
        c if c.isascii() and c not in ' "<>^`{|}' else "".join(f"%{b:02X}" for b in c.encode()) for c in path
    )
    return f"{start}://{host}{safe}"


def _host(host: str, bracketed: bool) -> str:
    if "%" in host:
        raise BadAddress("The address names a zone of a network.")
    if bracketed:
        try:
            return ipaddress.IPv6Address(host).compressed
        except ValueError as error:
            raise BadAddress("The address in brackets is none.") from error
    try:
        # IDNA of the standard library: letters of other scripts become xn--…, so that a look-alike is another name.
        host = host.encode("idna").decode().lower() if not host.isascii() else host.lower()
    except UnicodeError as error:
        raise BadAddress("The name of the server is not one.") from error
    host = host.removesuffix(".")
    labels = host.split(".")
    if not host or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadAddress("The name of the server is not one.")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))  # strict: four decimal numbers without leading zeros
        except ValueError as error:
            raise BadAddress("The server's address is written in an unusual way; it is not asked.") from error
    return host


def trusted(address: Address, hosts: Iterable[str]) -> bool:
    """Whether an operator named exactly this origin; then it may be private and speak plain http.

    Raises `BadAddress` where the address is on the list in no way.
    """
    entries = [entry.strip().rstrip("/").lower() for entry in hosts]
    for entry in entries:
        if "://" in entry and _same_origin(entry, address):
            return True
    if address.scheme != "https":
        raise BadAddress(f"{address.host} is asked by https only, and this address begins with http://.")
    if address.port != PORTS["https"]:
        raise BadAddress(f"{address.host} is not asked at the port {address.port}.")
    literal = _is_literal(address.host)
    for entry in entries:
        if "://" not in entry and _matches(entry, address.host) and (not literal or entry == address.host):
            return False
    raise BadAddress(f"{address.host} is not on this hub's list of servers to import from (IMPORT_HOSTS).")


def _same_origin(entry: str, address: Address) -> bool:
    if entry.endswith(":*"):  # at every port
        entry = f"{entry[:-1]}{address.port}"
    try:
        return parsed(entry).origin == address.origin
    except BadAddress:
        return False


def _matches(entry: str, host: str) -> bool:
    if entry == "*":
        return True
    return host.endswith(entry[1:]) and host != entry[2:] if entry.startswith("*.") else host == entry


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(ip: str) -> bool:
    """Whether an address is one of the public network: none of this machine, of a local network, of a cloud's own
    services, of the ranges kept for examples and groups; and none that leads to one (mapped, NAT64, 6to4)."""
    try:
        address: IP = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if (inner := _inner(address)) is not None:
            return is_public(str(inner))
        if address in _COMPATIBLE or address.is_site_local or address.scope_id:
            return False
    refused = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    refused = refused or address.is_reserved or address.is_unspecified
    return address.is_global and not refused


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if any(address in net for net in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
