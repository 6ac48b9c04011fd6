"""Tiny autoencoders (madebyollin/taesd): quick previews of latents, in pixels.

As trained: two files whose keys are bare numbers, or both under ``taesd_encoder.`` and ``taesd_decoder.``; diffusers
says ``encoder.layers.…`` and ``decoder.layers.…``. All kinds for four channels have one shape.
"""

from __future__ import annotations

from workers.parts import vae
from workers.plugins import Header, Match

# The first convolution of a decoder, that of an encoder's end (two forms of the latter: SD and, without pools, later).
DECODERS = ("decoder.layers.0.weight", "taesd_decoder.1.weight", "decoder.1.weight", "1.weight")
ENCODERS = ("encoder.layers.14.weight", "taesd_encoder.14.weight", "encoder.14.weight", "14.weight")
WIDTH = 64
STARTS = ("encoder.", "decoder.", "taesd_encoder.", "taesd_decoder.")


class Taesd:
    slug = "taesd"
    label = "tiny autoencoder (TAESD)"

    def recognise(self, header: Header) -> Match | None:
        """Plain convolutions of 64 channels, counted."""
        channels = 0
        for key in DECODERS:
            shape = header.shape(key)
            if shape and len(shape) == 4 and shape[0] == WIDTH and shape[2:] == (3, 3) and shape[1] in vae.CANDIDATES:
                channels = shape[1]
                break
        else:
            for key in ENCODERS:
                shape = header.shape(key)
                if shape and len(shape) == 4 and shape[1] == WIDTH and shape[0] in vae.CANDIDATES:
                    channels = shape[0]
                    break
        if not channels:
            return None
        claimed = frozenset(key for key in header if key.startswith(STARTS) or key.partition(".")[0].isdecimal())
        candidates = vae.CANDIDATES[channels]
        base = candidates[0] if len(candidates) == 1 else ""
        return Match(claimed, base=base, summary={"channels": channels}, candidates=() if base else candidates)


part = Taesd()
