"""A model and a version as their owner begins them, before there is a file, and changes a version: all in one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog.actions import BadField, UnknownBase, model_edit, version_edit
from hub.catalog.drafts import model_begin, version_begin
from hub.catalog.models import Base, Model, Version
from hub.catalog.needs import needs_set
from hub.catalog.schedule import version_schedule
from hub.catalog.words import one_line

MODELS_EMPTY = 500  # more is a script that makes models in a loop


@transaction.atomic
def model_create(*, owner: User, fields: Mapping[str, Any]) -> Model:
    """A model of ``fields`` as `model_edit` takes them; ``name`` is needed. Raises `BadField`."""
    name = one_line(str(fields.get("name") or ""), 120)
    if not name:
        raise BadField(_("A model needs a name."))
    if owner.models.filter(status=Model.Status.DRAFT, versions__files=None).count() >= MODELS_EMPTY:
        raise BadField(_("You have %s models without a file. Delete some, or send their files.") % MODELS_EMPTY)
    model = model_begin(owner=owner, name=name, type=str(fields.get("type") or Model.Type.OTHER))
    rest = {key: value for key, value in fields.items() if key not in {"name", "type"}}
    return model_edit(model=model, by=owner, fields=rest) if rest else model


@transaction.atomic
def version_create(*, model: Model, by: User, fields: Mapping[str, Any]) -> Version:
    """A version of a model of one's own, of ``fields`` as `version_change` takes them; its first file tells the base
    where none is given. Raises `UnknownBase`, `BadField`."""
    base = str(fields.get("base") or "")
    if base and not Base.objects.filter(name__iexact=base).exists():
        raise UnknownBase(_("There is no base model called %s here.") % one_line(base, 60))
    version = version_begin(
        model=model,
        name=str(fields.get("name") or ""),
        base=base,
        description=str(fields.get("description") or ""),
        trigger_words=fields.get("trigger_words") or (),
    )
    rest = {key: fields[key] for key in fields if key not in {"name", "base", "description", "trigger_words"}}
    return version_change(version=version, by=by, fields=rest) if rest else version


@transaction.atomic
def version_change(*, version: Version, by: User, fields: Mapping[str, Any]) -> Version:
    """`version_edit`, and ``needs`` and ``publish_at`` where they are given. Raises what those three raise."""
    version = version_edit(version=version, by=by, fields=fields)
    if "needs" in fields:
        needs_set(version=version, by=by, references=fields["needs"])
    if "publish_at" in fields:
        version = version_schedule(version=version, by=by, at=fields["publish_at"])
    return version
