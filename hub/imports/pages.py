"""The HTML face of imports: one page with a form and what is on its way."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HTMX_STOP_POLLING

from hub.accounts.models import User
from hub.errors import Refused
from hub.imports import actions, queries, words
from hub.imports.models import Import

SHOWN = 40


def _owner(request: HttpRequest) -> User:
    return cast(User, request.user)


def _told(imports: list[Import]) -> list[dict[str, Any]]:
    """What the templates read of imports."""
    news = queries.fetching_of(imports)
    return [_one(imported, news) for imported in imports]


def _one(imported: Import, news: dict[str, Any]) -> dict[str, Any]:
    rows = [words.row_of(item, news.get(str(item.pk))) for item in imported.items.all()]
    files = [row for row in rows if row.item.kind == "file"]
    pictures = [row for row in rows if row.item.kind == "picture"]
    return {
        "imported": imported,
        "words": words.summary(imported, rows),
        "files": files,
        "pictures_lost": [row for row in pictures if row.item.state == "failed"],
        "pictures": len(pictures),
        "pictures_come": sum(row.item.state in {"done", "here"} for row in pictures),
        "open": imported.status in queries.OPEN,
        "models_ended": getattr(imported, "models", 0) - getattr(imported, "models_open", 0),
        "done": sum(row.done for row in files),
        "total": sum(row.total for row in files),
    }


@login_required
@sensitive_post_parameters("token")
@require_http_methods(["GET", "POST"])
def import_list(request: HttpRequest) -> HttpResponse:
    """The form, and below it what was imported; a link that cannot be followed comes back with its reason."""
    owner, said, status = _owner(request), {}, 200
    if request.method == "POST":
        said = {name: request.POST.get(name, "") for name in ("link", "server")}
        try:
            actions.import_start(
                owner=owner,
                link=said["link"],
                server=said["server"],
                token=request.POST.get("token", ""),
                publish="publish" in request.POST,
                pictures="pictures" in request.POST,
            )
            return redirect("imports:import-list")
        except Refused as refused:
            said["wrong"], status = refused.sentence, refused.status
    imports = list(queries.import_list(owner)[:SHOWN])
    context = {"told": _told(imports), "said": said, "fetchers": queries.fetchers_alive()}
    return render(request, "imports/import_list.html", context, status=status)


@require_GET
@login_required
def import_detail(request: HttpRequest, id: UUID) -> HttpResponse:
    """How one import is; polled while something moves, then 286 ends the polling."""
    told = _told([queries.import_of(_owner(request), id)])[0]
    status = HTMX_STOP_POLLING if request.headers.get("HX-Request") and not told["open"] else 200
    template = "imports/import_row.html" if request.headers.get("HX-Request") else "imports/import_detail.html"
    return render(request, template, {"one": told}, status=status)


@require_POST
@login_required
def import_cancel(request: HttpRequest, id: UUID) -> HttpResponse:
    actions.import_cancel(owner=_owner(request), id=id)
    return _answer(request, id)


@require_POST
@login_required
@sensitive_post_parameters("token")
def import_retry(request: HttpRequest, id: UUID) -> HttpResponse:
    actions.import_retry(owner=_owner(request), id=id, token=request.POST.get("token", ""))
    return _answer(request, id)


def _answer(request: HttpRequest, id: UUID) -> HttpResponse:
    if not request.headers.get("HX-Request"):
        return redirect("imports:import-list")
    one = _told([queries.import_of(_owner(request), id)])[0]
    return render(request, "imports/import_row.html", {"one": one})
