"""Families that are named by one telling key, so that their files are listed under their name; none is drawn with.

The keys are those by which diffusers tells checkpoints apart (`single_file_utils.CHECKPOINT_KEY_NAMES`, 0.42.1).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workers.bases.recognition import UNET
from workers.errors import Refusal
from workers.plugins import Header, Match

if TYPE_CHECKING:
    import torch

    from workers.engine.model import Model

# (family, what it is called) → its telling keys, all of them, below the prefix or without.
TELLING: dict[tuple[str, str], tuple[str, ...]] = {
    ("flux2", "Flux.2"): ("single_stream_modulation.lin.weight",),
    ("chroma", "Chroma"): ("distilled_guidance_layer.in_proj.bias",),
    ("auraflow", "AuraFlow"): ("double_layers.0.attn.w2q.weight", "cond_seq_linear.weight"),
    ("zimage", "Z-Image"): ("layers.0.adaLN_modulation.0.weight", "cap_embedder.0.weight", "x_pad_token"),
    ("lumina", "Lumina 2"): ("cap_embedder.0.weight", "layers.0.attention.qkv.weight"),
    ("qwen", "Qwen-Image"): ("transformer_blocks.0.attn.add_q_proj.weight", "txt_norm.weight", "img_in.weight"),
    ("wanvideo", "Wan Video"): ("head.modulation", "blocks.0.self_attn.q.weight"),
    ("hidream", "HiDream"): ("double_stream_blocks.0.block.adaLN_modulation.1.bias",),
    ("hyv1", "Hunyuan Video"): ("txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias",),
    ("ltxv2", "LTX Video 2"): ("av_ca_a2v_gate_adaln_single.emb.timestep_embedder.linear_1.weight",),
    ("ltxv", "LTX Video"): ("patchify_proj.weight", "transformer_blocks.27.scale_shift_table"),
    ("mochi", "Mochi"): ("blocks.0.attn.qkv_x.weight",),
    ("scascade", "Stable Cascade, stage C"): ("clip_txt_mapper.weight",),
    ("pixarta", "PixArt"): ("blocks.0.scale_shift_table", "y_embedder.y_embedding"),
    ("pixarta", "PixArt, diffusers' names"): ("adaln_single.linear.weight", "caption_projection.linear_1.weight"),
    ("krea2", "Krea 2"): ("txtfusion.projector.weight",),
    ("kolors", "Kolors"): ("encoder_hid_proj.weight", "add_embedding.linear_1.weight", "conv_out.weight"),
    ("svd", "Stable Video Diffusion"): ("input_blocks.1.1.time_stack.0.attn1.to_k.weight",),
}


class Others:
    family = "other"
    label = "Another family's model"

    def recognise(self, header: Header) -> Match | None:
        """The first family all of whose telling keys are there; the file's keys are not checked further."""
        for (family, name), keys in TELLING.items():
            for prefix in (UNET, "", "unet."):
                if all(prefix + key in header for key in keys):
                    return Match(frozenset(header), base=family, summary={"architecture": name})
        return None

    def open(self, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """Raises ``Refusal``: none of these is drawn with."""
        raise Refusal("base-not-drawn", "Models of this family can be kept here, but not drawn with.")


base = Others()
