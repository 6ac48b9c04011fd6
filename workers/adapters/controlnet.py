"""ControlNet: a copy of a UNet's first half that reads a hint picture. Recognised in every layout; not drawn with yet.

Layouts: the original one (``control_model.…`` or without that prefix; with ``difference``, what is stored is less the
base's own weights), diffusers', Union's, Stability's low-rank form (``lora_controlnet``), and LLLite.
"""

from __future__ import annotations

from workers.adapters.undrawn import Undrawn, family_by_cross_attention, starting
from workers.plugins import Header, Match

_ORIGINAL = ("input_blocks.", "zero_convs.", "input_hint_block.", "middle_block", "time_embed.", "label_emb.")
_DIFFUSERS = (
    *("conv_in.", "time_embedding.", "add_embedding.", "class_embedding.", "down_blocks.", "mid_block.", "controlnet_"),
    *("control_add_embedding.", "task_embedding", "transformer_layes.", "spatial_ch_projs."),  # Union's
)


class ControlNet(Undrawn):
    slug = "controlnet"
    label = "ControlNet"

    def recognise(self, header: Header) -> Match | None:
        """The hint's own layers are what nothing else has; the base by what cross-attention reads."""
        if "lora_controlnet" in header:
            return _match(header, frozenset(header), "low-rank", "input_hint_block.0.weight")
        for prefix in ("control_model.", ""):
            hint = f"{prefix}input_hint_block.0.weight"
            if hint in header:
                claimed = starting(header, *(f"{prefix}{start}" for start in _ORIGINAL))
                difference = "difference" in header
                claimed |= {"difference"} if difference else set()
                return _match(header, claimed, "difference" if difference else "original", hint)
        hint = "controlnet_cond_embedding.conv_in.weight"
        if hint in header:
            union = "task_embedding" in header or "control_add_embedding.linear_1.weight" in header
            return _match(header, starting(header, *_DIFFUSERS), "union" if union else "diffusers", hint)
        if lite := frozenset(key for key in header.endings.get("0.weight", ()) if key.startswith("lllite_unet_")):
            claimed = lite | starting(header, "lllite_unet_")
            return Match(claimed, base="sdxl", summary={"layout": "LLLite"})
        return None


def _match(header: Header, claimed: frozenset[str], layout: str, hint: str) -> Match:
    family, variant = family_by_cross_attention(header)
    shape = header.shape(hint) or (0, 0)
    return Match(claimed, base=family, variant=variant, summary={"layout": layout, "hint_channels": shape[1]})


adapter = ControlNet()
