"""Vision encoders: what IP-Adapters, unclip and Redux look at pictures with."""

from __future__ import annotations

from workers.plugins import Header, Match

NAMES = {1024: "CLIP ViT-L", 1280: "CLIP ViT-H", 1664: "CLIP ViT-bigG", 1152: "SigLIP SO400M"}
_TRANSFORMERS = "vision_model.encoder.layers.0.mlp.fc1.weight"
_OPEN_CLIP = "visual.transformer.resblocks.0.attn.in_proj_weight"


class VisionEncoder:
    slug = "vision_encoder"
    label = "Vision encoder"

    def recognise(self, header: Header) -> Match | None:
        """By its first layer, under transformers' or OpenCLIP's names."""
        first = header.shape(_TRANSFORMERS) or header.shape(_OPEN_CLIP)
        if not first or len(first) != 2:
            return None
        claimed = frozenset(
            key for key in header if key.startswith(("vision_model.", "visual.", "visual_projection.", "logit_"))
        )
        return Match(claimed, summary={"architecture": NAMES.get(first[1], "vision transformer"), "width": first[1]})


part = VisionEncoder()
