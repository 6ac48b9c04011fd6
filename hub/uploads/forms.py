"""A file that comes in one form: how browsers send it that run no scripts. It passes the hub in parts to the store,
eight megabytes at a time in memory, and is from then on an upload like any other."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from hub import bodies, storage
from hub.accounts.models import User
from hub.errors import Refused
from hub.uploads import actions, allowed
from hub.uploads.joining import store_heard
from hub.uploads.models import Upload

PART = 8 * settings.MIB


def most() -> int:
    """How many bytes a file may have that comes this way."""
    return min(settings.FORM_UPLOAD_BYTES, settings.MAX_UPLOAD_BYTES)


def upload_take(*, owner: User, request: HttpRequest, fields: Mapping[str, Any]) -> Upload:
    """Take the file of ``request``'s form and have it inspected. Raises as `upload_start`, `upload_complete` and
    `bodies.file_handed_on` do; then nothing of it is kept."""
    coming = _Coming(owner, fields)
    try:
        bodies.file_handed_on(request, coming, most=most())
        return coming.complete()
    except BaseException:
        coming.give_up()
        raise


class _Coming:
    """The upload that a form's bytes become: parts go to the store as they fill."""

    def __init__(self, owner: User, fields: Mapping[str, Any]) -> None:
        self.owner, self.fields = owner, fields
        self.upload: Upload | None = None
        self.held, self.parts, self.size = bytearray(), 0, 0

    def begin(self, name: str, most: int) -> None:
        # What a form promises is its whole length; the file is a little shorter, which is known at its end.
        self.upload = actions.upload_start(
            owner=self.owner, filename=name, size=most, fields=self.fields, part_size=PART
        )

    def take(self, data: bytes) -> None:
        self.held += data
        while len(self.held) >= PART:
            self._send(bytes(self.held[:PART]))
            del self.held[:PART]

    def _send(self, part: bytes) -> None:
        assert self.upload is not None
        self.parts += 1
        with store_heard():
            storage.part_put(self.upload.key, self.upload.s3_upload_id, part, number=self.parts)
        self.size += len(part)

    def complete(self) -> Upload:
        assert self.upload is not None
        if self.held:
            self._send(bytes(self.held))
        if not self.size:
            raise allowed.Empty("The file is empty.")
        Upload.objects.filter(pk=self.upload.pk).update(size=self.size, touched_at=timezone.now())
        return actions.upload_complete(owner=self.owner, id=self.upload.pk)

    def give_up(self) -> None:
        """What had arrived goes; where the store is silent, the sweep comes for it."""
        if self.upload is not None:
            with contextlib.suppress(Refused, BotoCoreError, ClientError):
                actions.upload_abort(owner=self.owner, id=self.upload.pk)
