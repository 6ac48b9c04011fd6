"""Apply a stack of edits to a base, and leave the base as it was, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from workers.engine import merging
from workers.engine.model import Model
from workers.plugins import Edit

TEXT, UNET = "text", "unet"


class OfPart(Edit):
    """An edit as far as it changes the text encoders, or everything else: each may have a weight of its own."""

    words_optional = True

    def __init__(self, edit: Edit, *, text: bool) -> None:
        self.edit, self.text, self.weight, self.blocks = edit, text, edit.weight, edit.blocks
        assert edit.identity  # named now, its copy at weight 1 has the same name
        self.key = str(edit.at(1.0).identity)

    @property
    def ready(self) -> dict[object, Any]:
        return self.edit.ready

    def at(self, weight: float) -> OfPart:
        return OfPart(self.edit.at(weight), text=self.text)

    def by_blocks(self, blocks: Sequence[float]) -> OfPart:
        return OfPart(self.edit.by_blocks(blocks), text=self.text)

    def share(self, module: str) -> float:
        return self.edit.share(module)

    def fit(self, modules: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
        names = self.edit.fit(modules)
        return frozenset(name for name in names if name.startswith("text_encoder") == self.text)

    def delta(self, module: str, weight: Tensor) -> Tensor | None:
        return self.edit.delta(module, weight)

    def low_rank(self, module: str) -> tuple[Tensor, Tensor] | None:
        return self.edit.low_rank(module)

    def words(self) -> Mapping[str, Mapping[str, Tensor]]:
        return self.edit.words() if self.text else {}


@dataclass
class Worn:
    """A stack that a base has on: the modules whose weights are not the file's, and its own attention processors where
    they were replaced. ``key``: whose stack it is, for those who keep it on."""

    changed: set[str] = field(default_factory=set)
    processors: dict[str, Any] | None = None
    key: object = None


@contextmanager
def applied(model: Model, edits: Sequence[Edit], part: str = "") -> Iterator[Model]:
    """``model`` with ``edits`` applied, for the duration of the block. An edit at weight 0 changes nothing at all.

    part: `UNET` or `TEXT`: applied to that side alone; by default to both.
    Raises ``Refusal`` where an edit does not fit the base, or makes a weight that is not finite.
    """
    worn = put_on(model, edits, part)
    try:
        yield model
    finally:
        take_off(model, worn)


def put_on(model: Model, edits: Sequence[Edit], part: str = "", over: Worn | None = None) -> Worn:
    """Apply ``edits`` as `applied` does, and leave them on; ``over``: in the place of what the base has on.

    Whatever is raised, the base is the file's then.
    """
    worn = over or Worn()
    active = [edit for edit in edits if edit.weight != 0]
    rewriting = [edit for edit in active if part != TEXT and type(edit).context is not Edit.context]
    before = set(worn.changed)
    try:
        _plain_attention(model, worn)
        touched = [(edit, fitted(model, edit, part)) for edit in active]
        merging.merge(model, touched, worn.changed, before)
        if rewriting:
            worn.processors = dict(model.unet.attn_processors)
            model.unet.set_attn_processor(RewrittenContext(rewriting))
    except BaseException:
        take_off(model, worn)
        raise
    worn.changed = set().union(*(names for _, names in touched))
    return worn


def take_off(model: Model, worn: Worn) -> None:
    """The base as its file has it, to the bit."""
    _plain_attention(model, worn)
    merging.restore(model, worn.changed)
    worn.changed = set()


def _plain_attention(model: Model, worn: Worn) -> None:
    processors, worn.processors = worn.processors, None
    if processors is not None:
        model.unet.set_attn_processor(processors)


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
