"""What webhooks tell: Civitai's shapes of a version and a picture, as far as the hook's owner may see them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from hub.accounts.models import User
from hub.accounts.queries import groups_of
from hub.catalog.models import Version
from hub.errors import Refused
from hub.gallery.models import PictureUse
from hub.gallery.queries import pictures_for
from hub.hooks.models import Hook
from hub.moderation import queries as moderation
from hub.moderation.models import Report
from hub.protocols.civitai import reads, shapes, whole

MOST_PICTURES = 10


def told(user: User, kind: str, subject: int, everybody: bool) -> dict[str, Any] | None:
    """What ``user`` may be told of an event; None where it is not theirs to see. everybody: others' too."""
    match kind:
        case Hook.Kind.VERSION_PUBLISHED:
            return _version(user, subject, everybody)
        case Hook.Kind.PICTURE_ADDED:
            return _picture(user, subject, everybody)
        case Hook.Kind.REPORT_FILED:
            return _report(user, subject)
    return None


def _version(user: User, subject: int, everybody: bool) -> dict[str, Any] | None:
    found = whole.versions(user, [subject], pictures=MOST_PICTURES)
    if not found or found[0].version.status != Version.Status.PUBLISHED:
        return None
    return shapes.version_shape(found[0]) if everybody or found[0].model.owner_id in _own(user) else None


def _own(user: User) -> set[int]:
    """Whose things are one's own: oneself, and the groups one belongs to."""
    return {user.pk, *groups_of(user)}


def _picture(user: User, subject: int, everybody: bool) -> dict[str, Any] | None:
    picture = pictures_for(user).filter(pk=subject, visible=True).select_related("owner").first()
    if picture is None:
        return None
    own = _own(user)
    mine = PictureUse.objects.filter(picture=picture, version__model__owner__in=own)
    if not (everybody or picture.owner_id in own or mine.exists()):
        return None
    return shapes.image_shape(picture, versions=reads.versions_of([picture]).get(picture.pk, []), meta=None)


def _report(user: User, subject: int) -> dict[str, Any] | None:
    """Of a report the case, not who sent it."""
    report = Report.objects.select_related("case").filter(pk=subject).first() if user.is_moderator else None
    if report is None:
        return None
    try:
        case = moderation.case_of(user, report.case_id)
    except Refused:
        return None
    return {
        "id": report.pk,
        "reason": report.reason,
        "words": report.words,
        "case": case.pk,
        "kind": case.kind,
        "thing": case.thing,
        "title": case.title,
        "url": settings.PUBLIC_URL + reverse("moderation:case-list"),
    }
