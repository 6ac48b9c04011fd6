"""Revisions: the immutable maps path → blob that make a model a repository with commits."""

import hashlib
from collections.abc import Mapping

from hub.catalog.models import File, Model, Revision, RevisionEntry, Version


def revision_oid(files: Mapping[str, str]) -> str:
    """40 hex over a map path → SHA-256: the same files under the same paths are the same revision, in any order."""
    lines = sorted(f"{path}\0{sha256.lower()}\n" for path, sha256 in files.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:40]


def revision_renew(version: Version, *, message: str) -> Revision:
    """Name the version's accepted files as a revision and make it the version's; the earlier one becomes its parent."""
    accepted = version.files.filter(verdict=File.Verdict.ACCEPTED).values_list("name", "blob_id")
    entries = dict(accepted)
    revision, made = Revision.objects.get_or_create(
        model_id=version.model_id,
        oid=revision_oid(entries),
        defaults={"parent": _latest(version.model), "message": message[:300]},
    )
    if made:
        RevisionEntry.objects.bulk_create(
            RevisionEntry(revision=revision, path=path, blob_id=sha256) for path, sha256 in entries.items()
        )
    if version.revision_id != revision.id:
        version.revision = revision
        version.save(update_fields=["revision", "updated_at"])
    return revision


def _latest(model: Model) -> Revision | None:
    return model.revisions.order_by("-id").first()
