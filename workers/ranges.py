"""One object over HTTP, read by several connections in one thread.

One stream of a store is slow (80 to 300 MB/s), so ranges are asked for ahead. Threads that fetch them cost the hashing
beside them: they hand over every piece, and all of them wait for the interpreter's lock. So one thread asks for all of
them and takes what has come: of the range that is next, and of the others while nothing of that one is here, so that a
far store's connections are all kept at work. Bytes are received into memory that is used again: fresh memory for every
piece costs about as much as receiving it.
"""

from __future__ import annotations

import os
import select
import ssl
import time
from collections import deque
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from urllib3.util import make_headers

# Three keep the hashing fed where the store is near. Where a quarter of the time is spent waiting, one more is asked
# for, up to six, in 48 MiB of memory.
PARALLEL, MOST_PARALLEL = 3, 6
WAITING_SHARE = 0.25
RANGE_BYTES = 8 * 1024**2
PIECE_BYTES = 1024**2
TRIES = 4
PAUSE_SECONDS = 0.5
CONNECT_SECONDS, READ_SECONDS = 5, 30


def read(url: str, size: int, etag: str) -> Iterator[memoryview]:
    """The ``size`` bytes at the signed ``url`` in order, in pieces of `PIECE_BYTES`, each as soon as it is here.

    A piece keeps its bytes for as long as it, or a part of it, is held. etag: the object's, so that every range is of
    the same object. Raises botocore's ``ClientError`` where the store refuses, `OSError` where it does not answer or
    sends too few bytes, after `TRIES` for one range.
    """
    way, buffers, starts = _Way(url), _Buffers(), deque(range(0, size, RANGE_BYTES))
    lanes, idle = deque[_Lane](), deque[HTTPConnection]()

    def ask(most: int) -> None:
        while len(lanes) < most and starts:
            start = starts.popleft()
            connection = idle.popleft() if idle else way.connection()
            lanes.append(_Lane(way, connection, buffers, etag, start, min(start + RANGE_BYTES, size)))

    most, began, waited, first = PARALLEL, time.perf_counter(), 0.0, True
    try:
        ask(most)
        while lanes:
            if (piece := lanes[0].take()) is None:
                asked = time.perf_counter()
                _wait(lanes)
                waited += time.perf_counter() - asked
                continue
            if lanes[0].all_taken:  # its connection has the next range while the caller takes the last piece
                idle.append(lanes.popleft().connection)
                if waited > WAITING_SHARE * (time.perf_counter() - began) and not first:
                    most = min(most + 1, MOST_PARALLEL)
                began, waited, first = time.perf_counter(), 0.0, False
                ask(most)
            yield piece
    finally:
        for connection in (*idle, *(lane.connection for lane in lanes)):
            connection.close()


