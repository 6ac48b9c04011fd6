"""What the UNet reads at each step: prompts through the text encoders, by chunks, with emphasis and inverted words.

`plan` encodes each distinct text of a recipe once; `Plan.at` says which of them count at a step, and how much.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from workers import prompts, tokens
from workers.engine.model import Model
from workers.errors import Refusal
from workers.messages import Recipe
from workers.plugins import Edit

# SD2's encoder and SDXL's second fill a chunk up with "!", the others with the end mark.
PADS = {("sd2", "text_encoder"): 0, ("sdxl", "text_encoder_2"): 0}


@dataclass(frozen=True)
class Cond:
    """One text as the UNet reads it: context [1, 77 · chunks, width]; pooled [1, width] where its base wants that."""

    context: Tensor
    pooled: Tensor | None = None


@dataclass(frozen=True)
class Words:
    """What counts at one step: the texts that are wanted, each with its weight, and what is not wanted.

    The picture goes from ``unwanted`` by weight × CFG towards each that is wanted.
    """

    wanted: tuple[tuple[Cond, float], ...]
    unwanted: Cond


Line = Sequence[tuple[int, Cond]]  # (last step, what is said), in order


@dataclass(frozen=True)
class Plan:
    """All that a recipe says, over its steps."""

    wanted: Sequence[tuple[Line, float]]
    unwanted: Line

    @cached_property
    def lengths(self) -> frozenset[int]:
        """How long its contexts are, in tokens."""
        return frozenset(cond.context.shape[1] for cond in self._conds)

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return sum(cond.context.numel() * cond.context.element_size() for cond in self._conds)

    @property
    def _conds(self) -> list[Cond]:
        return [cond for line in (*(line for line, _ in self.wanted), self.unwanted) for _, cond in line]

    def at(self, call: int) -> Words:
        """What is said when the UNet is asked for the ``call``-th time, from 0.

        A1111 holds its steps, which begin at 1, against a count that begins at 0, so that what ends at step 3 is said
        four times; pictures only come out equal if this is done as well.
        """
        return Words(tuple((_said(line, call), weight) for line, weight in self.wanted), _said(self.unwanted, call))


def _said(line: Line, call: int) -> Cond:
    place = bisect.bisect_left([end for end, _ in line], call)
    return line[min(place, len(line) - 1)][1]


@dataclass(frozen=True)
class Spoken:
    """What inversions in the stack add to the language.

    word → encoder → vectors [n, width]; word → its weight; the words that a prompt may leave out.
    """

    words: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    optional: Collection[str] = ()

    @classmethod
    def by(cls, edits: Sequence[Edit]) -> Spoken:
        words: dict[str, Mapping[str, Tensor]] = {}
        weights: dict[str, float] = {}
        optional: set[str] = set()
        for edit in edits:
            if edit.weight != 0:
                words.update(edit.words())
                weights.update(dict.fromkeys(edit.words(), 1.0 if edit.words_optional else edit.weight))
                optional.update(edit.words() if edit.words_optional else ())
        return cls(words, weights, optional)


def matters(recipe: Recipe, calls: int) -> int:
    """``calls`` where the prompts change over the steps; 0 where they do not, and their plan is any number's."""
    return calls if "[" in recipe.prompt + recipe.negative else 0


@torch.inference_mode()
def plan(model: Model, recipe: Recipe, edits: Sequence[Edit] = (), *, calls: int | None = None) -> Plan:
    """What ``recipe`` says over ``calls`` calls of the UNet (by default one a step).

    edits: the stack, whose inversions bring words. Raises ``Refusal`` for a prompt that cannot be drawn as written,
    that names what is not in the stack, or that lacks a word of the stack.
    """
    spoken = Spoken.by(edits)
    steps = calls or recipe.steps
    wanted = prompts.parse(recipe.prompt, recipe.dialect)
    unwanted = prompts.parse(recipe.negative, recipe.dialect, negative=True)
    _checked(recipe, wanted, unwanted, spoken, steps)
    encode = _Encoder(model, recipe, spoken)
    lines = [encode.line(part.texts(steps)) for part in wanted.parts]
    wanted_lines = [(line, part.weight) for line, part in zip(_alike(lines), wanted.parts, strict=True)]
    return Plan(wanted_lines, encode.line(unwanted.parts[0].texts(steps)))


