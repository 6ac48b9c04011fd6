"""A model seen as a repository: who may see it, what a branch, tag or commit names, what lies at a path.

``main`` is the newest version that the asker may see; for those who may edit it, wherever they left it (`Model.head`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from django.db.models import F, QuerySet
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from hub.accounts.models import User
from hub.accounts.queries import acts_for
from hub.catalog.models import Blob, File, Model, Ref, Revision, Version
from hub.catalog.queries import Person, files_visible, may_edit, models_visible, versions_visible
from hub.errors import NotFound, Refused
from hub.prepared import Prepared

MAIN = "main"
# What is kept as it is, uninspected and served as an attachment only; every other name is weights, and is inspected.
TEXTS = (".md", ".txt", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".csv", ".jinja", ".gitattributes", ".gitignore")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
OID = re.compile(r"[0-9a-f]{7,40}")
REF = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,118}[A-Za-z0-9_-])?")


class RepositoryNotFound(NotFound):
    code = "repository-not-found"


class RevisionNotFound(NotFound):
    code = "revision-not-found"


class PathNotFound(NotFound):
    code = "path-not-found"


class RepositoryTakenDown(Refused):
    code, status = "repository-taken-down", HTTPStatus.FORBIDDEN


def is_plain(path: str) -> bool:
    """Whether a path names what is kept as it is: texts and pictures, by an allow-list."""
    name = path.rsplit("/", 1)[-1].lower()
    return name.endswith(TEXTS + PICTURES) or name in {"license", "notice", "readme"}


@dataclass(frozen=True)
class Entry:
    """A path of a revision as somebody sees it. ``file`` is the catalogue's, where an inspector has accepted it;
    ``alias``: a second name of the same bytes, under which programs look for it."""

    path: str
    blob: Blob
    file: File | None = None
    alias: bool = False

    @property
    def plain(self) -> bool:
        """A small file kept as it is, which nobody inspects: a README, a configuration."""
        return bool(self.blob.git_oid) and is_plain(self.path)

    @property
    def served(self) -> bool:
        return self.plain or self.file is not None


def repository(user: Person, owner: str, name: str) -> Model:
    """The model called ``owner/name``, in any case. Raises `RepositoryNotFound`, for others' drafts too, and
    `RepositoryTakenDown`."""
    models = models_visible(user).select_related("owner", "stat", "head")
    same = [Exact(Lower("slug"), name.lower()), Exact(Lower("owner__username"), owner.lower())]  # as their indexes
    model = models.filter(*same).first()
    if model is None:
        raise RepositoryNotFound("There is no such repository.")
    if model.status == Model.Status.TAKEN_DOWN:
        raise RepositoryTakenDown("Access to this resource is disabled.")
    return model


def repository_mine(user: User, owner: str, name: str) -> Model:
    """A repository that ``user`` may write to. Raises `RepositoryNotFound`, and `Refused` with 403 for one of others
    that they may only read."""
    model = repository(user, owner, name)
    if not acts_for(user, model.owner):
        raise NotYours(f"Only {model.owner.username} writes to {model.owner.username}/{model.slug}.")
    return model


class NotYours(Refused):
    code, status = "not-yours", HTTPStatus.FORBIDDEN


def revision_at(user: Person, model: Model, name: str = MAIN) -> Revision:
    """What a branch, tag, version's name, or commit id (7 to 40 hex) names. Raises `RevisionNotFound`."""
    name = name.removeprefix("refs/heads/").removeprefix("refs/tags/")
    found = _main(user, model) if name in {MAIN, "HEAD"} else _named(user, model, name)
    if found is None:
        raise RevisionNotFound(f"There is no revision {name[:60]} of {model.owner.username}/{model.slug}.")
    return found


def _main(user: Person, model: Model) -> Revision | None:
    if may_edit(user, model) and model.head is not None:
        return model.head
    versions = versions_visible(user).filter(model=model, revision__isnull=False).select_related("revision")
    version = versions.order_by("index", "-id").first()
    return version.revision if version else None


def _named(user: Person, model: Model, name: str) -> Revision | None:
    revisions = Revision.objects.filter(model=model)
    if not may_edit(user, model):
        revisions = revisions.filter(shown=True)
    if OID.fullmatch(name):
        found = list(revisions.filter(oid__startswith=name)[:2])
        if len(found) == 1:
            return found[0]
    if ref := Ref.objects.filter(model=model, name=name, revision__in=revisions).select_related("revision").first():
        return ref.revision
    return next((revision for tag, revision in version_tags(user, model) if tag == name), None)


