"""Writing a stack into a base's weights: W = W0 + the sum of the stack's deltas, in fp32, cast once.

W0 is kept the first time a module is touched, and each weight is written straight from it, whatever it held before: so
nothing drifts however often stacks change, and a change of stack writes each weight once. A LoRA's factors lie ready in
the order of the weight's own memory, as long as the LoRA itself is kept.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from workers import blocks, doubling
from workers.engine import hands
from workers.engine.model import Model
from workers.errors import Refusal
from workers.plugins import Edit

Touched = Sequence[tuple[Edit, frozenset[str]]]  # a stack's edits, each with what it changes
Pair = tuple[Tensor, Tensor]
Others = list[tuple[str, list[Edit]]]  # weights that are no plain sum, each with the edits that change it


@dataclass(frozen=True)
class Ready:
    """An edit's low-rank deltas at weight 1: module → down [rank, in], up [out, rank], flat as the weight lies.

    most: no number of these deltas is larger.
    """

    pairs: dict[str, Pair]
    most: float


class _Sum(NamedTuple):
    """A weight that is W0 and low-rank deltas: both flat, [out, in], and (up, down, the edit's weight) of each."""

    live: Tensor
    kept: Tensor
    terms: Sequence[tuple[Tensor, Tensor, float]]


@torch.no_grad()
def merge(model: Model, touched: Touched, changed: set[str], worn: Collection[str] = ()) -> None:
    """Write W0 + the deltas into every touched module, and W0 into those of ``worn`` that no edit touches.

    changed: grows before anything is written, so that none is missed. Raises ``Refusal`` for a weight that is not
    finite any more.
    """
    names = _names(touched)
    sums, others = _parted(model, touched, {name: _flat_live(model, name) for name in names})
    changed.update(names)
    restore(model, [name for name in worn if name not in names])
    _write(model, sums)
    for name, edits in others:
        model.tensors[name].copy_(merged(model, name, edits))
    _forget(model, names)
    _check(model, touched, others, model.tensors)


@torch.no_grad()
def apart(model: Model, touched: Touched) -> dict[str, Tensor]:
    """Every touched module's weight with the deltas, as `merge` would write it, in tensors of their own."""
    made = {name: torch.empty_like(kept(model, name)) for name in _names(touched)}
    sums, others = _parted(model, touched, {name: _flat(weight) for name, weight in made.items()})
    _write(model, sums)
    for name, edits in others:
        made[name].copy_(merged(model, name, edits))
    _check(model, touched, others, made)
    return made


def _names(touched: Touched) -> set[str]:
    return set().union(*(names for _, names in touched)) if touched else set()


def _parted(model: Model, touched: Touched, into: Mapping[str, Tensor]) -> tuple[list[_Sum], Others]:
    """The weights that are sums, to be written to ``into`` (flat), and the others with the edits that change them."""
    # Hundreds of weights each time that a stack changes: what is an edit's alone is looked up once.
    ready = [
        (edit, names, ready_for(model, edit, names).pairs, _fp32(edit.weight), edit.blocks) for edit, names in touched
    ]
    sums: list[_Sum] = []
    others: Others = []
    for name in sorted(into):
        terms, plain = [], True
        for edit, names, pairs, weight, blocks_of in ready:
            if name in names:
                if (pair := pairs.get(name)) is None:
                    plain = False
                    break
                terms.append((pair[1], pair[0], _fp32(edit.weight * edit.share(name)) if blocks_of else weight))
        if plain:
            sums.append(_Sum(into[name], _flat_kept(model, name), terms))
        else:
            others.append((name, [edit for edit, names in touched if name in names]))
    return sums, others


@torch.no_grad()
def restore(model: Model, names: Collection[str]) -> None:
    """The file's weights, to the bit."""
    for name in names:
        model.tensors[name].copy_(model.pristine[name])
    _forget(model, names)


def _forget(model: Model, names: Collection[str]) -> None:
    """What was made of weights that are others now."""
    for name in model.upsamplers.keys() & names:
        doubling.forget(model.upsamplers[name])


def merged(model: Model, name: str, edits: Sequence[Edit]) -> Tensor:
    """The weight of module ``name`` with ``edits``, fp32; W0 is kept in ``model.pristine``."""
    total = kept(model, name).float()
    if factors := side_by_side(name, edits):
        down, up = factors
        return torch.addmm(total.flatten(1), up, down.flatten(1)).view(total.shape)
    for edit in edits:
        if (delta := edit.delta(name, total)) is not None:
            total = total + delta
    return total


def kept(model: Model, name: str) -> Tensor:
    """W0 of module ``name``; the first time, its copy is made."""
    found = model.pristine.get(name)
    if found is None:
        found = model.pristine[name] = model.tensors[name].detach().clone()
        model.largest = max(model.largest, float(found.abs().max()))
    return found


def _flat_kept(model: Model, name: str) -> Tensor:
    found = model.flat.get(name)
    if found is None:
        found = model.flat[name] = _flat(kept(model, name))
    return found


def _flat_live(model: Model, name: str) -> Tensor:
    """The weight that the base computes with, as a matrix; modules keep theirs where they are."""
    found = model.live.get(name)
    if found is None:
        found = model.live[name] = _flat(model.tensors[name].detach())
    return found


def side_by_side(name: str, edits: Sequence[Edit]) -> Pair | None:
    """The edits' deltas of module ``name`` as one pair of factors, down [Σ rank, in, …] and up [out, Σ rank], fp32.

    None where one of them has no such form, or none changes it.
    """
    pairs = [pair for edit in edits if (pair := edit.low_rank(name)) is not None]
    if not pairs or len(pairs) < len(edits):
        return None
    if len(pairs) == 1:
        return pairs[0]
    return torch.cat([down for down, _ in pairs]), torch.cat([up for _, up in pairs], dim=1)


def ready_for(model: Model, edit: Edit, names: frozenset[str]) -> Ready:
    """The factors of ``edit`` for modules ``names`` of this base, kept with the edit and shared by its copies."""
    key = (model.key, names)
    if key not in edit.ready:
        whole, pairs = edit.at(1.0).by_blocks(()), {}
        for name in names:
            if (pair := whole.low_rank(name)) is not None:
                pairs[name] = _flat_pair(kept(model, name), pair)
        edit.ready[key] = Ready(pairs, _most(list(pairs.values())))
    return edit.ready[key]


def _most(pairs: Sequence[Pair]) -> float:
    """No number of a product is larger than its factors' norms multiplied (Cauchy and Schwarz)."""
    if not pairs:
        return 0.0
    downs, ups = zip(*pairs, strict=True)
    return float((torch.stack(torch._foreach_norm(downs)) * torch.stack(torch._foreach_norm(ups))).max())


def _fp32(weight: float) -> float:
    """The weight as a kernel takes it: what is beyond fp32 is infinite."""
    return weight if abs(weight) <= torch.finfo(torch.float32).max else math.copysign(math.inf, weight)


def _flat_pair(weight: Tensor, pair: Pair) -> Pair:
    """``pair`` as two matrices whose product lies as ``weight`` does in memory."""
    down, up = pair
    if weight.ndim == 4 and not weight.is_contiguous():  # channels last
        down = down.reshape(-1, *weight.shape[1:]).permute(0, 2, 3, 1)
    return down.flatten(1).contiguous(), up.flatten(1).contiguous()


def _flat(weight: Tensor) -> Tensor:
    if weight.ndim == 4 and not weight.is_contiguous():
        weight = weight.permute(0, 2, 3, 1)
    return weight.view(weight.shape[0], -1)


def _write(model: Model, sums: Sequence[_Sum]) -> None:
    count = hands.count_for(model.bytes)
    hands.each([partial(_add_up, sums[place::count]) for place in range(min(count, max(1, len(sums))))])


@torch.no_grad()
def _add_up(sums: Sequence[_Sum]) -> None:
    for one in sums:
        (up, down, weight), *more = one.terms
        if one.live.dtype == torch.float32:
            total = torch.addmm(one.kept, up, down, alpha=weight, out=one.live)
        else:
            total = torch.addmm(one.kept.float(), up, down, alpha=weight)
        for up, down, weight in more:
            total.addmm_(up, down, alpha=weight)
        if total is not one.live:
            one.live.copy_(total)


def _check(model: Model, touched: Touched, others: Others, written: Mapping[str, Tensor]) -> None:
    """Raises ``Refusal`` where a weight is not finite."""
    most = model.largest + sum(
        abs(edit.weight) * blocks.MOST ** bool(edit.blocks) * ready_for(model, edit, names).most
        for edit, names in touched
    )
    # Numbers that cannot get so large need no look at each.
    safe = most < torch.finfo(model.dtype).max
    names = [name for name, _ in others] if safe else sorted(_names(touched))
    if not names:
        return
    sums = torch.stack([written[name].sum(dtype=torch.float32) for name in names])
    # Asked once for all: each answer would wait for the device.
    if not bool(sums.isfinite().all()):
        name = names[int((~sums.isfinite()).nonzero()[0])]
        raise Refusal("adapter-not-finite", f"With this stack, {name} of the base is not finite any more.")
