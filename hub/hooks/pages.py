"""Settings, webhooks: made, looked at, turned off; what each was told, and told again."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from hub.accounts.permissions import person
from hub.errors import Refused
from hub.hooks import actions, queries


@login_required
@never_cache
@require_GET
def hook_list(request: HttpRequest) -> HttpResponse:
    return _list(request)


def _list(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    user = person(request)
    chosen = request.POST.getlist("events")
    kinds = [(kind, label, kind in chosen) for kind, label in queries.kinds_for(user)]
    context = {"hooks": queries.hook_list(user), "kinds": kinds, "url": request.POST.get("url", ""), **more}
    return render(request, "hooks/hook_list.html", context, status=status)


@login_required
@never_cache
@require_POST
def hook_create(request: HttpRequest) -> HttpResponse:
    """Makes one and shows its secret, this once."""
    try:
        hook, secret = actions.hook_create(
            owner=person(request),
            url=request.POST.get("url", "").strip(),
            events=request.POST.getlist("events"),
            everybody=request.POST.get("everybody") == "on",
        )
    except Refused as refused:
        return _list(request, status=422, problem=refused.sentence)
    return _list(request, made=hook, secret=secret)


@login_required
@never_cache
@require_GET
def hook_detail(request: HttpRequest, hook_id: int) -> HttpResponse:
    hook = queries.hook_mine(person(request), hook_id)
    return render(request, "hooks/hook_detail.html", {"hook": hook, "deliveries": queries.deliveries(hook)})


@login_required
@require_POST
def hook_set(request: HttpRequest, hook_id: int) -> HttpResponse:
    hook = queries.hook_mine(person(request), hook_id)
    on = request.POST.get("enabled") == "on"
    actions.hook_set(hook=hook, enabled=on)
    messages.success(request, _("It is on.") if on else _("It is off; what happens meanwhile is not told."))
    return redirect("hooks:hook-detail", hook.pk)


@login_required
@require_POST
def hook_delete(request: HttpRequest, hook_id: int) -> HttpResponse:
    actions.hook_delete(hook=queries.hook_mine(person(request), hook_id))
    messages.success(request, _("The webhook is deleted."))
    return redirect("hooks:hook-list")


@login_required
@require_POST
def delivery_again(request: HttpRequest, delivery_id: uuid.UUID) -> HttpResponse:
    delivery = queries.delivery_mine(person(request), delivery_id)
    actions.delivery_again(delivery=delivery)
    messages.success(request, _("It is told once more."))
    return redirect("hooks:hook-detail", delivery.hook_id)
