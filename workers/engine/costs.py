"""What a call of the UNet costs here, measured while pictures are drawn, and kept: where sharing a call pays."""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

KEPT = 9  # samples of a way, the oldest forgotten
ENOUGH = 2  # before a way is judged
# Now and then the other way is taken, as a machine may have become less busy; seldom where it looked far worse.
LOOK_AGAIN, LOOK_SELDOM, FAR_WORSE = 64, 1024, 1.2


class Way(NamedTuple):
    """A way to go through the UNet. ``mode``: merged (one stack), beside (several). ``lines``: of the call."""

    base: str
    shape: str
    mode: str
    lines: int


class Costs:
    """What each `Way` costs where little disturbs it, from its last samples; kept in ``path``, if one is given."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.samples: dict[Way, deque[float]] = {}
        self.asked = 0
        if path is not None and path.is_file():
            self._load(path)

    def note(self, way: Way, seconds: float) -> None:
        self.samples.setdefault(way, deque(maxlen=KEPT)).append(seconds)

    def seconds(self, way: Way) -> float | None:
        """The lower quartile; None before there are enough samples.

        The median would take a way's first calls for all others: they lay out weights and make kernels that the later
        ones find, and a way that looks too dear is not gone often enough to be found cheaper.
        """
        known = sorted(self.samples.get(way, ()))
        return known[len(known) // 4] if len(known) >= ENOUGH else None

    def look_again(self, better: float, worse: float) -> bool:
        """Whether it is time to take the worse way once more."""
        self.asked += 1
        return self.asked % (LOOK_AGAIN if worse < better * FAR_WORSE else LOOK_SELDOM) == 0

    def save(self) -> None:
        """Write what is known to ``path``; a disk that does not take it costs a new measurement, no more."""
        if self.path is None:
            return
        known = [[*way, list(samples)] for way, samples in self.samples.items()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            arriving = self.path.with_suffix(f".{os.getpid()}")
            arriving.write_text(json.dumps(known))
            arriving.replace(self.path)
        except OSError as error:
            log.warning("what calls cost could not be kept: %s", error)

    def _load(self, path: Path) -> None:
        try:
            for *way, samples in json.loads(path.read_text()):
                self.samples[Way(*way)] = deque(map(float, samples), maxlen=KEPT)
        except (OSError, ValueError, TypeError) as error:
            log.warning("what calls cost is measured anew: %s", error)
            self.samples = {}
