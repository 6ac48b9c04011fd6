"""Waiting for pictures without holding the web server up: one thread asks the database for everybody who waits.

A request that waits gives its thread's place (`hub.threads.aside`) and its database connection back.
"""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from http import HTTPStatus

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from hub import threads
from hub.errors import Refused
from hub.tryit.models import Generation

LOOK_EVERY = 0.2  # seconds between two questions to the database, whoever many wait
PULSE = 1.0  # seconds between two looks at whether a client is still there
CLIENT_CLOSED = 499  # the answer to who hung up: nobody reads it, the access log does
OPEN = [Generation.Status.QUEUED, Generation.Status.RUNNING]

_changed = threading.Condition()
_wanted: Counter[uuid.UUID] = Counter()
_ended: set[uuid.UUID] = set()
_watching = False
_waiters = 0


class TooManyWait(Refused):
    """This server's places for waiting clients are taken."""

    code, status = "too-many-wait", HTTPStatus.SERVICE_UNAVAILABLE


class HungUp(Exception):
    """The client closed its connection: nobody reads an answer any more."""


def hung_up(request: HttpRequest) -> bool:
    """Whether the client behind ``request`` closed its connection; always False under another server than gunicorn."""
    sock: socket.socket | None = request.META.get("gunicorn.socket")
    if sock is None:
        return False
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except (OSError, ValueError):
        return True


def wait_for(generation_ids: Iterable[uuid.UUID], *, seconds: float, gone: Callable[[], bool] = lambda: False) -> bool:
    """Wait until all of these have ended, at most ``seconds``; whether they have.

    Raises `HungUp` once ``gone()``, `TooManyWait` where `WAITING_CLIENTS` wait in this process already.
    """
    ids = set(generation_ids)
    if not connection.in_atomic_block:
        connection.close()  # nobody needs one to wait
    _enter(ids)
    try:
        with threads.aside():
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                with _changed:
                    if ids <= _ended or _changed.wait_for(
                        lambda: ids <= _ended, min(PULSE, max(0.0, until - time.monotonic()))
                    ):
                        return True
                if gone():
                    raise HungUp
            return False
    finally:
        _leave(ids)


def _enter(ids: set[uuid.UUID]) -> None:
    global _waiters, _watching
    with _changed:
        if _waiters >= settings.WAITING_CLIENTS:
            raise TooManyWait("Too many programs wait for pictures here just now. Try again in a few seconds.")
        _waiters += 1
        _wanted.update(ids)
        if not _watching:
            _watching = True
            threading.Thread(target=_watch, name="pictures", daemon=True).start()


def _leave(ids: set[uuid.UUID]) -> None:
    global _waiters
    with _changed:
        _waiters -= 1
        _wanted.subtract(ids)
        for one in ids:
            if _wanted[one] <= 0:
                del _wanted[one]
                _ended.discard(one)


def _watch() -> None:
    """Ask for all that is waited for, as long as anybody waits."""
    global _watching
    try:
        while True:
            with _changed:
                asked = list(_wanted)
                if not asked:
                    _watching = False
                    return
            rows = Generation.objects.filter(pk__in=asked)
            still = set(rows.filter(status__in=OPEN).values_list("pk", flat=True))
            with _changed:
                # One that was deleted (its owner is gone) has ended too.
                if ended := {one for one in asked if one not in still and one in _wanted}:
                    _ended.update(ended)
                    _changed.notify_all()
            time.sleep(LOOK_EVERY)
    except BaseException:
        with _changed:
            _watching = False  # the next who waits starts another
        raise
    finally:
        connection.close()
