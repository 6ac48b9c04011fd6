"""Every sampler against numbers that k-diffusion 0.1.1 gave for the same denoiser, sigmas and noise (float64).

The file beside this one holds its results; DDIM, which k-diffusion has not, is held against diffusers.
"""

import itertools
import json
import math
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler

from workers.engine.noise import RowNoise
from workers.errors import Refusal
from workers.samplers import SAMPLERS, chosen, schedules, sigmas_for

GOLDEN = json.loads((Path(__file__).parent / "k_diffusion_0_1_1.json").read_text())
SHAPE = (4, 2, 2)


def denoise(x, sigma):
    return x / (1 + sigma * sigma) + 0.3 * torch.tanh(x * 0.7 / (1 + sigma)) * math.cos(sigma * 0.1)


def run(sampler, x, sigmas, noise):
    running = sampler.sample(x, sigmas, noise)
    ask, steps = next(running), []
    while True:
        steps.append(ask.step)
        try:
            ask = running.send(denoise(ask.x, ask.sigma))
        except StopIteration as finished:
            return finished.value, steps


class Double(RowNoise):
    """Noise in the precision and the order in which the golden numbers were made."""

    def draw(self):
        return torch.randn(1, *self.shape, generator=self.generator, dtype=torch.float64)

    def tree(self, x):
        import torchsde

        self._tree = torchsde.BrownianTree(self.low, torch.zeros_like(x), self.high, entropy=self.seed)


@pytest.mark.parametrize("case", sorted(GOLDEN))
def test_it_works_as_k_diffusion_does(case):
    name, schedule = case.split("/")
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, schedule, 8)
    noise = Double(5, SHAPE, torch.device("cpu"), low=sigmas[-2], high=sigmas[0])
    x = noise.draw() * sigmas[0]
    noise.tree(x)
    drawn, steps = run(sampler, x, sigmas, noise)
    golden = torch.tensor(GOLDEN[case], dtype=torch.float64)
    assert (drawn.flatten() - golden).abs().max() <= 1e-5 * golden.abs().max()
    assert sorted(set(steps)) == list(range(8))


def test_every_sampler_is_held_against_something():
    assert {case.split("/")[0] for case in GOLDEN} | {"DDIM"} == set(SAMPLERS)


def test_ddim_works_as_diffusers_does():
    theirs = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    theirs.set_timesteps(10)
    start = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(1))
    x = start
    for time in theirs.timesteps:
        sigma = schedules.model_sigmas()[time]
        scaled = x * math.sqrt(1 + sigma**2)
        x = theirs.step((scaled - denoise(scaled, sigma)) / sigma, time, x).prev_sample
    sigmas = sigmas_for(SAMPLERS["DDIM"], "DDIM", 10)
    drawn, _ = run(SAMPLERS["DDIM"], start * sigmas[0], sigmas, None)
    assert torch.allclose(drawn, x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_the_same_seed_gives_the_same_and_another_seed_another(name):
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, sampler.schedule, 6)

    def drawn(seed):
        noise = RowNoise(seed, SHAPE, torch.device("cpu"), low=sigmas[-2], high=sigmas[0])
        return run(sampler, noise.draw() * sigmas[0], sigmas, noise)[0]

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.allclose(drawn(1), drawn(2))


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_one_step_is_enough_to_finish(name):
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, sampler.schedule, 1)
    noise = RowNoise(1, SHAPE, torch.device("cpu"), low=sigmas[-2], high=sigmas[0])
    assert bool(run(sampler, noise.draw() * sigmas[0], sigmas, noise)[0].isfinite().all())


@pytest.mark.parametrize(
    ("written", "schedule", "name", "meant"),
    [
        ("Euler a", "Automatic", "Euler a", "Uniform"),
        ("euler", "", "Euler", "Uniform"),
        ("DPM++ 2M Karras", "Automatic", "DPM++ 2M", "Karras"),
        ("DPM++ 2M SDE Exponential", "Automatic", "DPM++ 2M SDE", "Exponential"),
        ("DPM++ SDE Karras", "Uniform", "DPM++ SDE", "Uniform"),
        ("k_dpmpp_2m", "sgm_uniform", "DPM++ 2M", "SGM Uniform"),
        ("DPM++ SDE", "Automatic", "DPM++ SDE", "Karras"),
    ],
)
def test_names_as_people_write_them(written, schedule, name, meant):
    sampler, found = chosen(written, schedule)
    assert (sampler.names[0], found) == (name, meant)


@pytest.mark.parametrize(("sampler", "schedule"), [("<b>", "Automatic"), ("Euler", "none such")])
def test_a_name_that_is_not_known_is_refused(sampler, schedule):
    with pytest.raises(Refusal, match="There is no"):
        chosen(sampler, schedule)


@pytest.mark.parametrize("name", sorted(schedules.SCHEDULES))
@pytest.mark.parametrize("steps", [1, 2, 7, 20, 150])
def test_every_schedule_falls_to_nought_in_as_many_steps(name, steps):
    sigmas = schedules.SCHEDULES[name](steps)
    assert len(sigmas) == steps + 1
    assert sigmas[-1] == 0
    assert all(high > low for high, low in itertools.pairwise(sigmas))


def test_the_model_s_sigmas_are_those_of_its_betas():
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    alphas = torch.cumprod(1 - betas, 0)
    wanted = ((1 - alphas) / alphas).sqrt()
    assert torch.allclose(torch.tensor(schedules.model_sigmas(), dtype=torch.float64), wanted, rtol=1e-9)
    for time in (0, 3.25, 500, 999):
        assert schedules.time_at(schedules.sigma_at(time)) == pytest.approx(time, abs=1e-6)
