"""Euler's method that goes further down than asked and adds fresh noise back."""

import itertools

from workers.plugins import Ask
from workers.samplers.maths import ancestral, slope


class EulerAncestral:
    names = ("Euler a", "euler_ancestral", "k_euler_a")
    schedule = "Uniform"
    evaluations = 1
    discards = False

    def sample(self, x, sigmas, noise):
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            down, up = ancestral(sigma, after)
            x = x + slope(x, sigma, denoised) * (down - sigma)
            if after > 0:
                x = x + noise.draw() * up
        return x


sampler = EulerAncestral()
