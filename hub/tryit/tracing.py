"""A hint picture as its ControlNet will read it, made by a worker and kept beside the picture."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from hub import queue, storage
from hub.tryit.stacks import MAX_THRESHOLD, BadRecipe
from workers.hints import PREPROCESSORS
from workers.messages import Trace

AGAIN_SECONDS = 20  # before one is asked for again that has not come


def traced(sha256: str, preprocessor: str, low: str, high: str) -> bytes | None:
    """The PNG; None while it is being made. Thresholds that are empty are the usual ones. Raises `BadRecipe`."""
    if preprocessor not in PREPROCESSORS:
        raise BadRecipe(_("There is no such preprocessor."))
    usual = PREPROCESSORS[preprocessor]  # type: ignore[index]
    try:
        numbers = [round(float(text or value), 2) for text, value in zip((low, high), usual, strict=True)]
    except ValueError as error:
        raise BadRecipe(_("A threshold must be a number.")) from error
    if not all(0 <= number <= MAX_THRESHOLD for number in numbers):
        raise BadRecipe(_("A preprocessor's thresholds are from 0 to %s.") % MAX_THRESHOLD)
    wanted = Trace(sha256=sha256, preprocessor=preprocessor, low=numbers[0], high=numbers[1])
    if (made := storage.traced_picture(wanted)) is not None:
        return made
    with transaction.atomic():
        if queue.cache().set(f"weightroom:trace:{wanted.key}", 1, nx=True, ex=AGAIN_SECONDS):
            queue.send(wanted)
    return None
