"""Several threads for one call of a tiny base: each takes some of its lines through the whole UNet.

Sharing each layer among the cores (OpenMP) makes them meet hundreds of times in a call, for less work than a meeting
costs; and where another program holds a core, all wait for it each time. Here they meet once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from workers import settings
from workers.engine.device import TINY_BYTES, chosen
from workers.once import once

T = TypeVar("T")
_here = threading.local()


def number() -> int:
    """Which hand this thread is; 0 is the engine's own thread, and everyone else's."""
    return getattr(_here, "number", 0)


def count_for(bytes_of_weights: int) -> int:
    """How many hands a call with a base of this size has: a tiny one's a core each, a large one's layers use them."""
    if settings.THREADS or bytes_of_weights >= TINY_BYTES or chosen()[0].type != "cpu":
        return 1
    return os.cpu_count() or 1


def each(works: Sequence[Callable[[], T]]) -> list[T]:
    """What each of ``works`` gives, the first done here and the others beside it. Raises what any of them raises."""
    if len(works) == 1:
        return [works[0]()]
    others = [_pool().submit(_as_hand, place, work) for place, work in enumerate(works) if place]
    try:
        mine = works[0]()
    finally:
        wait(others)  # nobody goes on while a hand is still at work on the model
    return [mine, *(other.result() for other in others)]


def _as_hand(place: int, work: Callable[[], T]) -> T:
    _here.number = place
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
    with torch.inference_mode():
        return work()


@once
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), thread_name_prefix="hand")
