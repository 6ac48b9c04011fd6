"""A call of the UNet as plain functions, over the modules that diffusers makes and holds.

Beside computing, diffusers' own calls look for hooks, read signatures, pass keywords on and drop out nothing: of a tiny
base's call that is two fifths, all of it under Python's lock, for which several hands wait. So every layer is looked at
once, and becomes a function that computes and nothing else. What it computes is the same to rounding; a layer whose
``forward`` was replaced (`workers.engine.bypass`), or attention that reads otherwise (`workers.engine.edits`), is asked
as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import Tensor, nn
from torch.nn import functional as F

from workers import doubling, packed

Layer = Callable[[Tensor], Tensor]
Timed = Callable[[Tensor, Tensor], Tensor]  # of latents and what is known of the time, after its activation
Reading = Callable[[Tensor, "Context"], Tensor]  # of what looks and the context that it looks at
Asked = Callable[..., Tensor]

# torch's nearest neighbours in channels_last fail beyond these: diffusers issue 984, torch issue 141831.
MOST_LINES, MOST_NUMBERS = 64, 2**30
BLOCK = "block"  # in a transformer block's dictionary: what is asked in its place, and told of the plain one
# The CPU's attention takes half as long for a number of keys that fills its vectors; texts have 77 or a multiple.
KEYS = 16
# So many numbers are more than a CPU core keeps at hand.
LARGE = 2**18


class Context(NamedTuple):
    """What is attended to: ``plain`` [B, N, width] as it was given, ``filled`` up to a multiple of `KEYS`, and the mask
    [1, 1, 1, N′] that lets nobody see what was filled in."""

    plain: Tensor
    filled: Tensor
    mask: Tensor | None

    @classmethod
    def of(cls, context: Tensor) -> Context:
        length = context.shape[1]
        short = -length % KEYS
        if not short or context.device.type != "cpu":
            return cls(context, context, None)
        mask = context.new_zeros(1, 1, 1, length + short)
        mask[..., length:] = -torch.inf
        return cls(context, F.pad(context, (0, 0, 0, short)), mask)


def beginning(unet: Any) -> tuple[str, ...]:
    """How the names of the layers begin that ``unet`` goes through before it reads a context for the first time;
    none where its first level reads none, or where its attention is of another kind.

    Lines that differ in the context alone go through these as one.
    """
    attentions = getattr(unet.down_blocks[0], "attentions", ())
    if not attentions or type(attentions[0].transformer_blocks[0].attn1.processor) is not AttnProcessor2_0:
        return ()
    level = "down_blocks.0"
    block = f"{level}.attentions.0.transformer_blocks.0"
    inside = (f"{level}.attentions.0.proj_in", f"{block}.attn1.", f"{block}.attn2.to_q")
    return "conv_in", "time_embedding.", f"{level}.resnets.0.", *inside


def called(unet: Any) -> Asked:
    """``unet``, a `UNet2DConditionModel` of SD1's, SD2's or SDXL's kind, as a function: ``ask(x, time, context, …)``.

    x [B, c, h, w]; time [B], steps of training; context [B, N, width], or a `Context` of it; sizes: SDXL's
    ``text_embeds`` and ``time_ids``; skips, middle: what ControlNets add to the skip connections and the middle;
    levels: what T2I-Adapters add to each level. It says [B, 4, h, w].

    Where it has a `beginning`, there may be fewer x and times: then as many neighbours of the contexts look at each.
    """
    first, last, normed = _layer(unet.conv_in), _layer(unet.conv_out), _layer(unet.conv_norm_out)
    downs, between = [_Down(block) for block in unet.down_blocks], _middle(unet.mid_block)
    ups = [_Up(block) for block in unet.up_blocks]

    def ask(
        x: Tensor,
        time: Tensor,
        context: Tensor | Context,
        sizes: Mapping[str, Tensor] | None = None,
        skips: Sequence[Tensor] = (),
        middle: Tensor | None = None,
        levels: Sequence[Tensor] = (),
    ) -> Tensor:
        read = context if isinstance(context, Context) else Context.of(context)
        known, waiting, lines = _known(unet, x, time, sizes), list(levels), len(read.plain)
        known, x = _repeated(known, lines), first(x)
        passed = [_repeated(x, lines)]
        for down in downs:
            x = down(x, known, read, passed, waiting.pop(0) if waiting else None)
        if skips:
            passed = [own + added for own, added in zip(passed, skips, strict=True)]
        x = between(x, known, read)
        if waiting and waiting[0].shape == x.shape:
            x = x + waiting.pop(0)
        if middle is not None:
            x = x + middle
        for up in ups:
            x = up(x, known, read, passed)
        return last(F.silu(normed(x)))

    return ask


def steering(net: Any) -> Callable[..., tuple[list[Tensor], Tensor]]:
    """``net``, a `ControlNetModel`, as a function: ``ask(x, time, context, seen, sizes)`` as of `called`, with what it
    saw in its hint [B, width, h, w], says what it adds to each skip connection and to the middle."""
    first = _layer(net.conv_in)
    downs, between = [_Down(block) for block in net.down_blocks], _middle(net.mid_block)
    outs, last = [_layer(one) for one in net.controlnet_down_blocks], _layer(net.controlnet_mid_block)

    def ask(
        x: Tensor, time: Tensor, context: Tensor, seen: Tensor, sizes: Mapping[str, Tensor] | None = None
    ) -> tuple[list[Tensor], Tensor]:
        known, read = _known(net, x, time, sizes), Context.of(context)
        x = first(x) + seen
        passed = [x]
        for down in downs:
            x = down(x, known, read, passed)
        x = between(x, known, read)
        return [out(one) for out, one in zip(outs, passed, strict=True)], last(x)

    return ask


def _known(net: Any, x: Tensor, time: Tensor, sizes: Mapping[str, Tensor] | None) -> Tensor:
    """What every convolutional part reads of the time, and SDXL's of sizes and the text as a whole, [B, width]."""
    known = net.time_embedding(net.time_proj(time).to(x.dtype))
    if sizes:
        numbers = net.add_time_proj(sizes["time_ids"].flatten()).view(len(x), -1)
        known = known + net.add_embedding(torch.cat([sizes["text_embeds"], numbers], dim=-1).to(x.dtype))
    return F.silu(known)


