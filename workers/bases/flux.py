"""Flux.1: dev, schnell, fill, and the ones that follow edges or depth. Recognised; not drawn with yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workers.bases import recognition
from workers.bases.recognition import UNET, Found
from workers.errors import Refusal
from workers.plugins import Header, Match

if TYPE_CHECKING:
    import torch

    from workers.engine.model import Model

ORIGINAL = (
    "double_blocks", "single_blocks", "img_in", "txt_in", "time_in", "vector_in", "guidance_in", "final_layer",
)  # fmt: skip
DIFFUSERS = (
    "transformer_blocks", "single_transformer_blocks", "x_embedder", "context_embedder", "time_text_embed", "norm_out",
    "proj_out",
)  # fmt: skip
# Of a patch: 16 channels of 2 × 2, twice that beside a hint, and with a masked picture and its mask.
INPUTS = {128: "control", 384: "fill"}
# Later models kept the name of the blocks.
NOT_OURS = ("distilled_guidance_layer", "single_stream_modulation", "early_stream_modulations")
# Edges and depth have one shape; only words tell them apart.
HINTS = ("canny", "depth")


class Flux1:
    family = "flux1"
    label = "Flux.1"

    def recognise(self, header: Header) -> Match | None:
        """Double and single blocks, without what later relatives added to them."""
        for prefix in (UNET, "", "transformer."):
            original = f"{prefix}double_blocks.0.img_attn.norm.key_norm.scale" in header
            single = f"{prefix}single_transformer_blocks.0.attn.norm_k.weight" in header
            if not original and not single:
                continue
            if any(f"{prefix}{name}" in recognition.roots(header) for name in NOT_OURS):
                return None
            if original:
                reads = header.shape(f"{prefix}img_in.weight")
                guided = f"{prefix}guidance_in.in_layer.weight" in header
                return recognition.claim(header, prefix, ORIGINAL, Found(self.family, _variant(header, reads, guided)))
            if f"{prefix}transformer_blocks.0.attn.norm_added_k.weight" in header:
                reads = header.shape(f"{prefix}x_embedder.weight")
                guided = f"{prefix}time_text_embed.guidance_embedder.linear_1.weight" in header
                found = Found(self.family, _variant(header, reads, guided))
                return recognition.claim(header, prefix, DIFFUSERS, found, diffusers=True)
        return None

    def open(self, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """Raises ``Refusal``: its transformer is not built yet."""
        raise Refusal("base-not-drawn", "Flux checkpoints can be kept here, but not drawn with yet.")


def _variant(header: Header, reads: tuple[int, ...] | None, guided: bool) -> str:
    if reads and len(reads) == 2 and reads[1] in INPUTS:
        variant = INPUTS[reads[1]]
        named = [header.metadata.get(f"modelspec.{field}", "")[:200].lower() for field in ("architecture", "title")]
        hints = [hint for hint in HINTS if any(hint in name for name in named)]
        return hints[0] if variant == "control" and len(hints) == 1 else variant
    return "dev" if guided else "schnell"


base = Flux1()
