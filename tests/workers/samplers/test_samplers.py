"""Every sampler against numbers that k-diffusion 0.1.1 gave for the same denoiser, sigmas and noise (float64).

The file beside this one holds its results; DDIM, which k-diffusion has not, is held against diffusers.
"""

import itertools
import json
import math
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, PNDMScheduler, UniPCMultistepScheduler

from workers.engine.noise import RowNoise
from workers.errors import Refusal
from workers.messages import Recipe
from workers.samplers import SAMPLERS, chosen, ipndm_v, schedules, sigmas_for
from workers.samplers.maths import BASHFORTH

GOLDEN = json.loads((Path(__file__).parent / "k_diffusion_0_1_1.json").read_text())
SHAPE = (4, 2, 2)


def denoise(x, sigma):
    return x / (1 + sigma * sigma) + 0.3 * torch.tanh(x * 0.7 / (1 + sigma)) * math.cos(sigma * 0.1)


def run(sampler, x, sigmas, noise):
    running = sampler.sample(x, sigmas, noise)
    ask, steps = next(running), []
    while True:
        steps.append(ask.step)
        clean = denoise(ask.x, ask.sigma)
        try:
            ask = running.send((clean, clean * 0.9) if ask.unguided else clean)
        except StopIteration as finished:
            return finished.value, steps


class Double(RowNoise):
    """Noise in the precision and the order in which the golden numbers were made."""

    def __init__(self, seed, shape, *rest, **bounds):
        super().__init__(Recipe(base="", base_family="sd1", seed=seed), shape, *rest, **bounds)
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self):
        return torch.randn(1, *self.shape, generator=self.generator, dtype=torch.float64)

    def tree(self, x):
        import torchsde

        self._tree = torchsde.BrownianTree(self.low, torch.zeros_like(x), self.high, entropy=self.recipe.seed)


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
    if name == "DPM adaptive":  # takes the steps that it needs, and tells how far it is
        assert steps == sorted(steps)
        assert set(steps) <= set(range(8))
    else:
        assert sorted(set(steps)) == list(range(8))


# What k-diffusion has not, and is held against something else below.
OTHERS = {
    "DDIM", "DDIM CFG++", "PLMS", "UniPC", "DEIS", "DDPM", "LCM", "Restart", "HeunPP2", "IPNDM", "IPNDM_V",
}  # fmt: skip


def test_every_sampler_is_held_against_something():
    assert {case.split("/")[0] for case in GOLDEN} | OTHERS == set(SAMPLERS)
    assert len(SAMPLERS) == 25


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
    drawn, _ = run(SAMPLERS["DDIM"], start * math.sqrt(1 + sigmas[0] ** 2), sigmas, None)
    assert torch.allclose(drawn, x, rtol=1e-4, atol=1e-5)


def test_unipc_works_as_diffusers_does():
    theirs = UniPCMultistepScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", solver_order=3, solver_type="bh1",
        prediction_type="sample", use_karras_sigmas=True,
    )  # fmt: skip
    theirs.set_timesteps(10)
    sigmas = [float(sigma) for sigma in theirs.sigmas]
    assert sigmas == pytest.approx(sigmas_for(SAMPLERS["UniPC"], "Karras", 10), rel=1e-3)
    start = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = start
    for time, sigma in zip(theirs.timesteps, sigmas[:-1], strict=True):
        clean = denoise(x * math.sqrt(1 + sigma**2), sigma)
        if sigma != sigmas[-2]:  # to no noise at all theirs divides by nought; the end is the clean picture
            x = theirs.step(clean, time, x).prev_sample
    x = clean
    drawn, _ = run(SAMPLERS["UniPC"], start * math.sqrt(1 + sigmas[0] ** 2), sigmas, None)
    assert torch.allclose(drawn, x, rtol=1e-4, atol=1e-4)


