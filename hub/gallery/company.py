"""What a version is drawn with: its company in people's pictures, and the versions that name it as what they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count

from hub.catalog.models import Version
from hub.catalog.queries import versions_visible
from hub.gallery.models import PictureUse

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

LATEST = 300  # pictures that are looked at: a model of a million pictures must not cost more than one of a few
SHOWN = 6


@dataclass(frozen=True)
class Company:
    """``beside``: (version, pictures they share) of adapters, most shared first; ``needed_by``: who names it."""

    beside: list[tuple[Version, int]]
    needed_by: list[Version]

    def __bool__(self) -> bool:
        return bool(self.beside or self.needed_by)


def company_of(user: User | AnonymousUser, version: Version) -> Company:
    """Adapters that were drawn together with ``version`` lately, and versions that need it, as far as ``user`` sees."""
    used = PictureUse.objects.filter(version=version, picture__visible=True, picture__held=False)
    latest = list(used.order_by("-picture_id").values_list("picture_id", flat=True)[:LATEST])
    others = PictureUse.objects.filter(picture_id__in=latest, weight__isnull=False).exclude(version=version)
    counted = others.values("version_id").annotate(n=Count("pk")).order_by("-n")[: SHOWN * 4]
    counts = {row["version_id"]: row["n"] for row in counted} if latest else {}
    needing = Version.needs.through.objects.filter(to_version=version)
    if not counts and not needing.exists():  # most have neither: whole versions are asked for where there are some
        return Company([], [])
    seen = versions_visible(user).exclude(model=version.model_id).select_related("model__owner", "base")
    beside: dict[int, tuple[Version, int]] = {}
    for other in sorted(seen.filter(pk__in=counts), key=lambda one: (-counts[one.pk], one.pk)):
        beside.setdefault(other.model_id, (other, counts[other.pk]))  # one version of each model
    needed_by = seen.filter(needs=version).order_by("-id")[:SHOWN]
    return Company(list(beside.values())[:SHOWN], list(needed_by))
