"""A base that is open and ready to draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor


@dataclass
class Model:
    """UNet, autoencoder and text encoders of one base, on one device.

    scaling: what the autoencoder's latents are multiplied by. latent_rgb: [4, 3], latents to a rough picture in −1…1.
    pristine: the weights as the file has them, of every module that an edit has touched so far.
    """

    name: str
    family: str
    unet: Any  # diffusers' and transformers' modules, whose attributes their types do not tell
    vae: Any
    text_encoders: dict[str, Any]
    device: torch.device
    dtype: torch.dtype
    scaling: float
    latent_rgb: Tensor
    pristine: dict[str, Tensor] = field(default_factory=dict)
    fits: dict[Any, frozenset[str]] = field(default_factory=dict)  # what edits change in it, by their identity

    @cached_property
    def modules(self) -> dict[str, Any]:
        """Every module with a weight matrix by its name: ``unet.conv_in``, ``text_encoder.encoder.…``."""
        found: dict[str, Any] = {}
        for part, whole in {"unet": self.unet, **self.text_encoders}.items():
            for path, module in whole.named_modules():
                weight = getattr(module, "weight", None)
                if isinstance(weight, Tensor) and weight.ndim >= 2:
                    # Older transformers keep a level that newer ones dropped.
                    found[f"{part}.{path.removeprefix('text_model.')}"] = module
        return found

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that an edit may change: a weight by its module's name, a bias as ``<module>.bias``."""
        found: dict[str, Tensor] = {}
        for part, whole in {"unet": self.unet, **self.text_encoders}.items():
            for path, tensor in whole.named_parameters():
                # Older transformers keep a level that newer ones dropped.
                path = path.removeprefix("text_model.")
                found[f"{part}.{path.removesuffix('.weight')}"] = tensor
        return found

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """What an adapter is fitted against: the shapes of `tensors`."""
        return {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}

    @cached_property
    def bytes(self) -> int:
        """What it takes in memory, about."""
        parts = (self.unet, self.vae, *self.text_encoders.values())
        return sum(p.numel() * p.element_size() for part in parts for p in part.parameters())
