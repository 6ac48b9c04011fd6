"""Stable Diffusion 2: 2.0 and 2.1, and everything trained from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import pstdev
from typing import TYPE_CHECKING

from workers.bases import recognition, widths
from workers.bases.recognition import Found, UNet
from workers.plugins import Header, Match

if TYPE_CHECKING:
    import torch

    from workers.engine.model import Model

# No shape tells a model that predicts v from one that predicts noise. The spread of this bias does: training for v
# doubled it, and every fine-tune since has kept either side of the line (a fact that ComfyUI found).
TELLING = {
    False: "output_blocks.11.1.transformer_blocks.0.norm1.bias",
    True: "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias",
}
V_SPREAD = 0.09
# What each kind predicts, where its input channels say which it is.
PREDICTIONS = {9: "epsilon", 5: "epsilon", 8: "epsilon", 7: "v"}


class StableDiffusion2:
    family = "sd2"
    label = "Stable Diffusion 2"

    def recognise(self, header: Header) -> Match | None:
        """SD2 has 1024 numbers of context a token. The one that reads pictures (unclip) embeds them beside the time."""
        unet = recognition.unet(header)
        if unet is None or widths.family(unet.context)[0] != self.family:
            return None
        said, source = recognition.prediction(header)
        if not said and unet.channels in PREDICTIONS:
            said, source = PREDICTIONS[unet.channels], "tensors"
        elif not said:
            return recognition.claim_unet(header, unet, Found(self.family, _variant(unet), asks=_telling(header, unet)))
        variant = _variant(unet) or ("v-prediction" if said == "v" else "")
        summary = {"prediction": said, "prediction_from": source}
        return recognition.claim_unet(header, unet, Found(self.family, variant, summary))

    def decide(self, match: Match, numbers: Sequence[float]) -> Match:
        """Whether it predicts v or noise, by the spread of the numbers asked for."""
        if len(numbers) < 2:  # not to be had
            return match
        v = pstdev(numbers) > V_SPREAD
        summary = dict(match.summary) | {"prediction": "v" if v else "epsilon", "prediction_from": "tensors"}
        return replace(match, variant=match.variant or ("v-prediction" if v else ""), summary=summary)

    def open(self, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """The base in the file at ``path``, ready to draw. Raises ``workers.errors.Refusal`` where it cannot be."""
        from workers.engine import opening

        return opening.open_checkpoint(path, self.family, device, dtype)


def _variant(unet: UNet) -> str:
    return "unclip" if unet.label else ""


def _telling(header: Header, unet: UNet) -> str:
    key = unet.prefix + TELLING[unet.diffusers]
    return key if key in header else ""


base = StableDiffusion2()
