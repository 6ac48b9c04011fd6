"""Files that nobody would write, read by our readers: one file a format, each ending with ``fuzz = …``.

``python -m infra.fuzz`` finds them. A case is a sound file with its structure changed: the same seed, the same case.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

HANG_SECONDS = 60.0
INTERESTING = (
    0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 33, 63, 64, 127, 128, 255, 256, 511, 512, 1000, 4095, 65_535, 65_536, 2**24,
    2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip


@dataclass(frozen=True)
class Fuzz:
    """One format. ``make``: a case from a source of randomness. ``read``: what is tested; it says whether it took the
    file, and raises for any defect: ``refusals`` alone may be raised for a bad file. ``share``: of the cases that
    each of the others gets, for one whose cases take long."""

    name: str
    make: Callable[[random.Random], bytes]
    read: Callable[[bytes], bool]
    refusals: tuple[type[Exception], ...]
    share: float = 1.0


@dataclass
class Result:
    cases: int = 0
    accepted: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    rss_mib: float = 0.0
    defects: list[str] = field(default_factory=list)


class Hang(BaseException):
    """A case took longer than `HANG_SECONDS`."""


def found() -> dict[str, Fuzz]:
    """Every format's `Fuzz`, by its name."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {module.fuzz.name: module.fuzz for module in modules}


def run(fuzz: Fuzz, cases: int, seed: int = 0) -> Result:
    """Read ``cases`` files, numbered from ``seed`` on; a defect names the number that makes it again."""
    result = Result()
    begun = time.perf_counter()
    with _clock():
        for number in range(seed, seed + cases):
            raw = fuzz.make(random.Random(number))
            before = time.perf_counter()
            signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
            try:
                result.accepted += fuzz.read(raw)
            except fuzz.refusals:
                pass
            except (Exception, Hang) as error:
                result.defects.append(f"{fuzz.name} {number}: {type(error).__name__}: {error}"[:300])
            result.slowest = max(result.slowest, time.perf_counter() - before)
            result.cases += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
    result.seconds = time.perf_counter() - begun
    result.rss_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


@contextmanager
def _clock() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang(f"more than {HANG_SECONDS:.0f} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def bytes_changed(raw: bytes, chance: random.Random, times: int = 1) -> bytes:
    """``raw`` with bytes flipped, cut out, doubled or put in."""
    made = bytearray(raw)
    for _ in range(times):
        at = chance.randrange(len(made) + 1)
        kind = chance.randrange(5)
        if kind == 0 and made:
            made[min(at, len(made) - 1)] = chance.randrange(256)
        elif kind == 1:
            del made[at : at + chance.choice((1, 2, 4, 8, 30))]
        elif kind == 2:
            made[at:at] = made[max(0, at - chance.choice((1, 4, 8, 30, 46))) : at]
        elif kind == 3:
            made[at:at] = chance.choice(INTERESTING).to_bytes(8, "little")[: chance.choice((1, 2, 4, 8))]
        else:
            number = chance.choice(INTERESTING).to_bytes(8, "little")[: chance.choice((1, 2, 4, 8))]
            made[at : at + len(number)] = number
    return bytes(made)
