"""What changes in the catalogue: a file arrives, a version is published, edited, counted, taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import PurePath
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.accounts.levels import ALL
from hub.accounts.models import User
from hub.accounts.queries import acts_for, groups_of
from hub.catalog.bases import NANO, base_name
from hub.catalog.digests import digests_keep
from hub.catalog.holding import settle_ask
from hub.catalog.kinds import FILE_KINDS, TYPES, VARIANTS
from hub.catalog.links import key_make
from hub.catalog.listings import listing_refresh
from hub.catalog.models import (
    Base,
    Blob,
    Digest,
    File,
    Model,
    ModelStat,
    Tag,
    Version,
    VersionStat,
)
from hub.catalog.removal import published_status
from hub.catalog.repositories import is_plain
from hub.catalog.revisions import revision_renew, revision_show
from hub.catalog.tallies import download_count, likes_count, tallies_roll_up, totals_set
from hub.catalog.triggers import trigger_words, words_for
from hub.catalog.words import one_line, slug_of, stem, tag_name, tidy
from hub.celery import app
from hub.errors import NotFound, Refused
from hub.hooks.actions import announce
from hub.hooks.models import Hook
from workers.messages import HUB, Finding, Inspected

__all__ = [
    "cover_set",
    "download_count",
    "file_add",
    "likes_count",
    "listing_refresh",
    "model_delete",
    "model_edit",
    "tallies_roll_up",
    "totals_set",
    "version_edit",
    "version_publish",
    "version_unpublish",
]

TRAINING = ("network", "resolution", "base", "dataset", "training")  # parts of an inspection's summary
COMMERCIAL = ("Image", "RentCivit", "Rent", "Sell")
SHOWN = (Model.Status.PUBLISHED, Model.Status.UNLISTED)
DESCRIPTION_LIMIT, TAG_LIMIT = 100_000, 20


class NothingToPublish(Refused):
    code, status = "nothing-to-publish", HTTPStatus.CONFLICT


class UnknownBase(Refused):
    code, status = "unknown-base", HTTPStatus.UNPROCESSABLE_ENTITY


class BadField(Refused):
    code, status = "bad-field", HTTPStatus.UNPROCESSABLE_ENTITY


class Superseded(Refused):
    code, status = "superseded", HTTPStatus.CONFLICT


@transaction.atomic
def file_add(*, owner: User, report: Inspected, filename: str, fields: Mapping[str, Any]) -> File:
    """Take an inspected file into the catalogue: its blob, model and version are found or made; a repeat finds it.

    ``fields`` is what its owner said: ``model_id`` or ``model_name``, ``version_id`` or ``version_name``, ``type``,
    ``base`` (a Base's name), ``trigger_words``, ``description``, ``tags``, ``publish``, ``publish_at`` (ISO 8601: not
    before then); ``path`` of one pushed to a repository, whose revision names it already; what is missing is read from
    the report. Raises `NotFound` for a model or version that is not the owner's, `UnknownBase`, `BadField`,
    `Superseded`.
    """
    User.objects.select_for_update().get(pk=owner.pk)  # two files of one person at once agree on slugs and names
    said, contradiction = _base_for(report, fields)
    version = _version_for(owner, report, filename, fields, said)
    blob, _ = Blob.objects.get_or_create(sha256=report.digests["sha256"], defaults={"size": report.size})
    Blob.objects.filter(pk=blob.pk).update(rules=report.rules, inspected_at=timezone.now())
    if blob.held_at is not None:
        settle_ask(blob.pk)
    path = str(fields.get("path") or "")
    if path:
        _still_named(version, path, blob)
    file = version.files.filter(blob=blob).first()
    if file is None:
        if (path or fields.get("version_id")) and not version.files.exists():
            _version_learn(version, report, filename, said)
        file = _file_make(version, blob, report, filename, contradiction, path=path)
        if report.converted:
            _converted_make(file, report)
        revision_renew(version, message=f"Add {file.name}")
    listed = False
    if fields.get("publish") or fields.get("publish_at"):
        listed = _publish_or_wait(version, owner, fields.get("publish_at"))
    elif path:
        listed = publish_if_complete(version)
    if not listed:  # publishing lists it
        listing_refresh(version.model)
    return File.objects.select_related("version__model__owner", "version__base").get(pk=file.pk)


def _still_named(version: Version, path: str, blob: Blob) -> None:
    if version.revision is None or not version.revision.entries.filter(path=path, blob=blob).exists():
        raise Superseded(f"{path} was changed again before this file's inspection ended.")


def _version_learn(version: Version, report: Inspected, filename: str, base: Base) -> None:
    """What a version that was begun without a file is, told by its first one; a model of no type yet takes that too."""
    model = version.model
    if model.type == Model.Type.OTHER and not File.objects.filter(version__model=model).exists():
        model.type = TYPES.get(report.kind, Model.Type.OTHER)
        model.save(update_fields=["type", "updated_at"])
    version.base = base
    version.base_variant = VARIANTS.get(report.base_variant.lower(), "Standard")
    version.trigger_words = version.trigger_words or words_for(model, report, filename, {})
    version.training = _training(report)
    version.save(update_fields=["base", "base_variant", "trigger_words", "training", "updated_at"])


def publish_if_complete(version: Version) -> bool:
    """Publish what was pushed to a public repository once all weights that its revision names are accepted. Returns
    whether it was published now."""
    version = Version.objects.select_related("model__owner", "revision").get(pk=version.pk)
    if not version.model.public_wanted or version.revision is None or version.status != Version.Status.DRAFT:
        return False
    named = {e.blob_id for e in version.revision.entries.all() if not is_plain(e.path)}
    accepted = set(version.files.filter(verdict=File.Verdict.ACCEPTED).values_list("blob_id", flat=True))
    if complete := bool(named) and named <= accepted:
        version_publish(version=version, by=version.model.owner)
    return complete


def _publish_or_wait(version: Version, owner: User, moment: str | None) -> bool:
    """Returns whether it was published now."""
    at = datetime.fromisoformat(moment) if moment else None
    if at and at > timezone.now():
        if version.status == Version.Status.DRAFT:
            version.publish_at = at
            version.save(update_fields=["publish_at", "updated_at"])
    elif version.files.filter(verdict=File.Verdict.ACCEPTED).exists():
        version_publish(version=version, by=owner)
        return True
    else:  # kept in mind until inspection accepts it
        version.publish_when_ready = True
        version.save(update_fields=["publish_when_ready", "updated_at"])
    return False


def _base_for(report: Inspected, fields: Mapping[str, Any]) -> tuple[Base, Finding | None]:
    """The base that people will see; where owner and tensors disagree the tensors are right, and a note says so."""
    found = base_name(report.base_family, report.base_variant)
    name = str(fields.get("base") or "")
    if not name:
        return Base.objects.get(name=found or "Other"), None
    said = Base.objects.filter(name__iexact=name).first()
    if said is None:
        raise UnknownBase(_("There is no base model called %s here.") % one_line(name, 60))
    if found and (said.family != report.base_family or (found in NANO) != (said.name in NANO)):
        note = f"Its owner said {said.name}; the tensors are those of {found}, so it is listed as {found}."
        return Base.objects.get(name=found), Finding("note", note)
    return said, None


def _version_for(owner: User, report: Inspected, filename: str, fields: Mapping[str, Any], base: Base) -> Version:
    if version_id := fields.get("version_id"):
        theirs = Q(model__owner=owner) | Q(model__owner__in=groups_of(owner, editing=True))
        versions = Version.objects.select_related("model").filter(theirs, pk=version_id)
        version = versions.exclude(status=Version.Status.DELETED).exclude(model__status=Model.Status.DELETED).first()
        if version is None:
            raise NotFound(_("You have no such version."))
        return version
    if model_id := fields.get("model_id"):
        theirs = Q(owner=owner) | Q(owner__in=groups_of(owner, editing=True))
        model = Model.objects.filter(theirs, pk=model_id).exclude(status=Model.Status.DELETED).first()
        if model is None:
            raise NotFound(_("You have no such model."))
    else:
        model = _model_make(owner, report, filename, fields)
    return _version_make(model, report, filename, fields, base)


def _model_make(owner: User, report: Inspected, filename: str, fields: Mapping[str, Any]) -> Model:
    owner = _owner_for(owner, fields)
    title = report.metadata.get("modelspec.title") or report.metadata.get("ss_output_name") or ""
    name = one_line(str(fields.get("model_name") or title), 120) or stem(filename) or "Untitled"
    kind = str(fields.get("type") or TYPES.get(report.kind, Model.Type.OTHER))
    if kind not in Model.Type.values:
        raise BadField(_("%s is not a type of model.") % one_line(kind, 40))
    model = Model.objects.create(
        owner=owner,
        name=name,
        slug=free_slug(owner, slug_of(name)),
        type=kind,
        description=tidy(str(fields.get("description") or ""), DESCRIPTION_LIMIT),
    )
    _tags_set(model, fields.get("tags") or ())
    ModelStat.objects.create(model=model)
    return model


def _owner_for(person: User, fields: Mapping[str, Any]) -> User:
    """Whose a new model is: the person's, or the group's that they named and edit for. Raises `NotFound`."""
    name = str(fields.get("group") or "")
    if not name or name.lower() == person.username.lower():
        return person
    groups = User.objects.filter(pk__in=groups_of(person, editing=True), username__iexact=name)
    if (group := groups.first()) is None:
        raise NotFound(_("You edit for no group of that name."))
    return group


def free_slug(owner: User, slug: str) -> str:
    taken = {
        s.lower() for s in Model.objects.filter(owner=owner, slug__istartswith=slug).values_list("slug", flat=True)
    }
    if slug.lower() not in taken:
        return slug
    return next(f"{slug}-{n}" for n in range(2, len(taken) + 3) if f"{slug}-{n}" not in taken)


def _tags_set(model: Model, names: Iterable[str]) -> None:
    wanted = list(dict.fromkeys(filter(None, (tag_name(str(name)) for name in names))))
    if len(wanted) > TAG_LIMIT:
        raise BadField(
            _("A model carries at most %(most)s tags; this is %(has)s.") % {"most": TAG_LIMIT, "has": len(wanted)}
        )
    Tag.objects.bulk_create((Tag(name=name) for name in wanted), ignore_conflicts=True)
    model.tags.set(Tag.objects.filter(name__in=wanted))


def _training(report: Inspected) -> dict[str, Any]:
    """How it was trained, in the parts that inspection read out of its metadata."""
    return {part: report.summary[part] for part in TRAINING if report.summary.get(part)}


def _version_make(model: Model, report: Inspected, filename: str, fields: Mapping[str, Any], base: Base) -> Version:
    count = model.versions.count()
    model.versions.update(index=F("index") + 1)  # the newest is shown first
    version = Version.objects.create(
        model=model,
        name=one_line(str(fields.get("version_name") or ""), 80) or f"v{count + 1}",
        base=base,
        base_variant=VARIANTS.get(report.base_variant.lower(), "Standard"),
        trigger_words=words_for(model, report, filename, fields),
        training=_training(report),
    )
    VersionStat.objects.create(version=version)
    return version


def _file_make(
    version: Version, blob: Blob, report: Inspected, filename: str, contradiction: Finding | None, *, path: str = ""
) -> File:
    findings = [*report.findings, *([contradiction] if contradiction else [])]
    summary = dict(report.summary)
    if report.base_variant:
        summary["variant"] = report.base_variant
    # A pickle is kept and served, never drawn with: its safetensors stands for it.
    pickled = report.converted is not None
    file = File.objects.create(
        version=version,
        blob=blob,
        name=path or _free_name(version, filename, blob.sha256),
        kind=FILE_KINDS.get(report.kind, "Model"),
        adapter="" if pickled else report.kind,
        format=report.format or "Other",
        precision=report.precision,
        size_kind=str(summary.get("size_kind") or ""),
        primary=not pickled and not version.files.filter(primary=True).exists(),
        verdict=report.verdict,
        findings=msgspec.to_builtins(findings),
        summary=summary,
        metadata=dict(report.metadata),
        tier=report.tier,
        scans=msgspec.to_builtins(report.scans),
        inspected_at=timezone.now(),
    )
    digests_keep(file, report.digests)
    return file


def _converted_make(source: File, report: Inspected) -> None:
    """The safetensors of a pickle, beside it: what inspection found is true of it, and it is drawn with."""
    assert report.converted is not None
    version = source.version
    judged = {"size": report.converted.size, "rules": report.rules, "inspected_at": source.inspected_at}
    blob, _ = Blob.objects.get_or_create(sha256=report.converted.sha256, defaults=judged)
    if found := version.files.filter(blob=blob).first():  # its owner converted and uploaded it before
        File.objects.filter(pk=found.pk).update(source=source)
        return
    folder, _, last = source.name.rpartition("/")
    name = _free_name(version, f"{PurePath(last).stem}.safetensors", blob.sha256)
    file = File.objects.create(
        version=version,
        blob=blob,
        name=f"{folder}/{name}" if folder else name,
        kind=source.kind,
        adapter=report.kind,
        precision=source.precision,
        size_kind=source.size_kind,
        primary=not version.files.filter(primary=True).exists(),
        verdict=File.Verdict.ACCEPTED,
        findings=source.findings,
        summary=source.summary,
        metadata=source.metadata,
        source=source,
        inspected_at=source.inspected_at,
    )
    digests_keep(file, report.converted.digests)


def _free_name(version: Version, filename: str, sha256: str) -> str:
    name = one_line(filename.replace("\\", "/").rsplit("/", 1)[-1], 255) or "model.safetensors"
    if not version.files.filter(name=name).exists():
        return name
    start, dot, end = name.rpartition(".")
    return f"{start[:230]}-{sha256[:8]}.{end}" if dot else f"{name[:230]}-{sha256[:8]}"


def editable(model: Model, by: User) -> None:
    """Only its owner and moderators change a model; for everyone else it is not there."""
    if model.status == Model.Status.DELETED or not (by.is_moderator or acts_for(by, model.owner)):
        raise NotFound(_("There is no such model."))


@transaction.atomic
def version_publish(*, version: Version, by: User) -> Version:
    """Show a version, and its model, to everyone. Publishing again changes nothing. Raises `NothingToPublish`."""
    editable(version.model, by)
    version = Version.objects.select_for_update(of=("self",)).select_related("model").get(pk=version.pk)
    model = version.model
    if Version.Status.TAKEN_DOWN in {version.status, model.status} or version.status == Version.Status.DELETED:
        raise NothingToPublish(_("This version was taken down; a moderator has to release it first."))
    if model.locked:
        raise NothingToPublish(
            _("A moderator made this model a draft. Answer their decision under your notifications.")
        )
    if not version.files.filter(verdict=File.Verdict.ACCEPTED).exists():
        raise NothingToPublish(_("No file of this version has been accepted, so there is nothing to publish yet."))
    now = timezone.now()
    if version.status != Version.Status.PUBLISHED:
        version.status = Version.Status.PUBLISHED
        version.published_at = version.published_at or now
        version.publish_when_ready, version.publish_at = False, None
        version.save(update_fields=["status", "published_at", "publish_when_ready", "publish_at", "updated_at"])
        announce(Hook.Kind.VERSION_PUBLISHED, version.pk)
    revision_show(version.revision_id)
    if model.status not in SHOWN:
        model.status = published_status(model)
        model.published_at = model.published_at or now
        model.save(update_fields=["status", "published_at", "updated_at"])
    listing_refresh(model)
    return version


@transaction.atomic
def version_unpublish(*, version: Version, by: User) -> Version:
    """Make a version a draft again; a model without a published version is a draft too."""
    editable(version.model, by)
    version = Version.objects.select_for_update(of=("self",)).select_related("model").get(pk=version.pk)
    model = version.model
    if version.status == Version.Status.PUBLISHED:
        version.status = Version.Status.DRAFT
        version.save(update_fields=["status", "updated_at"])
    others = model.versions.filter(status=Version.Status.PUBLISHED).exists()
    if model.status in SHOWN and not others:
        model.status = Model.Status.DRAFT
        model.save(update_fields=["status", "updated_at"])
    listing_refresh(model)
    return version


@transaction.atomic
def model_edit(*, model: Model, by: User, fields: Mapping[str, Any]) -> Model:
    """Change what is given of name, type, description, tags and the four licence flags. The slug stays: links live."""
    editable(model, by)
    model = Model.objects.select_for_update(of=("self",)).get(pk=model.pk)
    if "name" in fields:
        model.name = one_line(fields["name"], 120)
        if not model.name:
            raise BadField(_("A model needs a name."))
    if "type" in fields:
        if fields["type"] not in Model.Type.values:
            raise BadField(_("%s is not a type of model.") % one_line(str(fields["type"]), 40))
        model.type = fields["type"]
    if "description" in fields:
        model.description = tidy(fields["description"], DESCRIPTION_LIMIT)
    for flag in ("allow_no_credit", "allow_derivatives", "allow_different_licence"):
        if flag in fields:
            setattr(model, flag, bool(fields[flag]))
    if "level" in fields:
        if not 0 < fields["level"] <= ALL:
            raise BadField(_("A content level is a sum of 1, 2, 4, 8 and 16, not %s.") % fields["level"])
        model.level = fields["level"]
    if "allow_commercial_use" in fields:
        given = set(fields["allow_commercial_use"])
        if unknown := given - set(COMMERCIAL):
            raise BadField(
                _("Commercial use is one of %(choices)s, not %(wrong)s.")
                % {"choices": ", ".join(COMMERCIAL), "wrong": ", ".join(sorted(unknown))}
            )
        model.allow_commercial_use = [use for use in COMMERCIAL if use in given]
    if "sign_in_to_download" in fields:
        model.sign_in_to_download = bool(fields["sign_in_to_download"])
    if "unlisted" in fields:
        model.unlisted = bool(fields["unlisted"])
        model.link_key = model.link_key or (key_make() if model.unlisted else "")
        if model.status in SHOWN:
            model.status = published_status(model)
    model.save()
    if "tags" in fields:
        _tags_set(model, fields["tags"])
    listing_refresh(model)
    return model


@transaction.atomic
def version_edit(*, version: Version, by: User, fields: Mapping[str, Any]) -> Version:
    """Change what is given of name, description, base, trigger words, weights, clip skip and what is hidden."""
    editable(version.model, by)
    version = Version.objects.select_for_update(of=("self",)).select_related("model", "base").get(pk=version.pk)
    if "name" in fields:
        version.name = one_line(fields["name"], 80)
        if not version.name:
            raise BadField(_("A version needs a name."))
    if "description" in fields:
        version.description = tidy(fields["description"], DESCRIPTION_LIMIT)
    if "trigger_words" in fields:
        version.trigger_words = trigger_words(fields["trigger_words"])
    if "base" in fields:
        was, version.base = version.base, _base_of_family(version, fields["base"])
        if was.family != version.base.family:  # it fits other bases now, and can be drawn where one is here
            transaction.on_commit(lambda: app.send_task("hub.tryit.preview_request", args=[version.pk], queue=HUB))
    for name in ("weight", "weight_min", "weight_max", "clip_skip", "hide_training"):
        if name in fields:
            setattr(version, name, fields[name])
    if not version.weight_min <= version.weight <= version.weight_max:
        raise BadField(_("The recommended weight lies between the smallest and the largest."))
    version.save()
    listing_refresh(version.model)
    return version


def _base_of_family(version: Version, name: str) -> Base:
    base = Base.objects.filter(name__iexact=name).first()
    if base is None:
        raise UnknownBase(_("There is no base model called %s here.") % one_line(name, 60))
    files = version.files.filter(verdict=File.Verdict.ACCEPTED).exclude(adapter="")
    was = version.base
    # What fits several families, or none that is known here, is its owner's to say.
    known = was.family != "other" and any(not file.summary.get("candidates") for file in files)
    if known and (base.family != was.family or (base.name in NANO) != (was.name in NANO)):
        words = {"found": was.name, "base": base.name}
        raise UnknownBase(_("The file's tensors are those of %(found)s; it cannot be listed as %(base)s.") % words)
    return base


@transaction.atomic
def model_delete(*, model: Model, by: User) -> None:
    """Take a model out of the hub for good. Its row stays as a tombstone, so that its id never names another."""
    editable(model, by)
    model = Model.objects.select_for_update().get(pk=model.pk)
    model.status = Model.Status.DELETED
    model.slug, model.description = f"deleted-{model.pk}", ""  # its name is free again
    model.save()
    model.tags.clear()
    model.former_names.all().delete()
    model.versions.update(status=Version.Status.DELETED, publish_when_ready=False, publish_at=None)
    Digest.objects.filter(model=model).delete()
    listing_refresh(model)


@transaction.atomic
def cover_set(*, version: Version, sha256: str, width: int | None, height: int | None) -> None:
    """Make a picture the one on the version's card; none where ``sha256`` is empty. ``width``, ``height``: pixels."""
    Version.objects.filter(pk=version.pk).update(cover_sha256=sha256, cover_width=width, cover_height=height)
    version.cover_sha256, version.cover_width, version.cover_height = sha256, width, height
