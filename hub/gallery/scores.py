"""Pictures are scored by a worker; the score suggests a content level, and a person's word stands above it.

Until then a picture's level is `UNKNOWN`, a bit that no visitor's mask has: it lies in no list but its owner's, at no
cost to the questions that lists ask.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from hub import queue
from hub.gallery.covers import covers_follow
from hub.gallery.models import UNKNOWN, Picture
from hub.hooks.actions import announce
from hub.hooks.models import Hook
from workers.messages import Score

log = logging.getLogger(__name__)
THEN = "hub.gallery.scored"
# Yahoo names 0.2 and 0.8 for "surely not" and "surely"; between them it depends.
SUGGESTS = ((0.85, 8), (0.6, 4), (0.3, 2))
WAITED = datetime.timedelta(minutes=15)  # longer than a busy hub needs; then a picture is shown as it is
NONE_HERE, NONE_SECONDS = "gallery:no-scorer", 3600


def first_level() -> int:
    """The level that a picture comes with: unknown where a worker will score it."""
    return UNKNOWN if settings.PICTURE_SCORES and not cache.get(NONE_HERE) else 1


def score_ask(picture: Picture) -> None:
    """Have a picture scored after the commit, behind what people wait for; nothing where the hub scores none."""
    if settings.PICTURE_SCORES:
        queue.send(Score(sha256=picture.sha256), then=THEN, priority=queue.PRIORITIES[-1])


def suggested(score: float) -> int:
    """The content level that a score suggests."""
    return next((level for least, level in SUGGESTS if score >= least), 1)


@transaction.atomic
def picture_scored(sha256: str, score: float) -> None:
    """Keep what a worker said of these bytes; the level follows where nobody set one. Repeating changes nothing."""
    cache.delete(NONE_HERE)
    pictures = Picture.objects.filter(sha256=sha256)
    pictures.update(score=score)
    awaited = _awaited(pictures)
    followed = pictures.filter(rated_by="")
    followed.update(level=suggested(score))
    covers_follow(followed.values_list("pk", flat=True))
    pictures_tell(awaited)


def picture_unscored(sha256: str, *, code: str) -> None:
    """No worker could score these bytes: they are shown as where none are scored, and moderators see no score."""
    if code == "no-scorer":  # for a while nothing waits for a score
        cache.set(NONE_HERE, 1, NONE_SECONDS)
    _given_up(Picture.objects.filter(sha256=sha256))


def unscored_sweep() -> None:
    """What waited too long for its score is shown without one; the level follows where it comes after all."""
    late = Picture.objects.filter(level=UNKNOWN, created_at__lt=timezone.now() - WAITED)
    if ids := list(late.order_by("pk").values_list("pk", flat=True)[:1000]):
        log.warning("%d pictures are shown without a score: none came in %s", len(ids), WAITED)
        _given_up(Picture.objects.filter(pk__in=ids))


@transaction.atomic
def _given_up(pictures: QuerySet[Picture]) -> None:
    late = _awaited(pictures)
    Picture.objects.filter(pk__in=late, level=UNKNOWN).update(level=1)
    covers_follow(late)
    pictures_tell(late)


def _awaited(pictures: QuerySet[Picture]) -> list[int]:
    """Those whose level nobody knows yet."""
    return list(pictures.filter(level=UNKNOWN).values_list("pk", flat=True))


def pictures_tell(ids: Iterable[int]) -> None:
    """Pictures have a level now: whoever is told of new ones learns of those in the gallery, which others see now."""
    shown = Picture.objects.filter(pk__in=list(ids), visible=True, held=False, owner__isnull=False)
    for picture_id in shown.order_by("pk").values_list("pk", flat=True):
        announce(Hook.Kind.PICTURE_ADDED, picture_id)
