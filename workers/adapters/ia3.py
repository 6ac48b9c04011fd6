"""(IA)³: each row of a weight (or each column, where it is trained on the input) is made longer or shorter.

ΔW = W ∘ w, with one number w a row or a column; W is the weight as the stack before has left it.
Source: LyCORIS, ``modules/ia3.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workers.adapters.modules import OfModules, Patch
from workers.adapters.survey import Shape, Shapes

if TYPE_CHECKING:
    from torch import Tensor


class Lengthened(Patch):
    """``scales`` [n], one for each index of ``axis``."""

    def __init__(self, scales: Tensor, axis: int) -> None:
        self.scales, self.axis = scales.float().reshape(-1), axis

    def made_for(self, live: Shape) -> Shape:
        return (*live[: self.axis], self.scales.numel(), *live[self.axis + 1 :])

    def delta(self, weight: Tensor, strength: float) -> Tensor:
        places = [1] * weight.ndim
        places[self.axis] = -1
        return weight * (self.scales.view(places) * strength)


class Ia3(OfModules):
    slug = "ia3"
    label = "(IA)³"
    endings = {".on_input": "on_input"}

    def owns(self, shapes: Shapes) -> bool:
        return {"on_input", "scales"} <= shapes.keys()

    def writes(self, shapes: Shapes) -> int | None:
        return max(shapes["scales"])

    def patch(self, tensors: Mapping[str, Tensor]) -> Patch:
        return Lengthened(tensors["scales"], axis=1 if bool(tensors["on_input"].reshape(-1)[0]) else 0)


adapter = Ia3()
