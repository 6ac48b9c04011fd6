"""One call of the UNet for rows with different stacks: what each stack adds is computed beside the base's own layers.

A module's output is W0·x + up·(down·x), where ``down`` and ``up`` are those of each line's own stack: the factors of a
stack lie side by side along the rank (a sum of LoRAs is one LoRA whose rank is the sum), padded with noughts to the
widest. A module that some stack changes without a low-rank form gets that stack's exact weight for its lines; and so do
all modules of a tiny base, whose stacks' weights fit beside each other, and where two thin products cost more than they
spare. The base's weights stay untouched.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workers import packed, settings, unet
from workers.engine import hands, merging
from workers.engine.edits import UNET, RewrittenContext, fitted
from workers.engine.merging import merged, side_by_side
from workers.engine.model import Model, Own
from workers.plugins import Edit

# Ranks are padded up to one of these, so that few shapes occur.
BUCKETS = (4, 8, 16, 32, 64, 128, 256)
SETTLED = 2  # calls of the same stacks, after which they are taken to stay together
Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Share:
    """Lines ``start`` to ``end`` of a call carry ``edits`` (the active ones of one stack)."""

    edits: tuple[Edit, ...]
    start: int
    end: int


@dataclass
class Plan:
    """How a call goes through the UNet for certain shares; kept while the same stacks ride together."""

    forwards: dict[str, Forward] = field(default_factory=dict)
    blocks: dict[str, _Blocks] = field(default_factory=dict)  # of transformers, in the place of what is in them
    rewriting: bool = False
    bytes: int = 0


def can_ride(model: Model, edits: Sequence[Edit]) -> bool:
    """Whether a stack may share calls with others: it changes matrices and convolutions alone (what attention reads,
    too), and what has no low-rank form fits into ``WORKER_EXACT_BYTES``."""
    return sum(_exact_bytes(model, edit) for edit in edits) <= settings.EXACT_BYTES


def _exact_bytes(model: Model, edit: Edit) -> float:
    """What the weights take that ``edit`` changes without a low-rank form; infinite where it changes anything beside
    matrices and convolutions. Kept with the edit, as `merging.ready_for` does."""
    names = fitted(model, edit, UNET)
    key = (model.key, names, "exact bytes")
    if key not in edit.ready:
        modules = [model.modules.get(name) for name in names]
        if all(isinstance(module, nn.Linear | nn.Conv2d) for module in modules):
            exact = [model.tensors[name] for name in names if edit.low_rank(name) is None]
            edit.ready[key] = sum(weight.numel() * weight.element_size() for weight in exact)
        else:
            edit.ready[key] = math.inf
    found: float = edit.ready[key]
    return found


@torch.no_grad()
def planned(model: Model, shares: Sequence[Share], lines_of_one: int = 1) -> Plan:
    """The plan for a call whose lines are ``shares``, in order; lines of no share are the base's own.

    lines_of_one: as `workers.engine.rows.lines_of_one` says of the call.
    """
    plan = Plan(rewriting=any(rewriting(share.edits) for share in shares))
    once = tuple(f"unet.{start}" for start in unet.beginning(model.unet)) if lines_of_one > 1 else ()
    shorter = [Share(share.edits, share.start // lines_of_one, share.end // lines_of_one) for share in shares]
    touching: dict[str, list[Share]] = {}
    for share, short in zip(shares, shorter, strict=True):
        for name in set().union(*(fitted(model, edit, UNET) for edit in share.edits)):
            touching.setdefault(name, []).append(short if name.startswith(once) else share)
    if hands.count_for(model.bytes) > 1:
        owns = [_own(model, share.edits) for share in shares]
        if not plan.rewriting:
            plan.blocks = _blocks(model, shares, owns)
        whole = {share.edits: own.weights for share, own in zip(shares, owns, strict=True)}
        for name, those in touching.items():
            if _block_of(name) not in plan.blocks:
                weights = [whole[share.edits][name] for share in those]
                plan.forwards[name] = _exact(model.modules[name], those, weights)
        return Plan({**_convolutions(model), **plan.forwards}, plan.blocks, plan.rewriting)
    for name, those in touching.items():
        module = model.modules[name]
        factors = [side_by_side(name, _touching(model, name, share.edits)) for share in those]
        if all(pair is not None for pair in factors):
            pairs = [pair for pair in factors if pair is not None]
            make = _low_rank if isinstance(module, nn.Linear) or module.kernel_size == (1, 1) else _low_rank_convolution
            plan.forwards[name] = make(module, those, pairs)
        else:
            weights = [merged(model, name, _touching(model, name, share.edits)).to(module.weight) for share in those]
            plan.bytes += sum(weight.numel() * weight.element_size() for weight in weights)
            plan.forwards[name] = _exact(module, those, weights)
    return plan


def _own(model: Model, edits: tuple[Edit, ...]) -> Own:
    """What a stack makes of a tiny base, in tensors of their own; what was asked for lately is kept."""
    key = tuple(edit.identity for edit in edits)
    if key not in model.stacks:
        model.stacks[key] = Own(merging.apart(model, [(edit, fitted(model, edit, UNET)) for edit in edits]))
    model.stacks.move_to_end(key)
    # What the calls at hand compute with is held by their plans.
    while len(model.stacks) > 1 and sum(own.bytes for own in model.stacks.values()) > settings.EXACT_BYTES:
        model.stacks.popitem(last=False)
    return model.stacks[key]


def _block_of(name: str) -> str:
    """The transformer block that module ``name`` is in: its name, or what is none."""
    head, inside, tail = name.partition(".transformer_blocks.")
    return head + inside + tail.partition(".")[0]


def _blocks(model: Model, shares: Sequence[Share], owns: Sequence[Own]) -> dict[str, _Blocks]:
    """How lines go through each transformer block; what is not laid out yet is, by all hands."""
    base = _own(model, ())
    missing = [partial(_lay_out, model, base, name) for name in model.blocks if name not in base.blocks]
    for own in set(owns):
        touched = {_block_of(name) for name in own.weights} & set(model.blocks)
        missing += [partial(_lay_out, model, own, name) for name in sorted(touched - set(own.blocks))]
    count = hands.count_for(model.bytes)
    hands.each([partial(_all_of, missing[place::count]) for place in range(count)])
    mine = [(share, own.blocks) for share, own in zip(shares, owns, strict=True)]
    return {
        name: _Blocks([(share, found.get(name)) for share, found in mine], own) for name, own in base.blocks.items()
    }


def _convolutions(model: Model) -> dict[str, packed.Convolution]:
    """The UNet's own; those that are taken together with what makes larger stay so."""
    own = _own(model, ())
    if not own.convolutions:
        found = {name: layer for name, layer in model.modules.items() if name.startswith("unet.")}
        wanted = [name for name, layer in found.items() if packed.convolves(layer) and name not in model.upsamplers]
        own.convolutions = {name: packed.Convolution(found[name]) for name in wanted}
    return own.convolutions


