"""Stable Diffusion 3 and 3.5: a transformer of joint blocks. Recognised; not drawn with yet."""

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

ORIGINAL = ("joint_blocks", "pos_embed", "x_embedder", "t_embedder", "y_embedder", "context_embedder", "final_layer")
DIFFUSERS = ("transformer_blocks", "pos_embed", "time_text_embed", "context_embedder", "norm_out", "proj_out")
# Positions that are embedded: 192 × 192 patches in 3.0 and 3.5 Large, 384 × 384 in 3.5 Medium.
MEDIUM_POSITIONS = 384 * 384
LARGE_DEPTH = 38


class StableDiffusion3:
    family = "sd3"
    label = "Stable Diffusion 3"

    def recognise(self, header: Header) -> Match | None:
        """Joint blocks of picture and text, with one table of positions."""
        for prefix in (UNET, ""):
            if f"{prefix}joint_blocks.0.context_block.adaLN_modulation.1.weight" in header:
                large = f"{prefix}joint_blocks.{LARGE_DEPTH - 1}.x_block.mlp.fc1.weight" in header
                found = Found(self.family, _variant(header, prefix + "pos_embed", large))
                return recognition.claim(header, prefix, ORIGINAL, found)
        for prefix in ("transformer.", ""):
            joint = f"{prefix}transformer_blocks.0.attn.add_k_proj.weight" in header
            if joint and f"{prefix}pos_embed.pos_embed" in header:
                large = f"{prefix}transformer_blocks.{LARGE_DEPTH - 1}.attn.to_q.weight" in header
                found = Found(self.family, _variant(header, prefix + "pos_embed.pos_embed", large))
                return recognition.claim(header, prefix, DIFFUSERS, found, diffusers=True)
        return None

    def open(self, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """Raises ``Refusal``: its transformer is not built yet."""
        raise Refusal("base-not-drawn", "Stable Diffusion 3 checkpoints can be kept here, but not drawn with yet.")


def _variant(header: Header, positions: str, large: bool) -> str:
    if large:
        return "3.5-large"
    shape = header.shape(positions)
    return "3.5-medium" if shape and len(shape) == 3 and shape[1] == MEDIUM_POSITIONS else ""


base = StableDiffusion3()
