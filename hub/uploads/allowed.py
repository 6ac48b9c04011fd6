"""What a file is held against before a byte of it is taken: its size, its owner's room, what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.accounts.queries import groups_of, owners_for, quota_of
from hub.catalog.models import Base, Model, Version
from hub.catalog.schedule import LATEST
from hub.errors import Refused
from hub.templatetags.weightroom import size as said
from hub.uploads import queries
from hub.uploads.joining import WrongParts


class Empty(Refused):
    code, status = "empty", HTTPStatus.UNPROCESSABLE_ENTITY


class TooBig(Refused):
    code, status = "too-big", HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class QuotaReached(Refused):
    code, status = "quota-reached", HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TooManyOpen(Refused):
    code, status = "too-many-open", HTTPStatus.TOO_MANY_REQUESTS


class WrongFields(Refused):
    code, status = "wrong-fields", HTTPStatus.UNPROCESSABLE_ENTITY


def checked_size(size: int) -> int:
    if size <= 0:
        raise Empty(_("The file is empty."))
    if size > settings.MAX_UPLOAD_BYTES:
        raise TooBig(
            _("%(size)s is over this hub's limit of %(most)s.")
            % {"size": said(size), "most": said(settings.MAX_UPLOAD_BYTES)}
        )
    return size


def checked_part_size(size: int, wanted: int | None) -> int:
    if wanted is None:
        return queries.part_size_for(size)
    if not queries.SMALLEST_PART <= wanted <= settings.GIB or wanted * queries.MOST_PARTS < size:
        raise WrongParts(_("Parts hold from 5 MiB to 1 GiB, and a file has at most 10,000 of them."))
    return wanted


def check_room(owner: User, size: int) -> None:
    if (open_now := sum(queries.uploads_open(owner).values())) >= settings.UPLOADS_OPEN:
        raise TooManyOpen(_("%d files are on their way in already. Finish or remove some first.") % open_now)
    _check_space(owner, size, _("This needs %(size)s; you have %(left)s left."))


def _check_space(owner: User, size: int, sentence: str) -> None:
    left = max(0, quota_of(owner) - queries.space_used(owner))
    if size > left:
        raise QuotaReached(sentence % {"size": said(size), "left": said(left), "group": owner.username}, left=left)


def check_group_room(owner: User, fields: Mapping[str, Any], size: int) -> None:
    """A group's files count against the group's quota. Raises `QuotaReached`."""
    group = None
    if model := fields.get("model_id"):
        group = User.objects.filter(models=model, is_group=True).first()
    elif name := fields.get("group"):
        group = User.objects.filter(username__iexact=name, is_group=True).first()
    if group is not None:
        _check_space(group, size, _("This needs %(size)s; %(group)s has %(left)s left."))


def checked_fields(owner: User, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What the owner says of the file, where it names things that exist and are theirs. Raises `WrongFields`."""
    chosen = {name: value for name, value in fields.items() if value not in (None, "", [])}
    gone = (Model.Status.DELETED, Model.Status.TAKEN_DOWN)
    theirs = Q(owner=owner) | Q(owner__in=groups_of(owner, editing=True))
    if model_id := chosen.get("model_id"):
        if not Model.objects.filter(theirs, id=model_id).exclude(status__in=gone).exists():
            raise WrongFields(_("You have no model of that number."), field="model_id")
        chosen.pop("model_name", None)
    if version_id := chosen.get("version_id"):
        of_theirs = Q(model__owner=owner) | Q(model__owner__in=groups_of(owner, editing=True))
        version = Version.objects.filter(of_theirs, id=version_id).exclude(status__in=gone).first()
        if version is None or (model_id and version.model_id != model_id):
            raise WrongFields(_("You have no version of that number."), field="version_id")
        chosen["model_id"] = version.model_id
    if (group := chosen.get("group")) and not any(
        one.username.lower() == str(group).lower() for one in owners_for(owner)
    ):
        raise WrongFields(_("You edit for no group of that name."), field="group")
    if (base := chosen.get("base")) and not Base.objects.filter(name=base).exists():
        raise WrongFields(_("This hub knows no base model of that name."), field="base")
    if isinstance(at := chosen.get("publish_at"), datetime):
        if at > timezone.now() + LATEST:
            raise WrongFields(_("Choose a moment within the next two years."), field="publish_at")
        chosen["publish_at"] = at.isoformat()
    return chosen
