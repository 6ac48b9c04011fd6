"""How much noise each step begins with: lists of sigmas, falling, the last one 0.

Sigmas are those of SD's scaled-linear betas (0.00085 to 0.012, 1,000 steps); between the model's own time steps they
are interpolated in the logarithm. Formulas: Karras et al. 2022 (arXiv 2206.00364) eq. 5; k-diffusion (MIT); the names
are A1111's. Pure Python, so that the hub can list and check them.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

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


class Table(NamedTuple):
    """The sigmas that a model was trained on, rising, and their logarithms."""

    sigmas: tuple[float, ...]
    logs: tuple[float, ...]


@cache
def trained(zero_snr: bool = False) -> Table:
    """The table of nearly every model; ``zero_snr``: of those whose noisiest step is nothing but noise."""
    sigmas = _zero_snr(model_sigmas()) if zero_snr else model_sigmas()
    return Table(sigmas, tuple(math.log(sigma) for sigma in sigmas))


# Where ᾱ would be 0 its sigma would have no end; ComfyUI, A1111 and Forge all put this in its place.
LEAST_ALPHA = 4.8973451890853435e-08


def _zero_snr(sigmas: tuple[float, ...]) -> tuple[float, ...]:
    """√ᾱ moved and stretched so that it ends at 0 (Lin et al. 2023, arXiv 2305.08891, algorithm 1)."""
    roots = [1 / math.sqrt(sigma**2 + 1) for sigma in sigmas]
    first, last = roots[0], roots[-1]
    alphas = [((root - last) * first / (first - last)) ** 2 for root in roots]
    alphas[-1] = LEAST_ALPHA
    return tuple(math.sqrt((1 - alpha) / alpha) for alpha in alphas)


COMMON = trained()


def sigma_at(time: float, table: Table = COMMON) -> float:
    """The sigma of a training step, also between two; 0 ≤ time ≤ 999."""
    logs = table.logs
    low = min(max(math.floor(time), 0), len(logs) - 1)
    high = min(low + 1, len(logs) - 1)
    part = time - low
    return math.exp((1 - part) * logs[low] + part * logs[high])


def time_at(sigma: float, table: Table = COMMON) -> float:
    """The training step whose noise is ``sigma``, also between two; clamped to 0…999."""
    logs, wanted = table.logs, math.log(sigma)
    if wanted <= logs[0]:
        return 0.0
    if wanted >= logs[-1]:
        return float(len(logs) - 1)
    low, high = 0, len(logs) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if logs[middle] <= wanted else (low, middle)
    return low + (wanted - logs[low]) / (logs[high] - logs[low])


def step_near(sigma: float, table: Table = COMMON) -> int:
    """The training step whose noise is next to ``sigma``, 0 to 999."""
    high = min(bisect.bisect_left(table.sigmas, sigma), len(table.sigmas) - 1)
    low = max(high - 1, 0)
    return low if sigma - table.sigmas[low] <= table.sigmas[high] - sigma else high


def _line(start: float, end: float, count: int) -> list[float]:
    return [start + (end - start) * n / (count - 1) for n in range(count)] if count > 1 else [start] * count


def uniform(steps: int, table: Table = COMMON) -> list[float]:
    """Equal strides in time, from the noisiest to the least noisy training step."""
    return [*(sigma_at(time, table) for time in _line(TRAINED_STEPS - 1, 0, steps)), 0.0]


def between(high: float, low: float, count: int, rho: float = 7.0) -> list[float]:
    """``count`` sigmas from ``high`` to ``low``, at equal strides in their 7th root."""
    return [root**rho for root in _line(high ** (1 / rho), low ** (1 / rho), count)]


def karras(steps: int, table: Table = COMMON) -> list[float]:
    """Equal strides in sigma's 7th root: more steps where there is little noise."""
    return [*between(table.sigmas[-1], table.sigmas[0], steps), 0.0]


