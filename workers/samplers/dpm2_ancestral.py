"""DPM-Solver-2 that goes further down than asked and adds fresh noise back."""

import itertools
import math

from workers.plugins import Ask
from workers.samplers.maths import ancestral, slope


class Dpm2Ancestral:
    names = ("DPM2 a", "dpm_2_ancestral", "k_dpm_2_a")
    schedule = "Karras"
    evaluations = 2
    discards = True

    def sample(self, x, sigmas, noise):
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            down, up = ancestral(sigma, after)
            here = slope(x, sigma, denoised)
            if down == 0:
                x = x + here * (down - sigma)
                continue
            middle = math.sqrt(sigma * down)
            half = x + here * (middle - sigma)
            denoised = yield Ask(half, middle, step)
            x = x + slope(half, middle, denoised) * (down - sigma) + noise.draw() * up
        return x


sampler = Dpm2Ancestral()
