"""Asks other servers, and only those that may be asked: every hop checked, the checked address the one connected to.

Nothing of the environment is used (no proxies, no .netrc, no cookies), nothing is unpacked on the way
(``Accept-Encoding: identity``), and what an answer says of its length is not believed: bytes are counted.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

import msgspec
import urllib3
from urllib3.connection import HTTPConnection

from workers import lines, resolving, settings
from workers.addresses import Address, BadAddress, is_public, parsed, trusted
from workers.errors import Refusal

HOPS = 5
SILENT_SECONDS, HEADERS_SECONDS = 30.0, 60.0
CHUNK = 64 * 1024
# A server that keeps the line open and sends next to nothing: this many bytes in each so many seconds, or it is left.
SLOWEST_BYTES, SLOWEST_SECONDS = 16 * 1024, 30.0
JSON_BYTES, JSON_SECONDS = 8 * 1024**2, 60.0
AGENT = "Weightroom-import/1"
REDIRECTS = {301, 302, 303, 307, 308}


class Elsewhere(Refusal):
    """The other server did not give what was asked; ``status`` of its answer, 0 where there was none."""

    def __init__(self, code: str, sentence: str, *, retry: bool = False, status: int = 0) -> None:
        super().__init__(code, sentence, retry=retry)
        self.status = status


@dataclass
class Answer:
    """An answer whose body has not been read. ``address``: of the last hop."""

    address: Address
    status: int
    headers: Mapping[str, str]
    _raw: urllib3.HTTPResponse = field(repr=False)
    _connection: HTTPConnection = field(repr=False)

    @property
    def length(self) -> int | None:
        """What the answer says of its body's length."""
        said = self.headers.get("Content-Length", "")
        return int(said) if said.isascii() and said.isdecimal() and len(said) < 16 else None

    def body(self, watch: Callable[[], None] = lambda: None, *, seconds: float | None = None) -> Iterator[bytes]:
        """The bytes as they come; fewer or more than promised is for the caller to see.

        watch: called now and then; what it raises ends it. Raises `Elsewhere` for a server that stops or dawdles.
        """
        begun = window = time.monotonic()
        in_window = 0
        while True:
            try:
                data = self._raw.read1(CHUNK)
            except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
                raise Elsewhere(
                    "broke-off", f"{self.address.host} broke off in the middle of its answer.", retry=True
                ) from error
            if not data:
                return
            watch()
            in_window += len(data)
            now = time.monotonic()
            if seconds is not None and now - begun > seconds:
                raise Elsewhere("too-slow", f"{self.address.host} took longer than {seconds:.0f} seconds.", retry=True)
            if now - window > SLOWEST_SECONDS:
                if in_window < SLOWEST_BYTES:
                    raise Elsewhere("too-slow", f"{self.address.host} sends next to nothing.", retry=True)
                window, in_window = now, 0
            yield data

    def close(self) -> None:
        self._raw.close()
        self._connection.close()


@contextlib.contextmanager
def asked(url: str, *, headers: Mapping[str, str] | None = None, token: str = "", server: str = "") -> Iterator[Answer]:
    """The answer to GET ``url``, redirects followed, each hop checked anew.

    token: sent as a bearer to the origin ``server`` and to nobody else, whatever redirects say. Any status below 400
    is given back. Raises `BadAddress` and `Elsewhere`.
    """
    address = parsed(url)
    for _ in range(HOPS + 1):
        sent = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity", **(headers or {})}
        if token and address.origin == server:
            sent["Authorization"] = f"Bearer {token}"
        answer = _once(address, sent)
        try:
            if answer.status in REDIRECTS and (where := answer.headers.get("Location")):
                address = _next(address, where)
                continue
            _check(answer)
            yield answer
            return
        finally:
            answer.close()
    raise Elsewhere("too-many-redirects", f"{address.host} sends from one address to the next without end.")


