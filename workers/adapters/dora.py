"""DoRA: the weight that another type makes, scaled row by row (or column by column) to lengths of its own.

V = W + ΔW at the inner type's full strength, W' = V · scale / (‖V‖ + ε); at a weight m the module is W + m · (W' − W),
so that 0 is the base and 1 is what was trained. W is the weight as the stack before has left it: DoRA does not commute.
Sources: LyCORIS, ``functional/general.py`` (``dora_scale`` on rows [out, 1, …], or in early files on columns
[1, in, …]); PEFT's ``lora_magnitude_vector`` is always on rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from workers.adapters.modules import OfModules, Patch
from workers.adapters.survey import Shape, Shapes, owner

if TYPE_CHECKING:
    from torch import Tensor

_SCALES = ("dora_scale", "magnitude")


class Decomposed(Patch):
    """``inner`` with ``lengths`` [out] of the rows, or [in] of the columns."""

    def __init__(self, inner: Patch, lengths: Tensor, *, rows: bool) -> None:
        self.inner, self.lengths, self.rows = inner, lengths.float().reshape(-1), rows

    def made_for(self, live: Shape) -> Shape | None:
        made = self.inner.made_for(live)
        axis = 0 if self.rows else 1
        if made == live and self.lengths.numel() != live[axis]:
            return (*live[:axis], self.lengths.numel(), *live[axis + 1 :])
        return made

    def delta(self, weight: Tensor, strength: float) -> Tensor | None:
        import torch

        inner = self.inner.delta(weight, 1.0)
        if inner is None:
            return None
        whole = weight + inner
        axis = 0 if self.rows else 1
        others = [n for n in range(whole.ndim) if n != axis]
        norm = torch.linalg.vector_norm(whole, dim=others, keepdim=True) + torch.finfo(torch.float32).eps
        return (whole * (self.lengths.view(norm.shape) / norm) - weight) * strength


class Dora(OfModules):
    slug = "dora"
    label = "DoRA"
    rank = 3
    endings = {
        ".dora_scale": "dora_scale",
        ".lora_magnitude_vector": "magnitude",
        ".lora_magnitude_vector.weight": "magnitude",
        ".lora_magnitude_vector.default.weight": "magnitude",
    }

    def owns(self, shapes: Shapes) -> bool:
        return any(role in shapes for role in _SCALES) and owner(_without(shapes)) is not None

    def reads(self, shapes: Shapes) -> int | None:
        inner = _inner(tuple(shapes))
        return inner.reads(shapes) if inner else None

    def ranks(self, shapes: Shapes) -> int | None:
        inner = _inner(tuple(shapes))
        return inner.ranks(shapes) if inner else None

    def patch(self, tensors: Mapping[str, Tensor]) -> Patch:
        inner = owner({role: tuple(tensor.shape) for role, tensor in _without(tensors).items()})
        if inner is None:
            raise ValueError("nothing is decomposed")
        role = next(role for role in _SCALES if role in tensors)
        lengths = tensors[role]
        rows = role == "magnitude" or lengths.ndim < 2 or lengths.shape[0] == lengths.numel()
        if not rows and lengths.shape[1] != lengths.numel():
            raise ValueError("the lengths are of neither rows nor columns")
        return Decomposed(inner.patch(_without(tensors)), lengths, rows=rows)


@lru_cache(256)
def _inner(roles: tuple[str, ...]) -> OfModules | None:
    """The type that is decomposed, by its roles: asked for every module of a header, so remembered."""
    return owner({role: (1, 1) for role in roles if role not in _SCALES})


def _without(held: Mapping[str, object]) -> dict:
    return {role: thing for role, thing in held.items() if role not in _SCALES}


adapter = Dora()
