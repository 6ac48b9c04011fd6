"""One screen for whoever runs the hub."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from hub.accounts.models import User
from hub.accounts.permissions import person
from hub.catalog.words import one_line
from hub.operator import actions, queries


@require_safe
@login_required
@never_cache
def state_list(request: HttpRequest) -> HttpResponse:
    """How everything is, in sentences; htmx asks again every few seconds for the part that changes."""
    queries.admin(request.user)
    if request.headers.get("HX-Target") == "states":
        return render(request, "operator/states.html", {"states": queries.states()})
    context = {
        "states": queries.states(), "settings": queries.settings_list(), "lines": queries.lines(),
        "space": queries.space(),
    }  # fmt: skip
    return render(request, "operator/state_list.html", context)


@require_safe
@login_required
@never_cache
def person_list(request: HttpRequest) -> HttpResponse:
    """Who has an account: found by name or address, with role, quota and what was decided against them."""
    given = request.GET
    wish = queries.PeopleWish(
        one_line(given.get("query", ""), 100), one_line(given.get("who", ""), 10), one_line(given.get("after", ""), 96)
    )
    people, total, following = queries.person_list(request.user, wish)
    context = {
        "people": people, "total": total, "following": following, "wish": wish, "kinds": queries.WHO.items(),
        "roles": User.Role.choices,
    }  # fmt: skip
    return render(request, "operator/person_list.html", context)


@require_POST
@login_required
def person_role(request: HttpRequest, user_id: int) -> HttpResponse:
    user = actions.person_role(by=person(request), user_id=user_id, role=request.POST.get("role", ""))
    return _told(request, _("%(name)s has another role now."), user)


@require_POST
@login_required
def person_close(request: HttpRequest, user_id: int) -> HttpResponse:
    closed = request.POST.get("closed") == "1"
    user = actions.person_close(
        by=person(request), user_id=user_id, closed=closed, reason=request.POST.get("reason", "")
    )
    said = _("The account %(name)s is closed.") if closed else _("The account %(name)s is open again.")
    return _told(request, said, user)


@require_POST
@login_required
def person_quota(request: HttpRequest, user_id: int) -> HttpResponse:
    text = request.POST.get("gib", "").strip().replace(",", ".")
    try:
        gib = float(text) if text else None
    except ValueError:
        gib = -1.0
    if gib is not None and not 0 <= gib < 2**30:  # not a number falls here too
        gib = -1.0
    user = actions.person_quota(by=person(request), user_id=user_id, gib=gib)
    return _told(request, _("%(name)s has another quota now."), user)


def _told(request: HttpRequest, said: str, user: User) -> HttpResponse:
    messages.success(request, said % {"name": user.username})
    return redirect(f"/operator/people?query={user.username}")
