"""A base that is open and ready to draw."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor

from workers import doubling, packed, unet

# What the refiner's authors ask for, and turn away from.
AESTHETIC, UNAESTHETIC = 6.0, 2.5
CONTEXTS_KEPT = 16


@dataclass(eq=False)
class Own:
    """What a stack makes of a tiny base: weights [out, …] by their modules' names, and transformer blocks by theirs;
    of no stack, the base's convolutions too."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    blocks: dict[str, packed.Block] = field(default_factory=dict)
    convolutions: dict[str, packed.Convolution] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        weights = sum(weight.numel() * weight.element_size() for weight in self.weights.copy().values())
        blocks = sum(block.bytes for block in self.blocks.copy().values())
        return weights + blocks + sum(one.bytes for one in self.convolutions.copy().values())


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
    prediction: str = "epsilon"  # what the UNet says: the noise, or v
    zero_snr: bool = False  # whether its noisiest training step is nothing but noise
    pristine: dict[str, Tensor] = field(default_factory=dict)
    flat: dict[str, Tensor] = field(default_factory=dict)  # the same as matrices [out, …], as they lie
    live: dict[str, Tensor] = field(default_factory=dict)  # the weights that it computes with, as such matrices
    key: str = field(default_factory=lambda: uuid.uuid4().hex)  # its weights, by content where that is known
    text_key: str = ""  # its text encoders, by content
    largest: float = 0.0  # no number of ``pristine`` is larger
    stacks: OrderedDict[Any, Own] = field(default_factory=OrderedDict)  # see `workers.engine.bypass`
    worn: Any = None  # the stack that its UNet carries just now; see `workers.engine.batch`
    fits: dict[Any, frozenset[str]] = field(default_factory=dict)  # what edits change in it, by their identity

    @cached_property
    def ask(self) -> unet.Asked:
        """Its UNet, as what draws asks it; ``unet`` itself holds the same weights."""
        return unet.called(self.unet)

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
    def upsamplers(self) -> dict[str, Any]:
        """Those of `modules` that are the UNet's convolutions behind what makes larger; see `workers.doubling`."""
        return {name: module for name, module in self.modules.items() if ".upsamplers." in name}

    @cached_property
    def blocks(self) -> dict[str, Any]:
        """The UNet's transformer blocks that `workers.packed` can compute, by their names as in `modules`."""
        named = self.unet.named_modules()
        return {
            f"unet.{path}": one for path, one in named if isinstance(one, BasicTransformerBlock) and packed.fits(one)
        }

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

    @property
    def held(self) -> int:
        """What it takes in memory with what stacks have added so far: weights kept, and weights of stacks' own."""
        kernels = sum(map(doubling.held, self.upsamplers.values()))
        pristine = sum(weight.numel() * weight.element_size() for weight in self.pristine.copy().values())
        return self.bytes + kernels + pristine + sum(own.bytes for own in self.stacks.copy().values())

    @cached_property
    def bytes(self) -> int:
        """What its own weights take in memory."""
        parts = (self.unet, self.vae, *self.text_encoders.values())
        return sum(p.numel() * p.element_size() for part in parts for p in part.parameters())

    def context(self, texts: Sequence[Tensor]) -> unet.Context:
        """``texts`` [1, N, width], all of one length, as one context; the same object as long as they are the same."""
        key = tuple(map(id, texts))
        found = self._contexts.get(key)
        if found is None:
            if len(self._contexts) >= CONTEXTS_KEPT:
                self._contexts.clear()
            found = self._contexts[key] = (texts, unet.Context.of(torch.cat(list(texts))))
        return found[1]

    @cached_property
    def _contexts(self) -> dict[tuple[int, ...], tuple[Sequence[Tensor], unet.Context]]:
        return {}  # with the texts: who is kept keeps its id

    def beside_latents(self, height: int, width: int) -> Tensor | None:
        """What an inpainting UNet reads beside latents [1, 4, height, width] when the whole picture is to be painted:
        a mask of ones and the latents of grey, [1, 5, height, width]; None for other UNets."""
        if self.unet.config.in_channels == 4:
            return None
        if (height, width) not in self._grey:
            picture = torch.full((1, 3, height * 8, width * 8), 0.5, device=self.device)
            grey = self.vae.encode(picture).latent_dist.mean * self.scaling
            mask = torch.ones(1, 1, height, width, device=self.device)
            self._grey[height, width] = torch.cat([mask, grey], dim=1).to(self.dtype)
        return self._grey[height, width]

    @cached_property
    def _grey(self) -> dict[tuple[int, int], Tensor]:
        return {}

    def sizes(self, height: int, width: int, *, wanted: bool) -> Tensor | None:
        """What SDXL embeds beside the time step, [1, 6]: the size it was cut from, where, and its own size; its
        refiner, [1, 5], instead of the last an aesthetic score, high for what is wanted. None for other families."""
        if self.family != "sdxl":
            return None
        refiner = "text_encoder" not in self.text_encoders
        last = [AESTHETIC if wanted else UNAESTHETIC] if refiner else [height, width]
        return torch.tensor([[height, width, 0, 0, *last]], device=self.device, dtype=self.dtype)
