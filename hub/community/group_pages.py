"""Groups as pages: one's own, one with its members, invitations, and models that change hands."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hub.accounts.models import Membership
from hub.accounts.permissions import person
from hub.accounts.queries import quota_of
from hub.catalog.serializers import model_url
from hub.community import groups
from hub.errors import NotFound, Refused


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def group_list(request: HttpRequest) -> HttpResponse:
    """The groups that one belongs to or was asked to join; and the form that founds one."""
    user = person(request)
    context: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        name, about = request.POST.get("name", ""), request.POST.get("about", "")
        try:
            group = groups.group_create(by=user, name=name, about=about)
        except Refused as refused:
            context, status = {"refused": refused.sentence, "name": name, "about": about}, refused.status
        else:
            return redirect("community:group-detail", group.username)
    context["memberships"] = Membership.objects.filter(person=user).select_related("group").order_by("group__username")
    return render(request, "community/group_list.html", context, status=status)


@never_cache
@require_GET
@login_required
def group_detail(request: HttpRequest, name: str) -> HttpResponse:
    """Who belongs to a group, for those who do; the invitation, for those who were asked."""
    user = person(request)
    if invitation := groups.invited(user, name):
        return render(request, "community/group_invite.html", {"invitation": invitation})
    group, role = groups.group_of(user, name)
    return render(request, "community/group_detail.html", _shown(group, role))


def _shown(group: Any, role: str) -> dict[str, Any]:
    return {
        "group": group, "role": role, "owns": role == Membership.Role.OWNER, "roles": Membership.Role.choices,
        "members": group.members.select_related("person").order_by("person__username"), "quota": quota_of(group),
    }  # fmt: skip


@require_POST
@login_required
def group_edit(request: HttpRequest, name: str) -> HttpResponse:
    groups.group_edit(by=person(request), name=name, about=request.POST.get("about", ""))
    messages.success(request, _("Saved."))
    return redirect("community:group-detail", name)


@require_POST
@login_required
def member_invite(request: HttpRequest, name: str) -> HttpResponse:
    user, given = person(request), request.POST
    try:
        groups.member_invite(by=user, name=name, person=given.get("person", ""), role=given.get("role", ""))
    except (NotFound, Refused) as refused:
        group, role = groups.group_of(user, name)
        context = _shown(group, role) | {"refused": refused.sentence, "asked": given.get("person", "")}
        return render(request, "community/group_detail.html", context, status=refused.status)
    messages.success(request, _("They are asked, and join once they say yes."))
    return redirect("community:group-detail", name)


@require_POST
@login_required
def invite_answer(request: HttpRequest, name: str) -> HttpResponse:
    yes = request.POST.get("yes") == "1"
    groups.invite_answer(by=person(request), name=name, yes=yes)
    return redirect("community:group-detail", name) if yes else redirect("community:group-list")


@require_POST
@login_required
def member_set(request: HttpRequest, name: str) -> HttpResponse:
    user = person(request)
    member, role = request.POST.get("person", ""), request.POST.get("role", "")
    groups.member_set(by=user, name=name, person=member, role=role)
    messages.success(request, _("Saved."))
    gone = not role and member.lower() == user.username.lower()
    return redirect("community:group-list") if gone else redirect("community:group-detail", name)


@require_POST
@login_required
def model_transfer(request: HttpRequest, model_id: int) -> HttpResponse:
    model = groups.model_transfer(by=person(request), model_id=model_id, to=request.POST.get("to", ""))
    messages.success(request, _("It is %(name)s’s now.") % {"name": model.owner.username})
    return redirect(model_url(model))
