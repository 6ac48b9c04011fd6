"""A picture in the width that an address asks for, in the grammar that Civitai's clients write and rewrite:
``/image/{key}/width=450,optimized=true/{name}``, ``/image/{key}/original=true/{name}``."""

from __future__ import annotations

from hub import queue, storage
from hub.gallery.models import Picture
from workers.messages import Shrink

LADDER = (96, 320, 450, 512, 800, 1200, 1600, 2200)  # Civitai's own steps
AGAIN_SECONDS = 30  # before a copy is asked for again that has not come


def step_of(params: str) -> int | None:
    """The step of the ladder that serves what ``params`` ask for; None for the picture as it was drawn.

    A width between two steps gets the larger; what else is said (fit, anim, quality) changes nothing here.
    """
    said = dict(part.split("=", 1) for part in params.split(",") if "=" in part)
    width = said.get("width", "")
    if said.get("original") == "true" or not (width.isascii() and width.isdigit() and 0 < len(width) < 6):
        return None
    return next((step for step in LADDER if step >= int(width)), None)


def sized(sha256: str, step: int) -> tuple[bytes, bool]:
    """A picture's bytes at a step of the ladder, and whether they are that: the drawn PNG stands in until a worker has
    made the copy. A picture that is no wider is served as it is. Raises botocore's errors."""
    width = Picture.objects.filter(sha256=sha256).values_list("width", flat=True).first()
    if width is None or width <= step:
        return storage.picture(sha256), True
    if (small := storage.small_picture(sha256, step)) is not None:
        return small, True
    if queue.cache().set(f"weightroom:shrink:{sha256}:{step}", 1, nx=True, ex=AGAIN_SECONDS):
        queue.send(Shrink(sha256=sha256, width=step))
    return storage.picture(sha256), False
