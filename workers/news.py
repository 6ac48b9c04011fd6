"""News of a running job in the cache, for those who watch: what it does now, and that its worker lives.

A cache that does not answer costs the news, never the work.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec
import redis

from workers import settings
from workers.messages import Inspecting, InspectModel, Progress, progress_key

log = logging.getLogger(__name__)

KEPT_SECONDS = 120  # news outlives a job this long
HEARTBEAT_EVERY = 3.0
NEWS_EVERY = 0.1  # seconds; no one looks more often

Said = TypeVar("Said", Progress, Inspecting)


class News(Generic[Said]):
    """The last word on one job, sent when it changes and every `HEARTBEAT_EVERY` seconds.

    Use as a context manager: inside, a thread of its own sends, so that no work ever waits for the cache.
    """

    def __init__(self, job_id: str, first: Said) -> None:
        self.job_id = job_id
        self.last: Said = first
        self.cache = redis.Redis.from_url(settings.BROKER_URL, socket_timeout=5, socket_connect_timeout=5)
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
        self.cache.close()

    def say(self, **changes: Any) -> None:
        """The job's state from now on: the last one with ``changes``."""
        self.last = msgspec.structs.replace(self.last, **changes)
        self._changed.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._changed.clear()
            self._send()
            self._changed.wait(HEARTBEAT_EVERY)
            self._ended.wait(NEWS_EVERY)

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