def _next(address: Address, where: str) -> Address:
    """Where a redirect leads. From https to http is no way at all."""
    after = parsed(urljoin(address.url, where))
    if address.scheme == "https" and after.scheme != "https":
        raise BadAddress(f"{address.host} leads from https to http; that way is not gone.")
    return after


def _once(address: Address, headers: Mapping[str, str]) -> Answer:
    """One hop: the name resolved once, every address of it looked at, and one of these connected to."""
    ips = resolving.checked(address, is_private_fine=trusted(address, settings.IMPORT_HOSTS), public=is_public)
    connection = lines.line_to(address, ips[0], silent=SILENT_SECONDS)
    # The read time-out counts from byte to byte; a handshake or headers that trickle in are ended by this clock.
    clock = threading.Timer(HEADERS_SECONDS, lines.cut, (connection,))
    clock.daemon = True
    clock.start()
    try:
        connection.connect()
        connection.request(
            "GET",
            address.target,
            headers={"Host": address.netloc, **headers},
            preload_content=False,
            decode_content=False,
        )
        raw = connection.getresponse()
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        connection.close()
        if isinstance(error, (urllib3.exceptions.SSLError, ssl.SSLError)):
            raise Elsewhere("not-secure", f"{address.host} cannot prove that it is {address.host}.") from error
        raise Elsewhere("no-answer", f"{address.host} does not answer.", retry=True) from error
    finally:
        clock.cancel()
    answer = Answer(address, raw.status, raw.headers, raw, connection)
    if raw.headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}:
        answer.close()
        raise Elsewhere("packed", f"{address.host} packs what it sends, and was asked not to.")
    return answer


def _check(answer: Answer) -> None:
    """Raises `Elsewhere`, with words, for an answer that is none."""
    status, host = answer.status, answer.address.host
    if 200 <= status < 300:
        return
    said = _said(answer)
    if status in {401, 403}:
        raise Elsewhere("not-allowed", f"{host} asks for a sign-in or does not allow it{said}", status=status)
    if status in {404, 410, 451}:
        raise Elsewhere("not-there", f"{host} has nothing there{said}", status=status)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
        raise Elsewhere("busy", f"{host} cannot answer now ({status}){said}", retry=True, status=status)
    raise Elsewhere("refused", f"{host} answered {status}{said}", status=status)


def _said(answer: Answer) -> str:
    """What a refusal said of itself, in its own words, bounded: ``: words`` or a full stop."""
    if "json" not in answer.headers.get("Content-Type", ""):
        return "."
    try:
        told = msgspec.json.decode(b"".join(_up_to(answer, 4096, 5.0)))
        words = told.get("message") or told.get("error") if isinstance(told, dict) else ""
    except (msgspec.DecodeError, Refusal):
        return "."
    words = "".join(c for c in words if c.isprintable()).strip()[:200] if isinstance(words, str) else ""
    return f": {words.rstrip('.')}." if words else "."


def _up_to(answer: Answer, most: int, seconds: float) -> Iterator[bytes]:
    came = 0
    for data in answer.body(seconds=seconds):
        came += len(data)
        if came > most:
            raise Elsewhere("too-long", f"{answer.address.host} sends more than {most:,} bytes of text.")
        yield data


def text(url: str, *, token: str = "", server: str = "", most: int = JSON_BYTES) -> bytes:
    """A short answer whole. Raises `BadAddress` and `Elsewhere`."""
    with asked(url, token=token, server=server) as answer:
        return b"".join(_up_to(answer, most, JSON_SECONDS))


def json(url: str, *, token: str = "", server: str = "") -> Any:
    """What a server says in JSON. Raises `BadAddress`, and `Elsewhere` for what is none."""
    with asked(url, token=token, server=server) as answer:
        return decoded(answer)


def decoded(answer: Answer) -> Any:
    """An answer's JSON. Raises `Elsewhere`."""
    data = b"".join(_up_to(answer, JSON_BYTES, JSON_SECONDS))
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Elsewhere("not-json", f"{answer.address.host} does not answer as such a server does.") from error
