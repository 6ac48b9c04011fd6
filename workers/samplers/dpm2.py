"""DPM-Solver-2 (arXiv 2206.00927): the slope is taken at the step's geometric middle."""

import itertools
import math

from workers.plugins import Ask
from workers.samplers.maths import slope


class Dpm2:
    names = ("DPM2", "dpm_2", "k_dpm_2")
    schedule = "Karras"
    evaluations = 2
    discards = True

    def sample(self, x, sigmas, noise):
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            here = slope(x, sigma, denoised)
            if after == 0:
                x = x + here * (after - sigma)
                continue
            middle = math.sqrt(sigma * after)
            half = x + here * (middle - sigma)
            denoised = yield Ask(half, middle, step)
            x = x + slope(half, middle, denoised) * (after - sigma)
        return x


sampler = Dpm2()