def exponential(steps: int, table: Table = COMMON) -> list[float]:
    """Equal strides in sigma's logarithm."""
    logs = table.logs
    return [*(math.exp(log) for log in _line(logs[-1], logs[0], steps)), 0.0]


def sgm_uniform(steps: int, table: Table = COMMON) -> list[float]:
    """As Uniform with one step more, the least noisy left out."""
    return [*(sigma_at(time, table) for time in _line(TRAINED_STEPS - 1, 0, steps + 1)[:-1]), 0.0]


def from_time(sigma: float, steps: int, table: Table = COMMON) -> list[float]:
    """As `sgm_uniform`, from the training step whose noise is ``sigma``."""
    return [*(sigma_at(time, table) for time in _line(time_at(sigma, table), 0, steps + 1)[:-1]), 0.0]


def simple(steps: int, table: Table = COMMON) -> list[float]:
    """Every n-th training step, from the noisiest."""
    sigmas = table.sigmas
    stride = len(sigmas) / steps
    return [*(sigmas[-(1 + int(n * stride))] for n in range(steps)), 0.0]


def ddim(steps: int, table: Table = COMMON) -> list[float]:
    """Every n-th training step, from the second least noisy up (DDIM's "leading" spacing)."""
    sigmas = table.sigmas
    stride = max(len(sigmas) // steps, 1)
    return [*(sigmas[min(n * stride + 1, len(sigmas) - 1)] for n in reversed(range(steps))), 0.0]


def kl_optimal(steps: int, table: Table = COMMON) -> list[float]:
    """Equal strides in sigma's arc tangent (Align Your Steps, arXiv 2404.14507, eq. for a Gaussian); ends clean."""
    low, high = math.atan(table.sigmas[0]), math.atan(table.sigmas[-1])
    return [*(math.tan(high + (low - high) * n / steps) for n in range(steps)), 0.0]


def beta(steps: int, table: Table = COMMON, alpha: float = 0.6, other: float = 0.6) -> list[float]:
    """Quantiles of a Beta distribution between the ends (arXiv 2407.12173): close at both ends, wide in the middle."""
    from scipy.special import betaincinv  # a worker has it; the hub only lists names

    low, high = table.sigmas[0], table.sigmas[-1]
    parts = (float(betaincinv(alpha, other, part)) for part in _line(1.0, 0.0, steps))
    return [*(low + (high - low) * part for part in parts), 0.0]


# What Align Your Steps (arXiv 2404.14507) found best for ten steps, per family.
_ALIGNED = {
    "sd1": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "sdxl": (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
}


def align_your_steps(steps: int, table: Table = COMMON, family: str = "sd1") -> list[float]:
    """The paper's eleven sigmas, interpolated in the logarithm for another number of steps."""
    logs = [math.log(sigma) for sigma in _ALIGNED.get(family, _ALIGNED["sd1"])]
    sigmas = []
    for place in _line(0, len(logs) - 1, steps):
        low = min(math.floor(place), len(logs) - 2)
        sigmas.append(math.exp(logs[low] + (logs[low + 1] - logs[low]) * (place - low)))
    return [*sigmas, 0.0]


def turbo(steps: int, table: Table = COMMON) -> list[float]:
    """Every n-th training step counted from the noisiest, as distilled models were trained."""
    stride = TRAINED_STEPS / steps
    return [*(table.sigmas[max(0, round((steps - n) * stride) - 1)] for n in range(steps)), 0.0]


SCHEDULES: dict[str, Callable[[int, Table], list[float]]] = {
    "Uniform": uniform,
    "Karras": karras,
    "Exponential": exponential,
    "SGM Uniform": sgm_uniform,
    "Simple": simple,
    "Normal": uniform,
    "DDIM": ddim,
    "Polyexponential": exponential,  # with the exponent 1 that its tools default to
    "Beta": beta,
    "KL Optimal": kl_optimal,
    "Align Your Steps": align_your_steps,
    "Turbo": turbo,
}
