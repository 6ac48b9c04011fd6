"""From latents to pictures: the autoencoder's, and a rough one at once."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from workers.engine.model import Model
from workers.errors import Refusal


def encoded(model: Model, pixels: Tensor, vae: Any = None) -> Tensor:
    """The latents of a picture [1, 3, 8 h, 8 w] in −1…1, [1, 4, h, w] fp32: what the encoder takes for most likely.

    vae: instead of the base's own.
    """
    return (vae or model.vae).encode(pixels).latent_dist.mean.float() * model.scaling


def decoded(model: Model, latents: Tensor, vae: Any = None) -> np.ndarray:
    """The picture in latents [1, 4, h, w], uint8 [8 h, 8 w, 3]; ``vae``: instead of the base's own.

    Raises ``Refusal`` for numbers that are not finite.
    """
    pixels = (vae or model.vae).decode(latents.float() / model.scaling, return_dict=False)[0]
    if not bool(pixels.isfinite().all()):
        raise Refusal("not-finite", "The autoencoder turned the picture into numbers that are not finite.")
    levels = ((pixels[0].float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.permute(1, 2, 0).cpu().numpy()


def preview(model: Model, latents: Tensor) -> bytes:
    """A small PNG of latents [1, 4, h, w], one pixel each, by a matrix that knows their colours about."""
    # By numpy: it is asked for beside the drawing, where torch's threads would hold up those that draw.
    rough = np.tensordot(latents[0].float().cpu().numpy(), model.latent_rgb.numpy(), axes=(0, 0))
    levels = ((rough / 2 + 0.5).clip(0, 1) * 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG")
    return buffer.getvalue()
