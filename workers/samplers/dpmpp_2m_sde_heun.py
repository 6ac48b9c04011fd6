"""DPM-Solver++(2M) for the stochastic equation, Heun's form of its second order, noise from one Brownian path."""

import itertools
import math

from workers.plugins import Ask


class Dpmpp2mSdeHeun:
    names = ("DPM++ 2M SDE Heun", "dpmpp_2m_sde_heun", "k_dpmpp_2m_sde_heun")
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
                x = x + (denoised - before) * ((1 - pull / (2 * stride)) * stride / last_stride)
            x = x + noise.between(sigma, after) * (after * math.sqrt(pull))
            before, last_stride = denoised, stride
        return x


sampler = Dpmpp2mSdeHeun()
