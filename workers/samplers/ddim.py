"""DDIM (arXiv 2010.02502) with eta 0, on its own schedule, as Stable Diffusion's authors ran it.

In sigmas it is Euler's method; two things are its own: the last step ends at the first training step's noise and not
at none, and it begins with plain normal noise, a hair more than sigma's share (`workers.plugins.Sampler.by_steps`).
"""

import math

from workers.plugins import Ask
from workers.samplers.maths import slope
from workers.samplers.schedules import model_sigmas


class Ddim:
    names = ("DDIM", "ddim")
    schedule = "DDIM"
    evaluations = 1
    discards = False
    by_steps = True

    def sample(self, x, sigmas, noise):
        least = model_sigmas()[0]
        for step, (sigma, after) in enumerate(zip(sigmas[:-1], [*sigmas[1:-1], least], strict=True)):
            denoised = yield Ask(x, sigma, step)
            x = x + slope(x, sigma, denoised) * (after - sigma)
        return x / math.sqrt(1 + least**2)


sampler = Ddim()
