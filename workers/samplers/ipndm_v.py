"""iPNDM with coefficients for uneven steps, as zju-pi/diff-sampler (Apache-2.0) and every tool since computes them.

From the third slope on they are not quite the integral's; a recipe that names this sampler means these.
"""

import itertools

from workers.plugins import Ask
from workers.samplers.maths import slope


def weights(strides):
    """The share of each slope, newest first; ``strides``: this step's, the one before it, … (as many as slopes)."""
    h, *before = strides
    if not before:
        return [1.0]
    a, *rest = before
    shares = [1 + h / a / 2, -h / a / 2]
    if rest:
        b, *rest = rest
        bend = (1 - h / (3 * (h + a)) * (h * (h + a)) / (a * (a + b))) / 2
        shares = [shares[0] + bend, shares[1] - (1 + a / b) * bend, bend * a / b]
    if rest:
        c = rest[0]
        twist = (1 - h / (3 * (h + a))) / 2 + (1 - h / (2 * (h + a))) * h / (6 * (h + a + b))
        twist *= (h * (h + a) * (h + a + b)) / (a * (a + b) * (a + b + c))
        part = a * (a + b) / (b * (b + c))
        turns = (1.0, -(1 + a / b + part), a / b + part * (1 + b / c), -part * a / b)
        shares = [share + twist * turn for share, turn in zip([*shares, 0.0], turns, strict=True)]
    return shares


class IpndmV:
    names = ("IPNDM_V", "ipndm_v")
    schedule = "Uniform"
    evaluations = 1
    discards = False

    def sample(self, x, sigmas, noise):
        slopes: list = []
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            slopes = [slope(x, sigma, denoised), *slopes[:3]]
            if after == 0:
                return denoised
            strides = [sigmas[step + 1 - n] - sigmas[step - n] for n in range(len(slopes))]
            mean = sum(s * share for s, share in zip(slopes, weights(strides), strict=True))
            x = x + mean * (after - sigma)
        return x


sampler = IpndmV()
