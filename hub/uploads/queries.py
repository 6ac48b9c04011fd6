"""What can be asked of uploads. Nothing here changes anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.db.models import Case, Count, IntegerField, Q, QuerySet, Sum, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from hub import queue, storage
from hub.accounts.models import User
from hub.accounts.queries import groups_of, owners_for
from hub.catalog.models import Base, Blob, Model, Version
from hub.errors import NotFound
from hub.gallery.models import Frame
from hub.gallery.queries import FrameView, frames_drawn
from hub.tryit.models import Generation
from hub.uploads.models import Upload

STORING_SECONDS = 20  # and a second for every 20 MB
OPEN = (Upload.Status.WAITING, Upload.Status.INSPECTING)
# What S3 promises to take: at most so many parts, each but the last at least so large.
MOST_PARTS, SMALLEST_PART = 10_000, 5 * settings.MIB
# What a row or an answer shows of what became of it.
SHOWN = ("version__model", "version__base", "file__version__model", "file__version__base")
KEPT_DAYS = 2  # how long a finished upload stays on the upload page


def part_size_for(size: int) -> int:
    """Bytes per part of a file of ``size`` bytes: the hub's usual, or whole MiB more where 10,000 would not do."""
    needed = math.ceil(size / MOST_PARTS / settings.MIB) * settings.MIB
    return max(settings.UPLOAD_PART_BYTES, SMALLEST_PART, needed)


def part_count(upload: Upload) -> int:
    return math.ceil(upload.size / upload.part_size)


def part_bytes(upload: Upload, number: int) -> int:
    """How many bytes part ``number`` (from 1) must hold; the last one takes what is left."""
    return min(upload.part_size, upload.size - (number - 1) * upload.part_size)


def upload_of(owner: User, id: UUID | str) -> Upload:
    """The upload, if it is the owner's. Raises `NotFound`, the same for one that is another's."""
    found = Upload.objects.filter(id=id, owner=owner).select_related(*SHOWN).first()
    if found is None:
        raise NotFound(_("There is no upload of that number."))
    return found


def upload_list(owner: User) -> QuerySet[Upload]:
    """What ``owner`` has on the way in, open ones first, then what ended lately."""
    recent = timezone.now() - timedelta(days=KEPT_DAYS)
    first = Case(When(status__in=OPEN, then=Value(0)), default=Value(1), output_field=IntegerField())
    return (
        Upload.objects.filter(owner=owner)
        .filter(Q(status__in=OPEN) | Q(stored=True) | Q(finished_at__gt=recent))
        .exclude(status=Upload.Status.ABORTED)
        .exclude(fields__has_key="import")  # those have a page of their own
        .select_related(*SHOWN)
        .order_by(first, "-created_at")
    )


def uploads_open(owner: User) -> dict[str, int]:
    """How many files of ``owner`` wait for parts, and how many are being checked."""
    waiting = inspecting = 0
    for status in Upload.objects.filter(owner=owner, status__in=OPEN).values_list("status", flat=True):
        waiting += status == Upload.Status.WAITING
        inspecting += status == Upload.Status.INSPECTING
    return {"waiting": waiting, "inspecting": inspecting}


def part_sendings(upload: Upload) -> dict[int, list[storage.Part]]:
    """By number, each sending of that part which the store has kept, the best first: of the right size, then newest.

    Raises `storage.NoSuchMultipart`.
    """
    found: dict[int, list[storage.Part]] = {}
    for part in storage.parts(upload.key, upload.s3_upload_id):
        found.setdefault(part.number, []).append(part)
    for number, sendings in found.items():
        right = part_bytes(upload, number)
        sendings.sort(key=lambda part, right=right: (part.size == right, part.sent), reverse=True)  # type: ignore[misc]
    return found


def uploaded_parts(upload: Upload) -> list[storage.Part]:
    """The parts that the object store has; asked of it, for it is the only one who knows.

    An upload whose parts were made one object, without the hub hearing of it, has none left: raises
    `storage.NoSuchMultipart`, as for one that the store lost.
    """
    return [sendings[0] for _, sendings in sorted(part_sendings(upload).items())]


def upload_with_parts(owner: User, id: UUID | str) -> tuple[Upload, list[int]]:
    """The upload, and the numbers of the parts that arrived: all of them once it is complete. Raises `NotFound`."""
    upload = upload_of(owner, id)
    if upload.status == Upload.Status.ABORTED:
        return upload, []
    if upload.status != Upload.Status.WAITING:
        return upload, list(range(1, part_count(upload) + 1))
    try:
        return upload, [part.number for part in uploaded_parts(upload)]
    except (storage.NoSuchMultipart, BotoCoreError, ClientError):
        return upload, []  # the state is still an answer; `parts_list` says what is wrong


