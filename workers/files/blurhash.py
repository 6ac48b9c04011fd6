"""A picture's blurhash: thirty letters from which a browser paints a blur while the picture is on its way.

The lowest terms of a cosine transform of linear light, by Wolt's published algorithm (github.com/woltapp/blurhash).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
ACROSS, DOWN = 4, 3
SIDE = 64  # pixels that are looked at
_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)  # of each of the 256 levels


def of_image(image: Image) -> str:
    """The blurhash of a picture of any mode."""
    return of_pixels(np.asarray(image.convert("RGB").resize((SIDE, SIDE))))


def of_pixels(pixels: np.ndarray) -> str:
    """The blurhash of uint8 [height, width, 3], which may be thinned out for it."""
    height, width = pixels.shape[:2]
    linear = _LINEAR[pixels[:: max(1, height // SIDE), :: max(1, width // SIDE)]]
    rows, columns = linear.shape[:2]
    down = np.cos(np.pi * np.outer(np.arange(DOWN), np.arange(rows)) / rows)
    across = np.cos(np.pi * np.outer(np.arange(ACROSS), np.arange(columns)) / columns)
    terms = (across @ np.tensordot(down, linear, 1)).reshape(-1, 3) / (rows * columns)
    mean, rest = terms[0], terms[1:] * 2
    most = np.abs(rest).max()
    level = int(np.clip(np.floor(most * 166 - 0.5), 0, 82))
    scale = (level + 1) / 166
    quantised = np.clip(np.floor(np.sign(rest) * np.sqrt(np.abs(rest) / scale) * 9 + 9.5), 0, 18).astype(int)
    red, green, blue = np.round(_srgb(mean) * 255).astype(int)
    said = [
        _letters(ACROSS - 1 + (DOWN - 1) * 9, 1),
        _letters(level, 1),
        _letters((red << 16) + (green << 8) + blue, 4),
    ]
    said += [_letters(r * 361 + g * 19 + b, 2) for r, g, b in quantised]
    return "".join(said)


def _srgb(linear: np.ndarray) -> np.ndarray:
    value = np.clip(linear, 0, 1)
    return np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)


def _letters(number: int, count: int) -> str:
    number = int(number)
    return "".join(LETTERS[number // 83**place % 83] for place in range(count - 1, -1, -1))
