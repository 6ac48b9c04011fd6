"""A draft that nobody has seen goes from a model of its own to another one of its owner's, as a new version of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog.actions import editable, model_delete
from hub.catalog.models import Digest, Model, Version
from hub.catalog.revisions import entries_of, revision_make, revision_take
from hub.errors import NotFound, Refused

NUMBERED = re.compile(r"v\d+")  # the name that a version has before somebody gives it one


class NotMovable(Refused):
    code, status = "not-movable", HTTPStatus.CONFLICT


def movable(versions: Iterable[int | None]) -> set[int]:
    """Those of these versions that can still become versions of another model: nobody but their owner has seen them,
    and they are all that their model has."""
    drafts = Version.objects.filter(pk__in=list(versions), status=Version.Status.DRAFT, published_at=None)
    unseen = drafts.filter(model__status=Model.Status.DRAFT, model__published_at=None, model__locked=False)
    counted = unseen.annotate(of=Count("model__versions", filter=~Q(model__versions__status=Version.Status.DELETED)))
    return set(counted.filter(of=1).values_list("pk", flat=True))


@transaction.atomic
def version_move(*, version: Version, into: Model, by: User) -> Version:
    """Make a draft, with its files and pictures, the newest version of ``into``; the model that it was leaves the hub,
    and what was written about that becomes the version's. A repeat changes nothing.

    Raises `NotFound` for what is not theirs, `NotMovable` where somebody may have seen it.
    """
    version = Version.objects.select_related("model__owner", "revision").get(pk=version.pk)
    # In one order, so that two who move at once cannot wait for each other.
    locked = Model.objects.select_for_update(of=("self",)).select_related("owner").order_by("pk")
    models = {model.pk: model for model in locked.filter(pk__in={version.model_id, into.pk})}
    was, into = models[version.model_id], models[into.pk]
    editable(was, by)
    editable(into, by)
    if into.status == Model.Status.TAKEN_DOWN:
        raise NotFound(_("There is no such model."))
    if was == into:
        return version
    if not movable([version.pk]):
        raise NotMovable(_("Only a draft that is all of its model can become a version of another one."))
    count = into.versions.count()
    into.versions.update(index=F("index") + 1)
    if NUMBERED.fullmatch(version.name):
        version.name = f"v{count + 1}"
    entries = entries_of(version.revision) if version.revision else {}
    version.model, version.index, version.revision = into, 0, None
    version.description = version.description or was.description
    version.save()
    Digest.objects.filter(version=version).update(model=into)
    latest = into.revisions.order_by("-id").first()
    revision_take(version, revision_make(into, entries, message=f"Add {version.name}", parent=latest))
    model_delete(model=was, by=by)
    return version
