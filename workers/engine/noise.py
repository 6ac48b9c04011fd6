"""A row's own noise: from its seeds alone, drawn on the CPU, so that every device and every batch gets the same."""

from __future__ import annotations

import math
import warnings
from typing import Protocol

import numpy as np
import torch
import torchsde
from torch import Tensor

from workers.engine.philox import Philox
from workers.messages import Recipe

# Nearly parallel noises are mixed in a straight line: the angle between them is no longer a number to divide by.
PARALLEL = 0.9995


class Source(Protocol):
    """A stream of normal numbers that its seed decides."""

    def normal(self, shape: tuple[int, ...]) -> Tensor: ...


class Torch:
    """torch's own CPU generator: A1111's "CPU" source, ComfyUI's and InvokeAI's."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator("cpu").manual_seed(seed)

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator)


class Cuda:
    """What torch draws on an NVIDIA card, without one: A1111's "GPU" and "NV" sources."""

    def __init__(self, seed: int) -> None:
        self.philox = Philox(seed)

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(self.philox.normal(int(np.prod(shape))).reshape(shape))


SOURCES: dict[str, type[Torch] | type[Cuda]] = {"CPU": Torch, "GPU": Cuda}


class RowNoise:
    """Noise of one picture, ``shape`` [4, h, w]; A1111 gives the same for the same seeds and the same source.

    The first noise is that of the seed, turned towards the variation seed's; what samplers draw after it goes on from
    there, or begins anew at seed + ENSD where there is one. Brownian paths are the seed's in any case.
    low, high: the least and greatest sigma that a Brownian path will be asked for.
    """

    def __init__(
        self, recipe: Recipe, shape: tuple[int, ...], device: torch.device, *, low: float, high: float
    ) -> None:
        self.recipe, self.shape, self.device = recipe, shape, device
        self.low, self.high = low, high
        self._source: Source = SOURCES[recipe.rng](recipe.seed)
        self._tree: torchsde.BrownianTree | None = None

    def first(self) -> Tensor:
        """[1, …] what the picture begins as, unit variance, fp32."""
        recipe, make = self.recipe, SOURCES[self.recipe.rng]
        noise = self._source.normal(self.shape)
        if recipe.variation_strength:
            noise = turned(noise, make(recipe.variation_seed).normal(self.shape), recipe.variation_strength)
        if recipe.ensd:
            self._source = make((recipe.seed + recipe.ensd) % 2**64)
        return noise[None].to(self.device)

    def draw(self) -> Tensor:
        """[1, …] fresh normal noise, fp32."""
        return self._source.normal(self.shape)[None].to(self.device)

    def between(self, high: float, low: float) -> Tensor:
        """[1, …] the Brownian path's increment between two sigmas, unit variance (k-diffusion's noise sampler)."""
        with warnings.catch_warnings():
            # The tree's ends are rounded to fp32; it clamps a time that lies a hair outside, and says so.
            warnings.filterwarnings("ignore", message="Should have", module="torchsde")
            if self._tree is None:
                self._tree = torchsde.BrownianTree(
                    self.low, torch.zeros(1, *self.shape), self.high, entropy=self.recipe.seed
                )
            first, last = sorted((high, low))
            sign = 1.0 if high <= low else -1.0
            return (self._tree(first, last) * (sign / math.sqrt(last - first))).to(self.device)


def turned(one: Tensor, other: Tensor, share: float) -> Tensor:
    """``one`` turned by ``share`` of the angle towards ``other``, both [c, h, w]; angles are between columns, as in
    A1111, whose straight line for nearly parallel ones gives ``share`` to ``one``."""
    cosine = (one / one.norm(dim=1, keepdim=True) * other / other.norm(dim=1, keepdim=True)).sum(1, keepdim=True)
    if float(cosine.mean()) > PARALLEL:
        return one * share + other * (1 - share)
    angle = torch.acos(cosine)
    return (torch.sin((1 - share) * angle) * one + torch.sin(share * angle) * other) / torch.sin(angle)
