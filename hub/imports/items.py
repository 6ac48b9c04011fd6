"""A file's or a picture's way in: measured, asked for in legs of some parts, completed, inspected as any upload.

The hub never sees its bytes: it asks the store which parts are there, and a worker for the others. Every step can be
repeated; an answer to an errand that was given out again changes nothing.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from hub import queue, storage
from hub.errors import Refused
from hub.gallery import actions as gallery
from hub.gallery import sent as pictures
from hub.gallery import told as telling
from hub.gallery.models import SentPicture
from hub.imports import queries
from hub.imports.models import Import, Item
from hub.imports.notices import import_ended
from hub.uploads import actions as uploads
from hub.uploads import queries as upload_queries
from hub.uploads.allowed import TooManyOpen
from hub.uploads.joining import PartsLost, StoreSilent
from hub.uploads.models import Upload
from workers.fetch_messages import Fetched, FetchFile, Measure, Measured, Part
from workers.messages import Failed

log = logging.getLogger(__name__)
State = Item.State
THEN = "hub.imports.answered"
AT_ONCE = 2  # items of one import on their way at the same time
LEG_PARTS = 64  # of one errand: a gigabyte; then others have their turn
URL_SECONDS = 6 * 3600  # a leg may wait in line, and its server be slow
BUSY_SECONDS = 20  # until a person's uploads are looked at again where too many are open


def go_on(imported: Import) -> None:
    """Give out the next errands of an import; end it where nothing of it is left to do."""
    if imported.status != Import.Status.FETCHING:
        return
    with transaction.atomic():
        Import.objects.select_for_update().get(
            pk=imported.pk
        )  # one at a time: of two, the second sees what the first did
        active = imported.items.filter(state__in=queries.ACTIVE).count()
        waiting = imported.items.filter(queries.due(), state=State.WAITING).order_by("position")
        starting = list(waiting[: max(0, AT_ONCE - active)])
        for item in starting:
            state = State.FETCHING if item.upload_id or item.sent_id else State.MEASURING
            Item.objects.filter(pk=item.pk).update(state=state, sent_at=None)
            item.state = state
        if not imported.items.filter(state__in=queries.ITEMS_OPEN).exists():
            open_now = Import.objects.filter(pk=imported.pk, status=Import.Status.FETCHING)
            if open_now.update(status=Import.Status.DONE, finished_at=timezone.now(), secret=""):
                import_ended(imported.pk)
    for item in starting:
        send(item)


def send(item: Item) -> None:
    """Give an item's errand out, as the next attempt; its state says which."""
    if item.state == State.MEASURING:
        most = settings.MAX_UPLOAD_BYTES if item.kind == Item.Kind.FILE else pictures.MAX_BYTES
        _errand(item, lambda who: Measure(**who, url=item.url, most=most))
        return
    try:
        missing = _missing(item)
    except (StoreSilent, BotoCoreError, ClientError):
        _put_off(item, "The object store does not answer.")
        return
    except (storage.NoSuchMultipart, PartsLost):
        _begin_again(item)
        return
    if not missing:
        _complete(item)
        return
    _errand(
        item,
        lambda who: FetchFile(
            **who, url=item.url, size=item.size, parts=tuple(missing[:LEG_PARTS]), validator=item.validator
        ),
    )


def _errand(item: Item, message: object) -> None:
    imported = item.of
    with transaction.atomic():
        rows = Item.objects.filter(pk=item.pk, state=item.state, attempt=item.attempt)
        if not rows.update(attempt=F("attempt") + 1, sent_at=timezone.now(), arrived=item.arrived):
            return
        item.attempt += 1
        who = {"id": str(item.pk), "attempt": item.attempt, "server": imported.server, "secret": imported.secret}
        queue.fetch_counts(str(item.pk), item.attempt)
        queue.send(message(who), then=THEN)  # type: ignore[operator]


