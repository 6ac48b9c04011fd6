"""The samplers and schedules that workers know, by the names that people write."""

from __future__ import annotations

from typing import NamedTuple

from workers.errors import Refusal
from workers.samplers import SAMPLERS, chosen
from workers.samplers.schedules import AUTOMATIC, SCHEDULES


class Split(NamedTuple):
    sampler: str
    schedule: str


def names() -> list[str]:
    return sorted(SAMPLERS)


def schedules() -> list[str]:
    return [AUTOMATIC, *SCHEDULES]


def known(sampler: str, schedule: str) -> bool:
    try:
        chosen(sampler, schedule)
    except Refusal:
        return False
    return True


def split(sampler: str, schedule: str) -> Split:
    """One spelling for each way to write it: ``DPM++ 2M Karras``, ``k_dpmpp_2m`` and ``DPM++ 2M`` with Automatic are
    the same drawing, and then have the same recipe. Raises ``workers.errors.Refusal`` where `known` says no."""
    plug, name = chosen(sampler, schedule)
    return Split(plug.names[0], name)
