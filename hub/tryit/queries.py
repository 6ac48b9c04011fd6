"""Where a picture stands: its place in line, how long it will take, what its worker says; and who may ask."""

from __future__ import annotations

import statistics
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec.structs import replace

from hub import queue
from hub.catalog.models import File, Version
from hub.errors import NotFound
from hub.gallery import recipes
from hub.gallery.models import Picture, Strip
from hub.gallery.queries import board_of, pictures_for
from hub.templatetags.weightroom import about, ordinal
from hub.tryit.models import Generation
from workers import plots
from workers.messages import GENERATE, Progress, Recipe
from workers.plots import Axis

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

ALIKE = 20  # how many finished pictures an estimate is the median of


@dataclass(frozen=True)
class GenerationView:
    """A generation as people and programs see it; ``milestone`` changes only where a screen reader should speak."""

    generation: Generation
    state: str
    sentence: str
    milestone: str
    held: bool = False  # a worker has it at hand, begun or not
    place: int = 0
    seconds_left: float | None = None
    progress: Progress | None = None
    pictures: list[Picture] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.generation.is_open


def generations_of(user: User | AnonymousUser) -> QuerySet[Generation]:
    """A person's own; nobody sees another's."""
    return Generation.objects.filter(owner=user.pk) if user.is_authenticated else Generation.objects.none()


def generation_for(user: User | AnonymousUser, generation_id: uuid.UUID) -> Generation:
    """Raises `NotFound` where there is none, or it is another's."""
    generation = generations_of(user).filter(pk=generation_id).first()
    if generation is None:
        raise NotFound(_("There is no such picture in line."))
    return generation


def film(user: User | AnonymousUser, limit: int = 12) -> list[Generation]:
    """One's earlier pictures, newest first: those that were drawn."""
    drawn = generations_of(user).filter(status=Generation.Status.DONE, purpose=Generation.Purpose.TRYIT)
    return list(drawn.prefetch_related("pictures")[:limit])


def generation_view(generation: Generation) -> GenerationView:
    """Where it stands, in words and numbers."""
    status = generation.status
    if status == Generation.Status.DONE:
        took = f"{generation.seconds or 0:.1f}"
        sentence = (
            _("Drawn in %(seconds)s s") % {"seconds": took} if generation.seconds else _("Drawn before, and kept")
        )
        pictures = list(generation.pictures.order_by("id"))
        return GenerationView(generation, status, sentence, _("Drawn"), pictures=pictures)
    if status == Generation.Status.FAILED:
        return GenerationView(generation, status, generation.error, generation.error)
    if status == Generation.Status.CANCELLED:
        sentence = _("Cancelled between steps. Nothing was kept.")
        return GenerationView(generation, status, sentence, sentence)
    news = queue.progress(str(generation.pk))
    if news is not None and news.attempt == generation.attempt:
        # At hand is not begun: a worker takes several, and draws one after the other where they cannot share a step.
        return _waiting(generation, held=True) if news.stage == "waiting" else _running(generation, news)
    if generation.status == Generation.Status.RUNNING:
        sentence = _("Waiting for news of the worker")
        return GenerationView(generation, "running", sentence, _("Started"))
    return _waiting(generation)