def _missing(item: Item) -> list[Part]:
    """The parts that are not in the store yet. Raises `storage.NoSuchMultipart` where it knows of no such upload."""
    if item.kind == Item.Kind.PICTURE:
        sent = item.sent
        if sent is None:
            raise storage.NoSuchMultipart(str(item.pk))
        if sent.status != SentPicture.Status.WAITING or storage.object_size(sent.key) == sent.size:
            return []
        there = {part.number for part in storage.parts(sent.key, sent.multipart) if part.size == sent.size}
        item.arrived = len(there)
        if 1 in there:
            return []
        url = storage.part_url(sent.key, sent.multipart, 1, sent.size, seconds=URL_SECONDS, inside=True)
        return [Part(0, sent.size, url)]
    upload = item.upload
    if upload is None or upload.status == Upload.Status.ABORTED:
        raise storage.NoSuchMultipart(str(item.pk))
    if upload.status != Upload.Status.WAITING or upload.stored:
        return []
    try:
        arrived = {part.number for part in upload_queries.uploaded_parts(upload)
                   if part.size == upload_queries.part_bytes(upload, part.number)}  # fmt: skip
    except storage.NoSuchMultipart:
        if storage.object_size(upload.key) == upload.size:  # joined before, and the answer lost
            return []
        raise
    item.arrived = len(arrived)
    Upload.objects.filter(pk=upload.pk).update(touched_at=timezone.now())
    numbers = [n for n in range(1, upload_queries.part_count(upload) + 1) if n not in arrived][:LEG_PARTS]
    return [_part(upload, number) for number in numbers]


def _part(upload: Upload, number: int) -> Part:
    size = upload_queries.part_bytes(upload, number)
    url = storage.part_url(upload.key, upload.s3_upload_id, number, size, seconds=URL_SECONDS, inside=True)
    return Part((number - 1) * upload.part_size, size, url)


def measured(answer: Measured) -> None:
    """Its size is known: promise it to the store and have it fetched."""
    item = _claimed(answer.id, answer.attempt, State.MEASURING)
    if item is None:
        return
    item.size, item.validator = answer.size, answer.validator
    try:
        if item.kind == Item.Kind.FILE:
            item.upload = _upload(item)
        else:
            item.sent = pictures.picture_send(
                owner=item.of.owner, name=item.name, size=item.size, version=item.version, counted=False
            )[0]
    except TooManyOpen:
        _wait(item, seconds=BUSY_SECONDS, sentence="It waits until fewer files of yours are on their way in.")
        return
    except (StoreSilent, BotoCoreError, ClientError):
        _put_off(item, "The object store does not answer.")
        return
    except Refused as refused:
        fail(item, refused.sentence)
        return
    item.state = State.FETCHING
    item.save(update_fields=["size", "validator", "upload", "sent", "state"])
    send(item)


def _upload(item: Item) -> Upload:
    sha256 = item.digests.get("sha256", "")
    fields = {
        "version_id": item.version_id,
        "base": item.version.base.name if item.version.base.name != "Other" else "",
        "publish": item.of.publish,
        "digests": {kind: digest for kind, digest in item.digests.items() if kind != "sha256"},
        "import": str(item.pk),
    }
    return uploads.upload_start(owner=item.of.owner, filename=item.name, size=item.size, sha256=sha256, fields=fields)


def fetched(answer: Fetched) -> None:
    """A leg has arrived: the next one, or the whole."""
    item = _claimed(answer.id, answer.attempt, State.FETCHING)
    if item is not None:
        item.tries = 0
        item.save(update_fields=["tries"])
        send(item)


def _complete(item: Item) -> None:
    """Every part is in the store: one object of them, and on to the inspectors."""
    try:
        if item.kind == Item.Kind.FILE:
            assert item.upload is not None
            uploads.upload_complete(owner=item.of.owner, id=item.upload.pk)
        else:
            assert item.sent is not None
            pictures.picture_finish(sent=item.sent)
    except (StoreSilent, BotoCoreError, ClientError):
        _put_off(item, "The object store does not answer.")
        return
    except Refused as refused:
        fail(item, refused.sentence)
        return
    Item.objects.filter(pk=item.pk, state=State.FETCHING).update(state=State.INSPECTING, sentence="", tries=0)
    go_on(item.of)


def failed(answer: Failed) -> None:
    """A worker could not do its errand: again after a pause where that may help, else its owner reads why."""
    item = _claimed(answer.id, answer.attempt, State.MEASURING, State.FETCHING)
    if item is None:
        return
    if answer.code == "changed":  # the parts that are here are of another file
        _begin_again(item)
        return
    if not answer.retry or not _put_off(item, answer.sentence):
        fail(item, answer.sentence)


