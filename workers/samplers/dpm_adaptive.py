"""DPM-Solver-23 with a step size of its own (arXiv 2206.00927): the second order checks the third.

The number of steps is not asked for: it goes on until the error of each step is small. Tolerances and the controller
(I = 1) are k-diffusion's (MIT). For progress, its steps are told as shares of the way in log sigma.
"""

import math

from workers.plugins import Ask
from workers.samplers.dpm_fast import flow

RELATIVE, ABSOLUTE, FIRST_STRIDE, SAFETY = 0.05, 0.0078, 0.05, 0.81
MOST_TRIES = 2000  # a model that answers nonsense would make it creep for ever


class DpmAdaptive:
    names = ("DPM adaptive", "dpm_adaptive", "k_dpm_ad")
    schedule = "Uniform"
    evaluations = 3
    discards = False
    alone = True

    def sample(self, x, sigmas, noise):
        high, low, count = sigmas[0], sigmas[-2], len(sigmas) - 1
        way = math.log(high / low)
        if way == 0:
            return (yield Ask(x, high, 0))

        def ask(x, sigma):
            done = math.log(high / sigma) / way
            denoised = yield Ask(x, sigma, min(count - 1, int(done * count)))
            return (x - denoised) / sigma

        sigma, stride, before = high, FIRST_STRIDE, x
        for _ in range(MOST_TRIES):
            if sigma <= low * (1 + 1e-5):
                return x
            after = max(low, sigma * math.exp(-stride))
            taken = math.log(sigma / after)
            seen = yield from ask(x, sigma)
            # Both orders share the call at a third of the way.
            first, second = sigma * math.exp(-taken / 3), sigma * math.exp(-2 * taken / 3)
            there = yield from ask(flow(x, seen, sigma, first), first)
            lower = flow(x, seen, sigma, after) - (there - seen) * (after * 1.5 * math.expm1(taken))
            grown = math.expm1(2 / 3 * taken) / (2 / 3 * taken) - 1
            ahead = yield from ask(flow(x, seen, sigma, second) - (there - seen) * (second * 2 * grown), second)
            higher = flow(x, seen, sigma, after) - (ahead - seen) * (after * 1.5 * (math.expm1(taken) / taken - 1))
            allowed = (RELATIVE * lower.abs().maximum(before.abs())).clamp(min=ABSOLUTE)
            error = float(((lower - higher) / allowed).square().mean().sqrt())
            factor = 1 + math.atan((1 / (1e-8 + error)) ** (1 / 3) - 1)
            if factor >= SAFETY:
                x, before, sigma = higher, lower, after
            stride *= factor
        return x


sampler = DpmAdaptive()
