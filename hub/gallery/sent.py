"""Pictures that people send: straight to the store, read by a worker, then in a gallery or opened as a recipe."""

from __future__ import annotations

import datetime
import time
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hub import queue, storage, threads
from hub.catalog.blocks import picture_blocked
from hub.catalog.models import Version
from hub.errors import NotFound, Refused
from hub.gallery import recipes
from hub.gallery import told as telling
from hub.gallery.actions import blocked_tell, uses_note
from hub.gallery.covers import covers_follow
from hub.gallery.models import UNKNOWN, Picture, SentPicture
from hub.gallery.queries import pictures_for
from hub.gallery.scores import first_level, score_ask
from hub.hooks.actions import announce
from hub.hooks.models import Hook
from workers import messages
from workers.messages import Failed, ImageInspected, InspectImage, PictureRecipe, Recipe

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

MAX_BYTES = 30_000_000  # as workers.files.image has it
READ_SECONDS = 5  # that a form waits for its picture's reading
SILENT_SECONDS = 90  # a picture is read in one or two
WAITING_HOURS = 2
Status = SentPicture.Status
THEN = "hub.gallery.image_inspected"


class BadPicture(Refused):
    """A picture that cannot be taken, as far as its name and size tell."""

    code = "bad-picture"


class TooManyPictures(Refused):
    code, status = "too-many-pictures", HTTPStatus.TOO_MANY_REQUESTS


class NotArrived(Refused):
    """The picture's bytes are not in the store, or not all of them."""

    code, status = "not-arrived", HTTPStatus.CONFLICT


