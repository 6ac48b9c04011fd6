"""What changes a repository: made, pushed to, branched, tagged, made public or private, moved.

A commit that changes weights begins a new version, since a published file stays what it was; one that only adds or
takes away changes the version at hand. What is taken away is gone from it, in every tongue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.utils import timezone

from hub.accounts.models import User
from hub.accounts.names import check_name
from hub.catalog.actions import listing_refresh, publish_if_complete, version_unpublish
from hub.catalog.models import Base, Blob, Digest, File, Model, ModelStat, Ref, Revision, Version, VersionStat
from hub.catalog.renames import former_name_keep
from hub.catalog.repositories import MAIN, OID, REF, RevisionNotFound, is_plain, revision_at, versions_naming
from hub.catalog.revisions import entries_of, revision_make, revision_show, revision_take
from hub.catalog.words import one_line
from hub.errors import Refused

PATH_LIMIT, ENTRIES_LIMIT = 255, 10_000


class RepoExists(Refused):
    code, status = "repo-exists", HTTPStatus.CONFLICT


class RefExists(Refused):
    code, status = "ref-exists", HTTPStatus.CONFLICT


class BadName(Refused):
    code, status = "bad-name", HTTPStatus.UNPROCESSABLE_ENTITY


class ParentMoved(Refused):
    code, status = "parent-moved", HTTPStatus.PRECONDITION_FAILED


@dataclass(frozen=True)
class Content:
    """What lies at a path after a commit. ``git_oid``: of a small file kept as it is; empty: weights."""

    sha256: str
    size: int
    git_oid: str = ""


def small_content(content: bytes) -> Content:
    """A small file as a commit names it; its SHA-1 is git's, which counts the length too."""
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return Content(hashlib.sha256(content).hexdigest(), len(content), git)


@dataclass(frozen=True)
class Commit:
    """``weights``: paths that it brought and no inspector has accepted in ``version`` yet."""

    revision: Revision
    version: Version | None
    weights: tuple[str, ...] = ()


@transaction.atomic
def repo_create(*, owner: User, name: str, public: bool) -> Model:
    """An empty repository, which nobody else sees before something in it is published. Raises `BadName`,
    `RepoExists`."""
    _check_slug(name)
    User.objects.select_for_update().get(pk=owner.pk)
    _check_free(owner, name)
    model = Model.objects.create(
        owner=owner, name=one_line(name, 120), slug=name, type=Model.Type.OTHER, public_wanted=public
    )
    ModelStat.objects.create(model=model)
    model.head = revision_make(model, {}, message="Initial commit", parent=None)
    model.save(update_fields=["head"])
    return model


def _check_slug(name: str) -> None:
    try:
        check_name(name)
    except ValidationError as error:
        raise BadName(" ".join(error.messages)) from error


def _check_free(owner: User, name: str) -> None:
    if taken := Model.objects.filter(Exact(Lower("slug"), name.lower()), owner=owner).first():
        raise RepoExists("You have a model of that name already.", model_id=taken.pk)


@transaction.atomic
def repo_move(*, model: Model, name: str) -> Model:
    """Give a repository another name; the old one leads to it. Raises `BadName`, `RepoExists`."""
    _check_slug(name)
    if name.lower() != model.slug.lower():
        _check_free(model.owner, name)
        former_name_keep(model=model, owner=model.owner, slug=model.slug)
    model.slug = name
    model.save(update_fields=["slug", "updated_at"])
    return model


@transaction.atomic
def repo_public(*, model: Model, public: bool, by: User) -> None:
    """Publish what is complete, and from now on what is pushed; or make drafts of it all again."""
    Model.objects.filter(pk=model.pk).update(public_wanted=public)
    model.public_wanted = public
    for version in model.versions.exclude(status=Version.Status.DELETED):
        if public:
            publish_if_complete(version)
        elif version.status == Version.Status.PUBLISHED:
            version_unpublish(version=version, by=by)


