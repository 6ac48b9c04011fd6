"""News of a running job in the cache, for those who watch: what it does now, and that its worker lives.

A cache that does not answer costs the news, never the work.
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import msgspec
import redis

from workers import valkey
from workers.fetch_messages import Fetching
from workers.messages import Generate, Inspecting, InspectModel, Progress, cancel_key, progress_key

log = logging.getLogger(__name__)

KEPT_SECONDS = 120  # news outlives a job this long
HEARTBEAT_EVERY = 3.0
NEWS_EVERY = 0.25  # seconds: pages look twice a second, and each word with its preview costs those who draw 2 ms

Said = TypeVar("Said", Progress, Inspecting, Fetching)


class News(Generic[Said]):
    """The last word on one job, sent when it changes and every `HEARTBEAT_EVERY` seconds.

    Use as a context manager: inside, a thread of its own sends, so that no work ever waits for the cache.
    """

    def __init__(self, job_id: str, first: Said) -> None:
        self.job_id = job_id
        self.last: Said = first
        self.cache = valkey.cache()
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="news", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._changed.set()
        self._thread.join(HEARTBEAT_EVERY)

    def say(self, **changes: Any) -> None:
        """The job's state from now on: the last one with ``changes``."""
        with self._lock:
            self.last = msgspec.structs.replace(self.last, **changes)
        self._changed.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._changed.clear()
            self._prepare()
            self._send()
            self._changed.wait(HEARTBEAT_EVERY)
            self._ended.wait(NEWS_EVERY)
        if self._changed.is_set():
            self._send()  # the last word

    def _prepare(self) -> None:
        """What is to be done before each word, in the thread that sends it."""

    def _send(self) -> None:
        now = msgspec.structs.replace(self.last, at=time.time())
        try:
            self.cache.set(progress_key(self.job_id), msgspec.json.encode(now), ex=KEPT_SECONDS)
        except redis.RedisError as error:
            log.warning("%s: no news: %s", self.job_id, error)


class Watch(Protocol):
    """Told what an inspection does now: its stage, what is at work in it, how much of how much is done."""

    def __call__(self, stage: str, what: str = "", done: int = 0, total: int = 0) -> None: ...


def nobody(stage: str, what: str = "", done: int = 0, total: int = 0) -> None:
    """The `Watch` of those who need none."""


class InspectionNews(News[Inspecting]):
    """News of one inspection; calling it is its `Watch`."""

    def __init__(self, asked: InspectModel) -> None:
        first = Inspecting(upload_id=asked.upload_id, attempt=asked.attempt, stage="fetching", total=asked.size)
        super().__init__(asked.upload_id, first)

    def __call__(self, stage: str, what: str = "", done: int = 0, total: int = 0) -> None:
        self.say(stage=stage, what=what, done=done, total=total)


class Stopped(Exception):
    """Whoever asked does not want the pictures any more."""


class GenerationNews(News[Progress]):
    """News of one job of pictures; and whether somebody still wants it, asked of the cache beside the drawing."""

    def __init__(self, asked: Generate, *, starting: bool = False) -> None:
        """starting: the worker itself is not ready yet, so that is what it is at first."""
        stage: Literal["starting", "fetching"] = "starting" if starting else "fetching"
        first = Progress(generation_id=asked.generation_id, attempt=asked.attempt, stage=stage)
        super().__init__(asked.generation_id, first)
        self._wanted = True
        self._look: Callable[[], bytes] | None = None

    def tell(
        self,
        *,
        stage: str,
        step: int = 0,
        steps: int = 0,
        picture: int = 0,
        preview: Callable[[], bytes] | None = None,
    ) -> None:
        """The job's state from now on; ``preview`` is made only when it is sent."""
        self._look = preview or self._look
        self.say(stage=stage, step=step, steps=steps, picture=picture)

    def cancelled(self) -> bool:
        """Whether somebody asked to stop this job, as known a moment ago."""
        return not self._wanted

    def stop_if_cancelled(self) -> None:
        """Raises `Stopped` where somebody asked to, as known now."""
        self._ask()
        if not self._wanted:
            raise Stopped

    def _prepare(self) -> None:
        self._ask()
        look, self._look = self._look, None
        if look is not None:
            seen = base64.b64encode(look()).decode()
            with self._lock:
                self.last = msgspec.structs.replace(self.last, preview=seen)

    def _ask(self) -> None:
        try:
            self._wanted = self._wanted and not self.cache.exists(cancel_key(self.job_id))
        except redis.RedisError as error:
            log.warning("%s: not known whether it is still wanted: %s", self.job_id, error)
