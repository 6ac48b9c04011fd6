"""The web server's threads: one that only waits for a picture steps aside, and another takes its place.

Gunicorn's own pool has so many threads and no more, so that as many clients waiting for pictures would stop every page.
Here ``--threads`` bounds the requests at work; those that wait inside `aside` are not counted. A thread that is one too
many afterwards ends, and its database connection with it, so that connections stay bounded too.

    gunicorn hub.wsgi --worker-class=hub.threads.Worker --threads=8
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

_here = threading.local()


class Pool(Executor):
    """An executor of ``size`` threads at work, and any number that wait `aside`."""

    def __init__(self, size: int, on_end: Callable[[], None] = lambda: None) -> None:
        """on_end: called by each thread before it ends."""
        self.size = size
        self._on_end = on_end
        self._changed = threading.Condition()
        self._tasks: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._threads = self._idle = self._aside = 0
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("This pool was shut down.")
            self._tasks.append((future, lambda: fn(*args, **kwargs)))
            self._find_hands()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._changed:
            self._closed = True
            if cancel_futures:
                while self._tasks:
                    self._tasks.popleft()[0].cancel()
            self._changed.notify_all()
            while wait and self._threads:
                self._changed.wait()

    @contextmanager
    def _stepping_aside(self) -> Iterator[None]:
        with self._changed:
            self._aside += 1
            self._find_hands()
        try:
            yield
        finally:
            with self._changed:
                self._aside -= 1

    def _find_hands(self) -> None:
        if self._idle >= len(self._tasks):
            self._changed.notify()
        elif self._tasks and self._threads - self._aside < self.size:
            self._threads += 1
            # Daemons: a stopping server does not wait for clients that wait for a picture.
            threading.Thread(target=self._work, name=f"web-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        _here.pool = self
        try:
            while task := self._next():
                _done(*task)
                del task  # or it would keep the connection alive while this thread idles
        finally:
            self._on_end()
            with self._changed:
                self._threads -= 1
                self._find_hands()
                self._changed.notify_all()

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        """The next task; None where this thread shall end."""
        with self._changed:
            while True:
                if self._threads - self._aside > self.size:
                    return None
                if self._tasks:
                    return self._tasks.popleft()
                if self._closed:
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1


def _done(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)


@contextmanager
def aside() -> Iterator[None]:
    """While this lasts, the thread of this request does not count as one at work. Elsewhere (tests) it does nothing."""
    pool: Pool | None = getattr(_here, "pool", None)
    if pool is None:
        yield
    else:
        with pool._stepping_aside():
            yield


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's threaded worker with a `Pool`."""

    def get_thread_pool(self) -> Pool:
        return Pool(self.cfg.threads, _connections_closed)


def _connections_closed() -> None:
    from django.db import connections  # settings are not ready where this module is imported

    connections.close_all()
