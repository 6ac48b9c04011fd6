"""Apply a stack of edits to a base, and leave the base as it was, whatever happens in between.

Weights are merged: W = W0 + the sum of the stack's deltas, in fp32, cast once. W0 is kept the first time a module is
touched, and restoring copies it back, so nothing drifts however often stacks change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

from workers.engine.model import Model
from workers.errors import Refusal
from workers.plugins import Edit


@contextmanager
def applied(model: Model, edits: Sequence[Edit]) -> Iterator[Model]:
    """``model`` with ``edits`` applied, for the duration of the block. An edit at weight 0 changes nothing at all.

    Raises ``Refusal`` where an edit does not fit the base, or makes a weight that is not finite.
    """
    active = [edit for edit in edits if edit.weight != 0]
    touched = [(edit, edit.fit(model.shapes)) for edit in active]
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


@torch.no_grad()
def _merge(model: Model, touched: list[tuple[Edit, frozenset[str]]], changed: list[str]) -> None:
    """Write W0 + the deltas into every touched module; ``changed`` grows before each write, so that none is missed."""
    for name in sorted(set().union(*(names for _, names in touched)) if touched else ()):
        weight: Tensor = model.modules[name].weight
        kept = model.pristine.get(name)
        if kept is None:
            kept = model.pristine[name] = weight.detach().clone()
        total = kept.float()
        for edit, names in touched:
            if name in names and (delta := edit.delta(name, total)) is not None:
                total = total + delta
        if not bool(total.isfinite().all()):
            raise Refusal("adapter-not-finite", f"With this stack, {name} of the base is not finite any more.")
        changed.append(name)
        weight.copy_(total)


@torch.no_grad()
def _restore(model: Model, changed: list[str]) -> None:
    for name in changed:
        model.modules[name].weight.copy_(model.pristine[name])


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
        keys = values = context
        for edit in self.edits:
            keys, values = edit.context(keys, values)
        query, key, value = (
            part.unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for part in (attn.to_q(hidden_states), attn.to_k(keys), attn.to_v(values))
        )
        drawn = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
        drawn = drawn.transpose(1, 2).flatten(2).to(query.dtype)
        return attn.to_out[1](attn.to_out[0](drawn))
