"""`{% uploads_open %}`: the line in every page's bar that says what is still on its way in; `{% version_question %}`:
what is asked on a draft's page."""

from typing import Any

from django import template

from hub.accounts.models import User
from hub.catalog.models import Version
from hub.uploads import guesses, queries
from hub.uploads.models import Upload

register = template.Library()


@register.inclusion_tag("uploads/uploads_open.html", takes_context=True)
def uploads_open(context: template.Context) -> dict[str, Any]:
    """Counts for the person who looks; nothing is asked of the database for strangers."""
    user = context.get("user")
    if user is None or not user.is_authenticated:
        return {"waiting": 0, "inspecting": 0}
    return queries.uploads_open(user)


@register.inclusion_tag("uploads/model_late.html", takes_context=True)
def version_question(context: template.Context, version: Version | None) -> dict[str, Any]:
    """Whether a draft that somebody uploaded is a new version of another model of theirs, where it looks like one."""
    user = context.get("user")
    if version is None or version.status != Version.Status.DRAFT or user is None or not user.is_authenticated:
        return {}
    mine = Upload.objects.filter(version=version, owner=user, status=Upload.Status.ACCEPTED)
    upload = mine.select_related("version").order_by("created_at").first()
    guessed = guesses.models_guessed(user, [upload]).get(str(upload.pk)) if upload else None
    return {"row": {"upload": upload, "guessed": guessed}, "csrf_token": context.get("csrf_token")} if guessed else {}


@register.simple_tag
def space_used_by(owner: User) -> int:
    """Bytes that count against the quota of a group."""
    return queries.space_used(owner)


@register.simple_tag(takes_context=True)
def space_used(context: template.Context) -> int:
    """Bytes that count against the quota of the person who looks."""
    return queries.space_used(context["user"])
