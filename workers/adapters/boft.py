"""BOFT: the rows of a weight are rotated in blocks, in several stages, each mixing rows that lie further apart.

Blocks [stages, k, b, b], each a rotation as OFT's. Stage i takes the rows in pairs of runs 2ⁱ · b/2 long, brings each
pair's rows together like a shuffled deck, rotates them in blocks, and deals them back. At a weight m each stage's
rotation goes m of the way from doing nothing, and so does ``rescale``. Source: LyCORIS, ``functional/boft.py``.
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


class Butterfly(Patch):
    """blocks [m, k, b, b]; rescale [out] or None."""

    def __init__(self, blocks: Tensor, rescale: Tensor | None, alpha: float) -> None:
        self.blocks, self.rescale, self.alpha = blocks, rescale, alpha

    def made_for(self, live: Shape) -> Shape:
        return (self.blocks.shape[1] * self.blocks.shape[2], *live[1:])

    @cached_property
    def turns(self) -> Tensor:
        return rotations(self.blocks, self.alpha * self.blocks.shape[1] * self.blocks.shape[2])

    def delta(self, weight: Tensor, strength: float) -> Tensor:
        import torch

        stages, _, size, _ = self.blocks.shape
        same = torch.eye(size, device=weight.device)
        rows = weight.flatten(1) if weight.ndim > 1 else weight[:, None]
        for stage in range(stages):
            turn = same + (self.turns[stage] - same) * strength
            run = 2**stage * size // 2
            together = rows.reshape(-1, 2, run, rows.shape[1]).transpose(1, 2).reshape(-1, size, rows.shape[1])
            rows = (turn @ together).reshape(-1, run, 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)
        if self.rescale is not None:
            rows = rows * (1 + (self.rescale.float().reshape(-1, 1) - 1) * strength)
        return rows.reshape(weight.shape) - weight


class Boft(OfModules):
    slug = "boft"
    label = "BOFT"
    endings = {".oft_blocks": "oft_blocks", ".rescale": "rescale"}

    def owns(self, shapes: Shapes) -> bool:
        return len(shapes.get("oft_blocks", ())) == 4

    def writes(self, shapes: Shapes) -> int | None:
        return shapes["oft_blocks"][1] * shapes["oft_blocks"][2]

    def patch(self, tensors: Mapping[str, Tensor]) -> Patch:
        blocks, rescale = tensors["oft_blocks"], tensors.get("rescale")
        stages, count, size, other = blocks.shape
        if size != other or size % 2 or count % 2 ** (stages - 1) or stages > 16:
            raise ValueError("the blocks are not square, not even, or too few for their stages")
        if rescale is not None and rescale.numel() != count * size:
            raise ValueError("rescale has not a number for each row")
        return Butterfly(blocks, rescale, float(tensors["alpha"]) if "alpha" in tensors else 0.0)


adapter = Boft()
