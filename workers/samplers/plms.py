"""PLMS (arXiv 2202.09778): DDIM's step along up to four slopes (Adams–Bashforth), the first one by improved Euler."""

import math
from typing import Any

from workers.plugins import Ask
from workers.samplers.maths import BASHFORTH, slope
from workers.samplers.schedules import model_sigmas


class Plms:
    names = ("PLMS", "plms", "pndm")
    schedule = "DDIM"
    evaluations = 1
    discards = False
    by_steps = True

    def sample(self, x, sigmas, noise):
        least, slopes = model_sigmas()[0], list[Any]()
        for step, (sigma, after) in enumerate(zip(sigmas[:-1], [*sigmas[1:-1], least], strict=True)):
            denoised = yield Ask(x, sigma, step)
            slopes = [slope(x, sigma, denoised), *slopes[:3]]
            if len(slopes) == 1:
                ahead = x + slopes[0] * (after - sigma)
                # One call more than there are steps; a single step has no second sigma of its own.
                denoised = yield Ask(ahead, after, step)
                mean = (slopes[0] + slope(ahead, after, denoised)) / 2
            else:
                mean = sum(s * c for s, c in zip(slopes, BASHFORTH[len(slopes)], strict=True))
            x = x + mean * (after - sigma)
        return x / math.sqrt(1 + least**2)


sampler = Plms()
