"""What the drawing tongues share: checkpoints by the names that programs use; recipes drawn while somebody waits."""

from __future__ import annotations

import hashlib
import random
import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction
from msgspec.structs import replace

from hub import queue, threads
from hub.accounts.models import User
from hub.catalog.models import Digest, File
from hub.catalog.queries import bases_for_tryit
from hub.errors import Refused
from hub.gallery import sent
from hub.gallery.models import Picture, SentPicture
from hub.gallery.queries import board_of
from hub.protocols import waiting
from hub.tryit import actions, samplers
from hub.tryit.models import Generation
from hub.tryit.stacks import MAX_COUNT, MAX_SEED, accepted_file
from workers.messages import Recipe

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

MOST_LISTED = 1000
SEEDS = ("seed", "variation_seed")
PICTURE_SECONDS, LOOK_EVERY = 60, 0.1
_BRACKETS = re.compile(r"\s*\[[0-9a-f]*\]$", re.IGNORECASE)
_ID = re.compile(r"-v(\d{1,9})(?:\s*\[[0-9a-f]*\])?$", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{8,64}")
_ENDING = re.compile(r"\.(safetensors|ckpt|pt)$", re.IGNORECASE)


class CheckpointUnknown(Refused):
    """No checkpoint that can be drawn on is called so here."""

    code, status = "checkpoint-unknown", HTTPStatus.NOT_FOUND


class CannotDraw(Refused):
    """Something was asked that this hub's engine does not do; it is said, and nothing is drawn without it."""

    code, status = "cannot-draw", HTTPStatus.NOT_IMPLEMENTED


class DrawingFailed(Refused):
    """The workers could not draw it; the sentence is theirs."""

    code, status = "drawing-failed", HTTPStatus.INTERNAL_SERVER_ERROR


class Interrupted(Refused):
    code, status = "interrupted", HTTPStatus.CONFLICT


class NotInTime(Refused):
    code, status = "not-in-time", HTTPStatus.GATEWAY_TIMEOUT


def checkpoints(user: User | AnonymousUser) -> list[File]:
    """Checkpoints that ``user`` can draw on, the first published first: it is what is drawn on where none is named."""
    return sorted(bases_for_tryit(user, most=MOST_LISTED), key=lambda file: file.version_id)


def name_of(file: File) -> str:
    """A checkpoint's name in one word that is its alone: ``Ink-Mix-v34``."""
    name = re.sub(r"[^\w.]+", "-", file.version.model.name).strip("-") or "model"
    return f"{name}-v{file.version_id}"


def title_of(file: File) -> str:
    """``Ink-Mix-v34 [a5f58eb1c3]``: what A1111's clients show, and send back."""
    return f"{name_of(file)} [{file.blob_id[:10]}]"


def checkpoint_named(user: User | AnonymousUser, name: str) -> File:
    """The checkpoint that a program means by title, name, file name, or digest. Raises `CheckpointUnknown`, also
    where several are called so."""
    wanted = _ENDING.sub("", name.strip().replace("\\", "/").rsplit("/", 1)[-1])
    if found := _ID.search(wanted):
        file = accepted_file(user, int(found[1]))
        if file is not None and file.adapter == "base" and wanted.lower() in {
            name_of(file).lower(), title_of(file).lower()
        }:  # fmt: skip
            return file
    wanted = wanted.lower()
    hashed = _with_digest(wanted)
    matching = [file for file in checkpoints(user) if file.pk in hashed or _is_called(file, wanted)]
    if len({file.blob_id for file in matching}) == 1:
        return matching[0]
    if matching:
        names = ", ".join(title_of(file) for file in matching[:5])
        raise CheckpointUnknown(f"Several checkpoints are called “{name[:80]}” here: {names}. Name one of these.")
    raise CheckpointUnknown(f"There is no checkpoint “{name[:80]}” to draw on here.")


def _is_called(file: File, wanted: str) -> bool:
    model = file.version.model
    named = {model.name, model.slug, name_of(file), _ENDING.sub("", file.name), f"{model.owner.username}/{model.slug}"}
    hashed = len(wanted) >= 10 and _HASH.fullmatch(wanted) is not None and file.blob_id.startswith(wanted)
    return hashed or wanted in {one.lower() for one in named}


def _with_digest(wanted: str) -> set[int]:
    """Files that one of whose digests is ``wanted`` whole: AutoV1's eight hex, BLAKE3's 64."""
    if not _HASH.fullmatch(wanted) or len(wanted) % 2:
        return set()
    return set(Digest.objects.filter(digest=bytes.fromhex(wanted)).values_list("file_id", flat=True)[:100])


def default_checkpoint(user: User | AnonymousUser) -> File:
    """Raises `CheckpointUnknown` where there is none at all."""
    if found := checkpoints(user):
        return found[0]
    raise CheckpointUnknown("There is no checkpoint to draw on here yet.")


def recipe_on(base: File) -> Recipe:
    """A recipe with what suits ``base``: its board's size, steps, CFG and sampler; seed −1."""
    recipe = Recipe(base=base.blob_id, base_family=base.version.base.family, base_name=base.version.model.name, seed=-1)
    if board := next(iter(board_of(base)), None):
        name = samplers.split(board.sampler, "Automatic")
        recipe = replace(
            recipe, width=board.width, height=board.height, steps=board.steps, cfg=board.cfg,
            sampler=name.sampler, schedule=name.schedule,
        )  # fmt: skip
    return recipe


def picture_given(owner: User, data: bytes, *, field: str) -> str:
    """The SHA-256 of a picture that came inside a request, once a worker has read it and made it anew.

    Clients send the same picture again and again: it is read once a day. Raises `BadPicture`, `TooManyPictures`,
    `NotInTime`.
    """
    key = f"weightroom:given:{owner.pk}:{hashlib.sha256(data).hexdigest()}"
    if (known := queue.cache().get(key)) is not None:
        return known.decode()  # type: ignore[union-attr]
    row = sent.picture_take(owner=owner, name=field, data=data)
    if not connection.in_atomic_block:
        connection.close()  # nobody needs one to wait
    with threads.aside():
        until = time.monotonic() + PICTURE_SECONDS
        while row.status == SentPicture.Status.READING:
            if time.monotonic() > until:
                raise NotInTime("No worker read the picture in time. Try again later.", field=field)
            time.sleep(LOOK_EVERY)
            row.refresh_from_db()
    if row.status != SentPicture.Status.ACCEPTED:
        raise sent.BadPicture(row.sentence or "The picture could not be read.", field=field)
    queue.cache().set(key, row.sha256, ex=24 * 3600)
    return row.sha256


def file_called(files: list[File], name: str) -> File | None:
    """One of ``files`` by the names that programs send: its model's, its file's, with a hash in brackets or without."""
    wanted = _BRACKETS.sub("", _ENDING.sub("", name.strip().replace("\\", "/").rsplit("/", 1)[-1])).strip().lower()
    for file in files:
        if wanted in {name_of(file).lower(), file.version.model.name.lower(), _ENDING.sub("", file.name).lower()}:
            return file
    return None


@transaction.atomic
def asked(*, owner: User, recipe: Recipe, count: int = 1) -> list[Generation]:
    """Put ``count`` pictures in line, as many generations as that takes; seeds count up over all of them.

    Raises what `tryit.actions.generation_create` raises; then none is in line.
    """
    drawn = {name: random.randint(0, MAX_SEED - 256) for name in SEEDS if getattr(recipe, name) == -1}
    recipe = replace(recipe, **drawn)
    made = []
    for start in range(0, count, MAX_COUNT):
        part = recipe.number(start)
        made.append(actions.generation_create(owner=owner, recipe=part, count=min(MAX_COUNT, count - start)))
    return made


def drawn(generations: list[Generation], *, owner: User, gone: Callable[[], bool]) -> list[Picture]:
    """Wait for the pictures, in order. A client that hangs up takes them out of the line.

    Raises `DrawingFailed`, `Interrupted`, `NotInTime`, `waiting.HungUp`, `waiting.TooManyWait`.
    """
    ids = [generation.pk for generation in generations]
    try:
        done = waiting.wait_for(ids, seconds=settings.WAITING_SECONDS, gone=gone)
    except (waiting.HungUp, waiting.TooManyWait):
        cancelled(ids, owner=owner)
        raise
    if not done:
        cancelled(ids, owner=owner)
        raise NotInTime("The picture was not drawn in time, and was taken out of the line.")
    return pictures_of(ids)


def pictures_of(ids: list[uuid.UUID]) -> list[Picture]:
    """The pictures of generations that have ended, in order. Raises `DrawingFailed`, `Interrupted`."""
    rows = Generation.objects.prefetch_related("pictures").in_bulk(ids)
    found: list[Picture] = []
    for one in ids:
        row = rows.get(one)
        if row is None or row.status == Generation.Status.CANCELLED:
            raise Interrupted("It was interrupted; nothing was kept.")
        if row.status == Generation.Status.FAILED:
            raise DrawingFailed(row.error or "It could not be drawn.", reason=row.error_code)
        found += sorted(row.pictures.all(), key=lambda picture: picture.pk)
    return found


def cancelled(ids: list[uuid.UUID], *, owner: User) -> int:
    """Take what is still open out of the line; how many that were."""
    count = 0
    for generation in Generation.objects.filter(pk__in=ids, owner=owner, status__in=waiting.OPEN):
        try:
            actions.generation_cancel(generation=generation, by=owner)
            count += 1
        except actions.TooLate:
            continue
    return count


# What one token's programs wait for, so that they can ask how far it is and interrupt it, and nothing else.


def _key(token_id: int) -> str:
    return f"weightroom:asked:{token_id}"


def asked_by(token_id: int) -> list[uuid.UUID]:
    """What was asked with a token and is waited for, oldest first."""
    found = queue.cache().zrange(_key(token_id), 0, -1)
    return [uuid.UUID(one.decode()) for one in found]  # type: ignore[union-attr]


def note_asked(token_id: int, ids: list[uuid.UUID]) -> None:
    key = _key(token_id)
    start = int(queue.cache().zcard(key))  # type: ignore[arg-type]
    queue.cache().zadd(key, {str(one): start + number for number, one in enumerate(ids)})
    queue.cache().expire(key, int(settings.WAITING_SECONDS) + 60)


def forget_asked(token_id: int, ids: list[uuid.UUID]) -> None:
    queue.cache().zrem(_key(token_id), *[str(one) for one in ids])
