"""Thin factors of a module's weight, and their products: what LoRA, LoCon, LoHa and LoKr are made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from workers.adapters.modules import OfModules, Patch, as_live, scale_of
from workers.adapters.survey import Shape, Shapes

if TYPE_CHECKING:
    from torch import Tensor


class Pairs(OfModules):
    """Types whose modules hold ``down`` [rank, in, …] and ``up`` [out, rank, …]."""

    def owns(self, shapes: Shapes) -> bool:
        return "down" in shapes and "up" in shapes

    def reads(self, shapes: Shapes) -> int | None:
        return shapes["down"][1]

    def ranks(self, shapes: Shapes) -> int | None:
        return shapes["down"][0]

    def patch(self, tensors: Mapping[str, Tensor]) -> Patch:
        down, up = tensors["down"], tensors["up"]
        return LowRank(down, up, tensors.get("mid"), scale_of(tensors, down.shape[0]))


class LowRank(Patch):
    """down [rank, in, …], up [out, rank, …], mid [rank, rank, h, w] or None."""

    def __init__(self, down: Tensor, up: Tensor, mid: Tensor | None, scale: float) -> None:
        self.down, self.up, self.mid, self.scale = down, up, mid, scale
        rank = down.shape[0] if mid is None else mid.shape[0]
        if up.shape[1] != rank or up.shape[2:].numel() != 1 or (mid is not None and mid.shape[1] != down.shape[0]):
            raise ValueError("the ranks differ")

    def made_for(self, live: Shape) -> Shape:
        inner = self.down.shape[1:] if self.mid is None else (self.down.shape[1], *self.mid.shape[2:])
        return as_live((self.up.shape[0], *inner), live)

    @cached_property
    def thin(self) -> tuple[Tensor, Tensor] | None:  # type: ignore[override]
        if self.mid is not None:
            return None
        up = self.up.float().flatten(1)
        return self.down.float().contiguous(), (up if self.scale == 1 else up * self.scale).contiguous()

    def delta(self, weight: Tensor, strength: float) -> Tensor:
        return (self._product() * (self.scale * strength)).reshape(weight.shape)

    def _product(self) -> Tensor:
        """up @ down, fp32, flat over what the module reads."""
        up, down = self.up.float().flatten(1), self.down.float().flatten(1)
        if self.mid is None:
            return up @ down
        # One contraction for each place of the kernel: [out, r] · [r, r, h, w] · [r, in].
        full = (up @ self.mid.float().flatten(1)).reshape(up.shape[0], -1, *self.mid.shape[2:])
        return (full.permute(0, 2, 3, 1) @ down).permute(0, 3, 1, 2).flatten(1)


def side(a: Tensor, b: Tensor, t: Tensor | None) -> Tensor:
    """a @ b, fp32; with a core ``t`` [r, q, h, w]: Σ t · a [r, out] · b [q, in] → [out, in, h, w]."""
    a, b = a.float(), b.float()
    if t is None:
        return a @ b.flatten(1)
    full = (a.T @ t.float().flatten(1)).reshape(a.shape[1], *t.shape[1:])
    return (full.permute(0, 2, 3, 1) @ b).permute(0, 3, 1, 2)


def agreeing(a: Tensor, b: Tensor, t: Tensor | None) -> None:
    """Raises ``ValueError`` where the ranks of `side`'s factors differ."""
    if (a.shape[1] != b.shape[0]) if t is None else (tuple(t.shape[:2]) != (a.shape[0], b.shape[0])):
        raise ValueError("the ranks differ")
