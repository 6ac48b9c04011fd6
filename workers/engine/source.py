"""Drawing from a picture: its latents, which of them stay, what an inpainting UNet reads beside them, what is put back.

The rules are A1111's: with S steps and a denoising strength d it begins at the sigma of the ⌊d·S⌋-th step from the
end but one, with that much of the seed's noise on the picture's latents; where the mask is black each step's clean
latents are the picture's, and so are its pixels in the end, across the mask's soft edge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from workers.engine.latents import encoded
from workers.engine.model import Model
from workers.errors import Refusal
from workers.hints import Source
from workers.messages import Recipe
from workers.preprocessing import resized

EMPTY = "The mask is black all over, so that nothing would be drawn."
EDGE = 2.5  # how many times its width a mask's soft edge reaches


@dataclass(frozen=True)
class Given:
    """What a recipe names beside its base and stack, fetched: an autoencoder instead of the base's own, the base that
    draws on in the end, the picture to start from and its mask, uint8 [height, width, 3]."""

    vae: Any = None
    refiner: Model | None = None
    source: np.ndarray | None = None
    mask: np.ndarray | None = None


@dataclass(frozen=True)
class Around:
    """The whole picture of which only a part is drawn: its pixels, how much of each is drawn anew, and the part's box
    (left, top, right, bottom)."""

    pixels: np.ndarray
    soft: np.ndarray
    box: tuple[int, int, int, int]

    def holding(self, part: np.ndarray) -> np.ndarray:
        """The whole picture with ``part`` in its box, at the box's size."""
        left, top, right, bottom = self.box
        whole = self.pixels.copy()
        whole[top:bottom, left:right] = resized(part, "Just Resize", right - left, bottom - top)
        return whole


@dataclass(frozen=True)
class Start:
    """What a picture starts from. ``latents`` [1, 4, h, w]; ``drawn`` [1, 1, h, w]: 1 where it is drawn anew.

    beside: what an inpainting UNet reads beside its latents, [1, 5, h, w]. pixels, soft: the picture, [8 h, 8 w, 3],
    and how much of each pixel is drawn anew, 0 to 1.
    """

    latents: Tensor
    drawn: Tensor | None = None
    beside: Tensor | None = None
    pixels: np.ndarray | None = None
    soft: np.ndarray | None = None
    around: Around | None = None

    def kept(self, clean: Tensor) -> Tensor:
        """``clean`` latents, where the mask is black those of the picture."""
        return clean if self.drawn is None else torch.where(self.drawn > 0, clean, self.latents)

    def put_back(self, picture: np.ndarray) -> np.ndarray:
        """A drawn picture, uint8, with the pixels of this one where the mask is black."""
        if self.soft is None or self.pixels is None:
            return picture
        pixels, soft = self.pixels, self.soft
        if self.around is not None:
            pixels, soft = self.around.pixels, self.around.soft
            picture = self.around.holding(picture)
        mixed = pixels + soft[:, :, None] * (picture.astype(np.float32) - pixels)
        return mixed.round().clip(0, 255).astype(np.uint8)


def start_of(model: Model, recipe: Recipe, given: Given, noise: Tensor) -> Start | None:
    """What ``recipe`` starts from; None: from noise alone. ``noise``: the seed's, which may stand under the mask.

    Raises ``Refusal`` where the picture is missing.
    """
    source = recipe.source
    if source is None:
        return None
    if given.source is None or (source.mask and given.mask is None):
        raise Refusal("source-missing", "The picture that this starts from is missing, or its mask.")
    size = recipe.width, recipe.height
    around = None
    if source.only_masked and given.mask is not None:
        around, given = _only_masked(recipe, given)
    assert given.source is not None
    pixels = resized(given.source, source.resize, *size, edges=True)
    if given.mask is None:
        beside = _beside(model, given.vae, pixels, np.ones(pixels.shape[:2], np.float32))
        return Start(encoded(model, as_tensor(pixels, model), given.vae), beside=beside)
    soft = softened(resized(given.mask, source.resize, *size, edges=True), source)
    if not soft.max() > 0:
        raise Refusal("mask-empty", EMPTY)
    ground = pixels if source.fill == "original" else filled_in(pixels, soft)
    latents = encoded(model, as_tensor(ground, model), given.vae)
    height, width = latents.shape[2:]
    small = np.asarray(Image.fromarray((soft * 255).round().astype(np.uint8)).resize((width, height)))
    drawn = torch.from_numpy((small > 127).astype(np.float32))[None, None].to(model.device)
    if source.fill == "latent noise":
        latents = torch.where(drawn > 0, noise, latents)
    elif source.fill == "latent nothing":
        latents = torch.where(drawn > 0, torch.zeros_like(latents), latents)
    return Start(latents, drawn, _beside(model, given.vae, pixels, soft), pixels, soft, around)


