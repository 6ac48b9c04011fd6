"""Matrices by oneDNN's kernels, on the CPU: any that is large enough, and whole transformer blocks laid out for them.

torch multiplies fp32 matrices by MKL, which uses the widest vectors on processors of its own maker alone; oneDNN uses
them wherever they are, and is twice as fast there. A matrix laid out as its kernels read it, once, is worth it for
small ones too; and what follows a product (a bias, the gate's activation, the addition of what came in) is done where
the product is written, not by reading it again. The same to rounding.

The operators are those that torch's own compiler writes into what it compiles for the CPU. A block's way through them
is a TorchScript where torch makes one: hands at work beside each other do not wait for Python's lock at each operator.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from diffusers.models.activations import GEGLU
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import Tensor, nn
from torch.nn import functional as F

log = logging.getLogger(__name__)

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
        and block.attn1.heads == block.attn2.heads
        and block.attn1.to_q.out_features == block.attn2.to_q.out_features
    )


class Matrices(NamedTuple):
    """What a transformer block multiplies with, laid out, and adds, in the order that it does."""

    looks: Tensor  # the queries, keys and values of attention to itself
    out: Tensor
    out_bias: Tensor
    asks: Tensor  # the queries of attention to the context
    other_out: Tensor
    other_out_bias: Tensor
    gate: Tensor
    gate_bias: Tensor
    inner: Tensor
    inner_bias: Tensor
    back: Tensor
    back_bias: Tensor


class Block:
    """``block``, which `fits`, with weights of its own: ``weight_of(layer's path in the block)`` [out, in].

    Its norms and biases are the block's, as they are when it is asked.
    """

    def __init__(self, block: Any, weight_of: Callable[[str], Tensor]) -> None:
        def heads(*paths: str) -> Tensor:
            return _packed(torch.cat([_filled(weight_of(path), count) for path in paths]))

        def joining(path: str) -> Tensor:
            return _packed(_filled(weight_of(path).T, count).T)

        norms = block.norm1, block.norm2, block.norm3
        self.norms = [(norm.weight, norm.bias, norm.eps) for norm in norms]
        self.heads = count = block.attn1.heads
        # What attention multiplies by: of the width that its heads have without what they are filled up with.
        self.scale = float((block.attn1.to_q.out_features // count) ** -0.5)
        self.reads = heads("attn2.to_k", "attn2.to_v")
        inner, gate = (_packed(half) for half in weight_of("ff.net.0.proj").chunk(2))
        inner_bias, gate_bias = block.ff.net[0].proj.bias.detach().chunk(2)
        self.matrices = Matrices(
            heads("attn1.to_q", "attn1.to_k", "attn1.to_v"),
            joining("attn1.to_out.0"),
            block.attn1.to_out[0].bias,
            heads("attn2.to_q"),
            joining("attn2.to_out.0"),
            block.attn2.to_out[0].bias,
            gate,
            gate_bias,
            inner,
            inner_bias,
            _packed(weight_of("ff.net.2")),
            block.ff.net[2].bias,
        )

    @property
    def bytes(self) -> int:
        """What its matrices take."""
        return sum(one.numel() * one.element_size() for one in (self.reads, *self.matrices))

    def read(self, context: Tensor) -> Read:
        """The keys and values, each [B, heads, M, width of a head], of a context [B, M, its width]."""
        read = _product(context, self.reads).unflatten(-1, (2, self.heads, -1))
        key, value = read.permute(2, 0, 3, 1, 4).unbind(0)
        return key, value

    def __call__(self, x: Tensor, read: Read, mask: Tensor | None = None) -> Tensor:
        """x [B, N, width] → [C, N, width], looking at what was `read` of C texts, of which ``mask`` [1, 1, 1, M] hides
        some. There may be more of these: then as many neighbours look at each of x."""
        seen: Tensor = _seen(x, read, mask, self.matrices, self.norms, self.heads, self.scale)
        return seen


def _through(
    x: Tensor,
    read: tuple[Tensor, Tensor],
    mask: Tensor | None,
    own: Matrices,
    norms: list[tuple[Tensor, Tensor, float]],
    heads: int,
    scale: float,
) -> Tensor:
    """What a `Block` says. In the part of Python that TorchScript reads."""
    lines, many, width = x.shape
    weight, bias, eps = norms[0]
    looked = _product(torch.layer_norm(x, [width], weight, bias, eps), own.looks, None)
    query, key, value = looked.view(lines, many, 3, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
    seen = F.scaled_dot_product_attention(query, key, value, scale=scale).transpose(1, 2).flatten(2)
    x = _with(seen, x, own.out, own.out_bias, "add")
    weight, bias, eps = norms[1]
    query = _product(torch.layer_norm(x, [width], weight, bias, eps), own.asks, None)
    keys, values = read
    if keys.shape[0] > lines:
        times = keys.shape[0] // lines
        lines = keys.shape[0]
        query, x = query.repeat_interleave(times, 0), x.repeat_interleave(times, 0)
    query = query.view(lines, many, heads, -1).transpose(1, 2)
    seen = F.scaled_dot_product_attention(query, keys, values, mask, scale=scale).transpose(1, 2).flatten(2)
    x = _with(seen, x, own.other_out, own.other_out_bias, "add")
    weight, bias, eps = norms[2]
    normed = torch.layer_norm(x, [width], weight, bias, eps)
    gate = _product(normed, own.gate, own.gate_bias, "gelu")
    return _with(_with(normed, gate, own.inner, own.inner_bias, "mul"), x, own.back, own.back_bias, "add")


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None, activation: str = "none") -> Tensor:
    """x through a matrix that is laid out."""
    nothing: list[int | float | complex | None] = []
    if torch.jit.is_scripting():
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, nothing, "none")
    product: Tensor = PRODUCT(x, weight, bias, activation, nothing, "none")
    return product


def _with(x: Tensor, other: Tensor, weight: Tensor, bias: Tensor, way: str) -> Tensor:
    """What `_product` gives, and ``other`` added to it ("add") or multiplied with it ("mul")."""
    if torch.jit.is_scripting():
        return torch.ops.mkldnn._linear_pointwise(x, other, weight, bias, way)
    both: Tensor = WITH(x, other, weight, bias, way)
    return both


def _scripted(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``function`` as a TorchScript; as it is where this torch makes none of it: then it takes Python's lock more."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # there is nothing else that needs no C++ compiler
            script: Callable[..., Tensor] = torch.jit.script(function)
            return script
    except Exception as error:  # whatever a later torch raises
        log.info("no TorchScript of %s: %s", function.__name__, error)
        return function


_seen = _scripted(_through)


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


def _filled(weight: Tensor, heads: int) -> Tensor:
    """[heads × width, in] → [heads × filled width, in]: heads narrower than a vector are filled up with noughts."""
    width = weight.shape[0] // heads
    if width >= VECTOR:
        return weight
    return F.pad(weight.view(heads, width, -1), (0, 0, 0, VECTOR - width)).flatten(0, 1)


def _packed(weight: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
    return packed
