"""Putting a recipe into the workers' line, within a person's limits."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from django.conf import settings
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from hub import queue
from hub.accounts.models import User
from hub.errors import Refused
from hub.gallery import recipes
from hub.tryit.models import Generation
from workers.messages import Axis, Generate, Recipe

THEN = "hub.tryit.generated"
# People first; then the first picture of each new version, so that every card soon has one; then the rest.
PEOPLE, FIRST_FRAMES, OTHER_FRAMES = 0, 3, 6


class LimitReached(Refused):
    """A person's pictures in a day, or in line, are used up."""

    code, status = "limit-reached", HTTPStatus.TOO_MANY_REQUESTS


class TooLate(Refused):
    """It waits no longer, or is finished."""

    code, status = "too-late", HTTPStatus.CONFLICT


def limits_checked(owner: User, wanted: int, *, plot: bool = False) -> None:
    """Raises `LimitReached` where ``wanted`` more pictures are too many for ``owner``. A plot may be longer than the
    line where nothing else of its owner waits.

    Call it inside a transaction: it holds the owner's row, so that of two requests at once only one takes the last
    place.
    """
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)
    asked = Generation.objects.filter(owner=owner)
    waiting = _sum(asked.filter(status__in=[Generation.Status.QUEUED, Generation.Status.RUNNING]))
    if waiting + wanted > settings.GENERATIONS_WAITING and not (plot and waiting == 0):
        raise LimitReached(
            _("%(waiting)s of your pictures are in line already; %(most)s is this hub's limit.")
            % {"waiting": waiting, "most": settings.GENERATIONS_WAITING}
        )
    midnight = timezone.now().astimezone(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    # A picture cancelled before it was begun, that failed, or that was there already, cost nobody anything.
    free = Q(status=Generation.Status.FAILED) | Q(status=Generation.Status.CANCELLED, started_at=None)
    free |= Q(status=Generation.Status.DONE, seconds=0)
    today = _sum(asked.filter(created_at__gte=midnight).exclude(free))
    if today + wanted > settings.GENERATIONS_PER_DAY:
        raise LimitReached(
            _("%(most)s pictures today is this hub's limit. The next is possible at 00:00 UTC.")
            % {"most": settings.GENERATIONS_PER_DAY}
        )


def _sum(generations: QuerySet[Generation]) -> int:
    return int(generations.aggregate(sum=Sum("count"))["sum"] or 0)


def enqueue(
    *, owner: User | None, recipe: Recipe, count: int, purpose: str, priority: int, plot: Sequence[Axis] = ()
) -> Generation:
    """Make the row and, on commit, send it. The recipe must have been checked."""
    generation = Generation.objects.create(
        owner=owner,
        purpose=purpose,
        recipe=recipes.built(recipe),
        recipe_digest=recipes.digest(recipe),
        count=count,
        plot=[{"name": axis.name, "values": list(axis.values)} for axis in plot],
        priority=priority,
    )
    send(generation)
    return generation


def send(generation: Generation) -> None:
    """Hand this attempt of a generation to the workers, on commit."""
    message = Generate(
        generation_id=str(generation.pk),
        attempt=generation.attempt,
        recipe=recipes.read(generation.recipe),
        count=1 if generation.plot else generation.count,
        plot=msgspec.convert(generation.plot, tuple[Axis, ...]),
    )
    queue.send(message, then=THEN, priority=generation.priority)
