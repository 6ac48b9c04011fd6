"""Textual inversion: vectors that a text encoder reads in the place of a word.

Layouts: kohya's ``emb_params`` [n, width]; A1111's ``string_to_param.<word>``; diffusers' single key, named as its
token; SDXL's ``clip_l`` and ``clip_g``; several of these as ``bundle_emb.<word>.…``. The word is chosen where it is
used; a file's own name for it is only a suggestion.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from workers.adapters import vectors
from workers.bases import widths
from workers.errors import Refusal
from workers.plugins import Edit, Header, Match, Slider

if TYPE_CHECKING:
    from torch import Tensor

BUNDLED = "bundle_emb."
MOST_KEYS = 64

Place = tuple[str, str]  # (word, text encoder)


def token_in(metadata: Mapping[str, str]) -> str:
    """The word that the file itself suggests; empty where it names none (`*` is A1111's word for none)."""
    token = metadata.get("modelspec.trigger_phrase") or metadata.get("name", "")
    return "" if token.strip() == "*" else token.strip()


def places(shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str]) -> dict[str, Place]:
    """Key → the word and the text encoder that its vectors are for; keys of no layout are left out."""
    if len(shapes) > MOST_KEYS:
        return {}
    fit = {
        key: shape
        for key, shape in shapes.items()
        if len(shape) in (1, 2) and (len(shape) == 1 or shape[0] <= vectors.MOST)
    }
    found: dict[str, Place] = {}
    several = sum(key.startswith("string_to_param.") for key in fit) > 1
    for key, shape in fit.items():
        word, rest = token_in(metadata), key
        if key.startswith(BUNDLED) and key.count(".") > 1:
            _, word, rest = key.split(".", 2)
        elif several and key.startswith("string_to_param."):
            word = key.removeprefix("string_to_param.")
        if encoder := vectors.encoder_of(rest, shape[-1]):
            found[key] = word, encoder
    if not found and len(shapes) == 1:
        # diffusers: the only key is the token itself.
        return {key: (key, vectors.by_width(shape[-1])) for key, shape in fit.items() if not _of_layer(key)}
    return found


def _of_layer(key: str) -> bool:
    return key.endswith((".weight", ".bias"))


class TextualInversion:
    slug = "textual_inversion"
    label = "Textual inversion"
    controls = (Slider("weight", 0, 2, 1),)
    drawn = True
    steers = False

    def recognise(self, header: Header) -> Match | None:
        """A handful of vectors as wide as a text encoder, and nothing else."""
        if len(header.tensors) > MOST_KEYS:
            return None
        shapes = {key: header.tensors[key].shape for key in header}
        found = places(shapes, header.metadata)
        if not found:
            return None
        if any(encoder == "text_encoder_2" for _, encoder in found.values()):
            family, variant = "sdxl", ""
        else:
            family, variant = widths.family(shapes[next(iter(found))][-1])
        if not family:
            return None
        words = list(dict.fromkeys(word for word, _ in found.values()))
        counts = [shapes[key][0] if len(shapes[key]) == 2 else 1 for key in found]
        summary: dict[str, object] = {"vectors": max(counts), "token": words[0]}
        if len(words) > 1:
            summary["words"] = words
        return Match(frozenset(found), base=family, variant=variant, summary=summary)

    def read(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Edit:
        """The vectors by word and text encoder. Raises ``Refusal`` where there are none or they are not finite."""
        found = places({key: tuple(tensor.shape) for key, tensor in tensors.items()}, metadata)
        words: dict[str, dict[str, Tensor]] = {}
        for key, (word, encoder) in found.items():
            if not bool(tensors[key].isfinite().all()):
                raise Refusal("adapter-not-finite", "This textual inversion holds numbers that are not finite.")
            words.setdefault(word, {})[encoder] = tensors[key].float().reshape(-1, tensors[key].shape[-1])
        if not words:
            raise Refusal("adapter-empty", "This textual inversion holds no vectors that we know.")
        if any(len({len(rows) for rows in by_encoder.values()}) > 1 for by_encoder in words.values()):
            raise Refusal(
                "adapter-incomplete", "This textual inversion has more vectors for one text encoder than for the other."
            )
        return TextualInversionEdit(words)


class TextualInversionEdit(Edit):
    """`weight` counts as emphasis on the word, as ``(word:0.8)`` does in a prompt."""

    def __init__(self, words: Mapping[str, Mapping[str, Tensor]]) -> None:
        self.spoken = words

    @property
    def words_optional(self) -> bool:  # type: ignore[override]
        """A file of several words is a vocabulary: a prompt says those that it wants."""
        return len(self.spoken) > 1

    def called(self, token: str) -> Self:
        """This edit answering to another word (a copy), where it brings just one."""
        if len(self.spoken) > 1:
            return self
        other = copy.copy(self)
        other.spoken = {token: next(iter(self.spoken.values()))}
        return other

    def fit(self, modules: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
        vectors.fit(self.spoken, modules, "This textual inversion")
        return frozenset()

    def words(self) -> Mapping[str, Mapping[str, Tensor]]:
        return self.spoken


adapter = TextualInversion()