def ref_name(name: str) -> str:
    """A version's name as a tag: what a ref may not hold becomes a dash; empty where nothing is left."""
    tidy = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
    return tidy if REF.fullmatch(tidy) and ".." not in tidy else ""


def version_tags(user: Person, model: Model) -> list[tuple[str, Revision]]:
    """Versions that ``user`` may see, by their names as tags; of two with one name, the newer."""
    versions = versions_visible(user).filter(model=model, revision__isnull=False).select_related("revision")
    named: dict[str, Revision] = {}
    branches = {MAIN, *Ref.objects.filter(model=model, tag=False).values_list("name", flat=True)}
    for version in versions.order_by("index", "-id"):
        if (tag := ref_name(version.name)) and version.name not in branches:
            assert version.revision is not None
            named.setdefault(tag, version.revision)
    return list(named.items())


def refs(user: Person, model: Model) -> tuple[list[tuple[str, Revision]], list[tuple[str, Revision]]]:
    """Branches, ``main`` first, and tags: names with their revisions."""
    main = _main(user, model)
    visible = Ref.objects.filter(model=model).select_related("revision").order_by("name")
    if not may_edit(user, model):
        visible = visible.filter(revision__shown=True)
    branches = [(MAIN, main)] if main else []
    branches += [(ref.name, ref.revision) for ref in visible if not ref.tag]
    own = {ref.name: ref.revision for ref in visible if ref.tag}
    tags = own | {name: revision for name, revision in version_tags(user, model) if name not in own}
    return branches, sorted(tags.items())


def entries(user: Person, model: Model, revision: Revision) -> list[Entry]:
    """What ``user`` sees in a revision, in order of paths: everything for those who may edit, else what is served."""
    rows = revision.entries.select_related("blob").order_by("path")
    files = _files(user, model, [row.blob_id for row in rows])
    found = [Entry(row.path, row.blob, files.get(row.blob_id)) for row in rows]
    return found if may_edit(user, model) else [entry for entry in found if entry.served]


def _files(user: Person, model: Model, shas: Iterable[str]) -> dict[str, File]:
    accepted = files_visible(user).filter(version__model=model, verdict=File.Verdict.ACCEPTED, blob_id__in=list(shas))
    return {file.blob_id: file for file in accepted.select_related("version").order_by("-id")}


def entry_at(user: Person, model: Model, revision: Revision, path: str) -> Entry:
    """What lies at ``path``, or is known under that name (`aliases`). Raises `PathNotFound`."""
    row = revision.entries.select_related("blob").filter(path=path).first()
    if row is not None:
        plain = Entry(row.path, row.blob)
        entry = plain if plain.plain else Entry(row.path, row.blob, _files(user, model, [row.blob_id]).get(row.blob_id))
        if entry.served or may_edit(user, model):
            return entry
    elif path in ALIASES:
        for entry in aliases(model, entries(user, model, revision)):
            if entry.path == path:
                return entry
    raise PathNotFound(f"There is no {path[:120]} in this revision.")


# What everybody asks most, `main` or a commit and a path in it, as one statement.
_PUBLIC = """
SELECT r.oid, b.size, b.sha256, b.git_oid, f.id, f."primary", f.findings, f.version_id, m.id
FROM catalog_model m JOIN accounts_user o ON o.id = m.owner_id JOIN catalog_revision r ON r.id = ({revision})
JOIN catalog_revisionentry e ON e.revision_id = r.id AND e.path = %(path)s
JOIN catalog_blob b ON b.sha256 = e.blob_id AND b.held_at IS NULL
LEFT JOIN LATERAL (SELECT f.* FROM catalog_file f JOIN catalog_version v ON v.id = f.version_id
    WHERE f.blob_id = b.sha256 AND f.verdict = 'accepted' AND v.model_id = m.id AND v.status = 'published'
    ORDER BY f.id LIMIT 1) f ON true
WHERE lower(m.slug) = lower(%(name)s) AND lower(o.username) = lower(%(owner)s) AND m.status = 'published'
    AND NOT m.sign_in_to_download"""
_NEWEST = """SELECT v.revision_id FROM catalog_version v WHERE v.model_id = m.id AND v.status = 'published'
    AND v.revision_id IS NOT NULL ORDER BY v.index, v.id DESC LIMIT 1"""
