"""Files that come as chunks (Xet): blocks of them, stored once a sender, and how files are put together from those.

The hub never unpacks a block: a worker joins the file once a commit names it, and its SHA-256 decides. Blocks are their
sender's alone, so that a known name is no way to another person's bytes.
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import IO

import urllib3
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from hub import storage
from hub.accounts.models import User
from hub.accounts.queries import quota_of
from hub.errors import Refused
from hub.templatetags.weightroom import size as said
from hub.uploads.actions import inspect, upload_start
from hub.uploads.allowed import QuotaReached
from hub.uploads.joining import StoreSilent, store_heard
from hub.uploads.models import ChunkedFile, Upload, Xorb
from workers.messages import xorb_key

XORB_LIMIT = 80 * 1024**2  # 64 MiB, and what stands around it
TERMS_LIMIT = 100_000
# Clients remember for three weeks what they have sent, and send it no more.
KEPT = timedelta(days=28)


class BadChunks(Refused):
    code, status = "bad-chunks", HTTPStatus.BAD_REQUEST


def xorb_known(owner: User, hash: str) -> bool:
    """Whether ``owner`` has sent this block before."""
    return bool(Xorb.objects.filter(owner=owner, hash=hash, stored=True).update(used_at=timezone.now()))


def xorb_start(*, owner: User, hash: str, size: int) -> Xorb:
    """The row of a block that is about to come. Raises `BadChunks`, `QuotaReached`."""
    if not 0 < size <= XORB_LIMIT:
        raise BadChunks(f"A block of chunks holds up to {said(XORB_LIMIT)}.")
    kept = Xorb.objects.filter(owner=owner).aggregate(total=Sum("size"))["total"] or 0
    left = quota_of(owner) - kept
    if size > left:
        raise QuotaReached(f"This needs {said(size)}; you have {said(max(0, left))} left.", left=left)
    xorb, _ = Xorb.objects.update_or_create(
        owner=owner, hash=hash, defaults={"size": size, "used_at": timezone.now()}, create_defaults={"size": size}
    )
    return xorb


def xorb_url(xorb: Xorb) -> str:
    return storage.xorb_url(xorb_key(xorb.owner_id, xorb.hash), xorb.size)


def xorb_keep(*, owner: User, hash: str, body: IO[bytes], size: int) -> bool:
    """Pass a block on to the store; False where it was there already. Raises as `xorb_start`, and `StoreSilent`."""
    if xorb_known(owner, hash):
        return False
    xorb = xorb_start(owner=owner, hash=hash, size=size)
    try:
        with store_heard():
            storage.xorb_put(xorb_key(owner.pk, hash), body, size)
    except (OSError, urllib3.exceptions.HTTPError) as error:
        raise StoreSilent("The object store did not take a block of chunks. Try again in a moment.") from error
    Xorb.objects.filter(pk=xorb.pk).update(stored=True)
    return True


def xorb_arrived(*, owner: User, hash: str) -> bool:
    """Whether a block that was sent straight to the store is there; then it is known from now on."""
    xorb = Xorb.objects.filter(owner=owner, hash=hash).first()
    if xorb is None:
        return False
    with store_heard():
        there = storage.object_size(xorb_key(owner.pk, hash)) == xorb.size
    return there and bool(Xorb.objects.filter(pk=xorb.pk).update(stored=True, used_at=timezone.now()))


@transaction.atomic
def chunked_take(*, owner: User, sha256: str, terms: list[tuple[str, int, int, int]]) -> ChunkedFile:
    """Note how a file is put together; a commit may name it from now on. Raises `BadChunks` where a block is not
    here."""
    if not terms or len(terms) > TERMS_LIMIT or any(not 0 <= first < end or size < 1 for _, first, end, size in terms):
        raise BadChunks("A file is one or more runs of chunks.")
    needed = {hash for hash, *_ in terms}
    here = Xorb.objects.filter(owner=owner, hash__in=needed, stored=True)
    if missing := needed - set(here.values_list("hash", flat=True)):
        raise BadChunks(f"{len(missing)} blocks of chunks are not here. Clear the client's xet cache and push again.")
    here.update(used_at=timezone.now())
    size = sum(size for *_, size in terms)
    made, _ = ChunkedFile.objects.update_or_create(
        owner=owner, sha256=sha256, defaults={"size": size, "terms": terms, "used_at": timezone.now()}
    )
    return made


def chunked_here(owner: User, sha256: str, size: int) -> bool:
    return ChunkedFile.objects.filter(owner=owner, sha256=sha256, size=size).exists()


def chunked_start(*, owner: User, filename: str, sha256: str, size: int, fields: dict[str, object]) -> Upload:
    """Have a chunked file joined, then inspected, under this name. Raises as `upload_start`."""
    upload = upload_start(owner=owner, filename=filename, size=size, sha256=sha256)
    upload.fields = fields
    upload.save(update_fields=["fields", "touched_at"])
    inspect(upload, stored=False)
    return upload


def chunks_sweep() -> None:
    """Let go of blocks that nothing has used for longer than clients remember them."""
    since = timezone.now() - KEPT
    ChunkedFile.objects.filter(used_at__lt=since).delete()
    for xorb in Xorb.objects.filter(used_at__lt=since)[:1000]:
        with store_heard():
            storage.xorb_drop(xorb_key(xorb.owner_id, xorb.hash))
        xorb.delete()
