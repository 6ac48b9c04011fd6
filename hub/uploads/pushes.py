"""Weights pushed to a repository: promised by SHA-256, sent like any upload, named by a commit, then inspected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from django.db import transaction
from django.db.models import QuerySet

from hub.accounts.models import User
from hub.catalog import commits, repositories
from hub.catalog import queries as catalog_queries
from hub.catalog.commits import Commit, Content
from hub.catalog.models import Model
from hub.errors import NotFound, Refused
from hub.uploads import chunks, queries
from hub.uploads.actions import inspect, upload_start
from hub.uploads.joining import assemble
from hub.uploads.models import Upload
from hub.uploads.names import checked_filename

Status = Upload.Status


class NotArrived(Refused):
    code, status = "not-arrived", HTTPStatus.UNPROCESSABLE_ENTITY


class NotAccepted(Refused):
    code, status = "not-accepted", HTTPStatus.UNPROCESSABLE_ENTITY


class StillInspected(Refused):
    code, status = "still-inspected", HTTPStatus.CONFLICT


def push_start(*, owner: User, sha256: str, size: int) -> Upload | None:
    """Promise weights by their SHA-256; None where they need not be sent: ``owner`` sent them before, or may read them.

    What others hold privately is asked for like anything new. Raises what `upload_start` raises.
    """
    if _here(owner, sha256, size):
        return None
    waiting = _pushed(owner, sha256, size).filter(status=Status.WAITING, stored=False).exclude(s3_upload_id="").first()
    return waiting or upload_start(owner=owner, filename=f"{sha256[:16]}.bin", size=size, sha256=sha256)


def _pushed(owner: User, sha256: str, size: int) -> QuerySet[Upload]:
    return Upload.objects.filter(owner=owner, sha256=sha256, size=size).order_by("-created_at")


def _on_their_way(owner: User, sha256: str, size: int) -> Upload | None:
    """Bytes that have arrived: they wait for their commit, or for the inspectors."""
    arrived = _pushed(owner, sha256, size).filter(status__in=queries.OPEN, stored=True)
    return arrived.first()


def push_complete(*, upload: Upload, parts: Iterable[Mapping[str, object]] | None = None) -> None:
    """Make one object of the parts; it waits for the commit that names it. A repeat is fine. Raises as `assemble`."""
    if upload.status == Status.WAITING and not upload.stored:
        assemble(upload, parts)
        Upload.objects.filter(pk=upload.pk, status=Status.WAITING).update(stored=True)


def push_arrived(*, owner: User, sha256: str, size: int) -> None:
    """Raises `NotFound` unless these bytes are here for ``owner`` to name in a commit."""
    if not _here(owner, sha256, size):
        raise NotFound("These bytes have not arrived.")


def _here(owner: User, sha256: str, size: int) -> bool:
    return readable(owner, sha256) or _on_their_way(owner, sha256, size) is not None


def readable(user: User, sha256: str) -> bool:
    """Whether ``user`` may read weights of this digest; nobody else is told that they are here."""
    return bool(catalog_queries.files_by_sha256(user, [sha256]))


@transaction.atomic
def push_commit(
    *,
    by: User,
    model: Model,
    branch: str,
    puts: Mapping[str, Content],
    removes: Iterable[str],
    folders: Iterable[str],
    message: str,
    parent: str = "",
) -> Commit:
    """A commit, and the inspection of the weights that it brings. Raises as `commit_make`, and `NotArrived`,
    `NotAccepted`, `StillInspected` for weights that cannot be named."""
    shas = {content.sha256 for path, content in puts.items() if not repositories.is_plain(path)}
    accepted = catalog_queries.files_by_sha256(by, shas)
    made = commits.commit_make(
        by=by, model=model, branch=branch, puts=puts, removes=removes, folders=folders,
        message=message, parent=parent, accepted=accepted,
    )  # fmt: skip
    taken: set[str] = set()
    for path in made.weights:
        content = puts[path]
        if content.sha256 not in taken:
            _inspect_as(by, made, path, content)
            taken.add(content.sha256)
    return made


def _inspect_as(owner: User, made: Commit, path: str, content: Content) -> None:
    """Hand arrived weights to the inspectors under the name that the commit gives them."""
    assert made.version is not None
    name = checked_filename(path.rsplit("/", 1)[-1])
    upload = _on_their_way(owner, content.sha256, content.size)
    fields = {"model_id": made.version.model_id, "version_id": made.version.pk, "path": path}
    if upload is None and chunks.chunked_here(owner, content.sha256, content.size):
        chunks.chunked_start(owner=owner, filename=name, sha256=content.sha256, size=content.size, fields=fields)
        return
    if upload is None:
        judged = _pushed(owner, content.sha256, content.size).filter(status__in=[Status.REFUSED, Status.UNKNOWN])
        if last := judged.first():
            said = " ".join(finding["sentence"] for finding in last.findings)
            raise NotAccepted(f"{path} did not pass inspection. {said}")
        raise NotArrived(f"The bytes of {path} have not arrived. Push it again.")
    if upload.status == Status.INSPECTING:
        raise StillInspected(f"{path} is being inspected under another name. Push again when that has ended.")
    upload.filename, upload.fields = name, fields
    upload.save(update_fields=["filename", "fields", "touched_at"])
    inspect(upload)
