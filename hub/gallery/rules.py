"""The rule under a strip: as long as the weights that were drawn, from the base alone to 1 at least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

FIRST = (0.0, 1.0, 0.5, 0.8)  # written before others where there is no room for all
ROOM = 8.0  # hundredths of the rule that a written weight takes: two digits on a phone
STOPS = 20  # of the slider, from one whole weight to the next
STEPS = ((2.0, 0.1), (6.0, 0.5), (20.0, 1.0))  # the longest rule, and how far apart its ticks are then


@dataclass(frozen=True)
class Mark:
    """Where something stands on a rule, in hundredths of its length; ``anchor``: how its words lie there."""

    place: float
    weight: float
    anchor: str = "middle"


@dataclass(frozen=True)
class Rule:
    low: float
    high: float
    ticks: list[Mark]
    marks: list[Mark]

    @property
    def first(self) -> int:
        return round(self.low * 100)

    @property
    def last(self) -> int:
        return round(self.high * 100)


def rule_of(weights: Sequence[float]) -> Rule:
    """The rule on which all of ``weights`` stand, those written that have room."""
    low = floor(min([0.0, *weights]) * STOPS) / STOPS
    high = ceil(max([1.0, *weights]) * STOPS) / STOPS
    place = {weight: round(100 * (weight - low) / (high - low), 1) for weight in {low, high, *weights}}
    written: list[Mark] = []
    for weight in dict.fromkeys([low, high, *(one for one in FIRST if one in place), *weights]):
        if all(abs(place[weight] - mark.place) >= ROOM for mark in written):
            anchor = "start" if weight == low else "end" if weight == high else "middle"
            written.append(Mark(place[weight], weight, anchor))
    step = next(step for longest, step in STEPS if high - low <= longest)
    ticks = [n * step for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
    return Rule(low, high, [Mark(round(100 * (one - low) / (high - low), 1), one) for one in ticks], written)
