"""What other apps' pages say of decisions about what they show."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from hub.accounts.levels import LEVELS
from hub.accounts.models import User
from hub.catalog.models import File
from hub.moderation import queries
from hub.moderation.models import Case, Entry

register = template.Library()
STATES = {
    File.Verdict.ACCEPTED: pgettext_lazy("verdict", "accepted"),
    File.Verdict.REFUSED: pgettext_lazy("verdict", "refused"),
    File.Verdict.UNKNOWN: pgettext_lazy("verdict", "not known yet"),
    **dict(User.Role.choices), **dict(Case.Decision.choices),
    "open": pgettext_lazy("state of a case or an account", "open"), "closed": _("closed"), "restored": _("as before"),
}  # fmt: skip


@register.filter
def state(entry: Entry, which: str) -> str:
    """What something was ``before`` or ``after`` a line of the log, in the reader's words; a size stays what it is."""
    value = getattr(entry, which)
    if entry.action == Entry.Action.RATED and value.isdecimal():
        bits = [label for bit, label in LEVELS.items() if bit & int(value)]
        return ", ".join(map(str, bits))
    return str(STATES.get(value, value))


@register.simple_tag(takes_context=True)
def decision_about(context: dict[str, Any], kind: str, thing: int) -> Case | None:
    """What was decided about a thing last, for those who may answer it."""
    return queries.decision_about(context["request"].user, kind, thing)
