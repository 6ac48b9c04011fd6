"""Rotations as OFT and BOFT train them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def rotations(blocks: Tensor, constraint: float) -> Tensor:
    """R = (I + Q)(I − Q)⁻¹ of each block B [..., n, n], Q = B − Bᵀ; fp32.

    constraint: the greatest length of all Q together; 0: any.
    """
    import torch

    skew = blocks.float() - blocks.float().transpose(-1, -2)
    length = torch.linalg.vector_norm(skew) + 1e-8
    if 0 < constraint < float(length):
        skew = skew * (constraint / length)
    same = torch.eye(skew.shape[-1], device=skew.device)
    return (same + skew) @ torch.linalg.inv(same - skew)
