"""X/Y/Z plots: one recipe drawn over and over with a few settings changed. Pure Python, so that the hub plans them too.

An axis has a name (`AXES`), and values as people write them: ``4, 8, 12``, ``1-10 (+3)``, ``1-10 [4]``, words with
commas in double quotes. The notation is A1111's.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from workers import samplers
from workers.errors import Refusal
from workers.messages import Axis, Recipe

MOST_CELLS, MOST_AXES = 100, 3
MOST_WEIGHTS = 20  # as many adapters as a stack may have
_NUMBER = r"\s*([+-]?\d+(?:\.\d+)?)\s*"
_STRIDE = re.compile(rf"{_NUMBER}-{_NUMBER}(?:\(({_NUMBER})\))?\s*")
WORDINGS = ("wording", "negative")  # whole prompts: what a template makes, never typed as an axis
_COUNT = re.compile(rf"{_NUMBER}-{_NUMBER}\[\s*(\d+)\s*\]\s*")


@dataclass(frozen=True)
class Kind:
    """What an axis changes. ``change(recipe, value, values)`` raises ``ValueError`` for a value that is none.

    cost: what a change of it costs the engine; axes that cost more change less often.
    """

    label: str
    change: Callable[[Recipe, str, Sequence[str]], Recipe]
    cost: int = 0
    numbers: bool = False


def _field(name: str, kind: type) -> Callable[[Recipe, str, Sequence[str]], Recipe]:
    def change(recipe: Recipe, value: str, values: Sequence[str]) -> Recipe:
        return replace(recipe, **{name: kind(value)})

    return change


def _sampler(recipe: Recipe, value: str, values: Sequence[str]) -> Recipe:
    plug, schedule = samplers.chosen(value, recipe.schedule)
    return replace(recipe, sampler=plug.names[0], schedule=schedule)


def _schedule(recipe: Recipe, value: str, values: Sequence[str]) -> Recipe:
    return replace(recipe, schedule=samplers.chosen(recipe.sampler, value)[1])


def _words(recipe: Recipe, value: str, values: Sequence[str]) -> Recipe:
    """The first value is what is searched for, in both prompts; each value stands in its place."""
    searched = values[0]
    if searched not in recipe.prompt + recipe.negative:
        raise ValueError(f"the prompt does not say “{searched[:60]}”")
    return replace(
        recipe, prompt=recipe.prompt.replace(searched, value), negative=recipe.negative.replace(searched, value)
    )


def _wording(name: str) -> Callable[[Recipe, str, Sequence[str]], Recipe]:
    def change(recipe: Recipe, value: str, values: Sequence[str]) -> Recipe:
        return replace(recipe, **{name: value})

    return change


def _weight(place: int) -> Callable[[Recipe, str, Sequence[str]], Recipe]:
    def change(recipe: Recipe, value: str, values: Sequence[str]) -> Recipe:
        if place >= len(recipe.uses):
            raise ValueError(f"the stack has no adapter {place + 1}")
        uses = list(recipe.uses)
        uses[place] = replace(uses[place], weight=float(value))
        return replace(recipe, uses=tuple(uses))

    return change


def _size(recipe: Recipe, value: str, values: Sequence[str]) -> Recipe:
    width, _, height = value.lower().replace("×", "x").partition("x")
    return replace(recipe, width=int(width), height=int(height or width))


def _base(recipe: Recipe, value: str, values: Sequence[str]) -> Recipe:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("a checkpoint is named by the SHA-256 of its file")
    return replace(recipe, base=value, base_name="" if value != recipe.base else recipe.base_name)


def _vae(recipe: Recipe, value: str, values: Sequence[str]) -> Recipe:
    if value.lower() in {"", "automatic", "none"}:
        return replace(recipe, vae="", vae_name="")
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("a VAE is named by the SHA-256 of its file, or Automatic is the base's own")
    return replace(recipe, vae=value, vae_name="" if value != recipe.vae else recipe.vae_name)


def _denoising(recipe: Recipe, value: str, values: Sequence[str]) -> Recipe:
    if recipe.source is None:
        raise ValueError("this starts from no picture")
    return replace(recipe, source=replace(recipe.source, denoising=float(value)))


AXES: dict[str, Kind] = {
    "checkpoint": Kind("Checkpoint", _base, cost=4),
    **{
        f"weight_{n + 1}": Kind(f"Weight of adapter {n + 1}", _weight(n), cost=3, numbers=True)
        for n in range(MOST_WEIGHTS)
    },
    "vae": Kind("VAE", _vae, cost=1),
    "denoising": Kind("Denoising", _denoising, numbers=True),
    "size": Kind("Size", _size, cost=2),
    "prompt": Kind("Words", _words, cost=1),
    "wording": Kind("Prompt", _wording("prompt"), cost=1),
    "negative": Kind("Negative", _wording("negative"), cost=1),
    "clip_skip": Kind("Clip skip", _field("clip_skip", int), cost=1, numbers=True),
    "seed": Kind("Seed", _field("seed", int), numbers=True),
    "variation_seed": Kind("Variation seed", _field("variation_seed", int), numbers=True),
    "sampler": Kind("Sampler", _sampler),
    "schedule": Kind("Schedule", _schedule),
    "steps": Kind("Steps", _field("steps", int), numbers=True),
    "cfg": Kind("CFG", _field("cfg", float), numbers=True),
}


class Cell(NamedTuple):
    """One picture of a plot, and where it stands: its place along each axis, 0 along one that is not there."""

    place: tuple[int, int, int]
    recipe: Recipe


def axis(name: str, text: str) -> Axis:
    """The axis ``name`` with the values that ``text`` writes. Raises ``Refusal``."""
    if name not in AXES:
        raise Refusal("plot", f"A plot has no axis “{name[:40]}”.")
    row = next(csv.reader([text], skipinitialspace=True), [])
    written = [value.strip() for value in row if value.strip()]
    values = [one for value in written for one in (_range(value) if AXES[name].numbers else [value])]
    if not values:
        raise Refusal("plot", f"The axis {AXES[name].label} has no values.")
    if len(values) > MOST_CELLS:
        raise Refusal("plot", f"The axis {AXES[name].label} has more than {MOST_CELLS} values.")
    return Axis(name=name, values=tuple(values))


def written(values: Sequence[str]) -> str:
    """Values as `axis` reads them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue().replace(",", ", ") if not any("," in value for value in values) else text.getvalue()


