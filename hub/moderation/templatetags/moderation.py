"""What other apps' pages say of decisions about what they show."""

from __future__ import annotations

from typing import Any

from django import template

from hub.moderation import queries
from hub.moderation.models import Case

register = template.Library()


@register.simple_tag(takes_context=True)
def decision_about(context: dict[str, Any], kind: str, thing: int) -> Case | None:
    """What was decided about a thing last, for those who may answer it."""
    return queries.decision_about(context["request"].user, kind, thing)
