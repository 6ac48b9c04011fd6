"""Euler's method on the probability flow (Karras et al. 2022, algorithm 2 without churn)."""

import itertools

from workers.plugins import Ask
from workers.samplers.maths import slope


class Euler:
    names = ("Euler", "euler", "k_euler")
    schedule = "Uniform"
    evaluations = 1
    discards = False

    def sample(self, x, sigmas, noise):
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            x = x + slope(x, sigma, denoised) * (after - sigma)
        return x


sampler = Euler()
