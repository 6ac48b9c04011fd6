"""LoHa: the product, number by number, of two low-rank matrices is added to a weight.

ΔW = alpha / rank · (w1_a @ w1_b) ∘ (w2_a @ w2_b); with ``hada_t1`` and ``hada_t2`` [r, r, h, w] each side is
Σ t · w_b · w_a over both ranks (Tucker). Source: LyCORIS, ``modules/loha.py``; PEFT writes the same names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workers.adapters.factors import agreeing, side
from workers.adapters.modules import OfModules, Patch, as_live, scale_of
from workers.adapters.survey import Shape, Shapes

if TYPE_CHECKING:
    from torch import Tensor


class Hadamard(Patch):
    """Each side (a [out, r] or [r, out], b [r, in], t [r, r, h, w] or None)."""

    def __init__(self, sides: tuple[tuple[Tensor, Tensor, Tensor | None], ...], scale: float) -> None:
        self.sides, self.scale = sides, scale
        if len({self._shape(*side) for side in sides}) > 1:
            raise ValueError("the sides differ")
        for factors in sides:
            agreeing(*factors)

    @staticmethod
    def _shape(a: Tensor, b: Tensor, t: Tensor | None) -> Shape:
        return (a.shape[0], *b.shape[1:]) if t is None else (a.shape[1], b.shape[1], *t.shape[2:])

    def made_for(self, live: Shape) -> Shape:
        return as_live(self._shape(*self.sides[0]), live)

    def delta(self, weight: Tensor, strength: float) -> Tensor:
        first, second = (side(*factors) for factors in self.sides)
        return (first * second * (self.scale * strength)).reshape(weight.shape)


class Loha(OfModules):
    slug = "loha"
    label = "LoHa"
    endings = {f".{name}": name for name in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2")}

    def owns(self, shapes: Shapes) -> bool:
        return {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"} <= shapes.keys()

    def reads(self, shapes: Shapes) -> int | None:
        return shapes["hada_w1_b"][1]

    def ranks(self, shapes: Shapes) -> int | None:
        return shapes["hada_w1_b"][0]

    def patch(self, tensors: Mapping[str, Tensor]) -> Patch:
        sides = tuple((tensors[f"hada_w{n}_a"], tensors[f"hada_w{n}_b"], tensors.get(f"hada_t{n}")) for n in (1, 2))
        return Hadamard(sides, scale_of(tensors, tensors["hada_w1_b"].shape[0]))


adapter = Loha()