def _all_of(works: Sequence[Callable[[], None]]) -> None:
    for work in works:
        work()


def _lay_out(model: Model, own: Own, block: str) -> None:
    def weight_of(path: str) -> Tensor:
        found = own.weights.get(f"{block}.{path}")
        return model.tensors[f"{block}.{path}"].detach() if found is None else found

    own.blocks[block] = packed.Block(model.blocks[block], weight_of)


@dataclass
class _Part:
    """Lines ``start`` to ``end`` (None: to the last) of a transformer block, what computes them, and what it read of
    the context last: a text stays the same over many steps, and so does the weight that it is read with."""

    start: int
    end: int | None
    block: packed.Block
    context: unet.Context | None = None
    read: packed.Read | None = None

    def __call__(self, x: Tensor, context: unet.Context, lines: int) -> Tensor:
        if self.read is None or self.context is not context:
            self.context, self.read = context, self.block.read(context.filled[self.start : self.end])
        times = lines // len(x)
        return self.block(x[self.start // times : (self.end or lines) // times], self.read, context.mask)


class _Blocks:
    """A transformer block whose lines have weights of several stacks; those of none are the base's own."""

    def __init__(self, mine: Sequence[tuple[Share, packed.Block | None]], own: packed.Block) -> None:
        self.parts: list[_Part] = []
        at = 0
        for share, block in mine:
            if share.start > at:
                self.parts.append(_Part(at, share.start, own))
            self.parts.append(_Part(share.start, share.end, block or own))
            at = share.end
        self.parts.append(_Part(at, None, own))

    def __call__(self, x: Tensor, context: unet.Context) -> Tensor:
        lines = len(context.filled)
        through = [part(x, context, lines) for part in self.parts if part.start < lines]
        return torch.cat(through) if len(through) > 1 else through[0]


@contextmanager
def beside(model: Model, plans: Sequence[tuple[Plan, Sequence[Share]]]) -> Iterator[None]:
    """``model`` computing by the plan of each hand, for the duration of the block."""
    processors = model.unet.attn_processors if any(plan.rewriting for plan, _ in plans) else None
    names = set().union(*(plan.forwards for plan, _ in plans))
    laid_out = set().union(*(plan.blocks for plan, _ in plans))
    try:
        for name in names:
            module = model.modules[name]
            plain = partial(type(module).forward, module)
            # Straight into its dictionary: hundreds of modules are asked at every step, and `Module` looks at each.
            module.__dict__["forward"] = _ByHand([plan.forwards.get(name, plain) for plan, _ in plans])
        for name in laid_out:
            model.blocks[name].__dict__[unet.BLOCK] = _BlockByHand([plan.blocks.get(name) for plan, _ in plans])
        if processors is not None:
            model.unet.set_attn_processor(RewrittenByLine([shares for _, shares in plans]))
        yield
    finally:
        if processors is not None:
            model.unet.set_attn_processor(dict(processors))
        for name in names:
            model.modules[name].__dict__.pop("forward", None)
        for name in laid_out:
            model.blocks[name].__dict__.pop(unet.BLOCK, None)


class _ByHand:
    """A module's forward that is each hand's own."""

    def __init__(self, forwards: Sequence[Forward]) -> None:
        self.forwards = forwards

    def __call__(self, x: Tensor) -> Tensor:
        return self.forwards[hands.number()](x)

    def plus(self, x: Tensor, added: Tensor) -> Tensor:
        """The output with something added."""
        mine = self.forwards[hands.number()]
        return mine.plus(x, added) if isinstance(mine, packed.Convolution) else mine(x).add_(added)

    def halves(self, x: Tensor) -> Sequence[Tensor]:
        """The output's two halves, for who reads each by itself."""
        mine = self.forwards[hands.number()]
        return mine.halves(x) if isinstance(mine, _Matrices) else mine(x).chunk(2, dim=-1)


class _BlockByHand:
    """A transformer block that is each hand's own, or the plain one."""

    def __init__(self, blocks: Sequence[_Blocks | None]) -> None:
        self.blocks = blocks

    def __call__(self, x: Tensor, context: unet.Context, plain: unet.Reading) -> Tensor:
        return (self.blocks[hands.number()] or plain)(x, context)


def clipped(shares: Sequence[Share], start: int, end: int) -> list[Share]:
    """The shares of lines ``start`` to ``end``, counted from ``start``."""
    kept = (Share(share.edits, max(share.start, start) - start, min(share.end, end) - start) for share in shares)
    return [share for share in kept if share.start < share.end]


def rewriting(edits: Sequence[Edit]) -> list[Edit]:
    """Those that rewrite what attention reads."""
    return [edit for edit in edits if type(edit).context is not Edit.context]


class RewrittenByLine(RewrittenContext):
    """As `RewrittenContext`, each share of a hand's lines by its own edits."""

    def __init__(self, shares: Sequence[Sequence[Share]]) -> None:
        super().__init__(())
        self.shares = [[(share, edits) for share in mine if (edits := rewriting(share.edits))] for mine in shares]

    def read(self, context: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = context.clone(), context.clone()
        for share, edits in self.shares[hands.number()]:
            lines = slice(share.start, share.end)
            mine = keys[lines], values[lines]
            for edit in edits:
                mine = edit.context(*mine)
            keys[lines], values[lines] = mine
        return keys, values


def _touching(model: Model, name: str, edits: Sequence[Edit]) -> list[Edit]:
    return [edit for edit in edits if name in fitted(model, edit, UNET)]


def _packed(module: nn.Module, shares: Sequence[Share], pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, ...]:
    """(downs [n, in, R], ups [n, R, out]) for ``baddbmm``; n shares where all have as many lines, else n lines."""
    weight: Tensor = module.weight  # type: ignore[assignment]
    widest = max(down.shape[0] for down, _ in pairs)
    rank = next((bucket for bucket in BUCKETS if bucket >= widest), widest)
    downs = weight.new_zeros(len(pairs), weight.shape[1], rank)
    ups = weight.new_zeros(len(pairs), rank, weight.shape[0])
    for number, (down, up) in enumerate(pairs):
        downs[number, :, : down.shape[0]] = down.flatten(1).T
        ups[number, : up.shape[1]] = up.T
    lines = [share.end - share.start for share in shares]
    if len(set(lines)) > 1:
        each = torch.tensor(lines, device=weight.device)
        downs, ups = downs.repeat_interleave(each, 0), ups.repeat_interleave(each, 0)
    return downs, ups


def _low_rank(module: nn.Module, shares: Sequence[Share], pairs: Sequence[tuple[Tensor, Tensor]]) -> Forward:
    """A matrix, or a convolution of one pixel, with each share's factors beside it."""
    runs = _runs(module, shares, pairs)
    convolution, plain = isinstance(module, nn.Conv2d), type(module).forward

    def forward(x: Tensor) -> Tensor:
        y = plain(module, x) if convolution else packed.linear(x, module.weight, module.bias)  # type: ignore[arg-type]
        for start, end, downs, ups in runs:
            read, written = x[start:end], y[start:end]
            if convolution:
                read, written = read.permute(0, 2, 3, 1), written.permute(0, 2, 3, 1)
            read = read.reshape(downs.shape[0], -1, downs.shape[1])
            if written.is_contiguous():
                written.view(downs.shape[0], -1, ups.shape[2]).baddbmm_(torch.bmm(read, downs), ups)
            else:
                written += torch.bmm(torch.bmm(read, downs), ups).view(written.shape)
        return y

    return forward


def _runs(
    module: nn.Module, shares: Sequence[Share], pairs: Sequence[tuple[Tensor, Tensor]]
) -> list[tuple[int, int, Tensor, Tensor]]:
    """(first line, end, downs, ups) of each run of neighbouring shares."""
    runs, first = [], 0
    for number in range(1, len(shares) + 1):
        if number == len(shares) or shares[number].start != shares[number - 1].end:
            downs, ups = _packed(module, shares[first:number], pairs[first:number])
            runs.append((shares[first].start, shares[number - 1].end, downs, ups))
            first = number
    return runs


def _low_rank_convolution(
    module: nn.Module, shares: Sequence[Share], pairs: Sequence[tuple[Tensor, Tensor]]
) -> Forward:
    """A wider convolution: each share's thin convolution after the other, then one pixel's mixing."""
    assert isinstance(module, nn.Conv2d)
    weight = module.weight
    thin = [
        (share, down.to(weight).view(-1, *weight.shape[1:]), up.to(weight)[:, :, None, None])
        for share, (down, up) in zip(shares, pairs, strict=True)
    ]
    layout = torch.channels_last
    thin = [(share, down.contiguous(memory_format=layout), up) for share, down, up in thin]

    def forward(x: Tensor) -> Tensor:
        y = nn.Conv2d.forward(module, x)
        for share, down, up in thin:
            lines = slice(share.start, share.end)
            seen = F.conv2d(x[lines], down, None, module.stride, module.padding, module.dilation)  # type: ignore[arg-type]
            y[lines] += F.conv2d(seen, up)
        return y

    return forward


def _exact(module: nn.Module, shares: Sequence[Share], weights: Sequence[Tensor]) -> Forward:
    """Each share's own weight in the base's place."""
    if isinstance(module, nn.Linear) or module.kernel_size == (1, 1):
        return _Matrices(module, shares, weights)
    plain = type(module).forward

    def forward(x: Tensor) -> Tensor:
        parts, at = [], 0
        for share, weight in zip(shares, weights, strict=True):
            if share.start > at:
                parts.append(plain(module, x[at : share.start]))
            parts.append(module._conv_forward(x[share.start : share.end], weight, module.bias))  # type: ignore[operator]
            at = share.end
        if at < len(x):
            parts.append(plain(module, x[at:]))
        return torch.cat(parts)

    return forward


class _Matrices:
    """As `_exact`, for a matrix or a convolution of one pixel. Neighbouring stacks of as many lines are multiplied at
    once, their matrices laid side by side the way that is read fastest, [n, in, out]; not for the first calls, since
    where rows come and go at every step that would cost more than it spares."""

    def __init__(self, module: nn.Module, shares: Sequence[Share], weights: Sequence[Tensor]) -> None:
        base: Tensor = module.weight  # type: ignore[assignment]
        self.bias: Tensor | None = module.bias  # type: ignore[assignment]
        self.convolution = isinstance(module, nn.Conv2d)
        self.base, self.width = base.flatten(1).t(), base.shape[0]
        runs, at = [], 0  # (lines, matrix) of each stack, the base's between them
        for share, weight in zip(shares, weights, strict=True):
            if share.start > at:
                runs.append((share.start - at, self.base))
            runs.append((share.end - share.start, weight.flatten(1).t()))
            at = share.end
        # (lines, their stacks' matrices): a list, and one tensor [n, in, out] once they are settled.
        self.groups: list[tuple[int, Sequence[Tensor] | Tensor]] = [
            (count, [matrix for _, matrix in some]) for count, some in itertools.groupby(runs, itemgetter(0))
        ]
        self.calls = 0

    def __call__(self, x: Tensor) -> Tensor:
        self._settle()
        if not self.convolution:
            return self._through(x, slice(None))
        return self._through(x.permute(0, 2, 3, 1), slice(None)).permute(0, 3, 1, 2)

    def halves(self, x: Tensor) -> Sequence[Tensor]:
        """The output's two halves, each in memory by itself."""
        self._settle()
        half = self.width // 2
        return self._through(x, slice(half)), self._through(x, slice(half, None))

    def _settle(self) -> None:
        """Count a call, and lay the matrices side by side, in the place of what they were, after the first few."""
        self.calls += 1
        if self.calls == SETTLED + 1:
            self.groups = [(count, torch.stack(list(matrices))) for count, matrices in self.groups]

    def _through(self, x: Tensor, some: slice) -> Tensor:
        """[B, …, in] → [B, …, those columns]."""
        lines, parts, at = x.reshape(-1, x.shape[-1]), [], 0
        pixels = len(lines) // len(x)
        for count, matrices in self.groups:
            end = at + count * len(matrices)
            mine = lines[at * pixels : end * pixels]
            if isinstance(matrices, Tensor):
                made = torch.bmm(mine.view(len(matrices), -1, mine.shape[-1]), matrices[..., some])
                parts.append(made.flatten(0, 1))
            else:
                each = zip(mine.split(count * pixels), matrices, strict=True)
                parts += [part @ matrix[:, some] for part, matrix in each]
            at = end
        if at < len(x):
            parts.append(lines[at * pixels :] @ self.base[:, some])
        y = parts[0] if len(parts) == 1 else torch.cat(parts)
        y = y.view(*x.shape[:-1], y.shape[-1])
        return y if self.bias is None else y.add_(self.bias[some])
