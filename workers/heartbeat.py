"""A worker says that it lives: one key per queue and host, renewed every ten seconds, gone after thirty.

One that draws says beside it which bases it has open, and takes pictures on them from a line of its own, which the hub
uses where several workers draw. One that inspects tries its sandbox out when it starts, and says what that found.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import msgspec
import redis
from celery.signals import celeryd_after_setup, worker_ready, worker_shutting_down

from workers import residency, rules, sandbox, valkey
from workers.messages import (
    GENERATE,
    INSPECT,
    INSPECT_LARGE,
    RULES,
    SANDBOX_STATE,
    WORKER_ALIVE,
    WORKER_HOLDS,
    own_queue,
)

log = logging.getLogger(__name__)

EVERY_SECONDS = 10
EXPIRY_SECONDS = 30


class Heartbeat:
    """Renews ``keys`` from a daemon thread until it is stopped, then deletes them."""

    def __init__(self, host: str, queues: list[str]) -> None:
        self.keys = [WORKER_ALIVE.format(queue=queue, host=host) for queue in queues if queue != own_queue(host)]
        self._holds_key = WORKER_HOLDS.format(host=host) if own_queue(host) in queues else ""
        self.judges = INSPECT in queues or INSPECT_LARGE in queues
        self._sandbox_key = SANDBOX_STATE.format(host=host) if self.judges else ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        cache = valkey.cache()
        while not self._stop.is_set():
            try:
                for key in self.keys:
                    cache.set(key, int(time.time()), ex=EXPIRY_SECONDS)
                if self._holds_key:
                    cache.set(self._holds_key, msgspec.json.encode(residency.bases()), ex=EXPIRY_SECONDS)
                if self.judges:
                    cache.set(RULES, rules.current())
                    cache.set(self._sandbox_key, msgspec.json.encode(sandbox.state()), ex=EXPIRY_SECONDS)
            except redis.RedisError as error:
                log.warning("no heartbeat: %s", error)
            self._stop.wait(EVERY_SECONDS)
        try:
            cache.delete(*self.keys, *filter(None, [self._sandbox_key, self._holds_key]))
        except redis.RedisError as error:
            log.warning("the last heartbeat stays until it expires: %s", error)


_running: Heartbeat | None = None


@celeryd_after_setup.connect
def own_line(sender: str, instance: Any, **_: Any) -> None:
    """A worker that draws also takes from a line of its own; ``sender`` is its name."""
    queues = instance.app.amqp.queues
    if GENERATE in queues.consume_from:
        queues.select_add(own_queue(sender))


@worker_ready.connect
def begin(sender: Any, **_: Any) -> None:
    """``sender`` is the consumer: it knows the worker's name and its queues."""
    global _running
    _running = Heartbeat(sender.hostname, list(sender.app.amqp.queues.consume_from))
    _running.start()


@worker_shutting_down.connect
def end(**_: Any) -> None:
    if _running:
        _running.stop()
