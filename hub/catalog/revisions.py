"""Revisions: the immutable maps path → blob that make a model a repository with commits."""

import hashlib
from collections.abc import Mapping

from hub.catalog.models import File, Model, Revision, RevisionEntry, Version


def revision_oid(files: Mapping[str, str]) -> str:
    """40 hex over a map path → SHA-256: the same files under the same paths are the same revision, in any order."""
    lines = sorted(f"{path}\0{sha256.lower()}\n" for path, sha256 in files.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:40]


def revision_renew(version: Version, *, message: str) -> Revision:
    """Name what the version holds as a revision and make it the version's: its accepted files, and what else its
    repository holds beside them (a README, configurations); the earlier revision becomes its parent."""
    accepted = dict(version.files.filter(verdict=File.Verdict.ACCEPTED).values_list("name", "blob_id"))
    beside = entries_of(version.revision) if version.revision else {}
    revision = revision_make(version.model, beside | accepted, message=message, parent=_latest(version))
    revision_take(version, revision)
    return revision


def entries_of(revision: Revision) -> dict[str, str]:
    """A revision's map path → SHA-256."""
    return dict(revision.entries.values_list("path", "blob_id"))


def revision_make(model: Model, entries: Mapping[str, str], *, message: str, parent: Revision | None) -> Revision:
    """The revision of this map; found, where the model had the very same files before. Every blob must have its row."""
    revision, made = Revision.objects.get_or_create(
        model=model, oid=revision_oid(entries), defaults={"parent": parent, "message": message[:300]}
    )
    if made:
        RevisionEntry.objects.bulk_create(
            RevisionEntry(revision=revision, path=path, blob_id=sha256) for path, sha256 in entries.items()
        )
    return revision


def revision_take(version: Version, revision: Revision) -> None:
    """Make ``revision`` the version's, and the model's ``main`` where the version is its newest."""
    if version.revision_id != revision.pk:
        version.revision = revision
        version.save(update_fields=["revision", "updated_at"])
    if version.status == Version.Status.PUBLISHED:
        revision_show(revision.pk)
    newest = version.model.versions.exclude(status=Version.Status.DELETED).order_by("index", "-id").first()
    if newest == version:
        Model.objects.filter(pk=version.model_id).update(head=revision)
        version.model.head = revision


def revision_show(revision_id: int | None) -> None:
    """Let everybody ask for a revision by its id: a published version names it."""
    if revision_id is not None:
        Revision.objects.filter(pk=revision_id, shown=False).update(shown=True)


def _latest(version: Version) -> Revision | None:
    return version.revision or version.model.revisions.order_by("-id").first()
