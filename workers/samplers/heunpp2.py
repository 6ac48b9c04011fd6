"""Heun++ 2: three slopes ahead, weighed by their sigmas; two in the step before the last, one in the last.

From sd-webui-samplers-scheduler (Carzit, MIT): the weights are shares of the greatest sigma.
"""

from workers.plugins import Ask
from workers.samplers.maths import slope


class HeunPp2:
    names = ("HeunPP2", "heunpp2")
    schedule = "Uniform"
    evaluations = 3
    discards = False

    def sample(self, x, sigmas, noise):
        for step, sigma in enumerate(sigmas[:-1]):
            ahead = [s for s in sigmas[step + 1 : step + 3] if s > 0]
            denoised = yield Ask(x, sigma, step)
            slopes = [slope(x, sigma, denoised)]
            there, at = x, sigma
            for following in ahead:
                there = there + slopes[-1] * (following - at)
                denoised = yield Ask(there, following, step)
                slopes.append(slope(there, following, denoised))
                at = following
            shares = [s / ((len(ahead) + 1) * sigmas[0]) for s in ahead]
            mean = sum((s * share for s, share in zip(slopes[1:], shares, strict=True)), slopes[0] * (1 - sum(shares)))
            x = x + mean * (sigmas[step + 1] - sigma)
        return x


sampler = HeunPp2()