@transaction.atomic
def commit_make(
    *,
    by: User,
    model: Model,
    branch: str = MAIN,
    puts: Mapping[str, Content],
    removes: Iterable[str] = (),
    folders: Iterable[str] = (),
    message: str = "",
    parent: str = "",
    accepted: Mapping[str, File] | None = None,
) -> Commit:
    """Move ``branch`` on to a revision with these paths put and removed. The same commit twice is one.

    parent: the commit it must stand on, where the client insists. accepted: by SHA-256, files that are in the catalogue
    already and may be taken over. Raises `ParentMoved`, `BadName`, `RevisionNotFound`.
    """
    # The person before the model, as `file_add` takes them: a push and a verdict at once must not wait for each other.
    User.objects.select_for_update().get(pk=model.owner_id)
    model = Model.objects.select_for_update(of=("self",)).select_related("owner", "head").get(pk=model.pk)
    start = revision_at(by, model, branch)
    before = entries_of(start)
    gone = {path for path in before if path in set(removes) or path.startswith(tuple(f"{f}/" for f in folders))}
    after = {path: sha for path, sha in before.items() if path not in gone}
    after |= {path: content.sha256 for path, content in puts.items()}
    if after == before:
        return Commit(start, versions_naming(model, start).first())
    if parent and not start.oid.startswith(parent):
        raise ParentMoved("Somebody pushed to this branch meanwhile. Fetch it and try again.")
    _check_paths(after)
    for content in puts.values():
        Blob.objects.get_or_create(sha256=content.sha256, defaults={"size": content.size, "git_oid": content.git_oid})
    revision = revision_make(model, after, message=message or "Update", parent=start)
    version = _version_for(model, start, branch, before, after)
    if branch != MAIN:
        Ref.objects.filter(model=model, name=branch, tag=False).update(revision=revision)
    if version is not None:
        revision_take(version, revision)
    if branch == MAIN:
        Model.objects.filter(pk=model.pk).update(head=revision)
    if version is None:
        if start.shown:
            revision_show(revision.pk)
        return Commit(revision, None)
    weights = _take_over(version, before, after, accepted or {})
    publish_if_complete(version)
    listing_refresh(model)
    return Commit(revision, version, weights)


def _check_paths(after: Mapping[str, str]) -> None:
    if len(after) > ENTRIES_LIMIT:
        raise BadName(f"A repository holds at most {ENTRIES_LIMIT} files.")
    for path in after:
        check_path(path)


def check_path(path: str) -> None:
    """Raises `BadName` unless ``path`` can be saved below a folder under any system, and nowhere else."""
    parts = path.split("/")
    if not path or len(path) > PATH_LIMIT or any(part in {"", ".", ".."} for part in parts):
        raise BadName(f"{path[:80]!r} is not a path that a file can have here.")
    if any(not letter.isprintable() or letter in '\\<>:"|?*' for letter in path):
        raise BadName(f"{path[:80]!r} holds characters that not every system can save.")


def _weights(entries: Mapping[str, str]) -> dict[str, str]:
    return {path: sha for path, sha in entries.items() if not is_plain(path)}


def _version_for(
    model: Model, start: Revision, branch: str, before: Mapping[str, str], after: Mapping[str, str]
) -> Version | None:
    """The version that a commit belongs to: the one at hand, or a new one where weights changed; None before any.

    Another branch has a version of its own once it has weights of its own; till then it moves no version.
    """
    at_start = list(versions_naming(model, start))
    standing = next((one for one in at_start if branch == MAIN or one.name == one_line(branch, 80)), None)
    held, kept = _weights(before), _weights(after)
    changed = any(kept.get(path, sha) != sha for path, sha in held.items())
    if standing is None and (not kept or (branch != MAIN and kept.items() <= held.items())):
        return None
    if standing is not None and not changed:
        _take_away(standing, held.keys() - kept.keys())
        return standing
    return _version_begin(model, branch, next(iter(at_start), None), kept)


def _take_away(version: Version, paths: Iterable[str]) -> None:
    version.files.filter(name__in=list(paths)).delete()
    if version.status == Version.Status.PUBLISHED and not version.files.filter(verdict="accepted").exists():
        version_unpublish(version=version, by=version.model.owner)
        version.refresh_from_db(fields=["status"])


def _version_begin(model: Model, branch: str, earlier: Version | None, kept: Mapping[str, str]) -> Version:
    """A new draft, shown first where it is ``main``'s; weights that did not change come with it."""
    count = model.versions.count()
    index = 0
    if branch != MAIN:
        index = (model.versions.aggregate(last=Max("index"))["last"] or 0) + 1
    else:
        model.versions.update(index=F("index") + 1)
    base = earlier.base if earlier else Base.objects.get(name="Other")
    version = Version.objects.create(
        model=model,
        name=f"v{count + 1}" if branch == MAIN else one_line(branch, 80),
        base=base,
        base_variant=earlier.base_variant if earlier else "Standard",
        trigger_words=earlier.trigger_words if earlier else [],
        index=index,
    )
    VersionStat.objects.create(version=version)
    for file in earlier.files.filter(verdict=File.Verdict.ACCEPTED) if earlier else ():
        if kept.get(file.name) == file.blob_id:
            file_copy(file=file, version=version, path=file.name)
    return version


