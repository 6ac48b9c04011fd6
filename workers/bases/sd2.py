"""Stable Diffusion 2: 2.0 and 2.1, and everything trained from them. Recognised; not drawn with yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workers.bases import recognition, widths
from workers.errors import Refusal
from workers.plugins import Header, Match

if TYPE_CHECKING:
    import torch

    from workers.engine.model import Model


class StableDiffusion2:
    family = "sd2"
    label = "Stable Diffusion 2"

    def recognise(self, header: Header) -> Match | None:
        """SD2 has 1024 numbers of context a token."""
        prefix = recognition.prefix_of(header)
        if prefix is None:
            return None
        family, variant = widths.family(recognition.context_width(header, prefix))
        return recognition.claim(header, prefix, family, variant) if family == self.family else None

    def open(self, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """Raises ``Refusal``: its text encoder and its v-prediction are not built yet."""
        raise Refusal("base-not-drawn", "Stable Diffusion 2 checkpoints can be kept here, but not drawn with yet.")


base = StableDiffusion2()
