"""DPM-Solver++(2S) (arXiv 2211.01095) with fresh noise added back after each step."""

import itertools
import math

from workers.plugins import Ask
from workers.samplers.maths import ancestral, slope


class Dpmpp2sAncestral:
    names = ("DPM++ 2S a", "dpmpp_2s_ancestral", "k_dpmpp_2s_a")
    schedule = "Karras"
    evaluations = 2
    discards = False

    def sample(self, x, sigmas, noise):
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            down, up = ancestral(sigma, after)
            if down == 0:
                x = x + slope(x, sigma, denoised) * (down - sigma)
                continue
            middle = math.sqrt(sigma * down)
            half = x * (middle / sigma) - denoised * (middle / sigma - 1)
            denoised = yield Ask(half, middle, step)
            x = x * (down / sigma) - denoised * (down / sigma - 1)
            if after > 0:
                x = x + noise.draw() * up
        return x


sampler = Dpmpp2sAncestral()