_COMMIT = "SELECT c.id FROM catalog_revision c WHERE c.model_id = m.id AND c.oid = %(revision)s AND c.shown"
_NAMED_BY = {"owner": "text", "name": "text", "path": "text"}
_AT_MAIN = Prepared("entry_at_main", _PUBLIC.format(revision=_NEWEST), **_NAMED_BY)
_AT_COMMIT = Prepared("entry_at_commit", _PUBLIC.format(revision=_COMMIT), revision="text", **_NAMED_BY)


def public_entry(owner: str, name: str, revision: str, path: str) -> tuple[Revision, Entry] | None:
    """What everybody is served at a path of ``main`` or of a commit (40 hex), asked by one statement.

    None: it is something else (a tag, another name of a file, nothing), and the questions above say what.
    """
    given = {"owner": owner, "name": name, "path": path}
    if any("\x00" in value for value in given.values()):
        return None
    if revision == MAIN:
        rows = _AT_MAIN.rows(**given)
    elif len(revision) == 40 and OID.fullmatch(revision):
        rows = _AT_COMMIT.rows(revision=revision, **given)
    else:
        return None
    if not rows:
        return None
    oid, size, sha256, git_oid, file_id, primary, findings, version_id, model_id = rows[0]
    blob = Blob(sha256=sha256, size=size, git_oid=git_oid)
    entry = Entry(path, blob)
    if not entry.plain:
        if file_id is None:
            return None
        version = Version(id=version_id, model_id=model_id)
        found = json.loads(findings) if isinstance(findings, str) else findings
        entry = Entry(path, blob, File(id=file_id, primary=primary, findings=found, version=version))
    return Revision(oid=oid, model_id=model_id), entry


LORA, LORA_BIN = "pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin"
WORDS, WORDS_BIN = "learned_embeds.safetensors", "learned_embeds.bin"
ALIASES = {LORA, LORA_BIN, WORDS, WORDS_BIN}
NAMES_OF_TYPE = {
    Model.Type.LORA: (LORA, LORA_BIN),
    Model.Type.LOCON: (LORA, LORA_BIN),
    Model.Type.DORA: (LORA, LORA_BIN),
    Model.Type.TEXTUAL_INVERSION: (WORDS, WORDS_BIN),
}


def aliases(model: Model, seen: list[Entry]) -> list[Entry]:
    """The names under which diffusers looks for a LoRA or an inversion when it is told none: the primary file's bytes.

    diffusers takes the first name that it finds, and drops those that hold “checkpoint” or “optimizer”; a file called
    so, or one of several, is only found by these.
    """
    names = NAMES_OF_TYPE.get(Model.Type(model.type))
    if names is None:
        return []
    there = {entry.path for entry in seen}
    weights = [entry for entry in seen if entry.file is not None and "/" not in entry.path]
    weights.sort(key=lambda entry: (not entry.file.primary, entry.file.pk) if entry.file else (True, 0))
    found = []
    for name in names:
        safe = name.endswith(".safetensors")
        first = next((e for e in weights if e.path.endswith(".safetensors") == safe), None)
        if first is not None and name not in there:
            found.append(Entry(name, first.blob, first.file, alias=True))
    return found


def history(user: Person, model: Model, revision: Revision) -> list[Revision]:
    """A revision and those before it, newest first, as far as ``user`` may ask for them."""
    everyone = may_edit(user, model)
    known = {one.pk: one for one in Revision.objects.filter(model=model)}
    found: list[Revision] = []
    at = known.get(revision.pk)
    while at is not None and len(found) <= len(known):
        if everyone or at.shown:
            found.append(at)
        at = known.get(at.parent_id) if at.parent_id else None
    return found


def repositories_of(user: Person, owner: str) -> QuerySet[Model]:
    """Models of ``owner`` that ``user`` may see, the newest first."""
    models = models_visible(user).exclude(status=Model.Status.TAKEN_DOWN)
    return (
        models.filter(owner__username__iexact=owner)
        .select_related("owner", "stat")
        .order_by(F("published_at").desc(nulls_first=True), "-id")
    )


def versions_naming(model: Model, revision: Revision) -> QuerySet[Version]:
    """Versions that stand at ``revision``, the newest first."""
    live = Version.objects.filter(model=model, revision=revision).exclude(status=Version.Status.DELETED)
    return live.order_by("index", "-id")