def _put_off(item: Item, sentence: str) -> bool:
    """Have it tried again after a pause; False where it was tried often enough without anything arriving."""
    before, tries = item.arrived, item.tries
    if item.state == State.FETCHING and item.upload_id:
        try:
            _missing(item)
        except (storage.NoSuchMultipart, StoreSilent, BotoCoreError, ClientError):
            item.arrived = before
        if item.arrived > before:
            tries = 0
    if tries + 1 >= settings.IMPORT_ATTEMPTS:
        return False
    item.tries = tries + 1
    _wait(item, again_at=queries.later(tries), sentence=sentence)
    return True


def _wait(item: Item, *, sentence: str, seconds: float = 0, again_at: object = None) -> None:
    at = again_at or timezone.now() + timedelta(seconds=seconds)
    Item.objects.filter(pk=item.pk, state=item.state, attempt=item.attempt).update(
        state=State.WAITING, again_at=at, sentence=sentence[:500], tries=item.tries, arrived=item.arrived
    )
    go_on(item.of)


def _begin_again(item: Item) -> None:
    """What was fetched so far is lost or of no use: measured and fetched anew, as one more try."""
    if item.upload is not None and item.upload.status == Upload.Status.WAITING:
        uploads.upload_abort(owner=item.of.owner, id=item.upload.pk)
    item.tries += 1
    if item.tries >= settings.IMPORT_ATTEMPTS:
        fail(item, "What its server sends changes from one time to the next.")
        return
    Item.objects.filter(pk=item.pk).update(upload=None, sent=None, size=0, validator="", arrived=0)
    _wait(item, again_at=queries.later(item.tries), sentence="It changed at its source; it is fetched anew.")


def fail(item: Item, sentence: str) -> None:
    """Say why it did not come; the import goes on with the others."""
    rows = Item.objects.filter(pk=item.pk, state=item.state)
    if rows.update(state=State.FAILED, sentence=sentence[:500]):
        go_on(item.of)


def settle(item: Item) -> bool:
    """Whether a file's or a picture's inspection has ended; then its item says how."""
    if item.kind == Item.Kind.PICTURE:
        return _settle_picture(item)
    upload = item.upload
    if upload is None or upload.status == Upload.Status.ABORTED:
        return _ended(item, State.FAILED, "It was removed while it was checked.")
    if upload.status == Upload.Status.ACCEPTED:
        return _ended(item, State.DONE, "")
    if upload.status in (Upload.Status.REFUSED, Upload.Status.UNKNOWN):
        said = [finding["sentence"] for finding in upload.findings if finding["severity"] == "danger"]
        said = said or [finding["sentence"] for finding in upload.findings]
        word = "Refused" if upload.status == Upload.Status.REFUSED else "Not known yet"
        return _ended(item, State.FAILED, f"{word}: {' '.join(said)}")
    return False


def _settle_picture(item: Item) -> bool:
    sent = item.sent
    if sent is None or sent.status == SentPicture.Status.REFUSED:
        return _ended(item, State.FAILED, sent.sentence if sent else "It was removed while it was checked.")
    if sent.status != SentPicture.Status.ACCEPTED:
        return False
    if sent.picture is not None:
        if item.told:
            pictures.picture_tell(picture=sent.picture, told=telling.read(item.told))
        if item.level != (sent.picture.level or 1):  # of what is not scored yet the score has the word
            gallery.picture_rate(picture_id=sent.picture.pk, by=item.of.owner, level=item.level)
        item.picture = sent.picture
        item.save(update_fields=["picture"])
    return _ended(item, State.DONE, "")


def _ended(item: Item, state: str, sentence: str) -> bool:
    return bool(
        Item.objects.filter(pk=item.pk, state=State.INSPECTING).update(state=state, sentence=sentence[:500].strip())
    )


def _claimed(id: str, attempt: int, *states: str) -> Item | None:
    """The item that an answer is about, where it is still waited for."""
    rows = Item.objects.select_related("of__owner", "version__base", "version__model", "upload", "sent")
    return rows.filter(pk=id, attempt=attempt, state__in=states, of__status=Import.Status.FETCHING).first()
