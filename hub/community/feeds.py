"""Atom feeds of what is published: the hub's, and one person's."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.accounts.queries import user_by_name
from hub.catalog.models import Version
from hub.catalog.queries import Wish, model_list
from hub.catalog.serializers import card
from hub.errors import NotFound

ENTRIES = 30


@require_safe
def model_feed(request: HttpRequest) -> HttpResponse:
    """The newest models of everybody."""
    return _atom(_("New models"), "/models?sort=newest", request.path, Wish(sort="newest"))


@require_safe
def user_feed(request: HttpRequest, name: str) -> HttpResponse:
    """The newest models of one person."""
    person = user_by_name(name)
    if person is None:
        raise NotFound(_("Nobody here is called %(name)s.") % {"name": name[:96]})
    title = _("Models by %(name)s") % {"name": person.username}
    return _atom(title, f"/u/{person.username}", request.path, Wish(creator=person.username, sort="newest"))


def _atom(title: str, page: str, path: str, wish: Wish) -> HttpResponse:
    feed = Atom1Feed(
        title=f"{title} · Weightroom",
        link=settings.PUBLIC_URL + page,
        description="",
        feed_url=settings.PUBLIC_URL + path,
        feed_guid=settings.PUBLIC_URL + path,
    )
    for version in model_list(wish, limit=ENTRIES, count=False).versions:
        feed.add_item(**_entry(version))
    response = HttpResponse(content_type=feed.content_type)
    feed.write(response, "utf-8")
    return response


def _entry(version: Version) -> dict[str, Any]:
    shown = card(version)
    words = [f"<p>{escape(shown['type_label'])}, {escape(shown['base'])}</p>"]
    if shown["picture_url"]:
        words.append(f'<p><img src="{escape(settings.PUBLIC_URL + shown["picture_url"])}" alt=""></p>')
    return {
        "title": shown["name"],
        "link": settings.PUBLIC_URL + shown["url"],
        "description": "".join(words),
        "author_name": shown["creator"],
        "pubdate": version.published_at,
        "updateddate": version.updated_at,
        "unique_id": f"{settings.PUBLIC_URL}/model-versions/{version.pk}",
    }
