"""The gallery's pages: all pictures, one picture, its bytes, a version's strip."""

from __future__ import annotations

import re
import uuid
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseStopPolling, replace_url

from hub import bodies, storage
from hub.accounts.levels import LEVELS, beyond, words
from hub.accounts.permissions import person
from hub.catalog.models import Version
from hub.catalog.queries import version_visible
from hub.catalog.serializers import SCROLLED, ListAddress, shown_of
from hub.errors import NotFound, Refused
from hub.gallery import actions, queries, recipes, sent, sizes
from hub.gallery.links import is_signed
from hub.gallery.templatetags.gallery import strip_context

FIELD = re.compile(r"[a-z0-9_]{1,40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
PNG = b"\x89PNG"
SHARED_SECONDS = 60


@require_GET
def picture_list(request: HttpRequest) -> HttpResponse:
    version = None
    if number := request.GET.get("version", ""):
        version = _version(request, number)
    page = queries.PAGE
    after, shown = request.GET.get("after", ""), shown_of(request.GET, page)
    more = request.headers.get("HX-Target") == "more"
    pictures, following = queries.picture_list(
        request.user, after=after, version=version, limit=page if after else shown
    )
    address = ListAddress(request.GET, reverse("gallery:picture-list"))
    context = {
        "pictures": pictures,
        "version": version,
        "first": "after" not in request.GET,
        "next_url": address.following(following, shown + page) if following else "",
        "scrolls": shown < SCROLLED * page,
    }
    response = render(request, "gallery/picture_tiles.html" if more else "gallery/picture_list.html", context)
    return replace_url(response, address.reaching(shown)) if more else response


@require_GET
def picture_detail(request: HttpRequest, picture_id: int) -> HttpResponse:
    picture = queries.picture_for(request.user, picture_id)
    own = picture.owner_id is not None and picture.owner_id == request.user.pk
    if beyond(picture.level, request.user) and not own and "show" not in request.GET:
        return render(request, "gallery/picture_veiled.html", {"picture": picture, "level": words(picture.level)})
    recipe = recipes.read(picture.recipe)
    context: dict[str, Any] = {
        "picture": picture,
        "recipe": recipe,
        "parts": queries.parts_of(request.user, picture),
        "address": settings.PUBLIC_URL + reverse("gallery:picture-detail", args=[picture.pk]),
        "a1111": recipes.as_a1111(recipes.as_saved(request.user, recipe)),
        "json": recipes.as_json(recipe),
        "own": own,
        "asked": words(picture.level) if beyond(picture.level, AnonymousUser()) else "",
        "levels": [(bit, label, bit == picture.level) for bit, label in LEVELS.items()],
    }
    if request.headers.get("HX-Request"):  # over a grid (picture_dialog.js): the picture without its page
        response = render(request, "gallery/picture_shown.html", context)
    else:
        context["newer"], context["older"] = queries.neighbours(request.user, picture)
        response = render(request, "gallery/picture_detail.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_safe
def picture_workflow(request: HttpRequest, picture_id: int) -> HttpResponse:
    """The picture's recipe as a ComfyUI workflow."""
    picture = queries.picture_for(request.user, picture_id)
    recipe = recipes.as_saved(request.user, recipes.read(picture.recipe))
    response = HttpResponse(recipes.as_comfyui(recipe), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="picture-{picture_id}.json"'
    return response


@require_safe
def picture_file(request: HttpRequest, sha256: str, params: str, name: str) -> HttpResponse:
    """A picture, as drawn or in the width that ``params`` ask for (`sizes`).

    The address names the bytes, so they may be kept for ever; a private one by browsers only. Where a smaller copy is
    still being made the picture as drawn stands in, and is kept for a moment only.
    """
    if not SHA256.fullmatch(sha256):
        raise NotFound(_("There is no such picture."))
    signed = is_signed(request, sha256) and not queries.is_held(sha256)
    public = False if signed else queries.picture_access(request.user, sha256)
    step = sizes.step_of(params)
    etag, ready = f'"{sha256}"' if step is None else f'"{sha256}-{step}"', True
    response: HttpResponse
    if request.headers.get("If-None-Match") == etag:
        response = HttpResponseNotModified()
    else:
        try:
            data, ready = (storage.picture(sha256), True) if step is None else sizes.sized(sha256, step)
            response = HttpResponse(data, content_type="image/png" if data.startswith(PNG) else "image/jpeg")
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                raise NotFound(_("The picture's bytes are gone from the store.")) from error
            return _waking()
        except BotoCoreError:
            return _waking()
        response["X-Content-Type-Options"] = "nosniff"
        if "download" in request.GET:
            response["Content-Disposition"] = storage.content_disposition(name)
    who = "public" if public else "private"
    if ready:
        response["ETag"] = etag
        # Whoever saw it may keep it; what lies between here and others may not outlive a moderator's word for long.
        shared = f", s-maxage={SHARED_SECONDS}" if public else ""
        response["Cache-Control"] = f"{who}, max-age=31536000{shared}, immutable"
    else:
        response["Cache-Control"] = f"{who}, max-age=5"
    if not public:
        response["Vary"] = "Cookie, Authorization"
    return response


def _waking() -> HttpResponse:
    """The store is starting, or away: browsers ask again, and nothing is kept."""
    headers = {"Retry-After": "5", "Cache-Control": "no-store"}
    text = _("Pictures are waking up; a few seconds.")
    return HttpResponse(text, status=503, content_type="text/plain; charset=utf-8", headers=headers)


@csrf_exempt  # its address carries a ticket: a token in the body would come after the file
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def picture_send(request: HttpRequest) -> HttpResponse:
    """A picture in a form, for browsers that run no scripts: to a version's gallery (``version``), into a field of Try
    it (``field``), or to have its recipe read."""
    number, field, refused = request.GET.get("version", ""), _field(request), None
    version = _version(request, number) if number else None
    if request.method == "POST":
        picture = sent.FormPicture()
        try:
            bodies.file_handed_on(request, picture, most=sent.MAX_BYTES)
            material = version is None and field not in {"", "sent"}
            row = sent.picture_take(
                owner=person(request), name=picture.name, data=bytes(picture.data), version=version, material=material
            )
        except Refused as problem:  # the page again, with its form and what was wrong
            refused = problem
        else:
            sent.picture_read(row)
            there = reverse("gallery:picture-sent", args=[row.pk])
            return redirect(f"{there}?field={field}" if field else there)
    context = {"version": version, "field": field, "refused": refused, "ticket": bodies.ticket(request)}
    return render(request, "gallery/picture_send.html", context, status=refused.status if refused else 200)


def _field(request: HttpRequest) -> str:
    field = request.GET.get("field", "")
    return field if FIELD.fullmatch(field) else ""


@require_GET
@login_required
def picture_sent(request: HttpRequest, sent_id: uuid.UUID) -> HttpResponse:
    """What became of a picture that was sent in a form."""
    row = sent.sent_for(request.user, sent_id)
    read = sent.recipe_of(request.user, row)
    context = {"sent": row, "recipe": read[0] if read else None, "field": _field(request)}
    return render(request, "gallery/picture_sent.html", context)


@require_POST
@login_required
def picture_keep(request: HttpRequest, picture_id: int) -> HttpResponse:
    picture = actions.picture_keep(picture_id=picture_id, by=request.user)
    said = _("It is in the gallery now, for everyone to see.")
    if not picture.level:
        said = _("It is in the gallery now. Others see it once it is checked, in a moment.")
    messages.success(request, said)
    return redirect("gallery:picture-detail", picture.pk)


@require_POST
@login_required
def picture_hide(request: HttpRequest, picture_id: int) -> HttpResponse:
    picture = actions.picture_hide(picture_id=picture_id, by=request.user)
    messages.success(request, _("It is out of the gallery."))
    if picture.owner_id != request.user.pk:
        return redirect("gallery:picture-list")
    return redirect("gallery:picture-detail", picture.pk)


@require_POST
@login_required
def picture_rate(request: HttpRequest, picture_id: int) -> HttpResponse:
    level = request.POST.get("level", "")
    picture = actions.picture_rate(
        picture_id=picture_id, by=request.user, level=int(level) if level.isdecimal() and len(level) < 4 else 0
    )
    messages.success(request, _("Its level is noted."))
    return redirect(reverse("gallery:picture-detail", args=[picture.pk]) + "?show")


@require_GET
def strip_detail(request: HttpRequest, version_id: int) -> HttpResponse:
    """A version's strip at one board prompt: the part that model pages hold and poll, or a page of its own."""
    version = _version(request, str(version_id))
    weight = _decimal(request.GET.get("weight", ""))
    seen = _decimal(request.GET.get("strip-weight", ""), most=1000)
    if seen is not None:  # what is being looked at is kept
        weight = seen / 100
    awaited = _decimal(request.GET.get("awaited", ""))
    view = queries.strip_view(version, position=_number(request, "board", 0), weight=weight, awaited=awaited)
    if not request.headers.get("HX-Request"):
        return render(request, "gallery/strip_detail.html", strip_context(request, view))
    response = render(request, "gallery/strip.html", strip_context(request, view))
    polled = "poll" in request.GET
    return HttpResponseStopPolling(response.content) if polled and not view.open else response


def _version(request: HttpRequest, number: str) -> Version:
    if not number.isdecimal() or len(number) > 18:
        raise NotFound(_("There is no such version."))
    return version_visible(request.user, int(number))


def _number(request: HttpRequest, name: str, default: int) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 5 else default


def _decimal(text: str, most: float = 10) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= most else None
