"""Apply a stack of edits to a base, and leave the base as it was, whatever happens in between.

Weights are merged: W = W0 + the sum of the stack's deltas, in fp32, cast once. W0 is kept the first time a module is
touched, and restoring copies it back, so nothing drifts however often stacks change. Where every delta has a low-rank
form, the factors are laid side by side and multiplied once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

from workers.engine.model import Model
from workers.errors import Refusal
from workers.plugins import Edit

TEXT, UNET = "text", "unet"


class OfPart(Edit):
    """An edit as far as it changes the text encoders, or everything else: each may have a weight of its own."""

    words_optional = True

    def __init__(self, edit: Edit, *, text: bool) -> None:
        self.edit, self.text, self.weight = edit, text, edit.weight
        assert edit.identity  # named now, its copy at weight 1 has the same name
        self.key = str(edit.at(1.0).identity)

    def at(self, weight: float) -> OfPart:
        return OfPart(self.edit.at(weight), text=self.text)

    def fit(self, modules: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
        names = self.edit.fit(modules)
        return frozenset(name for name in names if name.startswith("text_encoder") == self.text)

    def delta(self, module: str, weight: Tensor) -> Tensor | None:
        return self.edit.delta(module, weight)

    def low_rank(self, module: str) -> tuple[Tensor, Tensor] | None:
        return self.edit.low_rank(module)

    def words(self) -> Mapping[str, Mapping[str, Tensor]]:
        return self.edit.words() if self.text else {}


@contextmanager
def applied(model: Model, edits: Sequence[Edit], part: str = "") -> Iterator[Model]:
    """``model`` with ``edits`` applied, for the duration of the block. An edit at weight 0 changes nothing at all.

    part: `UNET` or `TEXT`: applied to that side alone; by default to both.
    Raises ``Refusal`` where an edit does not fit the base, or makes a weight that is not finite.
    """
    active = [edit for edit in edits if edit.weight != 0]
    touched = [(edit, fitted(model, edit, part)) for edit in active]
    if part == TEXT:
        active = []
    rewriting = [edit for edit in active if type(edit).context is not Edit.context]
    processors = model.unet.attn_processors if rewriting else None
    changed: list[str] = []
    try:
        _merge(model, touched, changed)
        if rewriting:
            model.unet.set_attn_processor(RewrittenContext(rewriting))
        yield model
    finally:
        if processors is not None:
            model.unet.set_attn_processor(dict(processors))
        _restore(model, changed)


def fitted(model: Model, edit: Edit, part: str = "") -> frozenset[str]:
    """What ``edit`` changes in this base, in the UNet or the text encoders alone where ``part`` says so; remembered.

    Raises ``Refusal`` where it does not fit.
    """
    named = edit.identity  # so named, its copies at other weights share the name
    key = (edit.at(1.0).identity if edit.weight != 1 else named, part)
    if key not in model.fits:
        names = edit.fit(model.shapes)
        model.fits[key] = frozenset(name for name in names if not part or name.startswith("unet.") == (part == UNET))
    return model.fits[key]


@torch.no_grad()
def _merge(model: Model, touched: list[tuple[Edit, frozenset[str]]], changed: list[str]) -> None:
    """Write W0 + the deltas into every touched module; ``changed`` grows before each write, so that none is missed."""
    sums: list[Tensor] = []
    for name in sorted(set().union(*(names for _, names in touched)) if touched else ()):
        changed.append(name)
        weight = model.tensors[name]
        weight.copy_(merged(model, name, [edit for edit, names in touched if name in names]))
        sums.append(weight.sum(dtype=torch.float32))
    # Asked once for all: each answer would wait for the device.
    if sums and not bool(torch.stack(sums).isfinite().all()):
        name = changed[[bool(total.isfinite()) for total in sums].index(False)]
        raise Refusal("adapter-not-finite", f"With this stack, {name} of the base is not finite any more.")


def merged(model: Model, name: str, edits: Sequence[Edit]) -> Tensor:
    """The weight of module ``name`` with ``edits``, fp32; W0 is kept in ``model.pristine``."""
    kept = model.pristine.get(name)
    if kept is None:
        kept = model.pristine[name] = model.tensors[name].detach().clone()
    total = kept.float()
    if factors := side_by_side(name, edits):
        down, up = factors
        return torch.addmm(total.flatten(1), up, down.flatten(1)).view(total.shape)
    for edit in edits:
        if (delta := edit.delta(name, total)) is not None:
            total = total + delta
    return total


def side_by_side(name: str, edits: Sequence[Edit]) -> tuple[Tensor, Tensor] | None:
    """The edits' deltas of module ``name`` as one pair of factors, down [Σ rank, in, …] and up [out, Σ rank], fp32.

    None where one of them has no such form, or none changes it.
    """
    pairs = [pair for edit in edits if (pair := edit.low_rank(name)) is not None]
    if not pairs or len(pairs) < len(edits):
        return None
    if len(pairs) == 1:
        return pairs[0]
    return torch.cat([down for down, _ in pairs]), torch.cat([up for _, up in pairs], dim=1)


@torch.no_grad()
def _restore(model: Model, changed: list[str]) -> None:
    for name in changed:
        model.tensors[name].copy_(model.pristine[name])


class RewrittenContext:
    """Attention as the UNet has it, whose keys and values come from contexts that edits rewrite, one after another."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self.edits = edits

    def __call__(
        self,
        attn,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """[B, N, width] → [B, N, width]; the context is what is attended to, the input itself in self-attention."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        keys, values = self.read(context)
        query, key, value = (
            part.unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for part in (attn.to_q(hidden_states), attn.to_k(keys), attn.to_v(values))
        )
        drawn = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
        drawn = drawn.transpose(1, 2).flatten(2).to(query.dtype)
        return attn.to_out[1](attn.to_out[0](drawn))

    def read(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """What keys and what values are made from, both [B, N, width]."""
        keys = values = context
        for edit in self.edits:
            keys, values = edit.context(keys, values)
        return keys, values