def _checked(recipe: Recipe, wanted: prompts.Prompt, unwanted: prompts.Prompt, spoken: Spoken, steps: int) -> None:
    for prompt in (wanted, unwanted):
        if not prompt.drawable:
            raise Refusal("prompt", prompt.problems[0])
    there = [name for use in recipe.uses for name in (use.name, use.token)]
    for prompt in (wanted, unwanted):
        for extra in prompts.extras_missing(prompt, there):
            raise Refusal("prompt", f"The prompt names {extra.name}, which is not in the stack.")
    for word in spoken.words:
        if word not in spoken.optional and not any(prompts.said(prompt, word, steps) for prompt in (wanted, unwanted)):
            raise Refusal("word-missing", f"The prompt does not say “{word}”, so that this inversion would do nothing.")


def _alike(lines: list[Line]) -> list[Line]:
    """Texts that AND mixes, brought to one length by repeating their last vector, as A1111 does."""
    longest = max(cond.context.shape[1] for line in lines for _, cond in line)
    return [[(end, _lengthened(cond, longest)) for end, cond in line] for line in lines]


def _lengthened(cond: Cond, length: int) -> Cond:
    lacking = length - cond.context.shape[1]
    if not lacking:
        return cond
    return Cond(torch.cat([cond.context, cond.context[:, -1:].expand(-1, lacking, -1)], dim=1), cond.pooled)


class _Encoder:
    """Encodes the texts of one recipe, each once."""

    def __init__(self, model: Model, recipe: Recipe, spoken: Spoken) -> None:
        self.model, self.recipe, self.spoken = model, recipe, spoken
        self._done: dict[tuple[str, int], Cond] = {}

    def line(self, texts: Sequence[tuple[int, str]]) -> Line:
        """The texts that follow each other in one part, all as long as the longest, as A1111 fills them up."""
        most = max(len(self._chunks(text, "text_encoder")) for _, text in texts)
        return [(end, self._cond(text, most)) for end, text in texts]

    def _cond(self, text: str, length: int) -> Cond:
        if (text, length) not in self._done:
            self._done[text, length] = self._encoded(text, length)
        return self._done[text, length]

    def _encoded(self, text: str, length: int) -> Cond:
        contexts, pooled = [], None
        for name, encoder in self.model.text_encoders.items():
            chunks = self._chunks(text, name)
            chunks += prompts.chunks((), pad=self._pad(name)) * (length - len(chunks))
            reader = _Reader(self.model.family, name, encoder, self.recipe, self.spoken)
            contexts.append(torch.cat([reader.context(chunk) for chunk in chunks], dim=1))
            if self.model.family == "sdxl" and name == "text_encoder_2":
                pooled = reader.pooled(chunks[0])
        return Cond(torch.cat(contexts, dim=-1), pooled)

    def _chunks(self, text: str, name: str) -> tuple[prompts.Chunk, ...]:
        words = {word: len(vectors[name]) for word, vectors in self.spoken.words.items() if name in vectors}
        segments = prompts.segments(text, self.recipe.dialect, self.recipe.emphasis)
        try:
            return prompts.chunks(segments, words, dialect=self.recipe.dialect, pad=self._pad(name))
        except ValueError as error:
            raise Refusal("prompt-too-long", str(error)) from error

    def _pad(self, name: str) -> int:
        return PADS.get((self.model.family, name), tokens.END)


