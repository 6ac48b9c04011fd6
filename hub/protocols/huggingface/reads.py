"""What the endpoints ask beyond the catalogue's own questions: verdicts of files on their way, facts of models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from hub.catalog import queries, repositories
from hub.catalog.models import File, Model, Revision, RevisionEntry, Version
from hub.catalog.queries import Person
from hub.catalog.repositories import Entry
from hub.uploads.models import Upload


def verdicts(model: Model, entries: Iterable[Entry]) -> dict[str, str]:
    """By path: accepted, or how far the inspection of a file is that its owner has pushed."""
    entries = list(entries)
    waiting = {entry.blob.sha256 for entry in entries if not entry.served}
    states: dict[str, str] = {}
    if waiting:
        # A group's are those that its members pushed to it.
        pushed = Q(owner_id=model.owner_id) | Q(fields__model_id=model.pk)
        uploads = Upload.objects.filter(pushed, sha256__in=waiting).order_by("created_at")
        states = dict(uploads.values_list("sha256", "status"))
        # One that came in and was judged anew since.
        judged = File.objects.filter(version__model=model, blob_id__in=waiting)
        states |= dict(judged.values_list("blob_id", "verdict"))
    return {e.path: "accepted" if e.served else states.get(e.blob.sha256, "inspecting") for e in entries}


def facts(user: Person, models: Iterable[Model]) -> dict[int, dict[str, Any]]:
    """By model: base, trigger words and revision of the newest version that ``user`` may see, and its tags."""
    models = list(models)
    found: dict[int, dict[str, Any]] = {model.pk: {"tags": []} for model in models}
    versions = queries.versions_visible(user).filter(model__in=models).select_related("base", "revision")
    for version in versions.order_by("model_id", "index", "-id"):
        known = found[version.model_id]
        if "base" not in known:
            known |= {"base": version.base.name, "words": version.trigger_words}
            known["sha"], known["revision"] = (
                (version.revision.oid, version.revision_id) if version.revision else (None, None)
            )
    for model_id, name in Model.tags.through.objects.filter(model__in=models).values_list("model_id", "tag__name"):
        found[model_id]["tags"].append(name)
    return found


def listed(user: Person, models: Iterable[Model], facts: dict[int, dict[str, Any]]) -> dict[int, list[Entry]]:
    """By model: the files of the revision that its facts name, the names that diffusers looks for first."""
    models = list(models)
    files = queries.files_visible(user).filter(version__model__in=models, verdict=File.Verdict.ACCEPTED)
    by_blob = {(f.version.model_id, f.blob_id): f for f in files.select_related("version").order_by("-id")}
    at = {facts[model.pk]["revision"]: model.pk for model in models if facts[model.pk].get("revision")}
    found: dict[int, list[Entry]] = {model.pk: [] for model in models}
    for row in RevisionEntry.objects.filter(revision__in=at).select_related("blob").order_by("path"):
        model_id = at[row.revision_id]
        entry = Entry(row.path, row.blob, by_blob.get((model_id, row.blob_id)))
        if entry.served:
            found[model_id].append(entry)
    return {model.pk: siblings(model, found[model.pk]) for model in models}


def warning(entries: Iterable[Entry]) -> str:
    """What everybody who downloads these should know; empty where there is nothing."""
    said = [
        f"{entry.path}: {finding['sentence']}"
        for entry in entries
        if entry.file is not None and not entry.alias
        for finding in entry.file.findings
        if finding["severity"] != "note" and finding.get("public")
    ]
    return " ".join(said)


def warning_of_owner(model: Model, entries: Iterable[Entry]) -> str:
    """What the owner should know of files that were pushed and not accepted."""
    entries = [entry for entry in entries if not entry.served]
    states = verdicts(model, entries)
    refused = [path for path, state in states.items() if state in {"refused", "unknown"}]
    if not refused:
        return ""
    return f"{', '.join(refused[:5])} did not pass inspection and cannot be downloaded. /uploads/start says why."


def version_of(user: Person, model: Model, revision: Revision) -> Version | None:
    """The version that a revision belongs to, for counting its downloads."""
    seen = queries.versions_visible(user).filter(model=model, revision=revision)
    return seen.order_by("index", "-id").first()


def siblings(model: Model, entries: list[Entry]) -> list[Entry]:
    """A repository's files as diffusers reads them: the names that it looks for stand first."""
    return [*repositories.aliases(model, entries), *entries]
