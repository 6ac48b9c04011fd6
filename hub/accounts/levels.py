"""Content levels: one bit each, as Civitai has them; a visitor's mask says which are shown to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from hub.accounts.models import User

COOKIE = "content"  # of who has no account: the mask, and 1 where lists blur

LEVELS = {
    1: _("For everybody"),
    2: _("Suggestive, or mild violence"),
    4: _("Nudity, or violence"),
    8: _("Sexual"),
    16: _("Explicit, or cruel"),
}
ALL = sum(LEVELS)
BLUR = 28  # what is blurred for those who ask for it where the hub blurs nothing


class Visitor(AnonymousUser):
    """Somebody without an account who said what they want to be shown."""

    def __init__(self, levels: int, blur: bool) -> None:
        super().__init__()
        self.levels, self.blur = levels, blur


def visitor_of(cookie: str) -> AnonymousUser:
    """Who a cookie speaks of; what this hub never wrote, or does not allow any more, says nothing."""
    said = re.fullmatch(r"([1-9][0-9]?)-([01])", cookie, re.ASCII)
    if said is None or not int(said[1]) & 1 or int(said[1]) & ~choosable(AnonymousUser()):
        return AnonymousUser()
    return Visitor(int(said[1]), said[2] == "1")


def choosable(user: User | AnonymousUser) -> int:
    """The mask of levels of which ``user`` may choose what they are shown; the first is always on."""
    return ALL if user.is_authenticated else (settings.CONTENT_LEVELS | settings.CONTENT_LEVELS_VISITORS | 1) & ALL


def levels_of(user: User | AnonymousUser) -> int:
    """The mask of levels that are shown to ``user``; who said nothing has the hub's own."""
    chosen = getattr(user, "levels", None)
    return settings.CONTENT_LEVELS if chosen is None else chosen


def blurred(user: User | AnonymousUser | None) -> int:
    """The mask of levels that are blurred where pictures lie side by side; who said nothing has the hub's own."""
    chosen = getattr(user, "blur", None)
    if user is None or not chosen:
        return 0 if chosen is False else settings.CONTENT_BLUR
    mask = settings.CONTENT_BLUR or BLUR
    return mask if mask & choosable(user) else choosable(user) & ~1  # the strongest that they can be shown


def highest(level: int) -> int:
    """The highest bit of a level that may have several."""
    return max((bit for bit in LEVELS if bit & level), default=1)


def beyond(level: int, user: User | AnonymousUser) -> bool:
    """Whether something of ``level`` (a bit, or several) is more than ``user`` wants to see unasked; 0 is not known."""
    return level == 0 or bool(level & ~levels_of(user))


def words(level: int) -> str:
    """The highest level of ``level`` in words."""
    return str(LEVELS[highest(level)] if level else _("Being checked"))
