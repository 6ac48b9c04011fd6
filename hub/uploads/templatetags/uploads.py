"""`{% uploads_open %}`: the line in every page's bar that says what is still on its way in."""

from typing import Any

from django import template

from hub.accounts.models import User
from hub.uploads import queries

register = template.Library()


@register.inclusion_tag("uploads/uploads_open.html", takes_context=True)
def uploads_open(context: template.Context) -> dict[str, Any]:
    """Counts for the person who looks; nothing is asked of the database for strangers."""
    user = context.get("user")
    if user is None or not user.is_authenticated:
        return {"waiting": 0, "inspecting": 0}
    return queries.uploads_open(user)


@register.simple_tag
def space_used_by(owner: User) -> int:
    """Bytes that count against the quota of a group."""
    return queries.space_used(owner)


@register.simple_tag(takes_context=True)
def space_used(context: template.Context) -> int:
    """Bytes that count against the quota of the person who looks."""
    return queries.space_used(context["user"])