def _repeated(x: Tensor, lines: int) -> Tensor:
    """So many lines, each of ``x`` as often as the others, one after another; in the layout that it has."""
    if len(x) == lines:
        return x
    rows = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
    rows = rows[:, None].expand(-1, lines // len(x), *rows.shape[1:]).flatten(0, 1)
    return rows.permute(0, 3, 1, 2) if x.ndim == 4 else rows


def _middle(block: Any) -> Callable[[Tensor, Tensor, Context], Tensor]:
    first = _resnet(block.resnets[0])
    steps = _steps(block.resnets[1:], block.attentions, attention_first=True)

    def ask(x: Tensor, known: Tensor, context: Context) -> Tensor:
        x = first(x, known)
        for step in steps:
            x = step(x, known, context)
        return x

    return ask


class _Down:
    """A level on the way down; every result is passed to the way up too."""

    def __init__(self, block: Any) -> None:
        self.steps = _steps(block.resnets, getattr(block, "attentions", ()))
        self.attends = bool(getattr(block, "attentions", ()))
        self.smaller = [_layer(one.conv) for one in block.downsamplers or ()]

    def __call__(
        self, x: Tensor, known: Tensor, context: Context, passed: list[Tensor], level: Tensor | None = None
    ) -> Tensor:
        for number, step in enumerate(self.steps):
            x = step(x, known, context)
            if level is not None and self.attends and number == len(self.steps) - 1:
                x = x + level
            passed.append(x)
        for smaller in self.smaller:
            x = smaller(x)
            passed.append(x)
        # A level without attention adds it to its end, after it was made smaller, and to what it passed: diffusers.
        if level is not None and not self.attends:
            x = passed[-1] = x + level
        return x


class _Up:
    """A level on the way up; each of its steps reads what the way down passed."""

    def __init__(self, block: Any) -> None:
        self.steps = _steps(block.resnets, getattr(block, "attentions", ()))
        self.larger = [_larger(one.conv) for one in block.upsamplers or ()]

    def __call__(self, x: Tensor, known: Tensor, context: Context, passed: list[Tensor]) -> Tensor:
        for step in self.steps:
            x = step(torch.cat([x, passed.pop()], dim=1), known, context)
        for larger in self.larger:
            # Sizes that are no multiple of 8 latents were rounded up on the way down.
            x = larger(x, passed[-1].shape[2:])
        return x


def _steps(resnets: Any, attentions: Any, *, attention_first: bool = False) -> list[Callable[..., Tensor]]:
    """A block's steps, each a convolutional part and attention where there is some."""
    if not attentions:
        return [_without_context(_resnet(one)) for one in resnets]
    pairs = [(_resnet(one), _transformer(other)) for one, other in zip(resnets, attentions, strict=True)]
    return [_pair(*pair, attention_first=attention_first) for pair in pairs]


def _without_context(resnet: Timed) -> Callable[..., Tensor]:
    return lambda x, known, context: resnet(x, known)


def _pair(resnet: Timed, transformer: Reading, *, attention_first: bool) -> Callable[..., Tensor]:
    if attention_first:
        return lambda x, known, context: resnet(transformer(x, context), known)
    return lambda x, known, context: transformer(resnet(x, known), context)


def _layer(module: Any) -> Layer:
    """A layer with weights; they are looked up at each call, since stacks change them."""
    own, held = module.__dict__, module._parameters
    plain = _plain(module, held)

    def ask(x: Tensor) -> Tensor:
        replaced = own.get("forward")
        return plain(x) if replaced is None else replaced(x)

    return ask


def _adding(module: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """A layer with weights whose output something else is added to."""
    own, plain = module.__dict__, _layer(module)

    def ask(x: Tensor, added: Tensor) -> Tensor:
        plus = getattr(own.get("forward"), "plus", None)
        return plain(x).add_(added) if plus is None else plus(x, added)

    return ask


def _halves(module: Any) -> Callable[[Tensor], Sequence[Tensor]]:
    """A matrix whose output's two halves go different ways. Where they are large each is computed by itself, so that
    what follows reads memory in a row."""
    own, held, width = module.__dict__, module._parameters, module.out_features

    def ask(x: Tensor) -> Sequence[Tensor]:
        replaced = own.get("forward")
        large = x.device.type == "cpu" and x.numel() // x.shape[-1] * width >= LARGE
        if replaced is not None:
            return replaced.halves(x) if large and hasattr(replaced, "halves") else replaced(x).chunk(2, dim=-1)
        weight, bias = held["weight"], held["bias"]
        if not large:
            return packed.linear(x, weight, bias).chunk(2, dim=-1)
        return [packed.linear(x, weight[some], bias[some]) for some in (slice(width // 2), slice(width // 2, None))]

    return ask


def _larger(module: Any) -> Callable[[Tensor, torch.Size], Tensor]:
    """A convolution of what was made larger: [B, c, h, w] and the size to come → [B, out, *size]."""
    own, ask = module.__dict__, _layer(module)

    def larger(x: Tensor, size: torch.Size) -> Tensor:
        twice = size[0] == 2 * x.shape[2] and size[1] == 2 * x.shape[3]
        if twice and "forward" not in own and doubling.fits(module):
            return doubling.doubled(module, x)
        if len(x) >= MOST_LINES or x.numel() > MOST_NUMBERS:
            x = x.contiguous()
        return ask(F.interpolate(x, size=size, mode="nearest"))

    return larger


def _plain(module: Any, held: Mapping[str, Any]) -> Layer:
    if isinstance(module, nn.Linear):
        return lambda x: packed.linear(x, held["weight"], held["bias"])
    if isinstance(module, nn.Conv2d):
        stride, padding = module.stride, module.padding
        if module.kernel_size == stride == (1, 1) and padding == (0, 0):
            return lambda x: packed.mixed(x, held["weight"], held["bias"])
        return lambda x: F.conv2d(x, held["weight"], held["bias"], stride, padding)
    if isinstance(module, nn.GroupNorm):
        groups, eps = module.num_groups, module.eps
        return lambda x: torch.group_norm(x, groups, held["weight"], held["bias"], eps)
    if isinstance(module, nn.LayerNorm):
        shape, eps = module.normalized_shape, module.eps
        return lambda x: torch.layer_norm(x, shape, held["weight"], held["bias"], eps)
    raise TypeError(f"no layer of the UNets known here is a {type(module).__name__}")


def _resnet(module: Any) -> Timed:
    """The convolutional part: two convolutions, between them what is known of the time, and the input added."""
    norm, into, timed = _layer(module.norm1), _layer(module.conv1), _layer(module.time_emb_proj)
    norm_two, out = _layer(module.norm2), _adding(module.conv2)
    past = None if module.conv_shortcut is None else _layer(module.conv_shortcut)

    def ask(x: Tensor, known: Tensor) -> Tensor:
        inner = into(F.silu(norm(x), inplace=True))
        times = known if len(known) == len(x) else known[:: len(known) // len(x)]
        inner += timed(times)[:, :, None, None]
        inner = F.silu(norm_two(inner), inplace=True)
        return out(inner, x if past is None else past(x))

    return ask


def _transformer(module: Any) -> Reading:
    """Attention over the pixels of latents."""
    norm, into, out = _layer(module.norm), _layer(module.proj_in), _layer(module.proj_out)
    blocks = [_block(block) for block in module.transformer_blocks]
    linear = isinstance(module.proj_in, nn.Linear)

    def ask(x: Tensor, context: Context) -> Tensor:
        _, _, height, width = x.shape
        inner = norm(x)
        if not linear:
            inner = into(inner)
        inner = inner.permute(0, 2, 3, 1).flatten(1, 2)
        if linear:
            inner = into(inner)
        for block in blocks:
            inner = block(inner, context)
        if linear:
            inner = out(inner)
        inner = inner.view(len(inner), height, width, -1).permute(0, 3, 1, 2)
        return (inner if linear else out(inner)).add_(_repeated(x, len(inner)))

    return ask


def _block(module: Any) -> Reading:
    """Attention to itself, to the context, and two matrices with a gate between."""
    norms = [_layer(norm) for norm in (module.norm1, module.norm2, module.norm3)]
    itself, other = _attention(module.attn1), _attention(module.attn2)
    gated, back = _halves(module.ff.net[0].proj), _layer(module.ff.net[2])
    norm, norm_two, norm_three = norms
    own = module.__dict__

    def plain(x: Tensor, context: Context) -> Tensor:
        seen = norm(x)
        x = itself(seen, None) + x
        x = other(norm_two(x), context) + _repeated(x, len(context.plain))
        inner, gate = gated(norm_three(x))
        return back(F.gelu(gate).mul_(inner)) + x

    def ask(x: Tensor, context: Context) -> Tensor:
        replaced = own.get(BLOCK)
        return plain(x, context) if replaced is None else replaced(x, context, plain)

    return ask


def _attention(module: Any) -> Callable[[Tensor, Context | None], Tensor]:
    query, key, value = (_layer(one) for one in (module.to_q, module.to_k, module.to_v))
    out, heads = _layer(module.to_out[0]), module.heads

    def ask(x: Tensor, context: Context | None) -> Tensor:
        if type(module.processor) is not AttnProcessor2_0:
            if context is None:
                return module.processor(module, x, None)
            return module.processor(module, _repeated(x, len(context.plain)), context.plain)
        read, mask = (x, None) if context is None else (context.filled, context.mask)
        asked, keys, values = _repeated(query(x), len(read)), key(read), value(read)
        lines, width = len(read), asked.shape[-1] // heads
        asked, keys, values = (part.view(lines, -1, heads, width).transpose(1, 2) for part in (asked, keys, values))
        drawn = F.scaled_dot_product_attention(asked, keys, values, mask)
        return out(drawn.transpose(1, 2).flatten(2))

    return ask
