"""What ControlNets and T2I-Adapters add to a call of the UNet: each line by its own nets, hints, weights and steps.

Lines of one call that read the same net go through it together; a line without one gets nothing added. So rows with
different ControlNets share a call, and draw what they draw alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workers import preprocessing
from workers.engine import cache
from workers.engine.model import Model
from workers.errors import Refusal
from workers.hints import Hint
from workers.messages import Recipe
from workers.plugins import Added, Control, Edit

# Where the prompt or the hint is to count more, A1111 lets a ControlNet's deeper layers count more than its shallow
# ones: 0.825 for each layer that a skip connection lies above the thirteenth; and a T2I-Adapter's levels by these.
FADE, LAYERS = 0.825, 13
LEVELS = (0.25, 0.62, 0.825, 1.0)


@dataclass(frozen=True, eq=False)
class Steering:
    """One net, steering one picture: what it saw in the hint, how much it counts, and over which steps."""

    control: Control
    seen: Sequence[Tensor]
    weight: float
    hint: Hint

    def counts(self, step: int, steps: int, *, wanted: bool) -> bool:
        """Whether it counts at ``step``, from 0: a step lies between ``start`` and ``end`` as a whole.

        wanted: for what the prompt asks for; else for what it turns away from.
        """
        within = step / steps >= self.hint.start and (step + 1) / steps <= self.hint.end
        return within and (wanted or self.hint.mode != "ControlNet is more important")

    def skip_scale(self, place: int) -> float:
        """How much the skip connection ``place``, from 0, counts; the middle comes after the last."""
        return self.weight if self.hint.mode == "Balanced" else self.weight * FADE ** (LAYERS - 1 - place)

    def level_scale(self, place: int) -> float:
        faded = self.hint.mode != "Balanced" and place < len(LEVELS)
        return self.weight * LEVELS[place] if faded else self.weight


def steerings(model: Model, recipe: Recipe, edits: Sequence[Edit]) -> list[Steering]:
    """What steers the picture of ``recipe``, each with its hint read. Raises ``Refusal`` where one has no hint, or was
    made for another base."""
    found = []
    for edit in edits:
        if not edit.steers or edit.weight == 0:
            continue
        if edit.hint is None or edit.pixels is None:
            raise Refusal("hint-missing", "A ControlNet of this stack has no picture to read.")
        control = cache.control(edit, model)
        pixels = preprocessing.prepared(edit.pixels, edit.hint, recipe.width, recipe.height)
        picture = torch.from_numpy(pixels.copy()).to(model.device, model.dtype).permute(2, 0, 1)[None] / 255
        found.append(Steering(control, control.seen(picture.contiguous()), edit.weight, edit.hint))
    return found


def added(
    lines: Sequence[Sequence[Steering]], x: Tensor, time: Tensor, context: Tensor, more: Mapping[str, Tensor]
) -> dict[str, Any]:
    """What a UNet takes beside its lines, as `workers.unet` names it: the sum of what each line's nets add;
    nothing where none steers. x, time, context, more: the lines, as the UNet reads them."""
    total = _Total(len(lines))
    # The same net at the same place of each line's stack: so that sums have one order, alone and in company.
    for place in range(max((len(line) for line in lines), default=0)):
        nets: dict[int, list[int]] = {}
        for number, line in enumerate(lines):
            if place < len(line):
                nets.setdefault(id(line[place].control), []).append(number)
        for numbers in nets.values():
            mine = [lines[number][place] for number in numbers]
            which = torch.tensor(numbers, device=x.device)
            seen = [torch.cat(parts) for parts in zip(*(one.seen for one in mine), strict=True)]
            part = {name: tensor[which] for name, tensor in more.items()}
            total.add(numbers, mine, mine[0].control.added(seen, x[which], time[which], context[which], part))
    return total.arguments()


class _Total:
    """Sums, for each line, of what its nets add."""

    def __init__(self, lines: int) -> None:
        self.lines = lines
        self.skips: list[Tensor] = []
        self.levels: list[Tensor] = []

    def add(self, numbers: Sequence[int], mine: Sequence[Steering], new: Added) -> None:
        skips = [*new.skips, *([new.middle] if new.middle is not None else [])]
        for sums, parts, scale in (
            (self.skips, skips, Steering.skip_scale),
            (self.levels, new.levels, Steering.level_scale),
        ):
            if parts and not sums:
                sums += [part.new_zeros(self.lines, *part.shape[1:]) for part in parts]
            if len(sums) != len(parts) and parts:
                raise Refusal("adapter-does-not-fit", "Two of the nets that steer this picture are of unequal depth.")
            for place, part in enumerate(parts):
                scales = part.new_tensor([scale(one, place) for one in mine]).view(-1, 1, 1, 1)
                sums[place][list(numbers)] += part * scales

    def arguments(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if self.skips:
            told["skips"] = self.skips[:-1]
            told["middle"] = self.skips[-1]
        if self.levels:
            told["levels"] = self.levels
        return told
