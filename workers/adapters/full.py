"""Full difference: a module's weight, its bias, or both, as trained less as they were; or a weight as a whole.

W += weight · diff, bias += weight · diff_b; ``set_weight`` is what the weight becomes at 1.
Sources: LyCORIS, ``modules/full.py``; ComfyUI's extracted LoRAs (``set_weight``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workers.adapters.modules import OfModules, Patch, as_live
from workers.adapters.survey import Shape, Shapes

if TYPE_CHECKING:
    from torch import Tensor


class Difference(Patch):
    """``diff`` is added; None where the module's bias alone changes."""

    def __init__(self, diff: Tensor | None) -> None:
        self.diff = diff

    def made_for(self, live: Shape) -> Shape | None:
        return None if self.diff is None else as_live(tuple(self.diff.shape), live)

    def delta(self, weight: Tensor, strength: float) -> Tensor | None:
        return None if self.diff is None else (self.diff.float() * strength).reshape(weight.shape)


class Replaced(Patch):
    def __init__(self, whole: Tensor) -> None:
        self.whole = whole

    def made_for(self, live: Shape) -> Shape:
        return as_live(tuple(self.whole.shape), live)

    def delta(self, weight: Tensor, strength: float) -> Tensor:
        return (self.whole.float().reshape(weight.shape) - weight) * strength


class Full(OfModules):
    slug = "full"
    label = "full difference"
    rank = 0
    endings = {".diff": "diff", ".diff_b": "diff_b", ".set_weight": "set_weight"}

    def owns(self, shapes: Shapes) -> bool:
        return bool({"diff", "diff_b", "set_weight"} & shapes.keys())

    def reads(self, shapes: Shapes) -> int | None:
        shape = shapes.get("diff") or shapes.get("set_weight") or ()
        return shape[1] if len(shape) > 1 else None

    def patch(self, tensors: Mapping[str, Tensor]) -> Patch:
        return Replaced(tensors["set_weight"]) if "set_weight" in tensors else Difference(tensors.get("diff"))


adapter = Full()
