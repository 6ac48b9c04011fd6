"""DEIS, tAB form (arXiv 2204.13902), three slopes: their polynomial runs in the VP equation's time, not in sigma.

The time is that of Karras' VP parametrisation (beta from 0.1 to about 20), as zju-pi/diff-sampler (Apache-2.0) has it;
the integrals over a step are taken by Gauss' rule.
"""

import itertools
import math

from workers.plugins import Ask
from workers.samplers.maths import slope

ORDER = 3
# From the sigmas 0.002 and 80 at the times 0.001 and 1 (Karras et al. 2022, table 1).
_EARLY, _LATE, _FIRST = math.log(0.002**2 + 1), math.log(80**2 + 1), 1e-3
_SPREAD = 2 * (_EARLY / _FIRST - _LATE) / (_FIRST - 1)
_LEAST = _LATE - 0.5 * _SPREAD
# Gauss–Legendre, eight points on −1…1.
_POINTS = (0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363)
_WEIGHTS = (0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763)
_RULE = [(s * p, w) for p, w in zip(_POINTS, _WEIGHTS, strict=True) for s in (-1, 1)]


def time_of(sigma):
    return (math.sqrt(_LEAST**2 + 2 * _SPREAD * math.log(sigma**2 + 1)) - _LEAST) / _SPREAD


def weights(sigma, after, older):
    """The weight of each known slope (newest first) over the step; they add up to its length in sigma."""
    times = [time_of(s) for s in (sigma, *older)]
    middle, half = (after + sigma) / 2, (after - sigma) / 2
    found = []
    for place, mine in enumerate(times):
        others = [t for n, t in enumerate(times) if n != place]
        found.append(
            half * sum(w * math.prod((time_of(middle + half * p) - t) / (mine - t) for t in others) for p, w in _RULE)
        )
    return found


class Deis:
    names = ("DEIS", "deis")
    schedule = "Uniform"
    evaluations = 1
    discards = False

    def sample(self, x, sigmas, noise):
        known: list = []
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            if after == 0:
                return denoised
            known = [(sigma, slope(x, sigma, denoised)), *known[: ORDER - 1]]
            shares = weights(sigma, after, [s for s, _ in known[1:]])
            x = x + sum(d * w for (_, d), w in zip(known, shares, strict=True))
        return x


sampler = Deis()
