"""A file's way in, told in order: started, its parts signed, completed, inspected, or given up.

No byte of a file passes the hub: browsers and programs send parts to the object store by signed URLs, and the store
says which it has. Store calls stand outside transactions, and every step can be repeated: the row, or the assembled
object where the row was not told, says how far an upload is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hub import queue, storage
from hub.accounts.models import User
from hub.catalog import actions as catalog
from hub.catalog import blocks
from hub.catalog import verdicts as catalog_verdicts
from hub.catalog.models import File
from hub.errors import NotFound, Refused
from hub.tryit import actions as tryit
from hub.uploads import layouts, queries
from hub.uploads.allowed import check_group_room, check_room, checked_fields, checked_part_size, checked_size
from hub.uploads.duplicates import here_already
from hub.uploads.joining import PartsLost, StoreSilent, WrongParts, assemble, store_heard, to_assemble
from hub.uploads.models import Upload
from hub.uploads.names import checked_filename
from workers.messages import Assembled, Failed, Finding, Inspected, Inspecting, InspectModel

log = logging.getLogger(__name__)
Status = Upload.Status
SAID = {"sha256": "SHA-256", "autov1": "AutoV1", "autov2": "AutoV2", "autov3": "AutoV3", "blake3": "BLAKE3"}
SIGNED_AT_ONCE = 100  # more are asked for later; URLs die after an hour anyway
ORPHAN_HOURS = 1  # beyond the hours of abandonment: rows are made before their parts, never after


class UploadOver(Refused):
    code, status = "upload-over", HTTPStatus.CONFLICT


def upload_start(
    *,
    owner: User,
    filename: str,
    size: int,
    fields: Mapping[str, Any] | None = None,
    part_size: int | None = None,
    fingerprint: str = "",
    sha256: str = "",
) -> Upload:
    """Promise a file of ``size`` bytes. Its parts can be signed at once.

    part_size: bytes per part where the client insists (Uppy does); None: the hub's choice. fingerprint: by which a
    browser knows the file again, SHA-256 of its first and last 64 KiB in hex; kept, never checked. sha256: what its
    sender promises, hex; another file is refused. Raises `BadName`, `WrongKind`, `Empty`, `TooBig`, `QuotaReached`,
    `TooManyOpen`, `WrongFields`, `StoreSilent`.
    """
    filename = checked_filename(filename)
    part_size = checked_part_size(checked_size(size), part_size)
    chosen = checked_fields(owner, fields or {})
    upload = Upload(owner=owner, filename=filename, size=size, part_size=part_size, fields=chosen)
    upload.fingerprint, upload.sha256 = fingerprint, sha256
    upload.key = f"{storage.INCOMING}{upload.id}"
    with transaction.atomic():
        # The person's row is the lock: of two starts at once, the second counts the first.
        User.objects.select_for_update().get(pk=owner.pk)
        check_room(owner, size)
        check_group_room(owner, chosen, size)
        upload.save()
    # The row comes first, so that no upload in the store is unknown here.
    try:
        with store_heard():
            upload.s3_upload_id = storage.multipart_start(upload.key)
    except StoreSilent:
        upload.delete()
        raise
    upload.save(update_fields=["s3_upload_id"])
    return upload


def upload_fields(*, owner: User, id: UUID | str, fields: Mapping[str, Any]) -> Upload:
    """Change what the owner says of a file on its way in; an empty value goes back to what the file says itself."""
    upload = queries.upload_of(owner, id)
    with transaction.atomic():
        upload = Upload.objects.select_for_update(of=("self",)).get(pk=upload.pk)
        if upload.status == Status.ACCEPTED:
            raise UploadOver(_("This file was accepted; change its words on the model's page."))
        if upload.status not in queries.OPEN:
            raise UploadOver(_("This upload has ended (%s).") % upload.get_status_display())
        upload.fields = checked_fields(owner, upload.fields | dict(fields))
        upload.save(update_fields=["fields", "touched_at"])
    return upload


def parts_sign(*, owner: User, id: UUID | str, numbers: Iterable[int]) -> dict[int, str]:
    """URLs that take these parts, by number. Asking again when they have died is how long uploads go on."""
    upload = _waiting(owner, id)
    wanted, parts = sorted(set(numbers)), queries.part_count(upload)
    if not wanted or len(wanted) > SIGNED_AT_ONCE:
        raise WrongParts(_("Ask for 1 to %d parts at a time.") % SIGNED_AT_ONCE)
    if wanted[0] < 1 or wanted[-1] > parts:
        raise WrongParts(_("This file has parts 1 to %d.") % parts)
    Upload.objects.filter(pk=upload.pk).update(touched_at=timezone.now())
    return {n: storage.part_url(upload.key, upload.s3_upload_id, n, queries.part_bytes(upload, n)) for n in wanted}


def parts_list(*, owner: User, id: UUID | str) -> list[storage.Part]:
    """The parts that have arrived, as the object store tells it: what is not here is still to be sent."""
    return _parts(_waiting(owner, id))


def _waiting(owner: User, id: UUID | str) -> Upload:
    upload = queries.upload_of(owner, id)
    if upload.status == Status.ABORTED:
        raise UploadOver(_("This upload was aborted. Start it again."), upload_status=upload.status)
    if upload.status != Status.WAITING:
        raise UploadOver(_("This upload is complete; its parts are one file now."), upload_status=upload.status)
    if not upload.s3_upload_id:
        raise PartsLost(_("This upload was cut off before it began. Start it again."))
    return upload


def _parts(upload: Upload) -> list[storage.Part]:
    try:
        with store_heard():
            return queries.uploaded_parts(upload)
    except storage.NoSuchMultipart as error:
        raise PartsLost(_("The store no longer has this upload's parts. Complete it, or start it again.")) from error


def upload_complete(*, owner: User, id: UUID | str, parts: Iterable[Mapping[str, Any]] | None = None) -> Upload:
    """Make one file of the parts and hand it to the inspectors; a repeat answers the same.

    parts: the client's own list, ``[{PartNumber, ETag}]``, held against the store's; None: the store's list.
    Raises `WrongParts`, `PartsLost`, `UploadOver`, `StoreSilent`.
    """
    upload = queries.upload_of(owner, id)
    if upload.status == Status.ABORTED:
        raise UploadOver(_("This upload was aborted. Start it again."), upload_status=upload.status)
    if upload.status != Status.WAITING:
        return upload  # its first answer was lost on the way
    assemble(upload, parts)
    if not inspect(upload):
        upload.refresh_from_db()
        if upload.status == Status.ABORTED:
            with store_heard():
                storage.drop(upload.key)  # removed while the parts were being joined
            raise UploadOver(_("This upload was aborted."), upload_status=upload.status)
    return upload


def inspect(upload: Upload, *, stored: bool = True) -> bool:
    """Move a complete upload on to the inspectors; False where another did, or it is over.

    stored: False for one that a worker has to join from its chunks first.
    """
    with transaction.atomic():
        if not Upload.claim(upload.pk, status=Status.WAITING, becomes=Status.INSPECTING):
            return False
        upload.status, upload.stored, upload.sent_at = Status.INSPECTING, stored, timezone.now()
        upload.save(update_fields=["stored", "sent_at", "touched_at"])
        _send(upload)
    return True


def _send(upload: Upload) -> None:
    if not upload.stored:
        queue.send(to_assemble(upload), then="hub.uploads.inspected")
        return
    message = InspectModel(
        upload_id=str(upload.id), attempt=upload.attempt, key=upload.key, name=upload.filename, size=upload.size
    )
    queue.send(message, then="hub.uploads.inspected")


def upload_assembled(done: Assembled) -> None:
    """A worker has joined a file from its chunks: on to its inspection. A repeat changes nothing."""
    rows = Upload.objects.filter(id=done.upload_id, status=Status.INSPECTING, attempt=done.attempt, stored=False)
    upload = rows.first()
    if upload is None:
        return
    assemble(upload, None)
    with transaction.atomic():
        if rows.update(stored=True, sent_at=timezone.now(), touched_at=timezone.now()):
            upload.stored = True
            _send(upload)


def upload_inspected(report: Inspected) -> None:
    """Take the inspectors' answer. One that is repeated, or of an earlier attempt, changes nothing."""
    upload = Upload.objects.filter(
        id=report.upload_id, status=Status.INSPECTING, attempt=report.attempt
    ).select_related("owner").first()  # fmt: skip
    if upload is None:
        return
    if report.verdict != Status.ACCEPTED:
        _end(upload, report.verdict, report.findings, report=msgspec.to_builtins(report))
        return
    if broken := broken_promise(upload, report):
        _end(upload, Status.REFUSED, [*report.findings, broken], report=msgspec.to_builtins(report))
        return
    if held := catalog_verdicts.held(report.digests["sha256"]) or blocks.blocked(report.digests):
        _end(upload, Status.REFUSED, [*report.findings, held], report=msgspec.to_builtins(report))
        return
    # Before the transaction: a row must never name bytes that are not there. Repeating the copy is harmless.
    queue.say(Inspecting(upload_id=str(upload.pk), attempt=upload.attempt, stage="storing"))
    storage.promote(upload.key, report.digests["sha256"])
    if report.converted:
        storage.promote(report.converted.key, report.converted.sha256)
    try:
        with transaction.atomic():
            if not Upload.claim(upload.pk, status=Status.INSPECTING, becomes=Status.ACCEPTED, attempt=report.attempt):
                return
            upload.refresh_from_db()
            accept(upload, report)
    except Refused as refused:  # the catalogue has no place for it: the owner reads why
        findings = [*report.findings, Finding("warning", refused.sentence, refused.code)]
        _end(upload, Status.UNKNOWN, findings, report=msgspec.to_builtins(report))
        return
    # The row no longer needs the incoming copy; where this fails, the sweep finds it.
    storage.drop(upload.key)
    if report.converted:
        storage.drop(report.converted.key)
    Upload.objects.filter(pk=upload.pk).update(stored=False)


