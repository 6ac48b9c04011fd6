"""The vectors of textual inversions: which text encoder they are for, by what tools call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workers.errors import Refusal

if TYPE_CHECKING:
    from torch import Tensor

# One row of numbers for each token that CLIP reads at once, and no file has more.
MOST = 75
# SDXL's second encoder; its first is as wide as SD1's.
WIDE = 1280
_PAIRS = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}


def encoder_of(key: str, width: int) -> str | None:
    """The text encoder that the vectors under ``key`` are for; None where the key is no layout's but a token's name."""
    if key in _PAIRS:
        return _PAIRS[key]
    return by_width(width) if key == "emb_params" or key.startswith("string_to_param.") else None


def by_width(width: int) -> str:
    """The text encoder that reads vectors so wide."""
    return "text_encoder_2" if width == WIDE else "text_encoder"


def fit(words: Mapping[str, Mapping[str, Tensor]], modules: Mapping[str, tuple[int, ...]], what: str) -> None:
    """Raises ``Refusal`` where the base has no text encoder for some of the vectors, or one of another width."""
    for by_encoder in words.values():
        for encoder, vectors in by_encoder.items():
            table = modules.get(f"{encoder}.embeddings.token_embedding")
            if table is None:
                raise Refusal("adapter-does-not-fit", f"{what} is for a base with two text encoders (SDXL).")
            if table[1] != vectors.shape[1]:
                raise Refusal(
                    "adapter-does-not-fit",
                    f"{what} was made for another base: its vectors are {vectors.shape[1]} wide, "
                    f"the base's {table[1]}.",
                )
