"""One screen for whoever runs the hub."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hub.operator import queries


@require_safe
@login_required
@never_cache
def state_list(request: HttpRequest) -> HttpResponse:
    """How everything is, in sentences; htmx asks again every few seconds for the part that changes."""
    queries.admin(request.user)
    if request.headers.get("HX-Target") == "states":
        return render(request, "operator/states.html", {"states": queries.states()})
    context = {"states": queries.states(), "settings": queries.settings_list()}
    return render(request, "operator/state_list.html", context)
