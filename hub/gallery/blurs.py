"""Pictures from before blurs were kept get theirs from a worker, a few at a time, behind what people wait for."""

from __future__ import annotations

from django.core.cache import cache

from hub import queue
from hub.gallery.models import Picture
from workers.messages import Score

THEN = "hub.gallery.scored"
AT_ONCE, AGAIN = 40, 24 * 3600  # pictures a minute; seconds until one that could not be read is asked for again


def blurs_feed() -> int:
    """Ask for the blurs of visible pictures that have none. Returns for how many."""
    without = Picture.objects.filter(blurhash="", visible=True).order_by("-pk").values_list("sha256", flat=True)
    asked = 0
    for sha256 in dict.fromkeys(without[: 10 * AT_ONCE]):
        if asked >= AT_ONCE:
            break
        if cache.add(f"gallery:blur:{sha256}", 1, timeout=AGAIN):
            queue.send(Score(sha256=sha256, blur_only=True), then=THEN, priority=queue.PRIORITIES[-1])
            asked += 1
    return asked


def picture_blurred(sha256: str, blurhash: str) -> None:
    """Keep what a worker said of these bytes; a blur that is there stays."""
    Picture.objects.filter(sha256=sha256, blurhash="").update(blurhash=blurhash[:40])