@transaction.atomic
def picture_send(
    *,
    owner: User,
    name: str,
    size: int,
    version: Version | None,
    material: bool = False,
    counted: bool = True,
) -> tuple[SentPicture, str]:
    """Begin to take a picture of ``size`` bytes: the row, and the URL that its bytes are to be PUT to.

    version: whose gallery it is for; None: only its recipe is wanted, or it is ``material`` to draw by, which its owner
    alone sees. counted: against the pictures of a day. Raises `BadPicture`, `TooManyPictures`.
    """
    if not 0 < size <= MAX_BYTES:
        raise BadPicture(_("A picture may have %s MB.") % (MAX_BYTES // 10**6))
    since = timezone.now() - datetime.timedelta(days=1)
    rows = SentPicture.objects.filter(owner=owner, created_at__gt=since)
    if counted and rows.count() >= settings.PICTURES_SENT_PER_DAY:
        raise TooManyPictures(
            _("%s pictures a day is this hub's limit. The next is possible tomorrow.") % settings.PICTURES_SENT_PER_DAY
        )
    sent = SentPicture(owner=owner, name=_tidy(name), size=size, version=version, material=material)
    # One part: the length is in its URL's signature, and once it is joined no URL can change it.
    sent.multipart = storage.multipart_start(sent.key)
    sent.save(force_insert=True)
    return sent, storage.part_url(sent.key, sent.multipart, 1, size)


def picture_take(
    *, owner: User, name: str, data: bytes, version: Version | None = None, material: bool = True
) -> SentPicture:
    """Take a picture that came inside a call's own body: to the store and to a worker, like any other.

    Raises `BadPicture`, `TooManyPictures`.
    """
    row, _url = picture_send(owner=owner, name=name, size=len(data), version=version, material=material)
    storage.part_put(row.key, row.multipart, data)
    return picture_finish(sent=row)


def _tidy(name: str) -> str:
    plain = "".join(letter for letter in name if letter.isprintable() and letter not in "/\\")
    return plain.strip()[:255] or "picture"


def picture_finish(*, sent: SentPicture) -> SentPicture:
    """Its bytes have arrived: have them read. Repeating is harmless. Raises `NotArrived`."""
    if sent.status != Status.WAITING:
        return sent
    try:
        parts = storage.parts(sent.key, sent.multipart)
        whole = [part for part in parts if part.number == 1 and part.size == sent.size]
        if not whole:
            raise NotArrived(_("The picture is not there yet. Send its bytes first."))
        storage.multipart_complete(sent.key, sent.multipart, whole[-1:])
    except (storage.NoSuchMultipart, storage.PartsRefused) as error:
        if storage.object_size(sent.key) != sent.size:
            raise NotArrived(_("The picture did not arrive. Send it again.")) from error
    with transaction.atomic():
        _ask(sent, Status.WAITING)
    sent.refresh_from_db()
    return sent


def _ask(sent: SentPicture, was: str) -> None:
    """Hand it to a worker, as the next attempt; one conditional UPDATE, so that one caller does it."""
    rows = SentPicture.objects.filter(pk=sent.pk, status=was, attempt=sent.attempt)
    if rows.update(status=Status.READING, attempt=sent.attempt + 1, asked_at=timezone.now()) == 1:
        wanted = InspectImage(
            upload_id=str(sent.pk),
            attempt=sent.attempt + 1,
            key=sent.key,
            name=sent.name,
            size=sent.size,
            keep=sent.version_id is not None or sent.material,
        )
        queue.send(wanted, then=THEN)


@transaction.atomic
def picture_inspected(answer: ImageInspected) -> None:
    """Take the worker's answer; a repeated one, or one of an earlier attempt, changes nothing."""
    sent = _claimed(answer.upload_id, answer.attempt)
    if sent is None:
        return
    sent.findings = [{"severity": one.severity, "sentence": one.sentence} for one in answer.findings]
    blocked = picture_blocked(answer.sha256)
    if blocked is not None:
        sent.status, sent.sentence = Status.REFUSED, blocked.sentence
        if sent.version is not None and answer.verdict == "accepted":  # held, so that its owner can answer
            sent.picture = _kept(sent, answer, held=True)
    elif answer.verdict == "accepted":
        sent.status = Status.ACCEPTED
        sent.sha256 = answer.sha256
        sent.told = messages.msgspec.to_builtins(answer.recipe) if answer.recipe else None
        if sent.version is not None:
            sent.picture = _kept(sent, answer)
    else:
        sent.status = Status.REFUSED
        sent.sentence = next((one.sentence for one in answer.findings if one.severity == "danger"), "")[:500]
    sent.save()
    transaction.on_commit(lambda: storage.drop(sent.key))


def _claimed(sent_id: str, attempt: int) -> SentPicture | None:
    rows = SentPicture.objects.select_for_update(of=("self",)).select_related("version__model", "owner")
    return rows.filter(pk=sent_id, attempt=attempt, status=Status.READING).first()


def _kept(sent: SentPicture, answer: ImageInspected, *, held: bool = False) -> Picture:
    """The picture in its version's gallery, with those of its files that this hub has. held: for its owner alone."""
    version, told = sent.version, answer.recipe or PictureRecipe(program="")
    assert version is not None
    resources = telling.found(sent.owner, told)
    made = telling.recipe(told, resources)
    picture = Picture.objects.create(
        owner=sent.owner,
        sha256=answer.sha256,
        width=answer.width,
        height=answer.height,
        recipe=recipes.built(made),
        told=messages.msgspec.to_builtins(told),
        blurhash=answer.blurhash,
        level=first_level(),
        visible=True,
        held=held,
    )
    score_ask(picture)
    weights: dict[str, float | None] = {use.sha256: use.weight for use in made.uses if use.sha256}
    if made.base:
        weights[made.base] = None
    uses_note(picture, weights, also=version)
    if held:
        blocked_tell(picture.sha256)
        return picture
    covers_follow([picture.pk])
    if picture.level != UNKNOWN:  # or once it has one
        announce(Hook.Kind.PICTURE_ADDED, picture.pk)
    return picture


@transaction.atomic
def picture_tell(*, picture: Picture, told: PictureRecipe) -> None:
    """Give a sent picture that carried no recipe the one that its source told apart from it; another keeps its own."""
    if picture.told is None or telling.read(picture.told).program or picture.owner is None:
        return
    resources = telling.found(picture.owner, told)
    made = telling.recipe(told, resources)
    picture.recipe, picture.told = recipes.built(made), messages.msgspec.to_builtins(told)
    picture.save(update_fields=["recipe", "told"])
    weights: dict[str, float | None] = {use.sha256: use.weight for use in made.uses if use.sha256}
    if made.base:
        weights[made.base] = None
    uses_note(picture, weights)


@transaction.atomic
def picture_failed(answer: Failed) -> None:
    """Ask again where that may help and attempts are left; else say why."""
    sent = _claimed(answer.id, answer.attempt)
    if sent is None:
        return
    if answer.retry and sent.attempt < settings.JOB_ATTEMPTS:
        _ask(sent, Status.READING)
    else:
        _give_up(sent, answer.sentence)


def _give_up(sent: SentPicture, sentence: str) -> None:
    rows = SentPicture.objects.filter(pk=sent.pk, attempt=sent.attempt, status=sent.status)
    rows.update(status=Status.REFUSED, sentence=sentence[:500])
    transaction.on_commit(lambda: storage.drop(sent.key))


def sent_pictures_sweep() -> None:
    """Ask again for what has been silent too long; forget what was begun and never sent."""
    now = timezone.now()
    for sent in SentPicture.objects.filter(
        status=Status.READING, asked_at__lt=now - datetime.timedelta(seconds=SILENT_SECONDS)
    ):
        with transaction.atomic():
            if sent.attempt < settings.JOB_ATTEMPTS:
                _ask(sent, Status.READING)
            else:
                _give_up(sent, _("No worker read this picture in time. Send it again later."))
    old = now - datetime.timedelta(hours=WAITING_HOURS)
    for sent in SentPicture.objects.filter(status=Status.WAITING, created_at__lt=old)[:100]:
        storage.multipart_abort(sent.key, sent.multipart)
        sent.delete()
    # Recipes name what they were drawn by for good; the rest was only on its way.
    SentPicture.objects.filter(created_at__lt=now - datetime.timedelta(days=30), material=False).delete()


class FormPicture:
    """A picture on its way through a form (`hub.bodies.Taker`)."""

    def __init__(self) -> None:
        self.name, self.data = "", bytearray()

    def begin(self, name: str, most: int) -> None:
        self.name = name

    def take(self, data: bytes) -> None:
        self.data += data


def picture_read(sent: SentPicture) -> SentPicture:
    """The same a moment later: most pictures are read by then, and nobody has to look twice."""
    until = time.monotonic() + READ_SECONDS
    with threads.aside():
        while sent.status == Status.READING and time.monotonic() < until:
            time.sleep(0.2)
            sent.refresh_from_db()
    return sent


def sent_for(user: User | AnonymousUser, sent_id: uuid.UUID) -> SentPicture:
    """One's own. Raises `NotFound`."""
    rows = SentPicture.objects.select_related("version__model", "picture")
    sent = rows.filter(pk=sent_id, owner=user.pk).first() if user.is_authenticated else None
    if sent is None:
        raise NotFound(_("There is no such picture."))
    return sent


def may_draw_by(user: User | AnonymousUser, sha256: str) -> bool:
    """Whether ``user`` may have pictures drawn by this one: one that they may see, or sent themselves."""
    own = user.is_authenticated and SentPicture.objects.filter(owner=user.pk, sha256=sha256).exists()
    return own or pictures_for(user).filter(sha256=sha256).exists()


def recipe_of(user: User | AnonymousUser, sent: SentPicture) -> tuple[Recipe, list[telling.Found]] | None:
    """The recipe that a sent picture carries, in this hub's terms, and each file it names; None: it carries none."""
    if sent.told is None:
        return None
    told = telling.read(sent.told)
    resources = telling.found(user, told)
    return telling.recipe(told, resources), resources
