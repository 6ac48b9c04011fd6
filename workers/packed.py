"""Matrices by oneDNN's kernels, on the CPU: any that is large enough, and whole transformer blocks laid out for them.

torch multiplies fp32 matrices by MKL, which uses the widest vectors on processors of its own maker alone; oneDNN uses
them wherever they are, and is twice as fast there. A matrix laid out as its kernels read it, once, is worth it for
small ones too; and what follows a product (a bias, the gate's activation, the addition of what came in) is done where
the product is written, not by reading it again. The same to rounding.

The operators are those that torch's own compiler writes into what it compiles for the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers.models.activations import GEGLU
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import Tensor, nn
from torch.nn import functional as F

Read = tuple[Tensor, Tensor]  # keys and values

# A matrix with a bias and an activation; and one whose product something else is added to, or multiplied with.
PRODUCT: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
WITH: Any = getattr(PRODUCT, "binary", None)
PRODUCT = getattr(PRODUCT, "default", None)

# From so many products on oneDNN was faster on a Zen 5 for every shape that was tried, though it lays the matrix out
# anew at each call. Where MKL has all vectors nobody has measured it.
LEAST = 2**22
SIZES_KEPT = 4  # of what a convolution reads
VECTOR = 16  # numbers: the CPU's attention takes longer for heads that leave one partly empty


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """As torch's: x [..., in] through ``weight`` [out, in] → [..., out]."""
    if x.numel() * weight.shape[0] < LEAST or not _read(x):
        return F.linear(x, weight, bias)
    return _product(x, weight, bias)


