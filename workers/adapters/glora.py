"""GLoRA: a low-rank matrix is added to a weight, and the weight times another.

ΔW = alpha / rank · (b1 @ b2 + W @ a1 @ a2); W is the weight as the stack before has left it. Older files swap the names
in both pairs; the shapes tell. Source: LyCORIS, ``modules/glora.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workers.adapters.factors import LowRank
from workers.adapters.modules import OfModules, Patch, scale_of
from workers.adapters.survey import Shape, Shapes

if TYPE_CHECKING:
    from torch import Tensor


class Generalised(Patch):
    """a1 [in, r], a2 [r, in]; beside: what is added whatever the weight is."""

    def __init__(self, a1: Tensor, a2: Tensor, beside: LowRank, scale: float) -> None:
        self.a1, self.a2, self.beside, self.scale = a1, a2, beside, scale
        if a1.shape[:2] != (a2.shape[1], a2.shape[0]) or a1.numel() != a2.numel():
            raise ValueError("the ranks differ")

    def made_for(self, live: Shape) -> Shape:
        made = self.beside.made_for(live)
        return made if made != live or self.a1.shape[0] == live[1] else (live[0], self.a1.shape[0], *live[2:])

    def delta(self, weight: Tensor, strength: float) -> Tensor:
        through = weight.movedim(1, -1) @ self.a1.float().flatten(1) @ self.a2.float().flatten(1)
        return through.movedim(-1, 1) * (self.scale * strength) + self.beside.delta(weight, strength)


class Glora(OfModules):
    slug = "glora"
    label = "GLoRA"
    endings = {f".{name}.weight": name for name in ("a1", "a2", "b1", "b2", "bm")}

    def owns(self, shapes: Shapes) -> bool:
        return {"a1", "a2", "b1", "b2"} <= shapes.keys()

    def reads(self, shapes: Shapes) -> int | None:
        return shapes["b1" if _swapped(shapes) else "b2"][1]

    def ranks(self, shapes: Shapes) -> int | None:
        return shapes["a1" if _swapped(shapes) else "a2"][0]

    def patch(self, tensors: Mapping[str, Tensor]) -> Patch:
        a1, a2, b1, b2 = (tensors[name] for name in ("a1", "a2", "b1", "b2"))
        if _swapped({name: tuple(tensor.shape) for name, tensor in tensors.items()}):
            a1, a2, b1, b2 = a2, a1, b2, b1
        scale = scale_of(tensors, a2.shape[0])
        return Generalised(a1, a2, LowRank(b2, b1, tensors.get("bm"), scale), scale)


def _swapped(shapes: Shapes) -> bool:
    """Whether a1 and b1 are the ones that read: then the rank is their first axis. In a square module both readings
    fit; the rank is the smaller number."""
    a1, a2, b1, b2 = (shapes[name] for name in ("a1", "a2", "b1", "b2"))
    today = a1[1] == a2[0] == b1[1] == b2[0]
    earlier = a1[0] == a2[1] == b1[0] == b2[1]
    return earlier and (not today or a1[0] < a1[1])


adapter = Glora()
