"""What moderators ask: what is held back, what was decided, how far an inspection of the library is."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from hub import queue
from hub.accounts.models import User
from hub.catalog.models import Blob, File, Model, Version
from hub.errors import NotAllowed, NotFound
from hub.moderation.models import Entry, Recheck, RecheckItem
from hub.uploads.lifting import HELD
from hub.uploads.models import Upload

SHOWN = 100


def moderator(user: User) -> User:
    """``user``, if they moderate. Raises `NotAllowed`."""
    if not user.is_moderator:
        raise NotAllowed("Only moderators may do this.")
    return user


def files_held() -> QuerySet[File]:
    """Files of the catalogue that nobody but their owners can download, the latest first."""
    gone = Q(version__status=Version.Status.DELETED) | Q(version__model__status=Model.Status.DELETED)
    held = File.objects.exclude(verdict=File.Verdict.ACCEPTED).exclude(gone)
    return held.select_related("version__model__owner", "version__base", "blob").order_by("-inspected_at", "-id")


def uploads_held() -> QuerySet[Upload]:
    """Uploads that were not accepted and whose bytes are still here, the latest first."""
    return Upload.objects.filter(status__in=HELD, stored=True).select_related("owner").order_by("-finished_at")


def file_of(id: int) -> File:
    """A file of the catalogue, whatever its verdict. Raises `NotFound`."""
    files = File.objects.exclude(version__status=Version.Status.DELETED)
    file = files.select_related("version__model__owner", "blob").filter(pk=id).first() if 0 < id < 2**63 else None
    if file is None:
        raise NotFound("There is no such file.")
    return file


def entry_list(*, before: int | None = None, sha256: str = "", most: int = SHOWN) -> list[Entry]:
    """The audit log, the latest first; ``before``: only entries of lower numbers."""
    entries = Entry.objects.select_related("actor")
    if before is not None:
        entries = entries.filter(pk__lt=before)
    if sha256:
        entries = entries.filter(sha256=sha256.lower())
    return list(entries[:most])


def blobs_to_recheck(*, everything: bool) -> QuerySet[Blob]:
    """Blobs that some file names: all, or those that the present rules have not judged."""
    named = Q(files__version__status__in=[Version.Status.DRAFT, Version.Status.PUBLISHED, Version.Status.TAKEN_DOWN])
    blobs = Blob.objects.filter(named, git_oid="").distinct()
    return blobs if everything else blobs.exclude(rules=queue.rules())


@dataclass(frozen=True)
class Library:
    """How many files' bytes there are, and by which rules they were judged."""

    rules: str
    blobs: int
    older: int


def library() -> Library:
    return Library(queue.rules(), blobs_to_recheck(everything=True).count(), blobs_to_recheck(everything=False).count())


@dataclass(frozen=True)
class Counts:
    """How far an inspection of the library is."""

    total: int
    done: int
    failed: int
    changed: int

    @property
    def over(self) -> int:
        return self.done + self.failed


def counts_of(recheck: Recheck) -> Counts:
    states = RecheckItem.State
    counts = recheck.items.aggregate(
        total=Count("pk"),
        done=Count("pk", filter=Q(state=states.DONE)),
        failed=Count("pk", filter=Q(state=states.FAILED)),
        changed=Count("pk", filter=~Q(changed=[])),
    )
    return Counts(**counts)


def recheck_list(most: int = 20) -> list[tuple[Recheck, Counts]]:
    return [(recheck, counts_of(recheck)) for recheck in Recheck.objects.select_related("by")[:most]]


def recheck_running() -> Recheck | None:
    return Recheck.objects.filter(finished_at=None).first()