def test_unipc_by_itself_steps_evenly_to_the_first_training_step():
    """As A1111 runs it, which is diffusers' default with the sigma at its end; nine steps fall on whole ones."""
    theirs = UniPCMultistepScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", solver_order=3, solver_type="bh1",
        prediction_type="sample", final_sigmas_type="sigma_min",
    )  # fmt: skip
    theirs.set_timesteps(9)
    sampler, schedule = chosen("UniPC")
    sigmas = sigmas_for(sampler, schedule, 9)
    assert [float(sigma) for sigma in theirs.sigmas[:-1]] == pytest.approx(sigmas[:-1], rel=1e-5)
    start = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = start
    for time, sigma in zip(theirs.timesteps, sigmas[:-1], strict=True):
        x = theirs.step(denoise(x * math.sqrt(1 + sigma**2), sigma), time, x).prev_sample
    drawn, steps = run(sampler, start * math.sqrt(1 + sigmas[0] ** 2), sigmas, None)
    assert steps == list(range(9))
    assert torch.allclose(drawn, x, rtol=1e-4, atol=1e-4)


def test_plms_works_as_diffusers_does():
    theirs = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True,
        set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip
    theirs.set_timesteps(10)
    start = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(1))
    x = start
    for time in theirs.timesteps:
        sigma = schedules.model_sigmas()[time]
        scaled = x * math.sqrt(1 + sigma**2)
        x = theirs.step((scaled - denoise(scaled, sigma)) / sigma, time, x).prev_sample
    sigmas = sigmas_for(SAMPLERS["PLMS"], "DDIM", 10)
    drawn, steps = run(SAMPLERS["PLMS"], start * math.sqrt(1 + sigmas[0] ** 2), sigmas, None)
    assert len(steps) == 11
    assert torch.allclose(drawn, x, rtol=1e-3, atol=1e-3)


def test_ddpm_works_as_diffusers_does(monkeypatch):
    """The trained process, step by step from its middle, with the same noise."""
    theirs = DDPMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        variance_type="fixed_small",
    )  # fmt: skip
    sigmas = [schedules.model_sigmas()[time] for time in (30, 29, 28)]
    start = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mine = Double(5, SHAPE, torch.device("cpu"), low=sigmas[-1], high=sigmas[0])
    running = SAMPLERS["DDPM"].sample(start, sigmas, mine)
    ask = next(running)
    ask = running.send(denoise(ask.x, ask.sigma))
    generator = torch.Generator().manual_seed(5)
    x = start / math.sqrt(1 + sigmas[0] ** 2)
    noise = (start - denoise(start, sigmas[0])) / sigmas[0]
    x = theirs.step(noise, 30, x, generator=generator).prev_sample * math.sqrt(1 + sigmas[1] ** 2)
    assert torch.allclose(ask.x, x, rtol=1e-4, atol=1e-4)


def test_lcm_goes_to_the_picture_and_back_up():
    sigmas = sigmas_for(SAMPLERS["LCM"], "SGM Uniform", 4)
    noise = Double(5, SHAPE, torch.device("cpu"), low=sigmas[-2], high=sigmas[0])
    start = noise.draw() * sigmas[0]
    other = Double(5, SHAPE, torch.device("cpu"), low=sigmas[-2], high=sigmas[0])
    x = other.draw() * sigmas[0]
    for sigma, after in itertools.pairwise(sigmas):
        x = denoise(x, sigma) + (other.draw() * after if after else 0)
    assert torch.allclose(run(SAMPLERS["LCM"], start, sigmas, noise)[0], x)


EXACT = {"UniPC", "DEIS", "HeunPP2", "IPNDM", "IPNDM_V", "PLMS", "DDIM", "DPM fast", "DPM adaptive", "Heun"}


@pytest.mark.parametrize("name", sorted(EXACT))
def test_with_many_steps_it_reaches_the_flow_s_own_end(name):
    """Pictures spread normally with variance s² have a flow in closed form: x(0) = x(σ) · s / √(s² + σ²)."""
    sampler, spread = SAMPLERS[name], 0.8
    sigmas = sigmas_for(sampler, "DDIM" if name in {"PLMS", "DDIM"} else "Karras", 120)
    x = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * sigmas[0]
    truth = x * spread / math.sqrt(spread**2 + sigmas[0] ** 2)
    running = sampler.sample(x, sigmas, None)
    ask = next(running)
    while True:
        try:
            ask = running.send(ask.x * spread**2 / (spread**2 + ask.sigma**2))
        except StopIteration as finished:
            end = finished.value
            break
    assert (end - truth).abs().max() <= 0.05 * truth.abs().max()


