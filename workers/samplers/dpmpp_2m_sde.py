"""DPM-Solver++(2M) for the stochastic equation, midpoint form, noise from one Brownian path."""

import itertools
import math

from workers.plugins import Ask


class Dpmpp2mSde:
    names = ("DPM++ 2M SDE", "dpmpp_2m_sde", "k_dpmpp_2m_sde")
    schedule = "Exponential"
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
            pull = -math.expm1(-2 * stride)  # eta = 1: the noise takes as much again as the flow
            x = x * (after / sigma * math.exp(-stride)) + denoised * pull
            if before is not None:
                x = x + (denoised - before) * (0.5 * pull * stride / last_stride)
            x = x + noise.between(sigma, after) * (after * math.sqrt(-math.expm1(-2 * stride)))
            before, last_stride = denoised, stride
        return x


sampler = Dpmpp2mSde()
