"""Atom feeds of what is published: the hub's, and one person's; of the levels that their reader sees on pages."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import format_html
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.accounts.levels import levels_of
from hub.accounts.queries import user_by_name
from hub.catalog.markdown import rendered
from hub.catalog.models import Version
from hub.catalog.queries import Wish, model_list
from hub.catalog.serializers import card
from hub.errors import NotFound

ENTRIES = 30
OWN = re.compile(r'(?<= src=")/|(?<= href=")/')  # addresses that would lead elsewhere from a reader's own page
UNTOLD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what XML cannot say


@require_safe
def model_feed(request: HttpRequest) -> HttpResponse:
    """The newest models of everybody."""
    return _atom(request, _("New models"), reverse("catalog:model-list") + "?sort=newest")


@require_safe
def user_feed(request: HttpRequest, name: str) -> HttpResponse:
    """The newest models of one person."""
    person = user_by_name(name)
    if person is None:
        raise NotFound(_("Nobody here is called %(name)s.") % {"name": name[:96]})
    title = _("Models by %(name)s") % {"name": person.username}
    return _atom(request, title, _profile(person.username), creator=person.username)


def _profile(name: str) -> str:
    return reverse("accounts:user-detail", args=[name])


def _atom(request: HttpRequest, title: str, page: str, creator: str = "") -> HttpResponse:
    feed = Atom1Feed(
        title=f"{title} · Weightroom",
        link=settings.PUBLIC_URL + page,
        description="",
        language=get_language(),
        feed_url=settings.PUBLIC_URL + request.path,
        feed_guid=settings.PUBLIC_URL + request.path,
    )
    wish = Wish(creator=creator, sort="newest", within=levels_of(request.user))
    for version in model_list(wish, limit=ENTRIES, count=False).versions:
        feed.add_item(**_entry(version))
    response = HttpResponse(content_type=feed.content_type)
    feed.write(response, "utf-8")
    return response


def _entry(version: Version) -> dict[str, Any]:
    shown = card(version)
    words = [format_html("<p>{}, {}, {}</p>", shown["type_label"], shown["base"], version.name)]
    if shown["picture_url"]:
        words.append(format_html('<p><img src="{}" alt=""></p>', shown["picture_url"]))
    words.append(rendered(version.description or version.model.description))
    return {
        "title": UNTOLD.sub("", shown["name"]),
        "link": settings.PUBLIC_URL + shown["url"],
        "description": UNTOLD.sub("", OWN.sub(f"{settings.PUBLIC_URL}/", "".join(words))),
        "author_name": shown["creator"],
        "author_link": settings.PUBLIC_URL + _profile(shown["creator"]),
        "pubdate": version.published_at,
        "updateddate": version.updated_at,
        "unique_id": f"{settings.PUBLIC_URL}/model-versions/{version.pk}",
        "categories": [shown["type_label"], shown["base"]],
    }
