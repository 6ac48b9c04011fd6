"""DPM-Solver++ for the stochastic equation, two calls a step, noise from one Brownian path (k-diffusion's form)."""

import itertools
import math

from workers.plugins import Ask
from workers.samplers.maths import ancestral, slope


class DpmppSde:
    names = ("DPM++ SDE", "dpmpp_sde", "k_dpmpp_sde")
    schedule = "Karras"
    evaluations = 2
    discards = False

    def sample(self, x, sigmas, noise):
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            if after == 0:
                x = x + slope(x, sigma, denoised) * (after - sigma)
                continue
            middle = math.sqrt(sigma * after)  # half of the step in log σ
            down, up = ancestral(sigma, middle)
            half = x * (down / sigma) - denoised * (down / sigma - 1)
            half = half + noise.between(sigma, middle) * up
            again = yield Ask(half, middle, step)
            down, up = ancestral(sigma, after)
            x = x * (down / sigma) - again * (down / sigma - 1)
            x = x + noise.between(sigma, after) * up
        return x


sampler = DpmppSde()
