"""A picture is asked for, drawn, failed, cancelled; and what happens when a message or a worker is lost."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from msgspec.structs import replace

from hub import queue
from hub.accounts.models import User
from hub.errors import NotFound
from hub.gallery import recipes
from hub.gallery.actions import picture_add
from hub.tryit import choices, kept, sending
from hub.tryit.models import Generation
from hub.tryit.previews import frame_create, frames_filled, preview_create, preview_request, previews_backfill
from hub.tryit.sending import TooLate
from hub.tryit.stacks import BadRecipe, numbers_checked, plot_checked, recipe_checked
from hub.tryit.turns import generation_first, go_first
from hub.tryit.wording import words_settled
from workers import plots
from workers.messages import GENERATE, Axis, Failed, Generated, Recipe

__all__ = [
    "TooLate",
    "frame_create",
    "generation_again",
    "generation_cancel",
    "generation_create",
    "generation_failed",
    "generation_finish",
    "generation_first",
    "preview_create",
    "preview_request",
    "previews_backfill",
    "sweep",
]

CANCELLED = "cancelled"
QUEUED, RUNNING = Generation.Status.QUEUED, Generation.Status.RUNNING
BEGUN = {"drawing", "storing"}  # before that its worker has it at hand, with others, and it keeps its place in line
STOPPED = "The worker stopped in the middle. Another one is starting over."
MISSED = "weightroom:missed:{id}:{attempt}"


@transaction.atomic
def generation_create(
    *,
    owner: User,
    recipe: Recipe,
    count: int = 1,
    purpose: str = "tryit",
    plot: Sequence[Axis] = (),
    first: bool = False,
    typed: bool = False,
) -> Generation:
    """Put ``count`` pictures of ``recipe`` in line, their seeds counting up from its own; seed −1 is drawn here.

    What was drawn before, and ``owner`` may see, is given at once instead.
    plot: one to three axes; then its cells are drawn instead, as one job, with a contact sheet.
    typed: its words may be a template (``{a|b}``, ``__wildcard__``), of which each combination is drawn, ``count`` of
    each; else they are drawn as they stand.
    first: before whatever else of ``owner`` waits.
    Raises `BadRecipe`, `FileNotHere`, `DoesNotFit`, `LimitReached`.
    """
    numbers_checked(recipe, count)
    wordings: list[Axis] = []
    if typed:
        recipe, wordings = choices.chosen(owner, recipe, 1 if plot else count)
    checked = recipe_checked(owner, words_settled(owner, recipe), count)
    if wordings:
        plot = [*wordings, *(plot or choices.seeds(checked, count))]
        if len(plot) > plots.MOST_AXES:
            raise BadRecipe(_("A plot has three sides, and the choices in the prompt take one. Plot fewer settings."))
    if plot:
        count = len(plot_checked(owner, checked, plot))
    elif found := kept.kept_for(owner, checked, count):
        return kept.answered(owner, checked, found, purpose)
    sending.limits_checked(owner, count, plot=bool(plot))
    generation = sending.enqueue(
        owner=owner, recipe=checked, count=count, purpose=purpose, priority=sending.PEOPLE, plot=plot
    )
    if first:
        go_first(generation)
    return generation


def generation_again(*, generation: Generation, by: User, without_stack: bool = False) -> Generation:
    """Draw one's own recipe once more, with the same seed; ``without_stack``: by the base alone, to compare.

    Raises what `generation_create` raises, and `NotFound` for another's.
    """
    if generation.owner_id is None or generation.owner_id != by.pk:
        raise NotFound(_("There is no such picture in line."))
    recipe = recipes.read(generation.recipe)
    if without_stack:
        recipe = replace(recipe, uses=())
    plot = msgspec.convert(generation.plot, tuple[Axis, ...])
    return generation_create(owner=by, recipe=recipe, count=1 if plot else generation.count, plot=plot)


@transaction.atomic
def generation_finish(answer: Generated) -> None:
    """Take the drawn pictures in; a repeated answer, or one of an earlier attempt, changes nothing."""
    now = timezone.now()
    done = {
        "finished_at": now,
        "started_at": Coalesce("started_at", Value(now - datetime.timedelta(seconds=answer.seconds))),
        "seconds": answer.seconds,
        "error": "",
        "error_code": "",
    }
    if not Generation.claim(answer.generation_id, attempt=answer.attempt, becomes=Generation.Status.DONE, **done):
        return
    generation = Generation.objects.select_related("owner").get(pk=answer.generation_id)
    recipe = recipes.read(generation.recipe)
    plot = msgspec.convert(generation.plot, tuple[Axis, ...])
    cells = plots.cells(recipe, plot) if plot else []
    made = [cell.recipe for cell in cells] or [recipe.number(number) for number in range(len(answer.pictures))]
    shown = generation.frames.filter(strip__board=True).exists()  # a strip of one's own choice is kept by choice
    pictures = [
        picture_add(
            owner=generation.owner,
            drawn=drawn,
            recipe=made[number],
            seconds=answer.seconds / max(1, len(answer.pictures)),
            visible=shown,
        )
        for number, drawn in enumerate(answer.pictures)
    ]
    generation.pictures.set(pictures)
    if answer.sheet is not None:
        sheet = picture_add(
            owner=generation.owner, drawn=answer.sheet, recipe=recipe, seconds=answer.seconds, visible=False
        )
        Generation.objects.filter(pk=generation.pk).update(sheet=sheet)
    if pictures:
        frames_filled(generation, pictures[0])
    if generation.attempt > 1:
        # The broker gives the message of a worker that died out again after an hour: that one must not be drawn too.
        transaction.on_commit(lambda: queue.cancel(str(generation.pk)))


@transaction.atomic
def generation_failed(answer: Failed) -> None:
    """Try again where that may help and attempts are left; else keep the reason in words. Repeats change nothing."""
    generation = Generation.objects.filter(pk=answer.id, attempt=answer.attempt, status__in=[QUEUED, RUNNING]).first()
    if generation is None:
        return
    if answer.code == CANCELLED:
        Generation.claim(
            answer.id, attempt=answer.attempt, becomes=Generation.Status.CANCELLED, finished_at=timezone.now()
        )
    elif not (answer.retry and _start_over(generation, answer.sentence)):
        _fail(generation, answer.code, answer.sentence)


@transaction.atomic
def generation_cancel(*, generation: Generation, by: User) -> Generation:
    """Take a picture out of the line, or stop it between two steps. Raises `NotFound`, `TooLate`."""
    if generation.owner_id is None or generation.owner_id != by.pk:
        raise NotFound(_("There is no such picture in line."))
    done = {"finished_at": timezone.now(), "error": ""}
    if not Generation.claim(generation.pk, attempt=generation.attempt, becomes=Generation.Status.CANCELLED, **done):
        generation.refresh_from_db()
        if generation.is_open:  # it was handed to another worker a moment ago
            return generation_cancel(generation=generation, by=by)
        if generation.status != Generation.Status.CANCELLED:
            raise TooLate(_("It is too late to cancel: this is finished."))
    queue.cancel(str(generation.pk))
    generation.refresh_from_db()
    return generation


def sweep() -> None:
    """Find what is overdue: pictures begun are noted, silent workers' are handed on, lost messages are sent again.

    A job is silent when its news (`Progress.at`) are older than ``WORKER_SILENT_SECONDS``. Celery's own redelivery
    takes an hour, so the hub keeps this shorter lease itself. Losing the cache costs a second drawing at worst.
    """
    generations = list(Generation.objects.filter(status__in=[QUEUED, RUNNING]).order_by("sent_at"))
    if not generations:
        return
    line = _Line.now()
    news_of = queue.progress_of([str(generation.pk) for generation in generations])
    for generation in generations:
        news = news_of.get(str(generation.pk))
        if news is not None and news.attempt == generation.attempt:
            if time.time() - news.at > settings.WORKER_SILENT_SECONDS:
                _hand_on(generation, STOPPED)
            elif generation.status == QUEUED and news.stage in BEGUN:
                begun(generation)
        elif generation.status == RUNNING:
            if _age(generation.started_at) > settings.WORKER_SILENT_SECONDS:
                _hand_on(generation, STOPPED)
        elif line.waits(generation) and not line.alive:
            _keep_place(generation)
        elif not line.waits(generation) and _missed_twice(generation):
            _hand_on(generation, "")


def begun(generation: Generation) -> None:
    """A worker has taken it: its news are there."""
    rows = Generation.objects.filter(pk=generation.pk, attempt=generation.attempt, status=QUEUED)
    rows.update(status=RUNNING, started_at=timezone.now())


@dataclass(frozen=True)
class _Line:
    """The generate queue as the sweep finds it. ``taken``: per priority, when the latest message taken was sent."""

    messages: int
    alive: bool
    taken: dict[int, datetime.datetime]

    @classmethod
    def now(cls) -> _Line:
        begun_lately = Generation.objects.filter(
            started_at__isnull=False, sent_at__gt=timezone.now() - datetime.timedelta(hours=6)
        )
        taken = dict(begun_lately.order_by().values_list("priority").annotate(Max("sent_at")))
        return cls(queue.waiting(GENERATE), queue.workers_alive(GENERATE) > 0, taken)

    def waits(self, generation: Generation) -> bool:
        """Whether its message can still be in line: young, or nothing that came after it was taken."""
        if _age(generation.sent_at) <= settings.WORKER_SILENT_SECONDS:
            return True
        after = [sent for priority, sent in self.taken.items() if priority >= generation.priority]
        return self.messages > 0 and not any(sent > generation.sent_at for sent in after)


def _keep_place(generation: Generation) -> None:
    """No worker runs: a person's picture keeps its place for a time, the hub's own previews for ever."""
    people = generation.purpose == Generation.Purpose.TRYIT
    if people and _age(generation.sent_at) > settings.GENERATION_WAIT_SECONDS:
        _fail(generation, "no-worker", _("No worker came in time. Draw again when one is running."))


def _missed_twice(generation: Generation) -> bool:
    """True once it has been missed for half a lease: a worker may have taken it just as the sweep first looked."""
    key = MISSED.format(id=generation.pk, attempt=generation.attempt)
    now = time.time()
    if queue.cache().set(key, now, nx=True, ex=3600):
        return False
    since = float(queue.cache().get(key) or now)  # type: ignore[arg-type]
    return now - since >= settings.WORKER_SILENT_SECONDS / 2


def _hand_on(generation: Generation, why: str) -> None:
    with transaction.atomic():
        if not _start_over(generation, why):
            sentence = _("The worker stopped in the middle, %(times)s times. Draw it smaller, or try again later.")
            _fail(generation, "worker-lost", sentence % {"times": settings.JOB_ATTEMPTS})


def _start_over(generation: Generation, why: str) -> bool:
    """Send the next attempt, if one is left; ``why`` is shown meanwhile. One conditional UPDATE: one sweep does it."""
    if generation.attempt >= settings.JOB_ATTEMPTS:
        return False
    open_rows = Generation.objects.filter(pk=generation.pk, attempt=generation.attempt, status__in=[QUEUED, RUNNING])
    again = generation.attempt + 1
    if open_rows.update(status=QUEUED, attempt=again, sent_at=timezone.now(), started_at=None, error=why) == 1:
        generation.refresh_from_db()
        sending.send(generation)
    return True


def _fail(generation: Generation, code: str, sentence: str) -> None:
    Generation.claim(
        generation.pk,
        attempt=generation.attempt,
        becomes=Generation.Status.FAILED,
        error_code=code[:40],
        error=sentence[:1000],
        finished_at=timezone.now(),
    )
    # Its message may still lie in the broker, or come back from a worker that died: no one waits for it any more.
    transaction.on_commit(lambda: queue.cancel(str(generation.pk)))


def _age(moment: datetime.datetime | None) -> float:
    return (timezone.now() - moment).total_seconds() if moment else float("inf")
