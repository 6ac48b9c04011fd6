"""Pictures made ready for a drawing: brought to its size, and turned into what a ControlNet was trained to read.

numpy and Pillow alone; every function takes and gives uint8 [height, width, 3].
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage

from workers.errors import Refusal
from workers.hints import Hint, Preprocessor, Resize

# tan 22.5° as OpenCV rounds it, in 15 bits.
TAN_22, BITS = 13573, 15
LANCZOS = Image.Resampling.LANCZOS


def opened(png: bytes) -> np.ndarray:
    """The pixels of a PNG of ours; what is transparent in it is white. Raises ``Refusal``."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            whole = image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Refusal("picture-unreadable", "A picture that this recipe is drawn by cannot be read.") from error
    ground = Image.new("RGBA", whole.size, "white")
    return np.asarray(Image.alpha_composite(ground, whole).convert("RGB"))


def opened_mask(png: bytes) -> np.ndarray:
    """The mask in a PNG of ours, uint8 [height, width, 3]: its brightness; of one that is clear in places, what is not.
    Raises ``Refusal``."""
    plain = opened(png)
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        clear = np.asarray(image.convert("RGBA"))[:, :, 3]
    if clear.min() == 255:
        return plain
    return np.repeat(((clear > 128) * np.uint8(255))[:, :, None], 3, axis=2)


def prepared(pixels: np.ndarray, hint: Hint, width: int, height: int) -> np.ndarray:
    """A hint as its net reads it: first brought to the drawing's size, then preprocessed, so that lines stay thin."""
    return preprocessed(resized(pixels, hint.resize, width, height), hint.preprocessor, hint.low, hint.high)


def preprocessed(pixels: np.ndarray, preprocessor: Preprocessor, low: float = 0.0, high: float = 0.0) -> np.ndarray:
    """What ``preprocessor`` makes of a picture. Raises ``Refusal`` for one that is not known."""
    if preprocessor not in _BY_NAME:
        raise Refusal("preprocessor-unknown", f"There is no preprocessor “{preprocessor[:40]}” here.")
    return _BY_NAME[preprocessor](pixels, low, high)


def resized(pixels: np.ndarray, how: Resize, width: int, height: int, *, edges: bool = False) -> np.ndarray:
    """The picture at another size: stretched, cut to its proportions, or with a border.

    A border has the middle colour of the picture's own edge; ``edges``: the edge itself, drawn out.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(pixels)
    if how == "Just Resize":
        return np.asarray(image.resize((width, height), LANCZOS))
    scales = width / image.width, height / image.height
    scale = max(scales) if how == "Crop and Resize" else min(scales)
    across, down = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    scaled = np.asarray(image.resize((across, down), LANCZOS))
    if how == "Crop and Resize":
        left, top = (across - width) // 2, (down - height) // 2
        return scaled[top : top + height, left : left + width]
    left, top = (width - across) // 2, (height - down) // 2
    border = ((top, height - down - top), (left, width - across - left), (0, 0))
    if edges:
        return np.pad(scaled, border, mode="edge")
    rim = np.concatenate([scaled[0], scaled[-1], scaled[:, 0], scaled[:, -1]])
    whole = np.empty((height, width, 3), np.uint8)
    whole[:] = np.median(rim, axis=0).astype(np.uint8)
    whole[top : top + down, left : left + across] = scaled
    return whole


def canny(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    """Edges, white on black (Canny 1986), to the pixel those of OpenCV's ``Canny`` with its defaults: of each pixel the
    colour that changes most, |dx| + |dy| by Sobel, ridges thinned, weak ones kept where they touch a strong one."""
    low, high = sorted((np.floor(low), np.floor(high)))
    across, down = _gradients(pixels.astype(np.int32))
    size = np.abs(across) + np.abs(down)
    edge = _ridges(across, down, size) & (size > low)
    areas, _ = ndimage.label(edge, structure=np.ones((3, 3)))
    strong = np.unique(areas[edge & (size > high)])
    kept = np.isin(areas, strong[strong > 0])
    return np.repeat((kept * np.uint8(255))[:, :, None], 3, axis=2)


def _gradients(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(dx, dy) of each pixel, int32, by Sobel, in the channel where their sum is greatest."""
    padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    smooth_down = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    smooth_across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    across = smooth_down[:, 2:] - smooth_down[:, :-2]
    down = smooth_across[2:] - smooth_across[:-2]
    most = (np.abs(across) + np.abs(down)).argmax(axis=2)[:, :, None]
    return np.take_along_axis(across, most, 2)[:, :, 0], np.take_along_axis(down, most, 2)[:, :, 0]


def _ridges(across: np.ndarray, down: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Where ``size`` is greatest along the gradient, which is rounded to one of four directions."""
    padded = np.pad(size, 1)
    height, width = size.shape

    def beside(rows: int, columns: int) -> np.ndarray:
        return padded[1 + rows : 1 + rows + height, 1 + columns : 1 + columns + width]

    x, y = np.abs(across).astype(np.int64), np.abs(down).astype(np.int64) << BITS
    flat = y < x * TAN_22
    steep = ~flat & (y > x * TAN_22 + (x << (BITS + 1)))
    falling = (across ^ down) < 0
    diagonal = np.where(
        falling,
        (size > beside(-1, 1)) & (size > beside(1, -1)),
        (size > beside(-1, -1)) & (size > beside(1, 1)),
    )
    level = (size > beside(0, -1)) & (size >= beside(0, 1))
    upright = (size > beside(-1, 0)) & (size >= beside(1, 0))
    return np.where(flat, level, np.where(steep, upright, diagonal))


def scribble(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    """A drawing in thick white lines on black: where a narrow blur is darker than a wide one (XDoG, Winnemöller 2012,
    with the widths 0.5 and 5 of ControlNet's own tools). low: by how much, of 255."""
    narrow, wide = (
        ndimage.gaussian_filter(pixels.astype(np.float32), (width, width, 0), mode="mirror") for width in (0.5, 5.0)
    )
    darker = 2 * (wide - narrow).min(axis=2)
    return np.repeat(((darker > low) * np.uint8(255))[:, :, None], 3, axis=2)


_BY_NAME: dict[Preprocessor, Callable[[np.ndarray, float, float], np.ndarray]] = {
    "none": lambda pixels, low, high: pixels,
    "canny": canny,
    "scribble": scribble,
    "invert": lambda pixels, low, high: 255 - pixels,
}
