"""The catalogue's pages: home, the list, a model, its editing."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import replace_url

from hub.accounts.levels import beyond, levels_of, words
from hub.accounts.models import User
from hub.accounts.permissions import person
from hub.accounts.queries import acts_for, owners_for
from hub.catalog import actions, creating, needs, queries, schedule
from hub.catalog.forms import ModelForm, ScheduleForm, VersionForm
from hub.catalog.markdown import rendered
from hub.catalog.models import File, Model, Version
from hub.catalog.serializers import (
    SCROLLED,
    SORT_LABELS,
    ListAddress,
    air,
    card,
    file_view,
    model_url,
    shown_of,
    wish_of,
)
from hub.catalog.snippets import snippets
from hub.catalog.suggestions import suggestions
from hub.catalog.terms import BASE, CREATOR, TAG, TYPE
from hub.catalog.training import training_of
from hub.errors import NotFound, Refused

PAGE, ROW = 30, 10
# Filters of more choices than are shown.
FACETS = {"type": (TYPE, gettext_lazy("Type")), "base": (BASE, gettext_lazy("Base model")),
          "tag": (TAG, gettext_lazy("Tag")), "creator": (CREATOR, gettext_lazy("Creator"))}  # fmt: skip


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """New this week, and what is downloaded most, drawn the same way."""
    within = levels_of(request.user)
    newest = queries.model_list(queries.Wish(sort="newest", within=within), limit=ROW, count=False)
    loved = queries.model_list(queries.Wish(sort="downloads", within=within), limit=2 * ROW, count=False)
    context = {"newest": [card(v) for v in newest.shown], "loved": [card(v) for v in loved.shown]}
    return render(request, "catalog/home.html", context)


@require_safe
def model_list(request: HttpRequest) -> HttpResponse:
    """The list with its filters; htmx asks for the part that changes and gets the same address."""
    wish = replace(wish_of(request.GET), within=levels_of(request.user))
    more = bool(request.headers.get("HX-Request")) and "after" in request.GET
    shown = shown_of(request.GET, PAGE)
    page = queries.model_list(
        wish,
        limit=PAGE if "after" in request.GET else shown,
        cursor=request.GET.get("after", ""),
        with_facets=not more,
        count=not more,
    )
    address = ListAddress(request.GET)
    drawn = request.GET.get("drawn", "")
    context: dict[str, Any] = {
        "wish": wish,
        "cards": [card(version) for version in page.shown],
        "page": page,
        "shown_total": _counted(page),
        "next_url": address.following(page.next_cursor, shown + PAGE) if page.next_cursor else "",
        "scrolls": shown < SCROLLED * PAGE,
        "drawn": int(drawn) if drawn.isascii() and drawn.isdecimal() and len(drawn) < 3 else None,
        "split": "split" in request.GET,
        "first": "after" not in request.GET,
        "sorts": _sorts(wish),
        "order": wish.order,
    }
    if page.facets:
        context["facets"] = page.facets
        context["licence_open"] = any(facet.on for facet in page.facets.licences)
        context["chips"] = address.chips(page.facets)
        context["plain_url"] = f"{address.path}?query={wish.query}" if wish.query else address.path
        if wish.query:
            context["match"] = next(iter(queries.hash_begun(wish.query)), None)
        if context["chips"] and (not page.pairs or not wish.query):
            every = queries.model_list(queries.without_filters(wish), limit=0)
            context |= {"unfiltered": every.total, "of_all": "" if wish.query else _counted(every)}
    template = "catalog/model_list_grid.html" if more else "catalog/model_list.html"
    response = render(request, template, context)
    if more:
        replace_url(response, address.reaching(shown))
    patch_vary_headers(response, ["HX-Request"])
    return response


def _counted(page: queries.Page) -> str:
    return f"{page.total}+" if page.capped else str(page.total)


@require_safe
def facet_list(request: HttpRequest, name: str) -> HttpResponse:
    """All choices of one of the list's filters beside the filters that are on, found by their names: the insides of
    the list's own filter, or a page where nothing can be put into it."""
    if name not in FACETS:
        raise NotFound(_("There is no such filter."))
    wish = replace(wish_of(request.GET), within=levels_of(request.user))
    word = request.GET.get("word", "").replace("\x00", "")[:60].strip()
    found = queries.model_list(wish, limit=1, count=False, with_facets=True).facets
    one = (wish.creator,) if wish.creator else ()
    chosen = {"type": wish.types, "base": wish.bases, "tag": wish.tags, "creator": one}[name]
    address = ListAddress(request.GET, request.path).without("word", request.GET.get("word", ""))
    context = {
        "name": name,
        "title": FACETS[name][1],
        "options": queries.every(found, FACETS[name][0], chosen, word) if found else [],
        "word": word,
        "address": address,
        "others": [
            (key, value)
            for key, values in request.GET.lists()
            for value in values
            if key not in {name, "word", "after", "shown"}
        ],
    }
    part = bool(request.headers.get("HX-Request"))
    response = render(request, "catalog/facet_options.html" if part else "catalog/facet_list.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _sorts(wish: queries.Wish) -> list[tuple[str, str]]:
    of_search = {"relevance": bool(wish.query), "meaning": bool(wish.query) and settings.MEANING_SEARCH}
    return [(name, str(label)) for name, label in SORT_LABELS.items() if of_search.get(name, True)]


@require_safe
def model_search(request: HttpRequest) -> HttpResponse:
    """What is offered while somebody types, in groups; prompts come by a tag of their own app."""
    query = wish_of(request.GET).query
    offered = suggestions(query, within=levels_of(request.user))
    context = {"query": query, "offered": offered, "found": [card(version) for version in offered.models]}
    return render(request, "catalog/model_search.html", context)


@require_safe
def model_detail(request: HttpRequest, model_id: int, slug: str = "") -> HttpResponse:
    """A model: what it does to the same picture first, then everything that is asked about it."""
    try:
        model = queries.model_detail(request.user, model_id)
    except NotFound as missing:
        raise NotFound(_("There is nothing at this address. Perhaps it is a draft, or was deleted.")) from missing
    version = _version_asked(model, request)
    if beyond(model.level, request.user) and not queries.may_edit(request.user, model) and "show" not in request.GET:
        context = {"model": model, "level": words(model.level)}
        return render(request, "catalog/model_veiled.html", context)
    response = render(request, "catalog/model_detail.html", _detail(request, model, version))
    if model.status == Model.Status.UNLISTED:  # in no list, so in no search engine's either
        response["X-Robots-Tag"] = "noindex"
    return response


def _version_asked(model: Model, request: HttpRequest) -> Version | None:
    """The version in the address, else the first. Raises `NotFound` for one that is not there."""
    versions: list[Version] = model.shown_versions  # type: ignore[attr-defined]
    asked = request.GET.get("version") or request.GET.get("modelVersionId")
    if not asked:
        return versions[0] if versions else None
    found = next((version for version in versions if str(version.pk) == asked), None)
    if found is None:
        raise NotFound(_("This model has no such version."))
    return found


def _detail(request: HttpRequest, model: Model, version: Version | None) -> dict[str, Any]:
    files: list[File] = version.shown_files if version else []  # type: ignore[attr-defined]
    for file in files:
        file.version = version  # type: ignore[assignment]  # the same rows, not read again
    if version:
        version.model = model
    views = [file_view(file) for file in files]
    served = [view for view in views if view["file"].verdict == File.Verdict.ACCEPTED]
    may_edit = queries.may_edit(request.user, model)
    taken_down = model.status == Model.Status.TAKEN_DOWN
    return {
        "model": model,
        "version": version,
        "versions": model.shown_versions,  # type: ignore[attr-defined]
        "type_label": model.get_type_display(),
        "stat": queries.stat_of(model),
        "files": views,
        "download": served[0] if served else None,
        "can_try": _can_try(model, version, served, may_edit),
        "description": rendered(model.description),
        "about": rendered(version.description) if version else "",
        "needs": needs.needed(request.user, version) if version else [],
        "training": training_of(request.user, version) if version else None,
        "may_edit": may_edit,
        "moderates": queries.moderates(request.user),
        "is_owner": isinstance(request.user, User) and acts_for(request.user, model.owner),
        "taken_down": taken_down,
        "unlisted": model.status == Model.Status.UNLISTED,
        "link": f"{settings.PUBLIC_URL}{model_url(model)}?key={model.link_key}" if model.link_key and may_edit else "",
        "sign_in_first": not request.user.is_authenticated
        and (settings.DOWNLOADS_SIGN_IN or model.sign_in_to_download),
        "remains": queries.hashes_left(model) if taken_down else [],
        "air": air(version) if version else "",
        "tag": _prompt_tag(model, version, views),
        "snippets": snippets(version, served[0]["file"], served[0]["url"], first=not version.index)
        if version and served
        else [],
        "address": model_url(model),
    }


def _can_try(model: Model, version: Version | None, served: list[dict[str, Any]], may_edit: bool) -> bool:
    """Whether this person can draw with it here; of an unlisted model only those whose it is."""
    if version is None or not served or not served[0]["file"].adapter or not _drawn(version):
        return False
    return may_edit or model.status != Model.Status.UNLISTED


def _drawn(version: Version) -> bool:
    return version.base.family in queries.DRAWN_FAMILIES


def _prompt_tag(model: Model, version: Version | None, views: list[dict[str, Any]]) -> str:
    """What A1111 wants in the prompt for it."""
    if not version or not views:
        return ""
    stem = views[0]["name"].rsplit(".", 1)[0]
    if model.type in {Model.Type.LORA, Model.Type.LOCON, Model.Type.DORA}:
        return f"<lora:{stem}:{version.weight:g}>"
    if model.type == Model.Type.HYPERNETWORK:
        return f"<hypernet:{stem}:{version.weight:g}>"
    return stem if model.type == Model.Type.TEXTUAL_INVERSION else ""


@require_safe
def version_detail(request: HttpRequest, version_id: int) -> HttpResponse:
    """The address that clients know a version by; it leads to its model's page."""
    version = queries.version_visible(request.user, version_id)
    return redirect(model_url(version.model, version))


@require_safe
def version_manifest(request: HttpRequest, version_id: int) -> HttpResponse:
    """A version's file and all that it needs as a list, for aria2 or as JSON."""
    version = queries.version_visible(request.user, version_id)
    found = needs.parts(request.user, version)
    if request.GET.get("format") == "json":
        return JsonResponse({"files": [asdict(part) for part in found]})
    response = HttpResponse(needs.for_aria2(found), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{version.model.slug}-{version.pk}.txt"'
    return response


@login_required
def model_edit(request: HttpRequest, model_id: int) -> HttpResponse:
    """Its owner changes a model's words and licence."""
    model = queries.model_mine(request.user, model_id)
    form = ModelForm.of(model, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.model_edit(model=model, by=request.user, fields=form.values())  # type: ignore[arg-type]
        except Refused as refused:
            form.add_error(None, refused.sentence)
        else:
            return redirect(model_url(model))
    status = 422 if form.errors else 200
    owners = [one for one in owners_for(person(request)) if one != model.owner]
    return render(request, "catalog/model_edit.html", {"model": model, "form": form, "owners": owners}, status=status)


@login_required
@require_POST
def markdown_preview(request: HttpRequest) -> HttpResponse:
    """What somebody is writing as it will be shown: sanitised as everything is."""
    text = rendered(request.POST.get("description", "")[: actions.DESCRIPTION_LIMIT])
    return render(request, "catalog/markdown_preview.html", {"text": text})


@login_required
def version_edit(request: HttpRequest, version_id: int) -> HttpResponse:
    """Its owner changes a version's words, base and weights."""
    version = queries.version_mine(request.user, version_id)
    form = VersionForm.of(version, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            creating.version_change(version=version, by=person(request), fields=form.values())
        except Refused as refused:
            form.add_error(None, refused.sentence)
        else:
            return redirect(model_url(version.model, version))
    context = {"model": version.model, "version": version, "form": form}
    return render(request, "catalog/version_edit.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def version_publish(request: HttpRequest, version_id: int) -> HttpResponse:
    version = queries.version_mine(request.user, version_id)
    actions.version_publish(version=version, by=request.user)  # type: ignore[arg-type]
    messages.success(request, _("Published. Everyone can see it now."))
    return redirect(model_url(version.model, version))


@login_required
@require_POST
def version_unpublish(request: HttpRequest, version_id: int) -> HttpResponse:
    version = queries.version_mine(request.user, version_id)
    actions.version_unpublish(version=version, by=request.user)  # type: ignore[arg-type]
    messages.success(request, _("This version is a draft again."))
    return redirect(model_url(version.model, version))


@login_required
@require_POST
def version_schedule(request: HttpRequest, version_id: int) -> HttpResponse:
    """A draft becomes public at the moment in the form, in the hub's time; with none, not by itself any more."""
    version = queries.version_mine(request.user, version_id)
    form = ScheduleForm(request.POST)
    if not form.is_valid():
        raise schedule.BadMoment(_("Write the moment as a date and a time."))
    schedule.version_schedule(version=version, by=person(request), at=form.cleaned_data["at"])
    return redirect(model_url(version.model, version))


@login_required
@require_POST
def model_delete(request: HttpRequest, model_id: int) -> HttpResponse:
    model = queries.model_mine(request.user, model_id)
    if request.POST.get("name", "").strip() != model.name:
        raise actions.BadField(_("Type the model’s name to delete it."))
    actions.model_delete(model=model, by=request.user)  # type: ignore[arg-type]
    messages.success(request, _("Deleted."))
    return redirect("catalog:model-list")
