"""DDIM with CFG++ (arXiv 2406.08070): guided towards the picture, and noised again along the unguided noise.

The scale runs from 0 to 1 there; people write it as in A1111, where 12.5 is 1.
"""

import math

from workers.plugins import Ask
from workers.samplers.schedules import model_sigmas

WRITTEN = 12.5


class DdimCfgpp:
    names = ("DDIM CFG++", "ddim_cfgpp", "ddim_cfg_pp")
    schedule = "DDIM"
    evaluations = 1
    discards = False
    by_steps = True

    def sample(self, x, sigmas, noise):
        least = model_sigmas()[0]
        for step, (sigma, after) in enumerate(zip(sigmas[:-1], [*sigmas[1:-1], least], strict=True)):
            denoised, unguided = yield Ask(x, sigma, step, cfg_share=1 / WRITTEN, unguided=True)
            x = denoised + (x - unguided) * (after / sigma)
        return x / math.sqrt(1 + least**2)


sampler = DdimCfgpp()