class _Lane:
    """A range on its way over one connection. It is asked for at once, and what breaks off is asked for again."""

    def __init__(
        self, way: _Way, connection: HTTPConnection, buffers: _Buffers, etag: str, start: int, end: int
    ) -> None:
        self.connection = connection
        self.resume_at: float | None = None  # monotonic seconds; broken off till then
        self._way, self._buffers, self._etag, self._end = way, buffers, etag, end
        self._at = start  # of the next byte to come
        self._pieces = deque[memoryview]()
        self._begun: memoryview | None = None
        self._filled = 0
        self._answer: HTTPResponse | None = None
        self._tries_left = TRIES
        self.ask()

    @property
    def complete(self) -> bool:
        return self._at == self._end

    @property
    def all_taken(self) -> bool:
        return self.complete and not self._pieces

    def fileno(self) -> int:
        """Of the socket on which bytes are awaited."""
        return self._socket.fileno()

    def ask(self) -> None:
        """Send the question for what is not here yet."""
        self.resume_at = None
        try:
            headers = {"Range": f"bytes={self._at}-{self._end - 1}", "If-Match": self._etag}
            self.connection.request("GET", self._way.target, headers=headers | self._way.headers)
            self._socket = self.connection.sock
            self._socket.settimeout(READ_SECONDS)
        except (OSError, HTTPException) as error:
            self.break_off(error)

    def take(self) -> memoryview | None:
        """The next piece, or None while it is not here."""
        if not self._pieces and not self.complete:
            self.receive(1)
        return self._pieces.popleft() if self._pieces else None

    def receive(self, most: int = RANGE_BYTES) -> None:
        """Take what has come, without waiting for more, up to ``most`` whole pieces."""
        if self.resume_at is not None:
            return
        try:
            if self._answer is None and select.select([self], [], [], 0)[0]:
                self._answer = self._answered()
            while self._answer is not None and len(self._pieces) < most and not self.complete:
                if not self._received(self._answer):
                    return
            if self.complete and self._answer is not None:
                self._answer.close()  # nothing is left of it, so the connection takes the next question
                self._answer = None
        except (OSError, HTTPException) as error:
            self.break_off(error)

    def break_off(self, error: Exception) -> None:
        """Ask for the rest after a pause. Raises ``error`` as an `OSError` where that was tried often enough."""
        self.connection.close()
        self._answer = None
        self._tries_left -= 1
        if not self._tries_left:
            raise error if isinstance(error, OSError) else OSError(f"the store's answer cannot be read: {error}")
        self.resume_at = time.monotonic() + PAUSE_SECONDS

    def _answered(self) -> HTTPResponse:
        answer = self.connection.getresponse()
        if answer.status == 429 or answer.status >= 500:
            raise OSError(f"the store answered {answer.status}")
        if answer.status != 206:
            told = {"Code": str(answer.status), "Message": answer.read(200).decode(errors="replace")}
            raise ClientError({"Error": told, "ResponseMetadata": {"HTTPStatusCode": answer.status}}, "GetObject")  # type: ignore[typeddict-item]
        if answer.length != self._end - self._at:
            raise OSError(f"the store sends {answer.length} bytes where {self._end - self._at} were asked for")
        self._socket.settimeout(0)
        return answer

    def _received(self, answer: HTTPResponse) -> bool:
        """Whether anything had come; it is in its piece now."""
        if self._begun is None:
            self._begun = memoryview(self._buffers.take())[: min(PIECE_BYTES, self._end - self._at)]
        try:
            # Past the answer's own reading, which waits until the piece is full.
            count = answer.fp.readinto1(self._begun[self._filled :])
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        if count is None:
            return False
        if not count:
            raise OSError(f"the store sent {self._end - self._at} bytes too few")
        self._at += count
        self._filled += count
        if self._filled == len(self._begun):
            self._pieces.append(self._begun)
            self._begun, self._filled = None, 0
        return True


def _wait(lanes: deque[_Lane]) -> None:
    """Until something comes of any range, or one that broke off may be asked for again."""
    poll, listening, now, seconds = select.poll(), dict[int, _Lane](), time.monotonic(), float(READ_SECONDS)
    for lane in lanes:
        if lane.resume_at is not None and lane.resume_at <= now:
            lane.ask()
        if lane.resume_at is not None:
            seconds = min(seconds, lane.resume_at - now)
        elif not lane.complete:
            poll.register(lane, select.POLLIN)
            listening[lane.fileno()] = lane
    ready = poll.poll(max(0.0, seconds) * 1000)
    for descriptor, _ in ready:
        listening[descriptor].receive()
    if not ready and lanes[0].resume_at is None and seconds == READ_SECONDS:
        lanes[0].break_off(TimeoutError(f"the store sent nothing for {READ_SECONDS} seconds"))


class _Buffers:
    """Memory for pieces, used again once nobody holds a part of it."""

    def __init__(self) -> None:
        self._made: list[bytearray] = []

    def take(self) -> bytearray:
        for buffer in self._made:
            try:
                buffer.append(0)  # which an array refuses while anything looks into it
            except BufferError:
                continue
            del buffer[-1]
            return buffer
        self._made.append(bytearray(PIECE_BYTES))
        return self._made[-1]


class _Way:
    """How to the store: by itself or by the proxy that the environment names, as botocore's own client goes."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        proxy = get_environ_proxies(url).get(self._to.scheme)
        self._proxy = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
        self.target = self._to._replace(scheme="", netloc="").geturl()
        self.headers: dict[str, str] = {}
        self._greeting: dict[str, str] = {}
        if self._proxy and self._proxy.username:
            known = f"{unquote(self._proxy.username)}:{unquote(self._proxy.password or '')}"
            self._greeting = make_headers(proxy_basic_auth=known)
        if self._proxy and self._to.scheme == "http":
            self.target, self.headers = url, self._greeting

    def connection(self) -> HTTPConnection:
        """A new one, not opened yet."""
        by = self._proxy or self._to
        host = by.hostname or ""
        if self._to.scheme == "http":
            return HTTPConnection(host, by.port or 80, timeout=CONNECT_SECONDS)
        trusted = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True))
        connection = HTTPSConnection(host, by.port or 443, timeout=CONNECT_SECONDS, context=trusted)
        if self._proxy:
            connection.set_tunnel(self._to.hostname or "", self._to.port or 443, self._greeting)
        return connection
