"""How much noise each step begins with: lists of sigmas, falling, the last one 0.

Sigmas are those of SD's scaled-linear betas (0.00085 to 0.012, 1,000 steps); between the model's own time steps they
are interpolated in the logarithm. Formulas: Karras et al. 2022 (arXiv 2206.00364) eq. 5; k-diffusion (MIT); the names
are A1111's. Pure Python, so that the hub can list and check them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

TRAINED_STEPS = 1000
# Automatic is what a sampler's authors meant; see `workers.plugins.Sampler.schedule`.
AUTOMATIC = "Automatic"


@cache
def model_sigmas(start: float = 0.00085, end: float = 0.012, count: int = TRAINED_STEPS) -> tuple[float, ...]:
    """The sigma of each training step, rising: sqrt((1 - ᾱ) / ᾱ)."""
    low, high = math.sqrt(start), math.sqrt(end)
    sigmas, alpha = [], 1.0
    for step in range(count):
        alpha *= 1 - (low + (high - low) * step / (count - 1)) ** 2
        sigmas.append(math.sqrt((1 - alpha) / alpha))
    return tuple(sigmas)


@cache
def _logarithms() -> tuple[float, ...]:
    return tuple(math.log(sigma) for sigma in model_sigmas())


def sigma_at(time: float) -> float:
    """The sigma of a training step, also between two; 0 ≤ time ≤ 999."""
    logs = _logarithms()
    low = min(max(math.floor(time), 0), len(logs) - 1)
    high = min(low + 1, len(logs) - 1)
    part = time - low
    return math.exp((1 - part) * logs[low] + part * logs[high])


def time_at(sigma: float) -> float:
    """The training step whose noise is ``sigma``, also between two; clamped to 0…999."""
    logs, wanted = _logarithms(), math.log(sigma)
    if wanted <= logs[0]:
        return 0.0
    if wanted >= logs[-1]:
        return float(len(logs) - 1)
    low, high = 0, len(logs) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if logs[middle] <= wanted else (low, middle)
    return low + (wanted - logs[low]) / (logs[high] - logs[low])


def _line(start: float, end: float, count: int) -> list[float]:
    return [start + (end - start) * n / (count - 1) for n in range(count)] if count > 1 else [start] * count


def uniform(steps: int) -> list[float]:
    """Equal strides in time, from the noisiest to the least noisy training step."""
    return [*(sigma_at(time) for time in _line(TRAINED_STEPS - 1, 0, steps)), 0.0]


def karras(steps: int, rho: float = 7.0) -> list[float]:
    """Equal strides in sigma's 7th root: more steps where there is little noise."""
    low, high = model_sigmas()[0] ** (1 / rho), model_sigmas()[-1] ** (1 / rho)
    return [*(root**rho for root in _line(high, low, steps)), 0.0]


def exponential(steps: int) -> list[float]:
    """Equal strides in sigma's logarithm."""
    logs = _logarithms()
    return [*(math.exp(log) for log in _line(logs[-1], logs[0], steps)), 0.0]


def sgm_uniform(steps: int) -> list[float]:
    """As Uniform with one step more, the least noisy left out."""
    return [*(sigma_at(time) for time in _line(TRAINED_STEPS - 1, 0, steps + 1)[:-1]), 0.0]


def simple(steps: int) -> list[float]:
    """Every n-th training step, from the noisiest."""
    sigmas = model_sigmas()
    stride = len(sigmas) / steps
    return [*(sigmas[-(1 + int(n * stride))] for n in range(steps)), 0.0]


def ddim(steps: int) -> list[float]:
    """Every n-th training step, from the second least noisy up (DDIM's "leading" spacing)."""
    sigmas = model_sigmas()
    stride = max(len(sigmas) // steps, 1)
    return [*(sigmas[min(n * stride + 1, len(sigmas) - 1)] for n in reversed(range(steps))), 0.0]


SCHEDULES: dict[str, Callable[[int], list[float]]] = {
    "Uniform": uniform,
    "Karras": karras,
    "Exponential": exponential,
    "SGM Uniform": sgm_uniform,
    "Simple": simple,
    "Normal": uniform,
    "DDIM": ddim,
}