def mixed(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A convolution of one pixel: x [B, in, h, w] through ``weight`` [out, in, 1, 1] → [B, out, h, w]."""
    if x.numel() * weight.shape[0] < LEAST or not _read(x):
        return F.conv2d(x, weight, bias)
    return _product(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)


def _read(x: Tensor) -> bool:
    """Whether oneDNN's kernels are there for ``x``."""
    here = x.device.type == "cpu" and x.dtype == torch.float32
    return here and WITH is not None and torch.backends.mkldnn.is_available()


def fits(block: Any) -> bool:
    """Whether ``block``, a diffusers' `BasicTransformerBlock`, is of SD's kind and can be computed so: in fp32 on a
    CPU, its attention as it came."""
    attentions = (block.attn1, block.attn2)
    looking = [layer for one in attentions for layer in (one.to_q, one.to_k, one.to_v)]
    weight = looking[0].weight
    return (
        _read(weight)
        and isinstance(block.ff.net[0], GEGLU)
        and all(type(one.processor) is AttnProcessor2_0 for one in attentions)
        and all(isinstance(layer, nn.Linear) and layer.bias is None for layer in looking)
    )


class Block:
    """``block``, which `fits`, with weights of its own: ``weight_of(layer's path in the block)`` [out, in].

    Its norms and biases are the block's, as they are when it is asked.
    """

    def __init__(self, block: Any, weight_of: Callable[[str], Tensor]) -> None:
        def heads(*paths: str) -> Tensor:
            return _packed(torch.cat([_filled(weight_of(path), count) for path in paths]))

        def joining(path: str) -> Tensor:
            return _packed(_filled(weight_of(path).T, count).T)

        self.norms = [(norm.normalized_shape, norm.weight, norm.bias, norm.eps) for norm in _norms(block)]
        count = block.attn1.heads
        self.itself = count, _scale(block.attn1), heads("attn1.to_q", "attn1.to_k", "attn1.to_v")
        self.out = joining("attn1.to_out.0"), block.attn1.to_out[0].bias
        count = block.attn2.heads
        self.other = count, _scale(block.attn2), heads("attn2.to_q")
        self.reads = heads("attn2.to_k", "attn2.to_v")
        self.other_out = joining("attn2.to_out.0"), block.attn2.to_out[0].bias
        inner, gate = (_packed(half) for half in weight_of("ff.net.0.proj").chunk(2))
        bias, gate_bias = block.ff.net[0].proj.bias.detach().chunk(2)
        self.inner, self.gate = (inner, bias), (gate, gate_bias)
        self.back = _packed(weight_of("ff.net.2")), block.ff.net[2].bias

    @property
    def bytes(self) -> int:
        """What its matrices take."""
        pairs = (self.out, self.other_out, self.inner, self.gate, self.back)
        own = (self.itself[2], self.other[2], self.reads, *(matrix for matrix, _ in pairs))
        return sum(one.numel() * one.element_size() for one in own)

    def read(self, context: Tensor) -> Read:
        """The keys and values, each [B, heads, M, width of a head], of a context [B, M, its width]."""
        read = _product(context, self.reads).unflatten(-1, (2, self.other[0], -1))
        key, value = read.permute(2, 0, 3, 1, 4).unbind(0)
        return key, value

    def __call__(self, x: Tensor, read: Read, mask: Tensor | None = None) -> Tensor:
        """x [B, N, width] → [C, N, width], looking at what was `read` of C texts, of which ``mask`` [1, 1, 1, M] hides
        some. There may be more of these: then as many neighbours look at each of x."""
        lines, many, _ = x.shape
        norm, norm_two, norm_three = self.norms
        heads, scale, looks = self.itself
        looked = _product(torch.layer_norm(x, *norm), looks)
        query, key, value = looked.view(lines, many, 3, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(query, key, value, scale=scale).transpose(1, 2).flatten(2)
        x = WITH(seen, x, *self.out, "add")
        heads, scale, asks = self.other
        query = _product(torch.layer_norm(x, *norm_two), asks)
        if len(read[0]) > lines:
            times, lines = len(read[0]) // lines, len(read[0])
            query, x = query.repeat_interleave(times, 0), x.repeat_interleave(times, 0)
        query = query.view(lines, many, heads, -1).transpose(1, 2)
        seen = F.scaled_dot_product_attention(query, *read, mask, scale=scale).transpose(1, 2).flatten(2)
        x = WITH(seen, x, *self.other_out, "add")
        normed = torch.layer_norm(x, *norm_three)
        gate = PRODUCT(normed, *self.gate, "gelu", [], "none")
        return WITH(WITH(normed, gate, *self.inner, "mul"), x, *self.back, "add")


class Convolution:
    """A convolution's own weight, laid out for each size that it reads: for another one it would take eight times as
    long. The sizes of late are kept."""

    def __init__(self, layer: nn.Conv2d) -> None:
        self.layer = layer
        self.how = layer.padding, layer.stride, layer.dilation, layer.groups
        self.weights: dict[torch.Size, Tensor] = {}

    @property
    def bytes(self) -> int:
        """What its weight takes in all layouts."""
        return sum(weight.numel() * weight.element_size() for weight in self.weights.copy().values())

    def __call__(self, x: Tensor) -> Tensor:
        weight, ask = self._laid_out(x), torch.ops.mkldnn._convolution_pointwise
        said: Tensor = ask(x, weight, self.layer.bias, *self.how, "none", [], "")
        return said

    def plus(self, x: Tensor, added: Tensor) -> Tensor:
        """What it says of ``x``, with something ``added``."""
        weight, ask = self._laid_out(x), torch.ops.mkldnn._convolution_pointwise.binary
        total: Tensor = ask(x, added, weight, self.layer.bias, *self.how, "add", 1.0, None, [], None)
        return total

    def _laid_out(self, x: Tensor) -> Tensor:
        found = self.weights.get(x.shape)
        if found is None:
            if len(self.weights) >= SIZES_KEPT:
                self.weights = {}
            weight = self.layer.weight.detach()
            found = torch.ops.mkldnn._reorder_convolution_weight(weight, *self.how, list(x.shape))
            self.weights[x.shape] = found
        return found


def convolves(layer: Any) -> bool:
    """Whether ``layer`` can be a `Convolution`: of several pixels, in fp32 on a CPU."""
    return isinstance(layer, nn.Conv2d) and layer.kernel_size > (1, 1) and _read(layer.weight)


def _norms(block: Any) -> tuple[Any, Any, Any]:
    return block.norm1, block.norm2, block.norm3


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    product: Tensor = PRODUCT(x, weight, bias, "none", [], "")
    return product


def _scale(attention: Any) -> float:
    """What attention multiplies by: of the width that its heads have without what they are filled up with."""
    return float((attention.to_q.out_features // attention.heads) ** -0.5)


def _filled(weight: Tensor, heads: int) -> Tensor:
    """[heads × width, in] → [heads × filled width, in]: heads narrower than a vector are filled up with noughts."""
    width = weight.shape[0] // heads
    if width >= VECTOR:
        return weight
    return F.pad(weight.view(heads, width, -1), (0, 0, 0, VECTOR - width)).flatten(0, 1)


def _packed(weight: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
    return packed
