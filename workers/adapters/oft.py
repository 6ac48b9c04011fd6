"""OFT (diag-OFT): the rows of a weight are rotated among each other, in blocks.

With a block's numbers B: Q = B − Bᵀ, no longer than the constraint; R = (I + Q)(I − Q)⁻¹, a rotation; W' = Rᵀ · W block
by block, then each row times ``rescale`` where there is one. At a weight m, R and rescale go that far from doing
nothing. The constraint is alpha · out. Sources: LyCORIS, ``modules/diag_oft.py``; kohya-ss/sd-scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from workers.adapters.modules import OfModules, Patch
from workers.adapters.rotation import rotations
from workers.adapters.survey import Shape, Shapes

if TYPE_CHECKING:
    from torch import Tensor


class Rotated(Patch):
    """blocks [k, n, n]; rescale [out] or None."""

    def __init__(self, blocks: Tensor, rescale: Tensor | None, alpha: float) -> None:
        self.blocks, self.rescale, self.alpha = blocks, rescale, alpha

    def made_for(self, live: Shape) -> Shape:
        return (self.blocks.shape[0] * self.blocks.shape[1], *live[1:])

    @cached_property
    def turned(self) -> Tensor:
        """Rᵀ − I, fp32."""
        import torch

        rows = self.blocks.shape[0] * self.blocks.shape[1]
        turn = rotations(self.blocks, self.alpha * rows)
        return turn.transpose(1, 2) - torch.eye(turn.shape[-1], device=turn.device)

    def delta(self, weight: Tensor, strength: float) -> Tensor:
        count, size, _ = self.blocks.shape
        added = (self.turned @ weight.reshape(count, size, -1)).reshape(weight.shape) * strength
        if self.rescale is None:
            return added
        longer = (self.rescale.float().reshape(-1, *[1] * (weight.ndim - 1)) - 1) * strength
        return added + (weight + added) * longer


class Oft(OfModules):
    slug = "oft"
    label = "OFT"
    endings = {".oft_blocks": "oft_blocks", ".rescale": "rescale"}

    def owns(self, shapes: Shapes) -> bool:
        return len(shapes.get("oft_blocks", ())) == 3

    def writes(self, shapes: Shapes) -> int | None:
        return shapes["oft_blocks"][0] * shapes["oft_blocks"][1]

    def patch(self, tensors: Mapping[str, Tensor]) -> Patch:
        blocks, rescale = tensors["oft_blocks"], tensors.get("rescale")
        if blocks.shape[1] != blocks.shape[2] or (rescale is not None and rescale.numel() != blocks[..., 0].numel()):
            raise ValueError("the blocks are not square, or rescale has not a number for each row")
        return Rotated(blocks, rescale, float(tensors["alpha"]) if "alpha" in tensors else 0.0)


adapter = Oft()
