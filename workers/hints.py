"""What a recipe says of pictures that it is drawn by: a ControlNet's hint, and the picture that a drawing starts from.

Both name a picture of the pictures bucket by its SHA-256. The words are A1111's. Pure Python: both sides read this.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Resize = Literal["Just Resize", "Crop and Resize", "Resize and Fill"]
Mode = Literal["Balanced", "My prompt is more important", "ControlNet is more important"]
Fill = Literal["fill", "original", "latent noise", "latent nothing"]
Preprocessor = Literal["none", "canny", "scribble", "invert"]

RESIZES: tuple[Resize, ...] = ("Just Resize", "Crop and Resize", "Resize and Fill")
MODES: tuple[Mode, ...] = ("Balanced", "My prompt is more important", "ControlNet is more important")
FILLS: tuple[Fill, ...] = ("fill", "original", "latent noise", "latent nothing")
# Each with its thresholds, as A1111 sets them at first: canny's two, and above which difference a scribble has a line.
PREPROCESSORS: dict[Preprocessor, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "canny": (100.0, 200.0),
    "scribble": (32.0, 0.0),
    "invert": (0.0, 0.0),
}


class Hint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The picture that a ControlNet or a T2I-Adapter reads, and over which part of the steps, 0 to 1, it counts.

    ``low`` and ``high`` are the preprocessor's thresholds (`PREPROCESSORS`). ``mode``: whom to heed where the prompt
    and the hint disagree.
    """

    picture: str
    preprocessor: Preprocessor = "none"
    low: float = 0.0
    high: float = 0.0
    resize: Resize = "Crop and Resize"
    mode: Mode = "Balanced"
    start: float = 0.0
    end: float = 1.0


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The picture that a drawing starts from, and how much of it is drawn anew: ``denoising``, 0 to 1.

    ``mask`` is a picture too: what is white in it is drawn anew, the rest stays to the pixel; ``invert`` turns that
    round, ``blur`` softens its edge by so many pixels. ``fill``: what stands under the mask at the beginning.
    ``only_masked``: what is masked, and ``padding`` pixels around it, is drawn at the recipe's size and put back into
    the picture, which keeps its own size.
    """

    picture: str
    denoising: float = 0.75
    resize: Resize = "Just Resize"
    mask: str = ""
    invert: bool = False
    blur: int = 4
    fill: Fill = "fill"
    only_masked: bool = False
    padding: int = 32

    def steps_of(self, steps: int) -> int:
        """How many of ``steps`` A1111 counts at this strength: t_enc, its words for it."""
        return int(min(self.denoising, 0.999) * steps)
