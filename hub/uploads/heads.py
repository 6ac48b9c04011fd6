"""A file's first bytes, sent apart while the rest is still on its way, so that its owner's form fills itself.

Parts of an unfinished multipart upload cannot be read, not even by the store's own copy; so whoever sends the file
sends its header once more, as a small object beside it. It is a hint and no more: the verdict is said of the whole
file, and the head is deleted as soon as it was read. Every step can be repeated, and none holds the upload up.
"""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from uuid import UUID

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.db import transaction

from hub import queue, storage
from hub.accounts.models import User
from hub.errors import Refused
from hub.uploads import queries
from hub.uploads.joining import store_heard
from hub.uploads.models import Upload
from workers.messages import HeaderRead, ReadHeader

LENGTH_BYTES = 8  # before a safetensors header, how long it is


class WrongHead(Refused):
    code, status = "wrong-head", HTTPStatus.UNPROCESSABLE_ENTITY


def head_key(upload: Upload) -> str:
    """Beside the file, not below it: to some stores an object cannot be a folder as well."""
    return f"{upload.key}.head"


def head_sign(*, owner: User, id: UUID | str, size: int) -> str:
    """A URL that takes the file's first ``size`` bytes by PUT. Raises `WrongHead`, `NotFound`."""
    upload = _waiting(owner, id)
    most = min(upload.size, LENGTH_BYTES + settings.MAX_HEAD_BYTES)
    if not 0 < size <= most:
        raise WrongHead(f"The first bytes of this file are 1 to {most:,}.", most=most)
    return storage.object_url(head_key(upload), size)


def head_arrived(*, owner: User, id: UUID | str) -> Upload:
    """Have the first bytes read, once they are in the store. A repeat changes nothing. Raises `WrongHead`."""
    upload = _waiting(owner, id)
    if upload.header_asked:
        return upload
    with store_heard():
        size = storage.object_size(head_key(upload))
    if size is None or size > LENGTH_BYTES + settings.MAX_HEAD_BYTES:
        raise WrongHead("The file's first bytes have not arrived. Ask for a URL, and PUT them there.")
    with transaction.atomic():
        if Upload.objects.filter(pk=upload.pk, header_asked=False).update(header_asked=True):
            asked = ReadHeader(upload_id=str(upload.id), key=head_key(upload), name=upload.filename, size=upload.size)
            queue.send(asked, then="hub.uploads.header_read")
    upload.header_asked = True
    return upload


def _waiting(owner: User, id: UUID | str) -> Upload:
    upload = queries.upload_of(owner, id)
    if upload.status not in queries.OPEN:
        raise WrongHead("This upload has ended; its verdict says more than its first bytes.")
    return upload


def header_read(told: HeaderRead) -> None:
    """Keep what the first bytes told; their object has no further use. A repeated answer changes nothing."""
    upload = Upload.objects.filter(pk=told.upload_id, header_asked=True, header__isnull=True).first()
    if upload is None:
        return
    Upload.objects.filter(pk=upload.pk, header__isnull=True).update(header=msgspec.to_builtins(told))
    with contextlib.suppress(BotoCoreError, ClientError):  # the sweep clears what no row speaks for
        storage.drop(head_key(upload))