def test_restart_goes_back_up_near_the_end():
    sampler = SAMPLERS["Restart"]
    calls = {}
    for steps in (10, 24, 40):
        sigmas = sigmas_for(sampler, "Karras", steps)
        noise = Double(5, SHAPE, torch.device("cpu"), low=sigmas[-2], high=sigmas[0])
        running = sampler.sample(noise.draw() * sigmas[0], sigmas, noise)
        ask, seen = next(running), []
        while True:
            seen.append(ask.sigma)
            try:
                ask = running.send(denoise(ask.x, ask.sigma))
            except StopIteration:
                break
        # Heun asks twice at a sigma's end and once at the last; a rise is a way back.
        calls[steps] = sum(later > earlier * 1.5 for earlier, later in itertools.pairwise(seen))
        assert len(seen) == 2 * steps - 1
    assert calls == {10: 0, 24: 1, 40: 2}


def test_cfg_plus_plus_is_ddim_where_nothing_is_guided():
    sigmas = sigmas_for(SAMPLERS["DDIM"], "DDIM", 10)
    start = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(1)) * sigmas[0]
    running = SAMPLERS["DDIM CFG++"].sample(start, sigmas, None)
    ask = next(running)
    while True:
        assert ask.cfg_share == pytest.approx(1 / 12.5)
        clean = denoise(ask.x, ask.sigma)
        try:
            ask = running.send((clean, clean))
        except StopIteration as finished:
            drawn = finished.value
            break
    assert torch.allclose(drawn, run(SAMPLERS["DDIM"], start, sigmas, None)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_ipndm_v_takes_adams_and_bashforth_s_coefficients_on_even_steps(count):
    assert ipndm_v.weights([-0.5] * count) == pytest.approx(BASHFORTH[count])


def test_ipndm_v_s_fourth_slope_counts_as_its_tools_count_it():
    """By hand from the published expression, on strides that double."""
    bend, twist = 35 / 72, 117 / 2016
    assert ipndm_v.weights([-1.0, -2.0, -4.0, -8.0]) == pytest.approx(
        [1.25 + bend + twist, -0.25 - 1.5 * bend - 1.75 * twist, 0.5 * bend + 0.875 * twist, -0.125 * twist]
    )


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_the_same_seed_gives_the_same_and_another_seed_another(name):
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, sampler.schedule, 6)

    def drawn(seed):
        noise = RowNoise(
            Recipe(base="", base_family="sd1", seed=seed), SHAPE, torch.device("cpu"), low=sigmas[-2], high=sigmas[0]
        )
        return run(sampler, noise.draw() * sigmas[0], sigmas, noise)[0]

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.allclose(drawn(1), drawn(2))


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_one_step_is_enough_to_finish(name):
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, sampler.schedule, 1)
    noise = RowNoise(
        Recipe(base="", base_family="sd1", seed=1), SHAPE, torch.device("cpu"), low=sigmas[-2], high=sigmas[0]
    )
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


def test_zero_terminal_snr_is_diffusers_but_for_its_last_step():
    from diffusers.schedulers.scheduling_euler_discrete import rescale_zero_terminal_snr

    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    alphas = torch.cumprod(1 - rescale_zero_terminal_snr(betas), 0)
    wanted = ((1 - alphas) / alphas).sqrt()
    mine = torch.tensor(schedules.trained(True).sigmas, dtype=torch.float64)
    assert torch.allclose(mine[:-1], wanted[:-1], rtol=1e-6)
    assert mine[-1] == pytest.approx(4518.7, rel=1e-3)
    plug, schedule = chosen("Euler")
    assert sigmas_for(plug, schedule, 4, zero_snr=True)[0] == pytest.approx(float(mine[-1]))
