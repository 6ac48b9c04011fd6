"""Stable Diffusion 1: 1.4, 1.5, everything trained from them, and nano."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from workers.bases import recognition, widths
from workers.bases.recognition import Found
from workers.plugins import Header, Match

if TYPE_CHECKING:
    import torch

    from workers.engine.model import Model


class StableDiffusion1:
    family = "sd1"
    label = "Stable Diffusion 1"

    def recognise(self, header: Header) -> Match | None:
        """SD1 has 768 numbers of context a token (64 in nano, whose inpainting variant is still nano's)."""
        unet = recognition.unet(header)
        if unet is None:
            return None
        family, variant = widths.family(unet.context)
        if family != self.family:
            return None
        match = recognition.claim_unet(header, unet, Found(family, variant))
        return replace(match, variant=f"{variant}-{match.variant}") if variant not in {"", match.variant} else match

    def open(self, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """The base in the file at ``path``, ready to draw. Raises ``workers.errors.Refusal`` where it cannot be."""
        from workers.engine import opening

        return opening.open_checkpoint(path, self.family, device, dtype)


base = StableDiffusion1()
