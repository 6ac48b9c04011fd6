"""The loop that draws one picture: text, noise, steps, decoding."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from workers import samplers
from workers.engine import device, text
from workers.engine.edits import applied
from workers.engine.model import Model
from workers.engine.noise import RowNoise
from workers.errors import Refusal
from workers.messages import Recipe
from workers.plugins import Ask, Edit
from workers.samplers.schedules import time_at

# A 150-step picture at 1024² is what the largest workers are asked for; more is a mistake or an attack.
MOST_STEPS, SMALLEST, LARGEST = 150, 64, 2048


@dataclass(frozen=True)
class Watch:
    """Those who follow a picture: ``step(done, of, preview)`` after each step, where ``preview()`` makes a small PNG;
    ``cancelled()`` before each."""

    step: Callable[[int, int, Callable[[], bytes]], None] = lambda done, of, preview: None
    cancelled: Callable[[], bool] = lambda: False


class Cancelled(Exception):
    """Whoever asked for the picture does not want it any more."""


def draw(model: Model, recipe: Recipe, edits: Sequence[Edit], watch: Watch | None = None) -> np.ndarray:
    """The picture that ``recipe`` describes, uint8 [height, width, 3]. The base is left as it was.

    edits: the recipe's stack, read, each at its weight. Raises ``Refusal`` for what cannot be drawn as asked, and
    `Cancelled`.
    """
    watch = watch or Watch()
    _check(recipe)
    device.set_threads(model.bytes)
    with torch.inference_mode(), applied(model, edits):
        latents = _sampled(model, recipe, edits, watch)
        return _decoded(model, latents)


def _check(recipe: Recipe) -> None:
    if not 1 <= recipe.steps <= MOST_STEPS:
        raise Refusal("steps", f"{recipe.steps} steps cannot be drawn; 1 to {MOST_STEPS} can.")
    for side in (recipe.width, recipe.height):
        if side % 8 or not SMALLEST <= side <= LARGEST:
            raise Refusal("size", f"Sides must be multiples of 8 from {SMALLEST} to {LARGEST}; {side} is not.")
    if not math.isfinite(recipe.cfg):
        raise Refusal("cfg", "The CFG scale must be a number.")
    if not 0 <= recipe.seed < 2**64:
        raise Refusal("seed", "A seed is a whole number from 0 to 2⁶⁴ − 1.")


def _sampled(model: Model, recipe: Recipe, edits: Sequence[Edit], watch: Watch) -> Tensor:
    sampler, schedule = samplers.chosen(recipe.sampler, recipe.schedule)
    # A1111 counts each call of the UNet, so that words change after half as many steps of a sampler that asks twice.
    plan = text.plan(model, recipe, edits, calls=recipe.steps * sampler.evaluations)
    sigmas = samplers.sigmas_for(sampler, schedule, recipe.steps, model.family)
    shape = (4, recipe.height // 8, recipe.width // 8)
    noise = RowNoise(recipe.seed, shape, model.device, low=sigmas[-2], high=sigmas[0])
    running = sampler.sample(noise.draw() * sigmas[0], sigmas, noise)
    ask, done = next(running), 0
    for call in itertools.count():
        if watch.cancelled():
            running.close()
            raise Cancelled
        denoised, unguided = _denoised(model, ask, plan.at(call), recipe.cfg)
        if not bool(denoised.isfinite().all()):
            raise Refusal("not-finite", f"The picture turned into numbers that are not finite at step {ask.step + 1}.")
        if ask.step + 1 > done:
            done = ask.step + 1
            watch.step(done, recipe.steps, partial(preview, model, denoised))
        try:
            ask = running.send((denoised, unguided) if ask.unguided else denoised)
        except StopIteration as finished:
            return finished.value
    raise AssertionError  # a sampler ends


def _denoised(model: Model, ask: Ask, words: text.Words, cfg: float) -> tuple[Tensor, Tensor]:
    """The clean latents that the UNet sees in ``ask.x``, [1, 4, h, w], fp32: guided by CFG, and by the negative alone
    (left out where one text at a scale of 1 cancels it out, unless the sampler wants it)."""
    scale = cfg * ask.cfg_share
    x = (ask.x / math.sqrt(ask.sigma**2 + 1)).to(model.dtype).contiguous(memory_format=torch.channels_last)
    time = torch.tensor([time_at(ask.sigma)], device=model.device, dtype=torch.float32)
    shares = [weight * scale for _, weight in words.wanted]
    if shares == [1] and not ask.unguided:
        denoised = ask.x - _unet(model, x, time, words.wanted[0][0].context) * ask.sigma
        return denoised, denoised
    unwanted, *wanted = _rows(model, x, time, [words.unwanted, *(cond for cond, _ in words.wanted)])
    noise = unwanted + sum((one - unwanted) * share for one, share in zip(wanted, shares, strict=True))
    return ask.x - noise * ask.sigma, ask.x - unwanted * ask.sigma


def _rows(model: Model, x: Tensor, time: Tensor, conds: Sequence[text.Cond]) -> list[Tensor]:
    """The noise in ``x`` as each text says; texts of one length share a call."""
    found: dict[int, Tensor] = {}
    by_length: dict[int, list[int]] = {}
    for row, cond in enumerate(conds):
        by_length.setdefault(cond.context.shape[1], []).append(row)
    for rows in by_length.values():
        context = torch.cat([conds[row].context for row in rows])
        answers = _unet(model, x.repeat(len(rows), 1, 1, 1), time.repeat(len(rows)), context)
        found.update(zip(rows, answers.split(1), strict=True))
    return [found[row] for row in range(len(conds))]


def _unet(model: Model, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
    return model.unet(x, time, encoder_hidden_states=context, return_dict=False)[0].float()


def _decoded(model: Model, latents: Tensor) -> np.ndarray:
    pixels = model.vae.decode(latents.float() / model.scaling, return_dict=False)[0]
    if not bool(pixels.isfinite().all()):
        raise Refusal("not-finite", "The autoencoder turned the picture into numbers that are not finite.")
    levels = ((pixels[0].float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.permute(1, 2, 0).cpu().numpy()


def preview(model: Model, latents: Tensor) -> bytes:
    """A small PNG of latents [1, 4, h, w], one pixel each, by a matrix that knows their colours about."""
    rough = torch.einsum("chw,cr->hwr", latents[0].float().cpu(), model.latent_rgb)
    levels = ((rough / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG")
    return buffer.getvalue()
