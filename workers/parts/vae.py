"""Autoencoders: between a picture's pixels and its latents.

SD1's, SD2's and SDXL's have the same shapes, as have SD3's and Flux.1's: the file's metadata may say whose it is, else
its owner is asked.
"""

from __future__ import annotations

from workers.bases import recognition
from workers.plugins import Header, Match

# Channels of the latents → the families that have as many.
CANDIDATES = {4: ("sd1", "sd2", "sdxl"), 16: ("sd3", "flux1"), 32: ("flux2",)}
PREFIXES = ("", "first_stage_model.", "vae.")
ROOTS = frozenset({"encoder", "decoder", "quant_conv", "post_quant_conv", "first_stage_model", "vae", "bn", "loss"})


class Vae:
    slug = "vae"
    label = "VAE"

    def recognise(self, header: Header) -> Match | None:
        """A decoder from few channels to a picture, or an encoder alone, in the original or diffusers' names."""
        for prefix in PREFIXES:
            original = f"{prefix}decoder.mid.block_1.norm1.weight" in header
            diffusers = f"{prefix}decoder.mid_block.resnets.0.norm1.weight" in header
            decoder = header.shape(f"{prefix}decoder.conv_in.weight") if original or diffusers else None
            if decoder is None and f"{prefix}encoder.mid.block_1.norm1.weight" in header:
                encoder = header.shape(f"{prefix}encoder.conv_out.weight")
                channels = encoder[0] // 2 if encoder else 0  # a mean and a deviation each
            else:
                channels = decoder[1] if decoder and len(decoder) == 4 else 0
            if channels:
                return _match(header, channels, diffusers)
        return None


def _match(header: Header, channels: int, diffusers: bool) -> Match:
    grouped = recognition.roots(header)
    claimed = frozenset().union(*(keys for root, keys in grouped.items() if root in ROOTS))
    candidates = CANDIDATES.get(channels, ())
    summary: dict[str, object] = {"channels": channels} | ({"layout": "diffusers"} if diffusers else {})
    halves = [half for half in ("encoder", "decoder") if any(f"{half}." in keys[0] for keys in grouped.values())]
    if len(halves) == 1:
        summary["half"] = halves[0]
    base = candidates[0] if len(candidates) == 1 else ""
    return Match(claimed, base=base, summary=summary, candidates=() if base else candidates)


part = Vae()
