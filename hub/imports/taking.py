"""What another server told of a model becomes a model here: found where it was imported before, begun where not.

What its owner changed since the last time stays as they made it; the rest follows the source.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.utils.dateparse import parse_datetime

from hub.accounts.models import User
from hub.catalog import actions as catalog
from hub.catalog import drafts
from hub.catalog.models import Base, File, Model, Version
from hub.catalog.queries import files_by_sha256
from hub.catalog.words import one_line, tag_name
from hub.errors import Refused
from hub.gallery.models import SentPicture
from hub.imports import queries
from hub.imports.models import Import, Item, Origin, VersionOrigin
from hub.uploads.models import Upload
from hub.uploads.names import checked_filename
from workers.fetch_messages import ToldFile, ToldModel, ToldPicture, ToldVersion

State = Item.State
MODEL_FIELDS = ("name", "description", "tags", "allow_no_credit", "allow_commercial_use", "allow_derivatives",
                "allow_different_licence", "level")  # fmt: skip
VERSION_FIELDS = ("name", "description", "trigger_words")


class TakenDownHere(Refused):
    """It was imported before, and moderators took it down."""

    code = "taken-down"


@transaction.atomic
def take(imported: Import, told: ToldModel) -> None:
    """Make or renew the model, its versions and the items that are still to come. A repeat changes nothing.

    Raises `TakenDownHere`.
    """
    owner = User.objects.select_for_update().get(pk=imported.owner_id)
    origin = _origin(owner, imported, told)
    # The oldest first: each new version is put in front of the others.
    versions = {one.remote: _version(origin, one, owner) for one in reversed(told.versions)}
    position, notes = 0, list(told.left_out)
    for one in told.versions:
        version = versions[one.remote]
        for file in one.files if not imported.local else ():
            position += 1
            _file(imported, version, one, file, position, notes)
        for picture in one.pictures if imported.pictures else ():
            position += 1
            _picture(imported, version, picture, position)
        if imported.publish and version.files.filter(verdict=File.Verdict.ACCEPTED).exists():
            catalog.version_publish(version=version, by=owner)
    imported.model = origin.model
    imported.version = version if len(versions) == 1 else None
    imported.notes = list(dict.fromkeys(notes))[:50]


def _origin(owner: User, imported: Import, told: ToldModel) -> Origin:
    origin = queries.origin_of(owner, imported.server, told.remote)
    if origin is not None and origin.model.status == Model.Status.TAKEN_DOWN:
        raise TakenDownHere("This model was imported before and taken down here; it is not imported again.")
    if origin is None:
        model = drafts.model_begin(owner=owner, name=told.name, type=told.type)
        origin = Origin(model=model, server=imported.server, remote=told.remote)
    origin.link, origin.creator, origin.licence = told.link[:500], told.creator, told.licence
    origin.told = _follow(origin.model, origin.told, _model_fields(told), MODEL_FIELDS, owner)
    origin.save()
    return origin


def _model_fields(told: ToldModel) -> dict[str, Any]:
    tags = list(dict.fromkeys(filter(None, map(tag_name, told.tags))))[: catalog.TAG_LIMIT]
    return {
        "name": told.name,
        "description": told.description,
        "tags": tags,
        "allow_no_credit": told.allow_no_credit,
        "allow_commercial_use": [use for use in told.allow_commercial_use if use in catalog.COMMERCIAL],
        "allow_derivatives": told.allow_derivatives,
        "allow_different_licence": told.allow_different_licence,
        "level": told.level,
    }


def _values(row: Model | Version, fields: tuple[str, ...]) -> dict[str, Any]:
    """What a row says now."""
    found = {name: getattr(row, name) for name in fields if name != "tags"}
    if "tags" in fields and isinstance(row, Model):
        found["tags"] = sorted(row.tags.values_list("name", flat=True))
    return found


def _follow(
    row: Model | Version, before: dict[str, Any], now: dict[str, Any], fields: tuple[str, ...], owner: User
) -> dict[str, Any]:
    """Give a row what its source says now, wherever it still says what the source said before; what was given."""
    standing = _values(row, fields)
    changed = {name: now[name] for name in fields if not before or before.get(name) == standing[name]}
    if isinstance(row, Model):
        catalog.model_edit(model=row, by=owner, fields=changed)
        row = Model.objects.get(pk=row.pk)
    else:
        catalog.version_edit(version=row, by=owner, fields=changed)
        row = Version.objects.get(pk=row.pk)
    return before | {name: value for name, value in _values(row, fields).items() if name in changed}


def _version(origin: Origin, told: ToldVersion, owner: User) -> Version:
    known = queries.version_origin_of(origin, told.remote)
    if known is None:
        version = drafts.version_begin(model=origin.model, name=told.name, base=told.base)
        VersionOrigin.objects.filter(origin=origin, remote=told.remote).delete()  # of a version deleted here
        known = VersionOrigin(version=version, origin=origin, remote=told.remote)
    known.link, known.published_at = told.link[:500], _moment(told.published_at)
    now = {"name": told.name, "description": told.description, "trigger_words": list(told.trigger_words)}
    known.told = _follow(known.version, known.told, now, VERSION_FIELDS, owner)
    known.save()
    return Version.objects.select_related("model__owner", "base").get(pk=known.version_id)


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _file(
    imported: Import, version: Version, told_of: ToldVersion, file: ToldFile, position: int, notes: list[str]
) -> None:
    sha256 = file.digests.get("sha256", "")
    try:
        name = checked_filename(file.name)
    except Refused as refused:
        notes.append(f"{file.name}: {refused.sentence}")
        return
    fields: dict[str, Any] = {
        "kind": Item.Kind.FILE,
        "name": name,
        "url": file.url,
        "position": position,
        "digests": file.digests,
    }
    item = _item(imported, version, sha256 or file.url[-200:], fields)
    if sha256 and version.files.filter(blob_id=sha256).exists():
        _here(item, "")
    elif sha256 and (same := files_by_sha256(imported.owner, [sha256]).get(sha256)) is not None:
        drafts.file_link(file=same, version=version, name=name)
        _base_follows(version, told_of.base)
        _here(item, "The hub has this file already; it was not fetched again.")


def _here(item: Item, sentence: str) -> None:
    item.state, item.sentence = State.HERE, sentence
    item.save(update_fields=["state", "sentence"])


def _base_follows(version: Version, name: str) -> None:
    """A linked file brings its base along; where the source names a relative of it (Pony, of SDXL), that stays."""
    said = Base.objects.filter(name__iexact=name).first()
    if said is not None and said.family == version.base.family:
        Version.objects.filter(pk=version.pk).update(base=said)


def _picture(imported: Import, version: Version, picture: ToldPicture, position: int) -> None:
    before = Item.objects.filter(version=version, remote=picture.key, picture__isnull=False).exclude(of=imported)
    if before.exists():
        return
    name = one_line(picture.url.rsplit("?", 1)[0].rsplit("/", 1)[-1], 255) or "picture"
    fields = {"kind": Item.Kind.PICTURE, "name": name, "url": picture.url, "position": position}
    fields |= {"level": picture.level, "told": msgspec.to_builtins(picture.recipe) if picture.recipe else None}
    _item(imported, version, picture.key, fields)


def _item(imported: Import, version: Version, remote: str, fields: dict[str, Any]) -> Item:
    """The import's item of that name; one that failed or was cancelled is tried again, what is done stays."""
    item, made = Item.objects.get_or_create(of=imported, version=version, remote=remote, defaults=fields)
    if not made and item.state in {State.FAILED, State.CANCELLED}:
        for name, value in fields.items():
            setattr(item, name, value)
        item.state, item.sentence, item.tries, item.again_at = State.WAITING, "", 0, None
        # Parts that are here are gone on with; what was judged, or given up, is fetched anew.
        if item.upload is not None and item.upload.status != Upload.Status.WAITING:
            item.upload = None
        if item.sent is not None and item.sent.status != SentPicture.Status.WAITING:
            item.sent = None
        item.save()
    return item
