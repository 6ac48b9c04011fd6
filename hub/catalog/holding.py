"""Where the bytes of a file lie follows what was decided about it.

An address that was given out for a download works for an hour, whatever is decided meanwhile. So bytes that are served
to nobody any more are moved within the store: the address leads nowhere then. Served again, they move back.
"""

from __future__ import annotations

import logging

from botocore.exceptions import BotoCoreError, ClientError
from django.utils import timezone

from hub import queue, storage
from hub.catalog.models import Blob, File, Model, Settling, Version

log = logging.getLogger(__name__)
LOCK_SECONDS = 3600
GONE = (Model.Status.DELETED, Model.Status.TAKEN_DOWN)


def settle_ask(*shas: str) -> None:
    """Have the store follow, within seconds of the commit. Call it in the transaction of the decision."""
    rows = [Settling(sha256=sha, asked_at=timezone.now()) for sha in sorted(set(shas))]
    Settling.objects.bulk_create(rows, update_conflicts=True, unique_fields=["sha256"], update_fields=["asked_at"])


def served(sha256: str) -> bool:
    """Whether some accepted file of a model that is not gone has these bytes, be it a draft."""
    files = File.objects.filter(blob_id=sha256, verdict=File.Verdict.ACCEPTED)
    return files.exclude(version__status=Version.Status.DELETED).exclude(version__model__status__in=GONE).exists()


def blobs_settle() -> int:
    """Move what was asked for; returns how many were settled. What the store refuses now is tried again next time."""
    done = 0
    for row in Settling.objects.order_by("asked_at")[:100]:
        lock = f"weightroom:settling:{row.sha256}"
        if not queue.cache().set(lock, 1, nx=True, ex=LOCK_SECONDS):
            continue  # another worker moves it
        try:
            _settle(row.sha256)
            # Asked again meanwhile: the row is another one, and stays.
            Settling.objects.filter(pk=row.pk, asked_at=row.asked_at).delete()
            done += 1
        except (BotoCoreError, ClientError, ValueError):
            log.warning("The store did not move %s; it is tried again.", row.sha256, exc_info=True)
        finally:
            queue.cache().delete(lock)
    return done


def _settle(sha256: str) -> None:
    blob = Blob.objects.filter(pk=sha256).first()
    if blob is None or not blob.files.exists():
        return
    if served(sha256):
        storage.put_back(sha256)
        Blob.objects.filter(pk=sha256).update(held_at=None)
        storage.place_empty(sha256, aside=True)
    elif storage.blob_exists(sha256):
        storage.put_aside(sha256)
        Blob.objects.filter(pk=sha256).update(held_at=blob.held_at or timezone.now())
        storage.place_empty(sha256, aside=False)