def broken_promise(upload: Upload, report: Inspected) -> Finding | None:
    """Why the bytes that arrived are not those that were promised by their digests."""
    promised = ({"sha256": upload.sha256} if upload.sha256 else {}) | dict(upload.fields.get("digests") or {})
    for kind, digest in promised.items():
        found = report.digests["sha256"] if kind == "autov2" else report.digests.get(kind)
        if found and found[: len(digest)] != digest:
            sentence = f"The bytes that arrived are not those that were promised: their {SAID[kind]} is another one."
            return Finding("danger", sentence, found)
    return None


def accept(upload: Upload, report: Inspected) -> None:
    """Make the file a version of a model, have it drawn, and keep what was said of it."""
    findings: list[Any] = here_already(upload.owner, report.digests)
    file, problem = _file_add(upload, report)
    findings += problem
    try:
        with transaction.atomic():
            tryit.preview_request(version=file.version)
    except Refused as refused:  # the file is fine; only its pictures have to wait
        findings.append(Finding("note", refused.sentence))
    layouts.layout_request(file=file)
    upload.file, upload.version = file, file.version
    upload.report = msgspec.to_builtins(report)
    upload.findings = [*file.findings, *msgspec.to_builtins(findings)]
    upload.finished_at = timezone.now()
    upload.save(update_fields=["file", "version", "report", "findings", "finished_at", "touched_at"])


