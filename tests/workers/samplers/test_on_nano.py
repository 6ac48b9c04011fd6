"""Every sampler of k-diffusion 0.1.1 on nano, held against what k-diffusion itself made of it (float64).

The file beside this one holds its results: nano's picture of a cat by each sampler on three schedules, in 8×8 latents.
All are drawn here at once, as rows of the same calls.
"""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.workers.samplers.test_samplers import GOLDEN as CASES
from tests.workers.samplers.test_samplers import Double
from workers.engine import cache
from workers.nano.base import ids_of
from workers.nano.save import WEIGHTS
from workers.samplers import SAMPLERS, schedules, sigmas_for

GOLDEN = Path(__file__).parent / "k_diffusion_nano.safetensors"
SHAPE, STEPS, PROMPT = (4, 8, 8), 4, "cat, blue background"


class Denoiser:
    """nano in double precision: noisy latents [N, 4, 8, 8], a sigma for each → clean ones."""

    def __init__(self):
        torch.set_num_threads(1)
        nano = cache.base("nano-double", "sd1", WEIGHTS / "nano-sd1.safetensors")
        text = nano.text_encoders["text_encoder"].double()
        with torch.inference_mode():
            self.context = text(ids_of(PROMPT)[None]).last_hidden_state
        text.float()
        self.unet = nano.unet.double()
        self.log_sigmas = torch.tensor(schedules.model_sigmas(), dtype=torch.float64).log()

    @torch.inference_mode()
    def __call__(self, x, sigma):
        at = (sigma.log()[:, None] - self.log_sigmas).abs().argmin(1)
        each = sigma[:, None, None, None]
        noise = self.unet(x / (1 + each**2).sqrt(), at, self.context.expand(len(x), -1, -1)).sample
        return x - each * noise


@pytest.fixture(scope="module")
def drawn():
    """Case → what our sampler makes of it."""
    denoise, rows, asks, drawn = Denoiser(), {}, {}, {}
    for case in CASES:
        name, schedule = case.split("/")
        sigmas = sigmas_for(SAMPLERS[name], schedule, STEPS)
        noise = Double(5, SHAPE, torch.device("cpu"), low=sigmas[-2], high=sigmas[0])
        x = noise.draw() * sigmas[0]
        noise.tree(x)
        rows[case] = SAMPLERS[name].sample(x, sigmas, noise)
        asks[case] = next(rows[case])
    while asks:
        sigmas = torch.tensor([float(ask.sigma) for ask in asks.values()], dtype=torch.float64)
        clean = denoise(torch.cat([ask.x for ask in asks.values()]), sigmas)
        for case, row in zip(list(asks), clean.split(1), strict=True):
            try:
                asks[case] = rows[case].send(row)
            except StopIteration as finished:
                drawn[case] = finished.value
                del asks[case]
    return drawn


@pytest.mark.parametrize("case", sorted(CASES))
def test_it_works_as_k_diffusion_does(case, drawn):
    golden = load_file(GOLDEN)[case]
    assert (drawn[case] - golden).abs().max() <= 1e-5 * golden.abs().max()
