"""Motion modules (AnimateDiff): what lets an SD1 or SDXL UNet draw films, stacked between its blocks."""

from __future__ import annotations

from workers.plugins import Header, Match

_FIRST = "down_blocks.0.motion_modules.0."
# As its authors and as diffusers name it: the table of positions, and what stands before a norm.
NAMES = (
    ("temporal_transformer.transformer_blocks.0.attention_blocks.0.pos_encoder.pe", "temporal_transformer."),
    ("transformer_blocks.0.pos_embed.pe", ""),
)
PREFIXES = ("", "module.")
HINTS = ("controlnet_cond_embedding.conv_in.weight", "controlnet_cond_embedding.weight")  # SparseCtrl is no module


class MotionModule:
    slug = "motion_module"
    label = "Motion module"

    def recognise(self, header: Header) -> Match | None:
        """By its table of positions; its length and the middle block tell the version."""
        for prefix in PREFIXES:
            for table, inside in NAMES:
                positions = header.shape(f"{prefix}{_FIRST}{table}")
                if positions and len(positions) == 3 and not any(prefix + hint in header for hint in HINTS):
                    return _match(header, prefix, inside, positions[1])
        return None


def _match(header: Header, prefix: str, inside: str, frames: int) -> Match:
    if f"{prefix}down_blocks.3.motion_modules.0.{inside}norm.weight" not in header:
        base, version = "sdxl", "sdxl-beta"
    elif f"{prefix}mid_block.motion_modules.0.{inside}norm.weight" in header:
        base, version = "sd1", "v2"
    else:
        base, version = "sd1", "v3" if frames == 32 else "v1"
    claimed = frozenset(key for key in header if ".motion_modules." in key)
    return Match(claimed, base=base, variant=version, summary={"frames": frames, "version": version})


part = MotionModule()
