"""DDPM (arXiv 2006.11239): the ancestral step of the trained process itself, between any two sigmas."""

import itertools
import math

from workers.plugins import Ask


class Ddpm:
    names = ("DDPM", "ddpm")
    schedule = "Uniform"
    evaluations = 1
    discards = False

    def sample(self, x, sigmas, noise):
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            if after == 0:
                return denoised
            # In sigmas the posterior mean lies between x and the clean picture, and its noise is what is missing.
            part = (after / sigma) ** 2
            x = denoised + (x - denoised) * part + noise.draw() * (after * math.sqrt(1 - part))
        return x


sampler = Ddpm()
