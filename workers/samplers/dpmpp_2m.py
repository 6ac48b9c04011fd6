"""DPM-Solver++(2M) (arXiv 2211.01095): one call a step, the second order from the step before."""

import itertools
import math

from workers.plugins import Ask


class Dpmpp2m:
    names = ("DPM++ 2M", "dpmpp_2m", "k_dpmpp_2m")
    schedule = "Karras"
    evaluations = 1
    discards = False

    def sample(self, x, sigmas, noise):
        before, last_stride = None, 0.0
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            if after == 0:
                x = denoised
                continue
            stride = math.log(sigma / after)
            guess = denoised
            if before is not None:
                part = stride / (2 * last_stride)
                guess = denoised * (1 + part) - before * part
            x = x * (after / sigma) - guess * math.expm1(-stride)
            before, last_stride = denoised, stride
        return x


sampler = Dpmpp2m()
