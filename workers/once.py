"""`once`: a thing made by the first that asks, however many threads ask at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class once(Generic[T]):
    """The function, called one time only; threads that ask meanwhile wait for what it gives.

    ``functools.cache`` lets two threads in at once, and each would get a thing of its own. After an exception the next
    that asks tries again.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self.__doc__ = make.__doc__
        self._make, self._made, self._lock = make, list[T](), threading.RLock()

    def __call__(self) -> T:
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]

    @property
    def made(self) -> bool:
        """Whether it is there already."""
        return bool(self._made)

    def cache_clear(self) -> None:
        """Forget it: the next that asks makes it anew."""
        with self._lock:
            self._made.clear()
