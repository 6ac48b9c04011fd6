"""Textual inversion: vectors that a text encoder reads in the place of a word.

Layouts: kohya's ``emb_params`` [n, width]; A1111's ``string_to_param.*``; diffusers' single key, named as its token;
SDXL's ``clip_l`` and ``clip_g``. The word is chosen where it is used; a file's own name for it is only a suggestion.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from workers.bases import widths
from workers.errors import Refusal
from workers.plugins import Edit, Header, Match, Slider

if TYPE_CHECKING:
    from torch import Tensor

# One row of numbers for each token that CLIP reads at once, and no file has more.
MOST_VECTORS = 75
_KEYS = {"emb_params": "text_encoder", "clip_l": "text_encoder", "clip_g": "text_encoder_2"}


def encoder_of(key: str) -> str | None:
    """The text encoder that the vectors under ``key`` are for; None where the key is a diffusers token's name."""
    if key.startswith("string_to_param"):
        return "text_encoder"
    return _KEYS.get(key)


def token_in(metadata: Mapping[str, str]) -> str:
    """The word that the file itself suggests; empty where it names none (`*` is A1111's word for none)."""
    token = metadata.get("modelspec.trigger_phrase") or metadata.get("name", "")
    return "" if token.strip() == "*" else token.strip()


class TextualInversion:
    slug = "textual_inversion"
    label = "Textual inversion"
    controls = (Slider("weight", 0, 2, 1),)

    def recognise(self, header: Header) -> Match | None:
        """A handful of vectors as wide as a text encoder, and nothing else."""
        shapes = {key: header.tensors[key].shape for key in header}
        known = {key: shape for key, shape in shapes.items() if encoder_of(key)}
        if not known and len(shapes) == 1:
            # diffusers: the only key is the token itself.
            known = {key: shape for key, shape in shapes.items() if not key.endswith((".weight", ".bias"))}
        if not known or any(len(s) not in (1, 2) or (len(s) == 2 and s[0] > MOST_VECTORS) for s in known.values()):
            return None
        if "clip_g" in known:
            family, variant = "sdxl", ""
        else:
            family, variant = widths.family(next(iter(known.values()))[-1])
        if not family:
            return None
        vectors = max(shape[0] if len(shape) == 2 else 1 for shape in known.values())
        token = next((key for key in known if encoder_of(key) is None), token_in(header.metadata))
        summary = {"vectors": vectors, "token": token}
        return Match(frozenset(known), base=family, variant=variant, summary=summary)

    def read(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Edit:
        """The vectors by text encoder. Raises ``Refusal`` where there are none or they are not finite."""
        vectors: dict[str, Tensor] = {}
        token = token_in(metadata)
        for key, tensor in tensors.items():
            encoder = encoder_of(key)
            if encoder is None and len(tensors) == 1:
                encoder, token = "text_encoder", key
            if encoder is None:
                continue
            if not bool(tensor.isfinite().all()):
                raise Refusal("adapter-not-finite", "This textual inversion holds numbers that are not finite.")
            vectors[encoder] = tensor.float().reshape(-1, tensor.shape[-1])
        if not vectors:
            raise Refusal("adapter-empty", "This textual inversion holds no vectors that we know.")
        return TextualInversionEdit(token, vectors)


class TextualInversionEdit(Edit):
    """`weight` counts as emphasis on the word, as ``(word:0.8)`` does in a prompt."""

    def __init__(self, token: str, vectors: Mapping[str, Tensor]) -> None:
        self.token, self.vectors = token, vectors

    def called(self, token: str) -> Self:
        """This edit answering to another word (a copy)."""
        other = copy.copy(self)
        other.token = token
        return other

    def fit(self, modules: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
        for encoder, vectors in self.vectors.items():
            table = modules.get(f"{encoder}.embeddings.token_embedding")
            if table is None:
                raise Refusal(
                    "adapter-does-not-fit", "This textual inversion is for a base with two text encoders (SDXL)."
                )
            if table[1] != vectors.shape[1]:
                raise Refusal(
                    "adapter-does-not-fit",
                    f"This textual inversion was made for another base: its vectors are {vectors.shape[1]} wide, "
                    f"the base's {table[1]}.",
                )
        return frozenset()

    def words(self) -> Mapping[str, Mapping[str, Tensor]]:
        return {self.token: self.vectors}


adapter = TextualInversion()