def _running(generation: Generation, news: Progress) -> GenerationView:
    milestone = _("Started")
    if news.stage == "starting":
        sentence = milestone = _("A worker is starting")
    elif news.stage == "fetching":
        sentence = _("Fetching the files")
    elif news.stage == "loading":
        sentence = _("Loading the base")
    elif news.stage == "storing":
        sentence = _("Storing the picture")
    else:
        sentence = _("Step %(step)s of %(steps)s") % {"step": news.step, "steps": news.steps}
        quarter = news.step * 4 // news.steps if news.steps else 0
        milestone = _("Step %(step)s of %(steps)s") % {"step": quarter * news.steps // 4, "steps": news.steps}
        if generation.count > 1:
            of = _("picture %(picture)s of %(count)s") % {"picture": news.picture + 1, "count": generation.count}
            sentence, milestone = f"{sentence}, {of}", f"{milestone}, {of}"
    return GenerationView(generation, "running", sentence, milestone, held=True, progress=news)


def _waiting(generation: Generation, *, held: bool = False) -> GenerationView:
    place, ahead = _line_before(generation)
    workers = queue.workers_alive(GENERATE)
    if not workers:
        sentence = _("No worker is running. Your picture waits in line; we'll keep your place for an hour.")
        return GenerationView(generation, "queued", sentence, sentence, held=held, place=place)
    each = seconds_each(generation)
    left = None if each is None else (ahead / workers + generation.count) * each
    words = _("Next") if place == 1 else _("%(place)s in line") % {"place": ordinal(place)}
    if generation.error:  # why it is in line again
        words = f"{generation.error} {words}"
    sentence = words if left is None else f"{words}, {about(left)}"
    return GenerationView(generation, "queued", sentence, sentence, held=held, place=place, seconds_left=left)


def _line_before(generation: Generation) -> tuple[int, int]:
    """Its place in line (1: next), and how many pictures are drawn before its own."""
    opened = Generation.objects.exclude(pk=generation.pk)
    before = Q(priority__lt=generation.priority) | Q(priority=generation.priority, sent_at__lt=generation.sent_at)
    waiting = opened.filter(before, status=Generation.Status.QUEUED)
    running = opened.filter(status=Generation.Status.RUNNING).aggregate(sum=Sum("count"))["sum"] or 0
    ahead = waiting.aggregate(sum=Sum("count"))["sum"] or 0
    return waiting.count() + 1, ahead + running


def waits_for_own(view: GenerationView) -> bool:
    """Whether its owner has something in line before it, behind which it can still be taken out: a worker has neither
    of them at hand."""
    generation = view.generation
    if generation.status != Generation.Status.QUEUED or view.held:
        return False
    before = Generation.objects.filter(
        owner=generation.owner_id,
        status=Generation.Status.QUEUED,
        priority=generation.priority,
        sent_at__lt=generation.sent_at,
    )
    attempts = {str(one.pk): one.attempt for one in before[: settings.GENERATIONS_WAITING]}
    news = queue.progress_of(list(attempts))
    return any(id not in news or news[id].attempt != attempt for id, attempt in attempts.items())


def is_held(generation: Generation) -> bool:
    """Whether a worker has it at hand, begun or not."""
    news = queue.progress(str(generation.pk))
    return news is not None and news.attempt == generation.attempt


def seconds_each(generation: Generation) -> float | None:
    """Seconds that each picture of it takes, by `seconds_like`."""
    return seconds_like(generation.recipe)


def seconds_like(recipe: Mapping[str, Any]) -> float | None:
    """Seconds that a picture like this takes of a worker: the median step of the last 20 alike (base and size), else of
    the last 20 at all, times its steps; None where nothing was drawn yet. Those that were drawn in company took longer
    than they cost, so they count for their share of the time. recipe: `recipes.built`."""
    done = Generation.objects.filter(status=Generation.Status.DONE, seconds__gt=0).order_by("-finished_at")
    alike = done.filter(recipe__base=recipe["base"], recipe__width=recipe["width"], recipe__height=recipe["height"])
    for rows in (alike, done):
        lately = rows.values_list("seconds", "count", "recipe__steps", "finished_at")[:ALIKE]
        taken = [(seconds or 0) / count / max(1, steps) * recipe["steps"] for seconds, count, steps, _at in lately]
        if taken:
            spans = [(at.timestamp() - (seconds or 0), at.timestamp()) for seconds, _n, _steps, at in lately if at]
            return statistics.median(taken) * _share(spans)
    return None


def _share(spans: Sequence[tuple[float, float]]) -> float:
    """How much of the time that these took was theirs alone: 1 where they were drawn one after the other, 1/8 where
    eight always shared a worker. spans: when each began and ended, in seconds."""
    total = sum(end - begin for begin, end in spans)
    if not total:
        return 1.0
    busy, last = 0.0, float("-inf")
    for begin, end in sorted(spans):
        busy += max(0.0, end - max(begin, last))
        last = max(last, end)
    return min(1.0, busy / total * max(1, queue.workers_alive(GENERATE)))


def plot_price(recipe: Recipe, axes: Sequence[Axis]) -> str:
    """What a plot will cost: its pictures, and how long they take where anything was drawn before.

    Raises ``Refusal`` for a plot that is none.
    """
    drawn = plots.cells(recipe, axes)
    sides = " × ".join(str(len(axis.values)) for axis in axes)
    sides = f"{sides} = " if len(axes) > 1 else ""
    words = sides + ngettext("%(n)d picture", "%(n)d pictures", len(drawn)) % {"n": len(drawn)}
    one = seconds_like(recipes.built(recipe) | {"steps": 1})
    return words if one is None else f"{words}, {about(one * sum(cell.recipe.steps for cell in drawn))}"


def generation_list(user: User | AnonymousUser, *, before: str = "", limit: int = 30) -> tuple[list[Generation], str]:
    """A page of one's own, newest first, and the id that the next page starts after ("" at the end)."""
    rows = generations_of(user).order_by("-created_at", "-id")
    if before:
        try:
            last = generation_for(user, uuid.UUID(before))
        except ValueError as error:
            raise NotFound(_("There is no such picture in line.")) from error
        rows = rows.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.pk))
    page = list(rows[: limit + 1])
    return page[:limit], str(page[limit - 1].pk) if len(page) > limit else ""


def strips_of(user: User | AnonymousUser, version: Version) -> list[Strip]:
    """The board strip of a version first, then those that ``user`` asked for, newest first."""
    own = Q(board=False, owner=user.pk) if user.is_authenticated else Q(pk=None)
    return list(Strip.objects.filter(Q(board=True) | own, version=version).order_by("-board", "-created_at")[:50])


def drawn_already(user: User | AnonymousUser, recipe: Recipe, base: File) -> Picture | None:
    """A picture that ``recipe`` drew; where it asks for a new seed each time (-1), at the seed of ``base``'s board."""
    if recipe.seed == -1:
        board = board_of(base)
        recipe = replace(recipe, seed=board[0].seed if board else 0)
    found = pictures_for(user).filter(recipe_digest=recipes.digest(recipe))
    return found.order_by("-visible", "id").first()