class _Reader:
    """One text encoder, reading for one recipe."""

    def __init__(self, family: str, name: str, encoder: Any, recipe: Recipe, spoken: Spoken) -> None:
        self.family, self.name, self.encoder, self.recipe, self.spoken = family, name, encoder, recipe, spoken
        self.text = getattr(encoder, "text_model", encoder)
        layers = len(self.text.encoder.layers)
        # SDXL was trained on the last layer but one of both, and A1111 leaves it at that whatever clip skip says.
        self.skip = 2 if family == "sdxl" else recipe.clip_skip
        if not 1 <= self.skip <= layers:
            raise Refusal("clip-skip", f"Clip skip {self.skip} asks for more than the {layers} layers of this base.")

    def context(self, chunk: prompts.Chunk) -> Tensor:
        """[1, 77, width] of a chunk, each token as strong as it is written."""
        weights = self._weights(chunk)
        hidden = self._read(chunk).float()
        if bool((weights != 1).any()):
            hidden = EMPHASES[self.recipe.dialect](self, chunk, hidden, weights)
        return hidden.to(self.text.embeddings.token_embedding.weight.dtype)

    def pooled(self, chunk: prompts.Chunk) -> Tensor:
        """[1, width]: what the encoder says of the chunk as a whole, at its end mark."""
        hidden = self.text.final_layer_norm(self._layers(chunk, skip=1))
        end = chunk.used + 1
        return self.encoder.text_projection(hidden[:, end])

    def empty(self) -> Tensor:
        """[1, 77, width] of an empty prompt."""
        (chunk,) = prompts.chunks((), pad=PADS.get((self.family, self.name), tokens.END))
        return self._read(chunk).float()

    def without(self, chunk: prompts.Chunk, hidden_from: int, hidden_to: int) -> Tensor:
        """[1, 77, width] of a chunk, of which nobody reads the tokens in between."""
        return self._read(chunk, range(hidden_from, hidden_to)).float()

    def _weights(self, chunk: prompts.Chunk) -> Tensor:
        weights = torch.tensor(chunk.weights, device=self.text.embeddings.token_embedding.weight.device)
        for splice in chunk.splices:
            weights[splice.place : splice.place + splice.count] *= self.spoken.weights.get(splice.word, 1.0)
        return weights

    def _read(self, chunk: prompts.Chunk, unread: Sequence[int] = ()) -> Tensor:
        hidden = self._layers(chunk, skip=self.skip, unread=unread)
        return hidden if self.family == "sdxl" else self.text.final_layer_norm(hidden)

    def _layers(self, chunk: prompts.Chunk, *, skip: int, unread: Sequence[int] = ()) -> Tensor:
        table = self.text.embeddings.token_embedding
        device, dtype = table.weight.device, table.weight.dtype
        vectors = table(torch.tensor([chunk.ids], device=device)).clone()
        for splice in chunk.splices:
            vectors[0, splice.place : splice.place + splice.count] = self.spoken.words[splice.word][self.name].to(
                device=device, dtype=dtype
            )
        hidden = self.text.embeddings(inputs_embeds=vectors)
        length = hidden.shape[1]
        # Each token reads itself and those before it.
        mask = torch.full((length, length), float("-inf"), device=device, dtype=dtype).triu(1)
        if unread:
            mask[:, list(unread)] = float("-inf")
            mask.fill_diagonal_(0)  # reading nothing at all would be no number
        layers = self.text.encoder.layers
        for layer in layers[: len(layers) - skip + 1]:
            hidden = layer(hidden, mask[None, None])
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        return hidden


def _scaled(reader: _Reader, chunk: prompts.Chunk, hidden: Tensor, weights: Tensor) -> Tensor:
    """A1111's emphasis: each token is scaled, then (unless "No norm") its chunk brought back to its former mean."""
    before, spread = hidden.mean(), hidden.std()
    hidden = hidden * weights[None, :, None]
    # An encoder whose numbers balance out has no mean to keep: dividing by it would be dividing by noise.
    balanced = bool(torch.minimum(before.abs(), hidden.mean().abs()) <= 1e-3 * spread)
    return hidden if balanced or reader.recipe.emphasis == "No norm" else hidden * (before / hidden.mean())


def _away_from_empty(reader: _Reader, chunk: prompts.Chunk, hidden: Tensor, weights: Tensor) -> Tensor:
    """ComfyUI's emphasis: each token is moved away from what an empty prompt says at its place."""
    empty = reader.empty()
    return empty + (hidden - empty) * weights[None, :, None]


def _blended(reader: _Reader, chunk: prompts.Chunk, hidden: Tensor, weights: Tensor) -> Tensor:
    """InvokeAI's emphasis (compel's): as ComfyUI's; and what is weaker than 1 also fades, by mixing in the text as it
    reads without those words, tan((1 − weight) · π/2) times as much."""
    mixed, shares = [_away_from_empty(reader, chunk, hidden, weights)], [1.0]
    for start, end in _runs_below_one(weights.tolist()):
        without = reader.without(chunk, start, end)
        mixed.append(_away_from_empty(reader, chunk, without, weights))
        shares.append(math.tan((1 - max(1e-5, float(weights[start]))) * math.pi / 2))
    total = sum(shares)
    return torch.stack([one * (share / total) for one, share in zip(mixed, shares, strict=True)]).sum(0)


def _runs_below_one(weights: Sequence[float]) -> list[tuple[int, int]]:
    """(start, end) of each run of equal weights below 1."""
    runs: list[tuple[int, int]] = []
    for place, weight in enumerate(weights):
        if weight < 1:
            if runs and runs[-1][1] == place and weights[place - 1] == weight:
                runs[-1] = (runs[-1][0], place + 1)
            else:
                runs.append((place, place + 1))
    return runs


EMPHASES: dict[str, Callable[[_Reader, prompts.Chunk, Tensor, Tensor], Tensor]] = {
    "a1111": _scaled,
    "comfyui": _away_from_empty,
    "invokeai": _blended,
}
