"""LoKr: the Kronecker product of a small and a larger matrix is added to a weight; either may be low-rank itself.

ΔW = scale · kron(w1, w2), w1 = ``lokr_w1`` or w1_a @ w1_b, w2 likewise, or with a core ``lokr_t2`` (Tucker). The scale
is alpha / rank where a factor is low-rank, else 1. Source: LyCORIS, ``modules/lokr.py``; PEFT writes the same names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workers.adapters.factors import agreeing, side
from workers.adapters.modules import OfModules, Patch, as_live, scale_of
from workers.adapters.survey import Shape, Shapes

if TYPE_CHECKING:
    from torch import Tensor

Factor = tuple["Tensor", "Tensor | None", "Tensor | None"]  # whole; or a, b; or a, b and a core


class Kronecker(Patch):
    def __init__(self, small: Factor, large: Factor, scale: float) -> None:
        self.small, self.large, self.scale = small, large, scale
        for a, b, t in (small, large):
            if b is not None:
                agreeing(a, b, t)

    def made_for(self, live: Shape) -> Shape:
        one, two = _shape(*self.small), _shape(*self.large)
        return as_live((one[0] * two[0], one[1] * two[1], *two[2:]), live)

    def delta(self, weight: Tensor, strength: float) -> Tensor:
        import torch

        small, large = _whole(*self.small), _whole(*self.large)
        kernel = _shape(*self.large)[2:]
        large = large.reshape(large.shape[0], -1, *kernel) if kernel else large.flatten(1)
        if not kernel and weight.ndim > 2:
            # The larger factor is flat over its pixels, the smaller knows of none.
            large = large.reshape(large.shape[0], -1, *weight.shape[2:])
        small = small.reshape(*small.shape[:2], *[1] * (large.ndim - 2))
        return (torch.kron(small, large.contiguous()) * (self.scale * strength)).reshape(weight.shape)


def _shape(a: Tensor, b: Tensor | None, t: Tensor | None) -> Shape:
    if b is None:
        return tuple(a.shape)
    return (a.shape[0], *b.shape[1:]) if t is None else (a.shape[1], b.shape[1], *t.shape[2:])


def _whole(a: Tensor, b: Tensor | None, t: Tensor | None) -> Tensor:
    return a.float() if b is None else side(a, b, t)


class Lokr(OfModules):
    slug = "lokr"
    label = "LoKr"
    endings = {
        f".{name}": name
        for name in ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")
    }

    def owns(self, shapes: Shapes) -> bool:
        return all(f"lokr_w{n}" in shapes or {f"lokr_w{n}_a", f"lokr_w{n}_b"} <= shapes.keys() for n in (1, 2))

    def reads(self, shapes: Shapes) -> int | None:
        small = shapes["lokr_w1"] if "lokr_w1" in shapes else shapes["lokr_w1_b"]
        large = shapes["lokr_w2"] if "lokr_w2" in shapes else shapes["lokr_w2_b"]
        return small[1] * large[1]

    def ranks(self, shapes: Shapes) -> int | None:
        return next((shapes[name][0] for name in ("lokr_w1_b", "lokr_w2_b") if name in shapes), None)

    def patch(self, tensors: Mapping[str, Tensor]) -> Patch:
        small, large = (_factor(tensors, n) for n in (1, 2))
        ranks = [tensors[name].shape[0] for name in ("lokr_w1_b", "lokr_w2_b") if name in tensors]
        return Kronecker(small, large, scale_of(tensors, ranks[0]) if ranks else 1.0)


def _factor(tensors: Mapping[str, Tensor], n: int) -> Factor:
    if f"lokr_w{n}" in tensors:
        return tensors[f"lokr_w{n}"], None, None
    return tensors[f"lokr_w{n}_a"], tensors[f"lokr_w{n}_b"], tensors.get(f"lokr_t{n}")


adapter = Lokr()
