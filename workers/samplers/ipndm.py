"""iPNDM (arXiv 2204.13902): up to four slopes with the coefficients of even steps (zju-pi/diff-sampler, Apache-2.0)."""

import itertools

from workers.plugins import Ask
from workers.samplers.maths import BASHFORTH, slope


class Ipndm:
    names = ("IPNDM", "ipndm")
    schedule = "Uniform"
    evaluations = 1
    discards = False

    def sample(self, x, sigmas, noise):
        slopes: list = []
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            slopes = [slope(x, sigma, denoised), *slopes[:3]]
            if after == 0:
                return denoised
            mean = sum(s * c for s, c in zip(slopes, BASHFORTH[len(slopes)], strict=True))
            x = x + mean * (after - sigma)
        return x


sampler = Ipndm()
