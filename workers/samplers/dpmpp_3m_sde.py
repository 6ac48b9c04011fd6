"""DPM-Solver++(3M) for the stochastic equation, noise from one Brownian path (k-diffusion's form)."""

import itertools
import math

from workers.plugins import Ask


class Dpmpp3mSde:
    names = ("DPM++ 3M SDE", "dpmpp_3m_sde", "k_dpmpp_3m_sde")
    schedule = "Exponential"
    evaluations = 1
    discards = True

    def sample(self, x, sigmas, noise):
        known: list = []  # (denoised, stride) of the two steps before, the latest first
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            if after == 0:
                x = denoised
                continue
            stride = math.log(sigma / after)
            whole = 2 * stride  # 1 + eta strides, eta = 1
            x = x * math.exp(-whole) - denoised * math.expm1(-whole)
            phi2 = math.expm1(-whole) / whole + 1
            if len(known) == 2:
                (first, h1), (second, h2) = known
                r0, r1 = h1 / stride, h2 / stride
                d10, d11 = (denoised - first) / r0, (first - second) / r1
                d1 = d10 + (d10 - d11) * (r0 / (r0 + r1))
                d2 = (d10 - d11) / (r0 + r1)
                x = x + d1 * phi2 - d2 * (phi2 / whole - 0.5)
            elif known:
                first, h1 = known[0]
                x = x + (denoised - first) / (h1 / stride) * phi2
            x = x + noise.between(sigma, after) * (after * math.sqrt(-math.expm1(-2 * stride)))
            known = [(denoised, stride), *known[:1]]
        return x


sampler = Dpmpp3mSde()
