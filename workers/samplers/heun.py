"""Heun's method: Euler's step, corrected by the slope at its end (Karras et al. 2022, algorithm 1 without churn)."""

import itertools

from workers.plugins import Ask
from workers.samplers.maths import slope


class Heun:
    names = ("Heun", "heun", "k_heun")
    schedule = "Uniform"
    evaluations = 2
    discards = False

    def sample(self, x, sigmas, noise):
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            here = slope(x, sigma, denoised)
            ahead = x + here * (after - sigma)
            if after > 0:
                denoised = yield Ask(ahead, after, step)
                ahead = x + (here + slope(ahead, after, denoised)) / 2 * (after - sigma)
            x = ahead
        return x


sampler = Heun()
