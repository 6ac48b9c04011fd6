"""A row: one picture on its way through the UNet. Rows of one batch share a call and nothing else."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from workers import samplers, unet
from workers.engine import hands
from workers.engine.bypass import can_ride, rewriting
from workers.engine.controls import Steering, added, steerings
from workers.engine.edits import UNET, fitted
from workers.engine.latents import decoded, preview
from workers.engine.model import Model
from workers.engine.noise import RowNoise
from workers.engine.source import Given, start_of
from workers.engine.text import Cond, Plan
from workers.errors import Refusal
from workers.messages import Recipe
from workers.plugins import Ask, Edit
from workers.samplers.schedules import TRAINED_STEPS, step_near, time_at, trained

_arrived = itertools.count()


@dataclass(frozen=True)
class Watch:
    """Those who follow a picture: ``step(done, of, preview)`` after each step, where ``preview()`` makes a small PNG;
    ``cancelled()`` before each."""

    step: Callable[[int, int, Callable[[], bytes]], None] = lambda done, of, preview: None
    cancelled: Callable[[], bool] = lambda: False


class Cancelled(Exception):
    """Whoever asked for the picture does not want it any more."""


class Call(NamedTuple):
    """What one line of a UNet batch reads: x [1, c, h, w] scaled, its time step, a text, sizes [1, n] (SDXL), and what
    steers it."""

    x: Tensor
    time: float
    cond: Cond
    sizes: Tensor | None = None
    steered: tuple[Steering, ...] = ()


@dataclass(frozen=True)
class Second:
    """The base that a picture is handed on to, with what of the stack it carries, and what the recipe says to it."""

    model: Model
    edits: Sequence[Edit]
    plan: Plan


@dataclass
class Row:
    """One picture: what it was asked for, where its sampler stands, and in the end its latents.

    plan: what it says, over its steps. edits: its stack, each at its weight. second: the base that will draw on, once
    it is far enough; then it is ``model``.
    """

    model: Model
    recipe: Recipe
    edits: Sequence[Edit]
    plan: Plan
    watch: Watch = field(default_factory=Watch)
    given: Given = field(default_factory=Given)
    second: Second | None = None
    number: int = field(default_factory=lambda: next(_arrived))
    latents: Tensor | None = None
    _done: int = 0
    _asked: int = 0
    _shares: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        recipe, model = self.recipe, self.model
        sampler, schedule = samplers.chosen(recipe.sampler, recipe.schedule)
        sigmas = samplers.sigmas_for(
            sampler,
            schedule,
            recipe.steps,
            model.family,
            discard=recipe.discard_penultimate,
            zero_snr=model.zero_snr,
        )
        shape = (4, recipe.height // 8, recipe.width // 8)
        noise = RowNoise(recipe, shape, model.device, low=sigmas[-2], high=sigmas[0])
        first = noise.first()
        self.begin = start_of(model, recipe, self.given, first)
        self.steps = samplers.steps_drawn(recipe)
        self.alone = samplers.alone(sampler)
        latents, level = None, sigmas[0]
        if self.begin is not None:
            sigmas, level = samplers.from_picture(sampler, schedule, sigmas, self.steps)
            latents = self.begin.latents
        x = first * level if latents is None else latents + first * level
        if samplers.by_steps(sampler):  # at first its noise, with the picture under it, has the variance 1
            plain = first if latents is None else x / math.sqrt(1 + level**2)
            x = plain * math.sqrt(1 + sigmas[0] ** 2)
        self.running: Generator[Ask, Any, Tensor] = sampler.sample(x, sigmas, noise)
        self.ask: Ask = next(self.running)
        self._settle()
        self._hand_on()

    def _settle(self) -> None:
        """Whatever follows from its base and stack."""
        self.stack = tuple(edit for edit in self.edits if edit.weight != 0 and _changes_unet(self.model, edit))
        self.key = tuple(edit.identity for edit in self.stack)
        self.place = str(self.key)  # among other stacks in a call
        self.__dict__.pop("rides", None)
        self.steered = steerings(self.model, self.recipe, self.edits)
        self.table = trained(self.model.zero_snr)
        own = self.begin.beside if self.begin else None
        self.beside = self.model.beside_latents(*self.shape[1:]) if own is None else own

    def _hand_on(self) -> None:
        """From the first question on that A1111 hands on at, its second base draws: the first whose training step has
        ``refiner_switch_at`` of all behind it (diffusers' ``denoising_end`` is the same)."""
        done = (TRAINED_STEPS - 1 - step_near(self.ask.sigma, self.table)) / TRAINED_STEPS
        if self.second is not None and done >= self.recipe.refiner_switch_at:
            self.model, self.edits, self.plan = self.second.model, self.second.edits, self.second.plan
            self.second = None
            self._settle()

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows of one shape can share a call."""
        return tuple(self.ask.x.shape[1:])

    @cached_property
    def rides(self) -> bool:
        """Whether it may share calls with rows of other stacks, whose contexts are as long."""
        return len(self.plan.lengths) == 1 and can_ride(self.model, self.stack)

    @property
    def lines(self) -> int:
        """How many lines of a call it takes."""
        return 1 + len(self.plan.wanted) if self.recipe.cfg != 1 else len(self.plan.wanted)

    def calls(self) -> list[Call]:
        """What the UNet is asked for this step: a line for each text that is wanted, then what is not wanted.

        That is left out where one text at a scale of 1 cancels it out, unless the sampler wants it.
        Raises `Cancelled`.
        """
        if self.watch.cancelled():
            self.running.close()
            raise Cancelled
        ask = self.ask
        model, recipe = self.model, self.recipe
        x = (ask.x / math.sqrt(ask.sigma**2 + 1)).to(model.dtype)
        if self.beside is not None:
            x = torch.cat([x, self.beside], dim=1)
        time = time_at(ask.sigma, self.table)
        words = self.plan.at(self._asked)
        self._shares = [weight * self.recipe.cfg * ask.cfg_share for _, weight in words.wanted]
        wanted, unwanted = (model.sizes(recipe.height, recipe.width, wanted=wanted) for wanted in (True, False))
        with_hint, without = (self._steered(wanted=wanted) for wanted in (True, False))
        calls = [Call(x, time, cond, wanted, with_hint) for cond, _ in words.wanted]
        if self._shares != [1] or ask.unguided:
            calls.append(Call(x, time, words.unwanted, unwanted, without))
        return calls

    def _steered(self, *, wanted: bool) -> tuple[Steering, ...]:
        """What steers this step."""
        step = min(self.ask.step, self.steps - 1)
        return tuple(one for one in self.steered if one.counts(step, self.steps, wanted=wanted))

    def answer(self, said: Sequence[Tensor]) -> None:
        """Go on with what the UNet said to each of `calls`, [1, c, h, w] fp32. Raises ``Refusal`` for a NaN."""
        ask = self.ask
        unwanted, noise = said[-1], said[0]
        if len(said) > 1:
            pulls = ((wanted - unwanted) * share for wanted, share in zip(said, self._shares, strict=False))
            noise = unwanted + sum(pulls)
        denoised = self._clean(noise)
        answered = (denoised, self._clean(unwanted)) if ask.unguided else denoised
        if not bool(denoised.isfinite().all()):
            raise Refusal("not-finite", f"The picture turned into numbers that are not finite at step {ask.step + 1}.")
        if ask.step + 1 > self._done:
            self._done = ask.step + 1
            self.watch.step(self._done, self.steps, lambda: preview(self.model, denoised))
        self._asked += 1
        try:
            self.ask = self.running.send(answered)
        except StopIteration as finished:
            self.latents = finished.value
            return
        self._hand_on()

    def _clean(self, said: Tensor) -> Tensor:
        """The clean latents in x, by what the UNet says of it (Karras et al. 2022, table 1; Salimans and Ho 2022)."""
        x, sigma = self.ask.x, self.ask.sigma
        if self.model.prediction == "v":
            clean = x / (sigma**2 + 1) - said * (sigma / math.sqrt(sigma**2 + 1))
        else:
            clean = x - said * sigma
        return self.begin.kept(clean) if self.begin else clean

    def picture(self) -> np.ndarray:
        """What was drawn, uint8 [height, width, 3]. Raises ``Refusal`` for numbers that are not finite."""
        assert self.latents is not None  # it is finished
        drawn = decoded(self.model, self.latents, self.given.vae)
        return self.begin.put_back(drawn) if self.begin else drawn


def _changes_unet(model: Model, edit: Edit) -> bool:
    return bool(fitted(model, edit, UNET) or rewriting([edit]))


def said_by_unet(model: Model, calls: Sequence[Call], cuts: Sequence[int] = ()) -> list[Tensor]:
    """What the UNet says to each call, fp32; those with contexts of one length go through it together.

    cuts: where one of several hands leaves off and the next begins; see `workers.engine.hands`.
    """
    parts: list[list[int]] = []
    for start, end in itertools.pairwise((0, *cuts, len(calls))):
        lengths = sorted({call.cond.context.shape[1] for call in calls[start:end]})
        parts.append([n for length in lengths for n in range(start, end) if _length(calls[n]) == length])
    answers = hands.each([partial(_through, model, [calls[n] for n in part]) for part in parts])
    said = dict(zip(itertools.chain(*parts), itertools.chain(*answers), strict=True))
    return [said[n] for n in range(len(calls))]


def _through(model: Model, calls: Sequence[Call]) -> list[Tensor]:
    """``calls``, those with contexts of one length side by side, through the UNet."""
    said: list[Tensor] = []
    for _, alike in itertools.groupby(calls, _length):
        mine = list(alike)
        once = mine[:: lines_of_one(model, mine)]
        x = torch.cat([call.x for call in once]).contiguous(memory_format=torch.channels_last)
        time = torch.tensor([call.time for call in once], device=model.device, dtype=torch.float32)
        context = model.context([call.cond.context for call in mine])
        more: dict[str, Tensor] = {}
        if mine[0].sizes is not None:
            pooled = torch.cat([call.cond.pooled for call in mine if call.cond.pooled is not None])
            sizes = torch.cat([call.sizes for call in mine if call.sizes is not None])
            more = {"text_embeds": pooled, "time_ids": sizes}
        beside = added([call.steered for call in mine], x, time, context.plain, more)
        said.extend(model.ask(x, time, context, more, **beside).float().split(1))
    return said


def lines_of_one(model: Model, calls: Sequence[Call]) -> int:
    """How many neighbours among ``calls`` read the same latents and differ in their text alone, where that holds for
    all of them: they go through the UNet's beginning as one. Else 1."""
    if any(call.sizes is not None or call.steered for call in calls) or not unet.beginning(model.unet):
        return 1
    found = {len(list(run)) for _, run in itertools.groupby(calls, lambda call: id(call.x))}
    return found.pop() if len(found) == 1 else 1


def _length(call: Call) -> int:
    return call.cond.context.shape[1]
