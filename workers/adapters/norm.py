"""Norm: what is added to the scale and the shift of a normalisation layer. Source: LyCORIS, ``modules/norms.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workers.adapters.modules import OfModules, Patch
from workers.adapters.survey import Shape, Shapes

if TYPE_CHECKING:
    from torch import Tensor


class Scaled(Patch):
    """``scale`` [channels] is added; the shift is the patch's bias."""

    def __init__(self, scale: Tensor) -> None:
        self.scale = scale.reshape(-1)

    def made_for(self, live: Shape) -> Shape:
        return tuple(self.scale.shape)

    def delta(self, weight: Tensor, strength: float) -> Tensor:
        return self.scale.float() * strength


class Norm(OfModules):
    slug = "norm"
    label = "norm difference"
    rank = -1
    endings = {".w_norm": "w_norm", ".b_norm": "b_norm"}

    def owns(self, shapes: Shapes) -> bool:
        return "w_norm" in shapes

    def patch(self, tensors: Mapping[str, Tensor]) -> Patch:
        return Scaled(tensors["w_norm"])


adapter = Norm()
