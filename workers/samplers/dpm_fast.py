"""DPM-Solver-fast (arXiv 2206.00927): as few calls as asked for, spent on steps of the third order where they fit.

It lays out its own steps, evenly in log sigma between the schedule's ends, and ends at the least sigma, as its authors'
does. Singlestep solvers 1, 2 and 3 of the paper, written in log sigma (k-diffusion, MIT).
"""

import math

from workers.plugins import Ask


def flow(x, slope, sigma, after):
    """Where the first-order solver goes; ``slope`` is the noise as the model sees it, (x - denoised) / sigma."""
    return x - slope * (after * math.expm1(math.log(sigma / after)))


def advance(x, seen, sigma, after, order, ask):
    """One step of ``order`` from ``sigma`` to ``after``; ``seen`` is the noise in x. ``ask(x, sigma)`` is a generator
    that gives the noise elsewhere. Used with ``yield from``."""
    stride = math.log(sigma / after)

    def at(part):
        return sigma * math.exp(-part * stride)

    if order == 1:
        return flow(x, seen, sigma, after)
    if order == 2:
        middle = at(1 / 2)
        there = yield from ask(flow(x, seen, sigma, middle), middle)
        return flow(x, seen, sigma, after) - (there - seen) * (after * math.expm1(stride))
    first, second = at(1 / 3), at(2 / 3)
    there = yield from ask(flow(x, seen, sigma, first), first)
    grown = math.expm1(2 / 3 * stride) / (2 / 3 * stride) - 1
    ahead = yield from ask(flow(x, seen, sigma, second) - (there - seen) * (second * 2 * grown), second)
    return flow(x, seen, sigma, after) - (ahead - seen) * (after * 1.5 * (math.expm1(stride) / stride - 1))


class DpmFast:
    names = ("DPM fast", "dpm_fast", "k_dpm_fast")
    schedule = "Uniform"
    evaluations = 1
    discards = False

    def sample(self, x, sigmas, noise):
        calls = 0

        def ask(x, sigma):
            nonlocal calls
            calls += 1
            denoised = yield Ask(x, sigma, calls - 1)
            return (x - denoised) / sigma

        count = len(sigmas) - 1
        high, low = sigmas[0], sigmas[-2]
        thirds = count // 3 + 1
        orders = [3] * (thirds - 2) + [2, 1] if count % 3 == 0 else [3] * (thirds - 1) + [count % 3]
        for number, order in enumerate(orders):
            sigma, after = (high * (low / high) ** (n / len(orders)) for n in (number, number + 1))
            if low == high:  # a single step: there is nowhere to go but to the picture itself
                return (yield Ask(x, sigma, 0))
            seen = yield from ask(x, sigma)
            x = yield from advance(x, seen, sigma, after, order, ask)
        return x


sampler = DpmFast()