def _file_add(upload: Upload, report: Inspected) -> tuple[File, list[Finding]]:
    """The catalogue's file; under a new private model where what the owner chose has become impossible meanwhile."""
    asked: dict[str, Any] = {"owner": upload.owner, "report": report, "filename": upload.filename}
    try:
        with transaction.atomic():
            return catalog.file_add(**asked, fields=upload.fields), []
    except catalog.Superseded:
        raise
    except Refused as refused:
        file = catalog.file_add(**asked, fields={})
        return file, [Finding("warning", f"{refused.sentence} The file is kept as a new private model.")]


def _end(upload: Upload, verdict: str, findings: Iterable[Finding], *, report: dict[str, Any] | None = None) -> None:
    """Close an upload that does not enter the catalogue. Its object stays private for some days, then goes."""
    Upload.objects.filter(pk=upload.pk, status=Status.INSPECTING, attempt=upload.attempt).update(
        status=verdict,
        findings=msgspec.to_builtins(list(findings)),
        report=report,
        finished_at=timezone.now(),
        touched_at=timezone.now(),
    )


def upload_failed(failed: Failed) -> None:
    """The inspectors could not do their work: asked again by the next sweep where that may help, else not known."""
    upload = Upload.objects.filter(id=failed.id, status=Status.INSPECTING, attempt=failed.attempt).first()
    if upload is None:
        return
    if failed.retry and upload.attempt < settings.JOB_ATTEMPTS:
        # Not at once: what failed (a store that restarts, memory taken) is best given half a minute.
        Upload.objects.filter(pk=upload.pk, status=Status.INSPECTING, attempt=upload.attempt).update(
            attempt=upload.attempt + 1, sent_at=None
        )
        return
    _end(
        upload, Status.UNKNOWN, [Finding("warning", f"The check could not be finished: {failed.sentence}", failed.code)]
    )