def _range(value: str) -> list[str]:
    if found := _COUNT.fullmatch(value):
        low, high, count = float(found[1]), float(found[2]), min(int(found[3]), MOST_CELLS + 1)
        strides = [low + (high - low) * n / (count - 1) for n in range(count)] if count > 1 else [low] * count
        return [_plain(number, value) for number in strides]
    if found := _STRIDE.fullmatch(value):
        low, high = float(found[1]), float(found[2])
        stride = abs(float(found[4])) if found[4] else 1.0
        if stride == 0:
            raise Refusal("plot", f"The range {value[:40]} has a stride of nought.")
        count = min(int(abs(high - low) / stride + 1e-9) + 1, MOST_CELLS + 1)
        return [_plain(low + (stride if high >= low else -stride) * n, value) for n in range(count)]
    return [value]


def _plain(number: float, written: str) -> str:
    """Whole where the range is written in whole numbers."""
    return f"{number:.6g}" if "." in written else str(round(number))


def cells(recipe: Recipe, axes: Sequence[Axis]) -> list[Cell]:
    """Every picture of a plot, in an order in which what costs most to change changes least.

    axes: x, and maybe y and z. Raises ``Refusal`` for what cannot be drawn.
    """
    if not 1 <= len(axes) <= MOST_AXES or len({axis.name for axis in axes}) < len(axes):
        raise Refusal("plot", "A plot has one to three axes, each another.")
    count = 1
    for one in axes:
        if one.name not in AXES or not one.values:
            raise Refusal("plot", f"A plot has no axis “{one.name[:40]}” with {len(one.values)} values.")
        count *= len(one.values)
    if count > MOST_CELLS:
        raise Refusal("plot", f"This plot has {count} pictures; {MOST_CELLS} is the most.")
    made = [_cell(recipe, axes, place) for place in itertools.product(*(range(len(one.values)) for one in axes))]
    costly = sorted(range(len(axes)), key=lambda n: -AXES[axes[n].name].cost)
    return sorted(made, key=lambda cell: [cell.place[n] for n in costly])


def _cell(recipe: Recipe, axes: Sequence[Axis], place: Sequence[int]) -> Cell:
    # Words are searched for in the prompt as it was written, and a sampler may bring a schedule that another axis sets.
    order = sorted(
        zip(axes, place, strict=True), key=lambda one: (one[0].name not in WORDINGS, one[0].name == "schedule")
    )
    for one, at in order:
        try:
            recipe = AXES[one.name].change(recipe, one.values[at], one.values)
        except ValueError as error:
            sentence = f"The axis {AXES[one.name].label} cannot be {one.values[at][:60]}: {error}."
            raise Refusal("plot", sentence) from error
    x, y, z = (*place, 0, 0)[:3]
    return Cell((x, y, z), recipe)