def space_used(owner: User) -> int:
    """Bytes that count against the quota: each blob of theirs once, files on their way in, refused ones still kept."""
    blobs = Blob.objects.filter(files__version__model__owner=owner).exclude(
        Q(files__version__status=Version.Status.DELETED) | Q(files__version__model__status=Model.Status.DELETED)
    )
    kept = Blob.objects.filter(pk__in=blobs.values("pk")).aggregate(total=Sum("size"))["total"] or 0
    kept_aside = Q(stored=True, status__in=(Upload.Status.REFUSED, Upload.Status.UNKNOWN))
    coming = Upload.objects.filter(owner=owner).filter(Q(status__in=OPEN) | kept_aside)
    return kept + (coming.aggregate(total=Sum("size"))["total"] or 0)


def seconds_for(size: int) -> float:
    """How long an inspector takes at most to the verdict on ``size`` bytes; then it says that it does not know."""
    return max(60.0, size / 50e6)


def overdue(upload: Upload, now: datetime) -> bool:
    """Whether an inspection has to be asked for again: nothing is heard of it, and it does not wait in line."""
    assert upload.sent_at is not None
    late = (now - upload.sent_at).total_seconds()
    silent = settings.INSPECTION_SILENT_SECONDS
    # While messages wait in line, ours is among them rather than lost; after an hour even that is doubted.
    if late < silent or (before(upload) > 0 and late < 3600):
        return False
    news = queue.inspecting(str(upload.pk))
    if news is None or news.attempt != upload.attempt:
        return True
    quiet = now.timestamp() - news.at
    if news.stage == "storing":  # the hub's own copy within the store, which sends no sign of life
        return quiet > max(silent, STORING_SECONDS) + upload.size / 20e6
    return quiet > silent


def before(upload: Upload) -> int:
    """How many inspections wait in the upload's line that are not less urgent than its own."""
    line, step = queue.inspection_line(upload.size)
    return queue.waiting(line, up_to=step)


def inspection_of(upload: Upload) -> dict[str, Any]:
    """The news of a running inspection, how many files wait in line, and how many inspectors live."""
    news = queue.inspecting(str(upload.pk))
    if news is not None and news.attempt < upload.attempt:
        news = None  # of a try that was given up
    known = news is not None
    return {
        "news": news,
        "before": 0 if known else before(upload),
        "inspectors": 1 if known else queue.workers_alive(queue.inspection_line(upload.size)[0]),
    }


def abandoned(now: datetime) -> QuerySet[Upload]:
    """Uploads that nobody went on with for the hours that the settings give."""
    since = now - timedelta(hours=settings.UPLOAD_ABANDONED_HOURS)
    return Upload.objects.filter(status=Upload.Status.WAITING, touched_at__lt=since)


def to_forget(now: datetime) -> QuerySet[Upload]:
    """Uploads whose incoming object has no use: refused long ago, given up, or in its place by digest already."""
    since = now - timedelta(days=settings.UPLOAD_REFUSED_DAYS)
    ended = Upload.objects.filter(stored=True).exclude(status__in=OPEN)
    return ended.filter(Q(finished_at__lt=since) | Q(status__in=(Upload.Status.ABORTED, Upload.Status.ACCEPTED)))


def form_choices(owner: User) -> dict[str, Any]:
    """What an upload's fields can be chosen from: the owner's models, the types, the bases."""
    gone = (Model.Status.DELETED, Model.Status.TAKEN_DOWN)
    theirs = Q(owner=owner) | Q(owner__in=groups_of(owner, editing=True))
    return {
        "owners": owners_for(owner),
        "models": Model.objects.filter(theirs).exclude(status__in=gone).order_by("name")[:500],
        "types": Model.Type.choices,
        "bases": Base.objects.filter(hidden=False).order_by("name"),
    }


@dataclass(frozen=True)
class Drawing:
    """How far a version's strip is: frames drawn, frames of it all, frames that a worker will still draw."""

    drawn: int
    frames: int
    coming: int
    shown: Sequence[FrameView] = ()


def drawing_of(version: Version) -> Drawing:
    frames = Frame.objects.filter(strip__version=version, strip__board=True)
    coming = Q(picture=None, generation__status__in=(Generation.Status.QUEUED, Generation.Status.RUNNING))
    counts = frames.aggregate(
        frames=Count("pk"), drawn=Count("pk", filter=Q(picture__isnull=False)), coming=Count("pk", filter=coming)
    )
    return Drawing(**counts, shown=frames_drawn(version) if counts["drawn"] else ())
