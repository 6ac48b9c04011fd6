"""Files of other servers, carried part by part to the store; always an answer, never silence.

A fetch is told which parts are wanted and where each is PUT; one that is killed is asked for again without the parts
that arrived. Nothing is kept on a disk, and no credentials are held: the parts' signed addresses are all that is
written to. What the bytes are is for the inspectors.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import redis
import urllib3

from workers import sealing, settings, sources, valkey, web
from workers.addresses import parsed
from workers.errors import Refusal
from workers.fetch_messages import (
    Asked,
    Fetched,
    FetchFile,
    Fetching,
    ListShelf,
    LookedUp,
    LookUp,
    Measure,
    Measured,
    Part,
    ShelfListed,
    attempt_key,
)
from workers.messages import Failed
from workers.news import News

log = logging.getLogger(__name__)

PUT_TRIES = 3
ASK_EVERY = 1.0  # seconds between looks at whether it is still wanted
# A page where a file should be: a sign-in, an error, a notice. Weights are never sent as one.
PAGES = ("text/html", "application/xhtml")
Answer = TypeVar("Answer")
http = urllib3.PoolManager(retries=urllib3.Retry(PUT_TRIES, backoff_factor=0.5, allowed_methods=None))


class Unwanted(Exception):
    """Nobody wants this any more, or another attempt has taken over; there is nobody to answer."""


def look_up(asked: LookUp) -> LookedUp | Failed | None:
    """The answer to ``asked``; None where nobody waits for it any more."""
    return _answered(
        asked, lambda _, token: LookedUp(id=asked.id, attempt=asked.attempt, model=sources.look_up(asked, token))
    )


def list_shelf(asked: ListShelf) -> ShelfListed | Failed | None:
    """The answer to ``asked``; None where nobody waits for it any more."""
    return _answered(asked, lambda _, token: sources.list_shelf(asked, token))


def measure(asked: Measure) -> Measured | Failed | None:
    """The answer to ``asked``; None where nobody waits for it any more."""
    return _answered(asked, lambda _, token: _measure(asked, token))


def fetch_file(asked: FetchFile) -> Fetched | Failed | None:
    """The answer to ``asked``; None where nobody waits for it any more."""
    return _answered(asked, lambda news, token: _fetch(asked, token, news))


def _answered(asked: Asked, work: Callable[[FetchNews, str], Answer]) -> Answer | Failed | None:
    wanted = Wanted(asked)
    try:
        wanted.check()
        with FetchNews(asked) as news:
            return work(news, sealing.opened(settings.IMPORT_KEY, asked.server, asked.secret))
    except Unwanted:
        log.info("%s is wanted no more", asked.id)
        return None
    except Refusal as refusal:
        return _failed(asked, refusal)
    except Exception:
        log.exception("%s: a fetch broke", asked.id)
        return _failed(asked, Refusal("broke", "Fetching this broke. The operators can see why in the worker's log."))


def _failed(asked: Asked, refusal: Refusal) -> Failed:
    who = {"id": asked.id, "attempt": asked.attempt}
    return Failed(**who, code=refusal.code, sentence=refusal.sentence, retry=refusal.retry)  # type: ignore[arg-type]


class Wanted:
    """Whether an attempt is still the one that counts, asked of the cache now and then. A cache that does not answer
    changes nothing."""

    def __init__(self, asked: Asked) -> None:
        self.id, self.attempt, self.last = asked.id, asked.attempt, 0.0
        self.cache = valkey.cache()

    def __call__(self) -> None:
        """Raises `Unwanted`; cheap enough for each piece that comes."""
        if time.monotonic() - self.last >= ASK_EVERY:
            self.check()

    def check(self) -> None:
        self.last = time.monotonic()
        try:
            counts = self.cache.get(attempt_key(self.id))
        except redis.RedisError as error:
            log.warning("%s: not known whether it is still wanted: %s", self.id, error)
            return
        if counts is not None and int(counts) != self.attempt:  # type: ignore[arg-type]
            raise Unwanted


def _measure(asked: Measure, token: str) -> Measured:
    """The size, by asking for the first byte; where a server does not tell, by counting all of them."""
    wanted = Wanted(asked)
    with web.asked(asked.url, headers={"Range": "bytes=0-0"}, token=token, server=asked.server) as answer:
        _no_page(answer)
        size = _whole_size(answer) if answer.status == 206 else answer.length
        if size is None:
            size = 0
            for data in answer.body(wanted):
                size += len(data)
                if size > asked.most:
                    break
        if size > asked.most:
            raise Refusal(
                "too-big", f"{answer.address.host} has more than the {asked.most:,} bytes that are taken here."
            )
        if size == 0:
            raise Refusal("empty", f"{answer.address.host} sends an empty file.")
        return Measured(id=asked.id, attempt=asked.attempt, size=size, validator=_validator(answer))


def _validator(answer: web.Answer) -> str:
    etag = answer.headers.get("ETag", "")
    return etag if etag.startswith('"') and len(etag) < 300 and etag.isascii() and etag.isprintable() else ""


def _whole_size(answer: web.Answer) -> int | None:
    """Of ``Content-Range: bytes 0-0/1234``."""
    total = answer.headers.get("Content-Range", "").rpartition("/")[2].strip()
    return int(total) if total.isascii() and total.isdecimal() and len(total) < 16 else None


def _no_page(answer: web.Answer) -> None:
    if answer.headers.get("Content-Type", "").lower().startswith(PAGES):
        raise Refusal("a-page", f"{answer.address.host} sends a page where a file should be. It may ask for a sign-in.")


def _fetch(asked: FetchFile, token: str, news: FetchNews) -> Fetched:
    """Each run of parts in one request, and each part to its address as soon as it is whole."""
    wanted, parts = Wanted(asked), sorted(asked.parts, key=lambda part: part.start)
    if any(part.size <= 0 or part.start < 0 or part.start + part.size > asked.size for part in parts):
        raise Refusal("wrong-parts", "The parts that were asked for are not those of the file.")
    for run in _runs(parts):
        stream = Stream(asked, run[0].start, token, wanted)
        try:
            for part in run:
                news.stands_at(part.start)
                data = stream.read(part.size, news.came)
                if part.start + part.size == asked.size:
                    stream.end()
                _send(part, data)
        finally:
            stream.close()
    return Fetched(id=asked.id, attempt=asked.attempt)


def _runs(parts: list[Part]) -> Iterator[list[Part]]:
    """Parts that follow one another, together."""
    run: list[Part] = []
    for part in parts:
        if run and run[-1].start + run[-1].size != part.start:
            yield run
            run = []
        run.append(part)
    if run:
        yield run


class FetchNews(News[Fetching]):
    """News of one errand; of a file on its way, how much of it has come."""

    def __init__(self, asked: Asked) -> None:
        size = asked.size if isinstance(asked, FetchFile) else 0
        super().__init__(asked.id, Fetching(id=asked.id, attempt=asked.attempt, total=size))
        self.done = 0

    def stands_at(self, done: int) -> None:
        self.done = done
        self.say(done=done)

    def came(self, count: int) -> None:
        self.stands_at(self.done + count)


class Stream:
    """The bytes of a file from ``start`` on, whether or not its server can begin in the middle.

    Raises `Refusal` where the file is not the one that was measured.
    """

    def __init__(self, asked: FetchFile, start: int, token: str, wanted: Wanted) -> None:
        self.asked, self.host = asked, parsed(asked.url).host
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and asked.validator:
            headers["If-Range"] = asked.validator
        self._open = web.asked(asked.url, headers=headers, token=token, server=asked.server)
        answer = self._open.__enter__()
        self.body = answer.body(wanted)
        self.left = b""
        try:
            self._begin(answer, start)
        except BaseException:
            self.close()
            raise

    def _begin(self, answer: web.Answer, start: int) -> None:
        _no_page(answer)
        said = _whole_size(answer) if answer.status == 206 else answer.length
        if said is not None and said != self.asked.size:
            raise Refusal("changed", f"The file at {self.host} is another one than before: {said:,} bytes.")
        if self.asked.validator and _validator(answer) not in {"", self.asked.validator}:
            raise Refusal("changed", f"The file at {self.host} was changed while it was fetched. Start again.")
        if answer.status == 206:
            begins = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0].strip()
            if begins != str(start):
                raise Refusal("wrong-range", f"{self.host} sends another part of the file than was asked for.")
        else:  # it sends all of it again; what is here already is passed over
            while start:
                start -= len(self._piece(min(start, web.CHUNK)))

    def _piece(self, most: int) -> bytes:
        if not self.left:
            self.left = next(self.body, b"")
        piece, self.left = self.left[:most], self.left[most:]
        if not piece:
            raise web.Elsewhere("broke-off", f"{self.host} ended before the file did.", retry=True)
        return piece

    def read(self, size: int, came: Callable[[int], None]) -> bytes:
        """The next ``size`` bytes."""
        whole = bytearray()
        while len(whole) < size:
            piece = self._piece(size - len(whole))
            came(len(piece))
            whole += piece
        return bytes(whole)

    def end(self) -> None:
        """Raises `Refusal` where more comes than there should be."""
        if self.left or next(self.body, b""):
            raise Refusal("too-long", f"{self.host} sends more bytes than it announced.")

    def close(self) -> None:
        self._open.__exit__(None, None, None)


def _send(part: Part, data: bytes) -> None:
    try:
        answer = http.request("PUT", part.url, body=data)
    except urllib3.exceptions.HTTPError as error:
        raise Refusal("store-down", "The object store does not take the file now.", retry=True) from error
    if answer.status != 200:
        raise Refusal("store-refused", "The object store did not take a part of the file.", retry=True)
