"""Playground 2.5: SDXL's shapes, trained in the EDM framing, so that nothing made for SDXL fits it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workers.bases import recognition
from workers.bases.recognition import Found
from workers.errors import Refusal
from workers.plugins import Header, Match

if TYPE_CHECKING:
    import torch

    from workers.engine.model import Model


class Playground:
    family = "playgroundv2"
    label = "Playground 2.5"

    def recognise(self, header: Header) -> Match | None:
        """An SDXL UNet beside the mean and deviation of the latents that it was trained on."""
        unet = recognition.unet(header)
        if unet is None or unet.context != 2048 or "edm_mean" not in header:
            return None
        return recognition.claim_unet(header, unet, Found(self.family, "2.5"))

    def open(self, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """Raises ``Refusal``: it is not drawn with yet."""
        raise Refusal("base-not-drawn", "Playground checkpoints can be kept here, but not drawn with yet.")


base = Playground()
