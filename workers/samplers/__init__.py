"""Sampling algorithms, one file each, under the names people know; `chosen` finds one by name. No torch here."""

import sys
from functools import partial
from typing import TYPE_CHECKING

from workers.errors import Refusal
from workers.plugins import Sampler, found_in
from workers.samplers.schedules import AUTOMATIC, SCHEDULES, align_your_steps, from_time, trained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.messages import Recipe

SAMPLERS: "Mapping[str, Sampler]" = {plug.names[0]: plug for plug in found_in(sys.modules[__name__], "sampler")}
_BY_NAME = {name.lower(): plug for plug in SAMPLERS.values() for name in plug.names}
_SCHEDULE_BY_NAME = {name.lower().replace(" ", "_"): name for name in SCHEDULES} | {"ays": "Align Your Steps"}


def chosen(sampler: str, schedule: str = AUTOMATIC) -> tuple[Sampler, str]:
    """(algorithm, schedule's name) for what people write, old joined names such as ``DPM++ 2M Karras`` included.

    Raises ``Refusal`` for a name that is not known.
    """
    name, wanted = sampler.strip().lower(), schedule.strip().lower().replace(" ", "_")
    if name not in _BY_NAME:
        for label in SCHEDULES:
            if name.endswith(" " + label.lower()) and name[: -len(label) - 1] in _BY_NAME:
                name = name[: -len(label) - 1]
                wanted = label.lower().replace(" ", "_") if wanted in {"", "automatic"} else wanted
                break
        else:
            raise Refusal("unknown-sampler", f"There is no sampler “{sampler[:60]}” here.")
    plug = _BY_NAME[name]
    if wanted in {"", "automatic"}:
        return plug, plug.schedule
    if wanted not in _SCHEDULE_BY_NAME:
        raise Refusal("unknown-schedule", f"There is no schedule type “{schedule[:60]}” here.")
    return plug, _SCHEDULE_BY_NAME[wanted]


def sigmas_for(
    sampler: Sampler,
    schedule: str,
    steps: int,
    family: str = "sd1",
    *,
    discard: bool = False,
    zero_snr: bool = False,
) -> list[float]:
    """The sigmas of ``steps`` steps, the one before the last left out for samplers whose authors do so.

    family: the base's; Align Your Steps is another list for SDXL. discard: leave it out for any sampler.
    zero_snr: of a model whose noisiest step is nothing but noise.
    """
    table = trained(zero_snr)
    made = partial(align_your_steps, family=family) if schedule == "Align Your Steps" else SCHEDULES[schedule]
    if not (sampler.discards or discard):
        return made(steps, table)
    sigmas = made(steps + 1, table)
    return [*sigmas[:-2], sigmas[-1]]


def by_steps(sampler: Sampler) -> bool:
    """See `workers.plugins.Sampler`."""
    return getattr(sampler, "by_steps", False)


def alone(sampler: Sampler) -> bool:
    """See `workers.plugins.Sampler`."""
    return getattr(sampler, "alone", False)


def steps_drawn(recipe: "Recipe") -> int:
    """How many of a recipe's steps are drawn: fewer where it starts from a picture, by A1111's rules. Raises
    ``Refusal`` for a sampler that is not known."""
    if recipe.source is None:
        return recipe.steps
    counted = recipe.source.steps_of(recipe.steps)
    # k-diffusion's begin at the sigma before the last ones that count.
    return max(1, counted) if by_steps(chosen(recipe.sampler)[0]) else min(counted + 1, recipe.steps)


def from_picture(sampler: Sampler, schedule: str, sigmas: "Sequence[float]", left: int) -> tuple[list[float], float]:
    """(the sigmas of the last ``left`` steps, how noisy the picture is at first): the first of them; where a sampler
    counts in training steps, that of the step before, in A1111's way."""
    rest = list(sigmas[-left - 1 :])
    if not by_steps(sampler):
        return rest, rest[0]
    steps = len(sigmas) - 1
    # UniPC's own schedule is even from any step on; the others go on with theirs.
    grid = SCHEDULES["DDIM"](steps, trained()) if schedule == sampler.schedule else sigmas
    level = grid[-left - 2] if left < steps else grid[0]
    if sampler.schedule != "DDIM" and schedule == sampler.schedule:
        rest = from_time(grid[-left - 1], left)
    return rest, level