def upload_abort(*, owner: User, id: UUID | str) -> None:
    """Give an upload up, or remove one that was not accepted; its parts or object go. A repeat is fine.

    Raises `UploadOver` for one that was accepted: the model's page is where that file is deleted.
    """
    upload = queries.upload_of(owner, id)
    if upload.status == Status.ACCEPTED:
        raise UploadOver(_("This file was accepted; delete it on the model's page."), upload_status=upload.status)
    if upload.status != Status.ABORTED:
        # ``stored`` until it is cleared: if the store is silent now, the sweep comes back for it.
        rows = Upload.objects.filter(pk=upload.pk, status=upload.status)
        if not rows.update(status=Status.ABORTED, stored=True, finished_at=timezone.now()):
            upload_abort(owner=owner, id=id)  # it moved on in between: look again
            return
    _clear(upload)


def _clear(upload: Upload) -> None:
    """Remove an upload's parts and object from the store; then its row says so. The sweep repeats what fails here."""
    with store_heard():
        if upload.s3_upload_id:
            storage.multipart_abort(upload.key, upload.s3_upload_id)
        storage.drop(upload.key)
    Upload.objects.filter(pk=upload.pk).update(stored=False)


def upload_publish(*, owner: User, id: UUID | str) -> Upload:
    """Publish the version that an accepted upload became."""
    upload = queries.upload_of(owner, id)
    if upload.status != Status.ACCEPTED or upload.version is None:
        raise NotFound(_("This upload has become no version yet."))
    catalog.version_publish(version=upload.version, by=owner)
    return queries.upload_of(owner, id)


def uploads_sweep() -> None:
    """Ask again for what is overdue; let go of what nobody goes on with. Each step stands alone and can be repeated."""
    now = timezone.now()
    for upload in Upload.objects.filter(status=Status.INSPECTING).order_by("sent_at")[:500]:
        _ask_again(upload)
    for upload in queries.abandoned(now)[:100]:
        _each(_let_go, upload)
    for upload in queries.to_forget(now)[:100]:
        _each(_clear, upload)
    if cache.add("uploads:orphans-looked-for", 1, timeout=3600):
        orphans_clear()


def _each(step: Any, upload: Upload) -> None:
    """One upload's trouble must not keep the sweep from the others."""
    try:
        step(upload)
    except (Refused, BotoCoreError, ClientError):
        log.warning("The sweep could not do its work on upload %s; it will come again.", upload.pk, exc_info=True)


def _ask_again(upload: Upload) -> None:
    now = timezone.now()
    if upload.sent_at is None:  # a failure asked for another try, and was counted there
        with transaction.atomic():
            mine = Upload.objects.filter(pk=upload.pk, status=Status.INSPECTING, sent_at=None).update(sent_at=now)
            if mine:
                _send(upload)
        return
    if not queries.overdue(upload, now):
        return
    if upload.attempt >= settings.JOB_ATTEMPTS:
        sentence = f"The check did not finish in {upload.attempt} tries. An operator can see why in the worker's log."
        _end(upload, Status.UNKNOWN, [Finding("warning", sentence, "overdue")])
        return
    with transaction.atomic():
        mine = Upload.objects.filter(pk=upload.pk, status=Status.INSPECTING, attempt=upload.attempt).update(
            attempt=upload.attempt + 1, sent_at=now
        )
        if mine:
            log.warning("Inspection of upload %s is overdue: asked again.", upload.pk)
            upload.attempt += 1
            _send(upload)


def _let_go(upload: Upload) -> None:
    """End an abandoned upload; but where all of it had arrived and only the answer was lost, go on with it. One that
    was pushed and that no commit ever named goes."""
    if storage.object_size(upload.key) == upload.size and not upload.sha256:
        inspect(upload)
    else:
        upload_abort(owner=upload.owner, id=upload.pk)


def orphans_clear(prefix: str = storage.INCOMING) -> None:
    """Remove parts and incoming objects that no row speaks for (its owner was deleted, a start was cut off)."""
    now = timezone.now()
    since = now - timedelta(hours=settings.UPLOAD_ABANDONED_HOURS + ORPHAN_HOURS)
    for key, multipart, began in storage.multiparts(prefix):
        if began < since and not Upload.objects.filter(key=key, status=Status.WAITING).exists():
            storage.multipart_abort(key, multipart)
    for key, written in storage.incoming_objects(prefix):
        spoken_for = Upload.objects.filter(key=key).exclude(status=Status.ABORTED, stored=False)
        if written < since and not spoken_for.exclude(status=Status.ACCEPTED).exists():
            storage.drop(key)
