"""Stable Diffusion XL: base, its smaller children, and everything trained from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workers.bases import recognition, widths
from workers.bases.recognition import Found
from workers.plugins import Header, Match

if TYPE_CHECKING:
    import torch

    from workers.engine.model import Model

# What is embedded beside the time step: pooled text (1280) and six numbers of 256 each; the refiner's five.
LABEL = 2816
# Distilled children, by the transformer blocks of each layer on the way down (SDXL: 0 0 2 2 10 10).
DEPTHS = {
    (0, 0, 2, 2, 4, 4): "ssd-1b",
    (0, 0, 1, 1, 2, 2): "vega",
    (0, 2, 5): "koala-700m",
    (0, 2, 6): "koala-1b",
}


class StableDiffusionXL:
    family = "sdxl"
    label = "Stable Diffusion XL"

    def recognise(self, header: Header) -> Match | None:
        """SDXL has 2048 numbers of context a token (its refiner 1280), and embeds sizes beside the time step."""
        unet = recognition.unet(header)
        if unet is None or not unet.label or "edm_mean" in header:
            return None
        family, variant = widths.family(unet.context)
        if family != self.family or (not variant and unet.label != LABEL):
            return None
        if recognition.prediction(header)[0] == "v":
            variant = variant or "v-prediction"
        return recognition.claim_unet(
            header, unet, Found(family, variant if unet.context in widths.NANO else DEPTHS.get(unet.depths, variant))
        )

    def open(self, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """The base in the file at ``path``, ready to draw. Raises ``workers.errors.Refusal`` where it cannot be."""
        from workers.engine import opening

        return opening.open_checkpoint(path, self.family, device, dtype)


base = StableDiffusionXL()
