"""A row's own noise: from its seed alone, drawn on the CPU, so that every device and every batch gets the same."""

from __future__ import annotations

import math
import warnings

import torch
import torchsde
from torch import Tensor


class RowNoise:
    """Noise of one picture, ``shape`` without the batch; A1111's "CPU" source gives the same for the same seed.

    low, high: the least and greatest sigma that a Brownian path will be asked for.
    """

    def __init__(self, seed: int, shape: tuple[int, ...], device: torch.device, *, low: float, high: float) -> None:
        self.seed, self.shape, self.device = seed, shape, device
        self.low, self.high = low, high
        self.generator = torch.Generator("cpu").manual_seed(seed)
        self._tree: torchsde.BrownianTree | None = None

    def draw(self) -> Tensor:
        """[1, …] fresh normal noise, fp32."""
        return torch.randn((1, *self.shape), generator=self.generator).to(self.device)

    def between(self, high: float, low: float) -> Tensor:
        """[1, …] the Brownian path's increment between two sigmas, unit variance (k-diffusion's noise sampler)."""
        with warnings.catch_warnings():
            # The tree's ends are rounded to fp32; it clamps a time that lies a hair outside, and says so.
            warnings.filterwarnings("ignore", message="Should have", module="torchsde")
            if self._tree is None:
                self._tree = torchsde.BrownianTree(self.low, torch.zeros(1, *self.shape), self.high, entropy=self.seed)
            first, last = sorted((high, low))
            sign = 1.0 if high <= low else -1.0
            return (self._tree(first, last) * (sign / math.sqrt(last - first))).to(self.device)
