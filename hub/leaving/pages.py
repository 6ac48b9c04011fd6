"""One page: everything of mine as a zip, and the end of my account, with what happens to what, in words, before."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from hub import storage
from hub.accounts.permissions import person
from hub.catalog.models import Model
from hub.errors import Refused
from hub.leaving import actions, queries
from hub.leaving.models import Export


@login_required
@never_cache
@require_safe
def account_data(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, *, refused: Refused | None = None) -> HttpResponse:
    user = person(request)
    exports = list(user.exports.exclude(status=Export.Status.GONE)[:3])
    context: dict[str, Any] = {
        "exports": exports,
        "making": any(export.status == Export.Status.WAITING for export in exports),
        "kept_days": actions.KEPT.days,
        "published": Model.objects.filter(owner=user, status=Model.Status.PUBLISHED).count(),
        "refused": refused,
        "asked": request.POST,
    }
    return render(request, "leaving/account_data.html", context, status=refused.status if refused else 200)


@login_required
@require_POST
def export_start(request: HttpRequest) -> HttpResponse:
    actions.export_start(owner=person(request))
    return redirect("leaving:account-data")


@login_required
@never_cache
@require_safe
def export_file(request: HttpRequest, id: UUID) -> HttpResponse:
    """The zip itself, from the store, for its owner alone."""
    export = queries.export_of(person(request), id)
    return redirect(storage.export_url(export.key, f"{person(request).username}-{export.created_at:%Y-%m-%d}.zip"))


@login_required
@require_POST
def account_delete(request: HttpRequest) -> HttpResponse:
    """The account is closed at once and emptied within minutes."""
    try:
        actions.account_delete(
            user=person(request),
            name=request.POST.get("name", ""),
            password=request.POST.get("password", ""),
            keep_models=request.POST.get("models") == "keep",
            keep_words=request.POST.get("words") == "keep",
        )
    except Refused as refused:
        return _page(request, refused=refused)
    logout(request)
    messages.success(request, _("Your account is deleted. What was yours alone is gone within some minutes."))
    return redirect("catalog:home")
