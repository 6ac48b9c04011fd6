"""First in one's own line: of what a person has waiting, this is drawn next; other people's keep their turns."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from hub import queue
from hub.accounts.models import User
from hub.errors import NotFound
from hub.tryit.models import Generation
from hub.tryit.queries import is_held
from hub.tryit.sending import TooLate

QUEUED = Generation.Status.QUEUED


def generation_first(*, generation: Generation, by: User) -> None:
    """Draw it before whatever else of one's own waits. Raises `NotFound` for another's, `TooLate` once it is begun."""
    if generation.owner_id is None or generation.owner_id != by.pk:
        raise NotFound(_("There is no such picture in line."))
    if generation.status != QUEUED or is_held(generation) or not _move(generation):
        raise TooLate(_("It is too late to put it first: a worker has it already, or is done with it."))


def go_first(generation: Generation) -> None:
    """On commit, after its message is in line, bring it before its owner's others of the same priority."""
    transaction.on_commit(lambda: _moved(generation))


def _moved(generation: Generation) -> None:
    _move(generation)  # where a worker was faster it needs no better place


def _move(generation: Generation) -> bool:
    """Messages move first: what a worker takes decides. The rows then have the times of the places they moved to, by
    which places in line are told, and by which the sweep sees what was missed. False where it is in no line any more.
    """
    waiting = Generation.objects.filter(owner=generation.owner_id, status=QUEUED, priority=generation.priority)
    own = {str(one.pk): one for one in waiting.order_by("sent_at")}
    moved = queue.drawn_first(str(generation.pk), {id: _work(one) for id, one in own.items()})
    if moved is None:
        return False
    with transaction.atomic():
        for n, (id, place) in enumerate(moved.items()):
            sent_at = own[place].sent_at + datetime.timedelta(microseconds=n)  # one behind the other at one place
            Generation.objects.filter(pk=id, status=QUEUED).update(sent_at=sent_at)
    return True


def _work(generation: Generation) -> int:
    """How much it is to draw, in pixels times steps: enough to tell which of two keeps others waiting longer."""
    recipe = generation.recipe
    return int(generation.count * recipe["steps"] * recipe["width"] * recipe["height"])
