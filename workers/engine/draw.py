"""One picture by itself: text, noise, steps, decoding. `workers.engine.batch` draws several at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from workers import samplers
from workers.engine import cache, device, text
from workers.engine.edits import TEXT, UNET, applied, fitted
from workers.engine.model import Model
from workers.engine.rows import Row, Second, Watch, said_by_unet
from workers.engine.source import Given
from workers.errors import Refusal
from workers.messages import Recipe
from workers.plugins import Edit

# A 150-step picture at 1024² is what the largest workers are asked for; more is a mistake or an attack.
MOST_STEPS, SMALLEST, LARGEST = 150, 64, 2048
MOST_BLUR = 64


def draw(
    model: Model, recipe: Recipe, edits: Sequence[Edit], watch: Watch | None = None, given: Given | None = None
) -> np.ndarray:
    """The picture that ``recipe`` describes, uint8 [height, width, 3]. The base is left as it was.

    edits: the recipe's stack, read, each at its weight. given: what else it names. Raises ``Refusal`` for what cannot
    be drawn as asked, and `Cancelled`.
    """
    device.set_threads(model.bytes)
    with torch.inference_mode():
        row = row_of(model, recipe, edits, watch, given)
        while row.latents is None:
            with applied(here := row.model, row.stack, UNET):
                while row.latents is None and row.model is here:
                    row.answer(said_by_unet(here, row.calls()))
        return row.picture()


def row_of(
    model: Model, recipe: Recipe, edits: Sequence[Edit], watch: Watch | None = None, given: Given | None = None
) -> Row:
    """``recipe``, ready for its first call of the UNet. Raises ``Refusal`` for what cannot be drawn as asked."""
    check(recipe)
    given = given or Given()
    second = _second(model, recipe, edits, given.refiner) if recipe.refiner else None
    return Row(model, recipe, edits, plan(model, recipe, edits), watch or Watch(), given, second)


def _second(model: Model, recipe: Recipe, edits: Sequence[Edit], refiner: Model | None) -> Second:
    """The base that draws on in the end. SDXL's refiner has one text encoder of two, and no adapter for SDXL fits it:
    it goes without the stack, as in A1111; another base of the same kind carries it. Raises ``Refusal``."""
    if refiner is None:
        raise Refusal("refiner-missing", "The base that should draw on in the end is missing.")
    alike = refiner.text_encoders.keys() == model.text_encoders.keys()
    if refiner.family != model.family or refiner.unet.config.in_channels != model.unet.config.in_channels:
        raise Refusal(
            "refiner", "A refiner draws on what the base left: both are of one family, and inpaint or do not."
        )
    carried = edits if alike else ()
    return Second(refiner, carried, plan(refiner, recipe, carried))


def check(recipe: Recipe) -> None:
    """Raises ``Refusal`` for numbers that nobody can draw."""
    if not 1 <= recipe.steps <= MOST_STEPS:
        raise Refusal("steps", f"{recipe.steps} steps cannot be drawn; 1 to {MOST_STEPS} can.")
    for side in (recipe.width, recipe.height):
        if side % 8 or not SMALLEST <= side <= LARGEST:
            raise Refusal("size", f"Sides must be multiples of 8 from {SMALLEST} to {LARGEST}; {side} is not.")
    if not math.isfinite(recipe.cfg):
        raise Refusal("cfg", "The CFG scale must be a number.")
    if not (0 <= recipe.seed < 2**64 and 0 <= recipe.variation_seed < 2**64):
        raise Refusal("seed", "A seed is a whole number from 0 to 2⁶⁴ − 1.")
    if not 0 <= recipe.variation_strength <= 1:
        raise Refusal("variation", "The strength of a variation is from 0 to 1.")
    if not 0 <= recipe.refiner_switch_at <= 1:
        raise Refusal("refiner", "A refiner begins at a part of the way, from 0 to 1.")
    if recipe.source and not (0 <= recipe.source.denoising <= 1 and 0 <= recipe.source.blur <= MOST_BLUR):
        raise Refusal("source", f"The denoising strength is from 0 to 1, a mask's blur from 0 to {MOST_BLUR} pixels.")
    for hint in (use.hint for use in recipe.uses if use.hint):
        if not 0 <= hint.start <= hint.end <= 1:
            raise Refusal("hint", "A ControlNet begins and ends within the steps, from 0 to 1, and begins first.")


def plan(model: Model, recipe: Recipe, edits: Sequence[Edit]) -> text.Plan:
    """What ``recipe`` says over its steps, by text encoders that carry the stack; remembered. Raises ``Refusal``."""
    sampler, _ = samplers.chosen(recipe.sampler, recipe.schedule)
    # A1111 counts each call of the UNet, so that words change after half as many steps of a sampler that asks twice.
    calls = recipe.steps * sampler.evaluations
    reading = (recipe.prompt, recipe.negative, recipe.dialect, recipe.emphasis, recipe.clip_skip)
    named = tuple(name for use in recipe.uses for name in (use.name, use.token))
    stack = tuple(edit.identity for edit in edits if edit.weight != 0 and (edit.words() or fitted(model, edit, TEXT)))

    def read() -> text.Plan:
        with applied(model, edits, TEXT):
            return text.plan(model, recipe, edits, calls=calls)

    return cache.text(
        (model.family, model.text_key or model.key, stack, named, reading, text.matters(recipe, calls)), read
    )
