"""A file that was not accepted enters the catalogue after all: a moderator looked at it and answers for it."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from django.db import transaction
from django.utils.translation import gettext as _

from hub import storage
from hub.catalog import verdicts
from hub.catalog.models import File
from hub.errors import NotFound, Refused
from hub.uploads.actions import accept
from hub.uploads.joining import store_heard
from hub.uploads.models import Upload
from workers.messages import Inspected

HELD = (Upload.Status.REFUSED, Upload.Status.UNKNOWN)


class NotLiftable(Refused):
    code, status = "not-liftable", HTTPStatus.CONFLICT


def upload_held(id: UUID | str) -> Upload:
    """An upload that was not accepted and whose bytes are still here, whoever's. Raises `NotFound`."""
    upload = Upload.objects.select_related("owner").filter(id=id, status__in=HELD).first()
    if upload is None:
        raise NotFound(_("No file of that number is held back."))
    return upload


def upload_promote(upload: Upload) -> None:
    """Put the bytes where accepted ones lie; the store is asked outside transactions, and repeating is harmless.

    Raises `NotLiftable` where the bytes are gone or were never read to their end: nobody knows their digest.
    """
    digests = (upload.report or {}).get("digests") or {}
    if not upload.stored:
        raise NotLiftable(_("The bytes of this file have been deleted. Its owner has to upload it again."))
    if not digests.get("sha256"):
        raise NotLiftable(_("This file was never read to its end, so nobody knows its digest. Have it uploaded again."))
    with store_heard():
        storage.promote(upload.key, digests["sha256"])


@transaction.atomic
def upload_lift(*, upload: Upload, because: verdicts.Found) -> File:
    """Take a promoted upload into the catalogue, its findings kept and ``because`` before them."""
    before = upload.status
    if not Upload.claim(upload.pk, status=before, becomes=Upload.Status.ACCEPTED):
        raise NotLiftable(_("Somebody else decided about this file a moment ago."))
    upload.refresh_from_db()
    found = upload.findings
    report = msgspec.convert(dict(upload.report or {}) | {"type": "Inspected"}, Inspected)
    accept(upload, msgspec.structs.replace(report, verdict="accepted", converted=None))
    assert upload.file is not None
    file = upload.file
    file.findings = found
    verdicts.verdict_set(file=file, verdict=File.Verdict.ACCEPTED, because=because, lifted=True)
    Upload.objects.filter(pk=upload.pk).update(findings=file.findings)
    return file


def upload_lifted(upload: Upload) -> None:
    """The incoming copy has no further use; where the store is silent now, the sweep finds it."""
    try:
        storage.drop(upload.key)
    except (BotoCoreError, ClientError):
        return
    Upload.objects.filter(pk=upload.pk).update(stored=False)
