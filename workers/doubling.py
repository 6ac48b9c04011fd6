"""Nearest neighbours to twice the size and a convolution of 3×3 behind them, as one convolution.

Of the nine pixels that such a convolution reads at most four differ: what it adds up of one and the same pixel can be
added up beforehand. That is a transposed convolution of 4×4 with a stride of 2, with 4 products a pixel for 9, and the
larger picture is never made to be read. The same to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = "doubling"  # of a layer's dictionary: its weight and the kernel that was made of it


def fits(layer: Any) -> bool:
    """Whether ``layer`` is a convolution that can be taken together with the neighbours before it. On a GPU it is not:
    there the plain one has kernels of its own."""
    if not isinstance(layer, nn.Conv2d) or layer.weight.device.type != "cpu":
        return False
    ones = {layer.stride, layer.padding, layer.dilation}
    return layer.kernel_size == (3, 3) and ones == {(1, 1)} and layer.groups == 1


def doubled(layer: Any, x: Tensor) -> Tensor:
    """What ``layer``, which `fits`, says of ``x`` [B, c, h, w] at twice its size: [B, out, 2 h, 2 w]."""
    weight, made = layer.weight, layer.__dict__.get(KERNEL)
    if made is None or made[0] is not weight:
        made = layer.__dict__[KERNEL] = weight, kernel(weight)
    return F.conv_transpose2d(x, made[1], layer.bias, stride=2, padding=1)


@torch.no_grad()
def kernel(weight: Tensor) -> Tensor:
    """[out, in, 3, 3] → [in, out, 4, 4]: each number counts twice, across and down, as two neighbours are one pixel."""
    turned = weight.detach().float().flip(2, 3).transpose(0, 1)
    made = turned.new_zeros(*turned.shape[:2], 4, 4)
    for down in (0, 1):
        for across in (0, 1):
            made[:, :, down : down + 3, across : across + 3] += turned
    return made.to(weight.dtype).contiguous(memory_format=torch.channels_last)


def forget(layer: Any) -> None:
    """The weight of ``layer`` was changed where it lies."""
    layer.__dict__.pop(KERNEL, None)


def held(layer: Any) -> int:
    """The bytes that are kept for ``layer`` beside its own."""
    made = layer.__dict__.get(KERNEL)
    return 0 if made is None else made[1].numel() * made[1].element_size()


def taken_together(decoder: Any) -> None:
    """Let an autoencoder's decoder, diffusers' own, double its sizes so; its weights stay as they are."""
    for block in decoder.up_blocks:
        for larger in block.upsamplers or ():
            if larger.use_conv and fits(larger.conv) and "forward" not in larger.__dict__:
                larger.forward = _forward(larger)


def _forward(larger: Any) -> Callable[..., Tensor]:
    plain = larger.forward

    def forward(hidden_states: Tensor, output_size: int | None = None, *args: Any, **named: Any) -> Tensor:
        if output_size is not None:
            return plain(hidden_states, output_size, *args, **named)
        return doubled(larger.conv, hidden_states)

    return forward
