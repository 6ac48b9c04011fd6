"""A version that becomes public at a moment of its owner's choice."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from http import HTTPStatus

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog.actions import editable, version_publish
from hub.catalog.models import File, Model, Version
from hub.errors import Refused

log = logging.getLogger(__name__)
LATEST = timedelta(days=2 * 365)


class BadMoment(Refused):
    code, status = "bad-moment", HTTPStatus.UNPROCESSABLE_ENTITY


def moment(at: datetime) -> datetime:
    """``at``, where something can be published then. Raises `BadMoment` for the past and for more than two years on."""
    now = timezone.now()
    if at <= now:
        raise BadMoment(_("That moment is past. Publish it now, or choose a later one."))
    if at > now + LATEST:
        raise BadMoment(_("Choose a moment within the next two years."))
    return at


@transaction.atomic
def version_schedule(*, version: Version, by: User, at: datetime | None) -> Version:
    """Publish a draft at ``at``, or as soon after as a file of it is accepted; None: not by itself any more.

    Raises `NotFound` where it is not theirs, `BadMoment`.
    """
    editable(version.model, by)
    version = Version.objects.select_for_update(of=("self",)).select_related("model").get(pk=version.pk)
    if version.status != Version.Status.DRAFT:
        raise BadMoment(_("Only a draft can be published later."))
    version.publish_at = moment(at) if at else None
    if at:
        version.publish_when_ready = False
    version.save(update_fields=["publish_at", "publish_when_ready", "updated_at"])
    return version


def versions_due() -> int:
    """Publish what is due and has an accepted file. Returns how many versions became public.

    What cannot be published now (its file is not accepted yet, a moderator made it a draft) stays due.
    """
    accepted = File.objects.filter(version=OuterRef("pk"), verdict=File.Verdict.ACCEPTED)
    due = Version.objects.filter(Exists(accepted), publish_at__lte=timezone.now(), status=Version.Status.DRAFT)
    due = due.exclude(model__status__in=[Model.Status.TAKEN_DOWN, Model.Status.DELETED]).exclude(model__locked=True)
    published = 0
    for version in due.select_related("model__owner").order_by(F("publish_at"), "id")[:500]:
        try:
            version_publish(version=version, by=version.model.owner)
            published += 1
        except Refused:  # changed meanwhile; it is asked again
            log.warning("Version %s was due and could not be published.", version.pk, exc_info=True)
    return published