def _only_masked(recipe: Recipe, given: Given) -> tuple[Around, Given]:
    """The whole picture, and what is masked of it with its surroundings, cut out in the recipe's proportions."""
    source = recipe.source
    assert source is not None
    assert given.source is not None
    assert given.mask is not None
    height, width = given.source.shape[:2]
    mask = resized(given.mask, "Just Resize", width, height)
    soft = softened(mask, source)
    rows, columns = np.nonzero(soft.max(1) > 0)[0], np.nonzero(soft.max(0) > 0)[0]
    if not len(rows):
        raise Refusal("mask-empty", EMPTY)
    top, bottom = max(0, rows[0] - source.padding), min(height, rows[-1] + 1 + source.padding)
    left, right = max(0, columns[0] - source.padding), min(width, columns[-1] + 1 + source.padding)
    left, right = _widened(left, right, (bottom - top) * recipe.width / recipe.height, width)
    top, bottom = _widened(top, bottom, (right - left) * recipe.height / recipe.width, height)
    inside = slice(top, bottom), slice(left, right)
    cut = replace(given, source=given.source[inside], mask=mask[inside])
    return Around(given.source, soft, (left, top, right, bottom)), cut


def _widened(low: int, high: int, wanted: float, most: int) -> tuple[int, int]:
    """A stretch from ``low`` to ``high`` made as long as ``wanted``, on both sides, within 0 to ``most``."""
    length = min(most, max(high - low, round(wanted)))
    low = max(0, min(low - (length - (high - low)) // 2, most - length))
    return int(low), int(low + length)


def as_tensor(pixels: np.ndarray, model: Model) -> Tensor:
    """[1, 3, h, w] in −1…1, fp32, as autoencoders read pictures."""
    levels = torch.from_numpy(pixels.astype(np.float32)).to(model.device)
    return (levels / 127.5 - 1).permute(2, 0, 1)[None].contiguous()


def softened(mask: np.ndarray, source: Source) -> np.ndarray:
    """How much of each pixel is drawn anew, 0 to 1: the mask's brightness, its edge blurred."""
    bright = np.asarray(Image.fromarray(mask).convert("L")).astype(np.float32) / 255
    if source.invert:
        bright = 1 - bright
    return ndimage.gaussian_filter(bright, source.blur, truncate=EDGE) if source.blur else bright


def filled_in(pixels: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """The picture with the colours around it where ``soft`` is 1: the average of what stays, ever wider where there is
    nothing near."""
    stays = (1 - soft).astype(np.float32)
    picture = pixels.astype(np.float32)
    found, known = picture * stays[:, :, None], stays.copy()
    for width in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        near = ndimage.uniform_filter(stays, 2 * width + 1, mode="constant")
        colours = ndimage.uniform_filter(
            picture * stays[:, :, None], (2 * width + 1, 2 * width + 1, 1), mode="constant"
        )
        share = np.where(near > 1e-3, 1 - known, 0)
        found += colours / np.maximum(near, 1e-6)[:, :, None] * share[:, :, None]
        known += share
        if known.min() > 0.999:
            break
    return (found / np.maximum(known, 1e-6)[:, :, None]).round().clip(0, 255).astype(np.uint8)


def _beside(model: Model, vae: Any, pixels: np.ndarray, soft: np.ndarray) -> Tensor | None:
    """For an inpainting UNet: where it is drawn anew, and the latents of the picture with grey in that place."""
    if model.unet.config.in_channels == 4:
        return None
    mask = torch.from_numpy((soft > 0.5).astype(np.float32))[None, None].to(model.device)
    rest = encoded(model, as_tensor(pixels, model) * (1 - mask), vae)
    return torch.cat([F.interpolate(mask, rest.shape[2:]), rest], dim=1).to(model.dtype)
