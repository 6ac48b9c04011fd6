"""T2I-Adapter: a small net whose features of a hint picture are added to a UNet's. Recognised; not drawn with yet.

Its first layer reads the hint with its pixels folded into channels: 8×8 or 16×16 of them, which tells SD1 from SDXL.
"""

from __future__ import annotations

from workers.adapters.undrawn import Undrawn, starting
from workers.plugins import Header, Match

# Channels of the first layer: a grey or a coloured hint, folded by 8 (SD1) or by 16 (SDXL).
_FOLDED = {64: ("sd1", 1), 192: ("sd1", 3), 256: ("sdxl", 1), 768: ("sdxl", 3)}
# (what tells, where the first layer is), for diffusers' layout, the original one, and its light form.
_LAYOUTS = {
    "diffusers": ("body.0.resnets.0.block1.weight", ("conv_in.weight",)),
    "original": ("body.0.block1.weight", ("conv_in.weight",)),
    "light": ("body.0.in_conv.weight", ("body.0.in_conv.weight",)),
}


class T2IAdapter(Undrawn):
    slug = "t2i_adapter"
    label = "T2I-Adapter"

    def recognise(self, header: Header) -> Match | None:
        """A body of blocks behind a layer that reads a folded hint."""
        for prefix in ("adapter.", ""):
            for layout, (sign, firsts) in _LAYOUTS.items():
                if f"{prefix}{sign}" not in header:
                    continue
                shape = next((found for first in firsts if (found := header.shape(prefix + first))), (0, 0))
                family, hint = _FOLDED.get(shape[1] if len(shape) == 4 else 0, ("", 0))
                if family:
                    claimed = starting(header, f"{prefix}body.", f"{prefix}conv_in.")
                    return Match(claimed, base=family, summary={"layout": layout, "hint_channels": hint})
        return None


adapter = T2IAdapter()