def _take_over(
    version: Version, before: Mapping[str, str], after: Mapping[str, str], accepted: Mapping[str, File]
) -> tuple[str, ...]:
    """Give the version what the catalogue has of its weights; the paths that must still be inspected."""
    there = set(version.files.values_list("blob_id", flat=True))
    missing = []
    for path, sha256 in _weights(after).items():
        if sha256 in there:
            continue
        if sha256 in accepted:
            file_copy(file=accepted[sha256], version=version, path=path)
            there.add(sha256)
        elif before.get(path) != sha256:
            missing.append(path)
    return tuple(missing)


def file_copy(*, file: File, version: Version, path: str) -> File:
    """The same inspected bytes as a file of another version, verdict and digests included."""
    first = not version.files.exists()
    digests = list(file.digests.all())
    copy = File.objects.get(pk=file.pk)
    if first and version.base.name == "Other":
        version.base = file.version.base
        version.save(update_fields=["base", "updated_at"])
    model = version.model
    if model.type == Model.Type.OTHER and file.version.model.type != Model.Type.OTHER:
        model.type = file.version.model.type
        model.save(update_fields=["type", "updated_at"])
    copy.pk, copy.version, copy.name, copy.primary = None, version, path, first
    copy._state.adding = True
    copy.save()
    Digest.objects.bulk_create(
        Digest(digest=d.digest, kind=d.kind, file=copy, version=version, model_id=version.model_id) for d in digests
    )
    return copy


@transaction.atomic
def folder_add(*, file: File, pieces: Mapping[str, Content], texts: Mapping[str, Content]) -> None:
    """Add what a worker made of an accepted file to the version that it is in, beside it; paths that are taken stay."""
    User.objects.select_for_update().get(pk=file.version.model.owner_id)
    version = (
        Version.objects.select_for_update(of=("self",)).select_related("model", "revision").get(pk=file.version_id)
    )
    if version.revision is None or version.status == Version.Status.DELETED:
        return
    entries = entries_of(version.revision)
    new = {path: content for path, content in {**texts, **pieces}.items() if path not in entries}
    judged = {  # with it, what was made of it
        "rules": file.blob.rules,
        "inspected_at": file.blob.inspected_at,
    }
    for path, content in new.items():
        known = {"size": content.size, "git_oid": content.git_oid} | (judged if path in pieces else {})
        Blob.objects.get_or_create(sha256=content.sha256, defaults=known)
    for path, content in pieces.items():
        if path in new and content.sha256 != file.blob_id:
            piece = File.objects.create(
                version=version, blob_id=content.sha256, name=path, kind="Model", format="Diffusers", primary=False,
                precision=file.precision, verdict=file.verdict, source=file, inspected_at=timezone.now(),
                findings=[{"severity": "note", "sentence": f"Made here of {file.name}.", "evidence": ""}],
            )  # fmt: skip
            Digest.objects.create(
                digest=bytes.fromhex(content.sha256), kind=Digest.Kind.SHA256, file=piece, version=version,
                model_id=version.model_id,
            )  # fmt: skip
    shas = {path: content.sha256 for path, content in new.items()}
    message = f"Add a folder for diffusers, made of {file.name}"
    revision_take(version, revision_make(version.model, entries | shas, message=message, parent=version.revision))
    listing_refresh(version.model)


@transaction.atomic
def ref_create(*, by: User, model: Model, name: str, at: str = MAIN, tag: bool = False) -> Ref:
    """A branch or tag at a revision. Raises `RefExists`, `BadName`, `RevisionNotFound`."""
    if not REF.fullmatch(name) or ".." in name or "//" in name or OID.fullmatch(name) or name.startswith("refs/"):
        raise BadName("A branch or tag takes letters, digits and . _ - / between them; at most 120.")
    revision = revision_at(by, model, at or MAIN)
    if name in {MAIN, "HEAD"} or Ref.objects.filter(model=model, name=name).exists():
        raise RefExists(f"There is a branch or tag {name} already.")
    return Ref.objects.create(model=model, name=name, tag=tag, revision=revision)


def ref_delete(*, model: Model, name: str, tag: bool = False) -> None:
    """Forget a branch or tag; its commits stay. Raises `RevisionNotFound`, and `BadName` for ``main``."""
    if name == MAIN and not tag:
        raise BadName("main cannot be deleted.")
    if not Ref.objects.filter(model=model, name=name, tag=tag).delete()[0]:
        raise RevisionNotFound(f"There is no {'tag' if tag else 'branch'} {name[:60]}.")
