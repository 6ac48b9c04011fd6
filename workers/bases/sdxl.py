"""Stable Diffusion XL: base and refiner, and everything trained from them. Recognised; not drawn with yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workers.bases import recognition, widths
from workers.errors import Refusal
from workers.plugins import Header, Match

if TYPE_CHECKING:
    import torch

    from workers.engine.model import Model


class StableDiffusionXL:
    family = "sdxl"
    label = "Stable Diffusion XL"

    def recognise(self, header: Header) -> Match | None:
        """SDXL has 2048 numbers of context a token (its refiner 1280), and embeds sizes beside the time step."""
        prefix = recognition.prefix_of(header)
        if prefix is None or f"{prefix}label_emb.0.0.weight" not in header:
            return None
        family, variant = widths.family(recognition.context_width(header, prefix))
        return recognition.claim(header, prefix, family, variant) if family == self.family else None

    def open(self, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """Raises ``Refusal``: its second text encoder and its size embedding are not built yet."""
        raise Refusal("base-not-drawn", "Stable Diffusion XL checkpoints can be kept here, but not drawn with yet.")


base = StableDiffusionXL()
