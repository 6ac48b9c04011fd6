"""Content levels: one bit each, as Civitai has them; a visitor's mask says which are shown to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

LEVELS = {
    1: _("For everybody"),
    2: _("Suggestive, or mild violence"),
    4: _("Nudity, or violence"),
    8: _("Sexual"),
    16: _("Explicit, or cruel"),
}
ALL = sum(LEVELS)
BLUR = 28  # what is blurred for those who ask for it where the hub blurs nothing


def levels_of(user: User | AnonymousUser) -> int:
    """The mask of levels that are shown to ``user``; who said nothing has the hub's own."""
    chosen = getattr(user, "levels", None)
    return settings.CONTENT_LEVELS if chosen is None else chosen


def blurred(user: User | AnonymousUser | None) -> int:
    """The mask of levels that are blurred where pictures lie side by side; who said nothing has the hub's own."""
    chosen = getattr(user, "blur", None)
    return 0 if chosen is False else settings.CONTENT_BLUR or (BLUR if chosen else 0)


def highest(level: int) -> int:
    """The highest bit of a level that may have several."""
    return max((bit for bit in LEVELS if bit & level), default=1)


def beyond(level: int, user: User | AnonymousUser) -> bool:
    """Whether something of ``level`` (a bit, or several) is more than ``user`` wants to see unasked."""
    return bool(level & ~levels_of(user))


def words(level: int) -> str:
    """The highest level of ``level`` in words."""
    return str(LEVELS[highest(level)])
