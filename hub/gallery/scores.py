"""Pictures are scored by a worker; the score suggests a content level, and a person's word stands above it."""

from __future__ import annotations

from django.conf import settings

from hub import queue
from hub.gallery.covers import covers_follow
from hub.gallery.models import Picture
from workers.messages import Score

THEN = "hub.gallery.scored"
# Yahoo names 0.2 and 0.8 for "surely not" and "surely"; between them it depends.
SUGGESTS = ((0.85, 8), (0.6, 4), (0.3, 2))


def score_ask(picture: Picture) -> None:
    """Have a picture scored after the commit, behind what people wait for; nothing where the hub scores none."""
    if settings.PICTURE_SCORES:
        queue.send(Score(sha256=picture.sha256), then=THEN, priority=queue.PRIORITIES[-1])


def suggested(score: float) -> int:
    """The content level that a score suggests."""
    return next((level for least, level in SUGGESTS if score >= least), 1)


def picture_scored(sha256: str, score: float) -> None:
    """Keep what a worker said of these bytes; the level follows where nobody set one. Repeating changes nothing."""
    pictures = Picture.objects.filter(sha256=sha256)
    pictures.update(score=score)
    followed = pictures.filter(rated_by="")
    followed.update(level=suggested(score))
    covers_follow(followed.values_list("pk", flat=True))
