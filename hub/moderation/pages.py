"""The HTML face of moderation: what is held back, the audit log, inspections of the library."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HTMX_STOP_POLLING

from hub.accounts.permissions import person
from hub.moderation import actions, queries, rechecks
from hub.moderation.api import number


@require_GET
@login_required
def held_list(request: HttpRequest) -> HttpResponse:
    """Files that nobody but their owners can download, with what was found and a way to release them."""
    queries.moderator(person(request))
    files, uploads = queries.files_held(), queries.uploads_held()
    context: dict[str, Any] = {"files": files[: queries.SHOWN], "uploads": uploads[: queries.SHOWN]}
    context |= {"total": files.count() + uploads.count(), "shown": queries.SHOWN}
    return render(request, "moderation/held_list.html", context)


@require_POST
@login_required
def verdict_set(request: HttpRequest, file_id: int) -> HttpResponse:
    """From the list, and from the model's page, where quarantine begins."""
    by, verdict = person(request), request.POST.get("verdict", "")
    verdict = verdict if verdict in {"accepted", "refused"} else "refused"
    file = actions.verdict_set(by=by, file_id=file_id, verdict=verdict, reason=request.POST.get("reason", ""))
    said = _("%(name)s is released.") if verdict == "accepted" else _("%(name)s is in quarantine.")
    messages.success(request, said % {"name": file.name})
    return redirect("moderation:held-list")


@require_POST
@login_required
def upload_release(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    file = actions.upload_lift(by=person(request), upload_id=upload_id, reason=request.POST.get("reason", ""))
    messages.success(request, _("%(name)s is released, and in its owner’s catalogue.") % {"name": file.name})
    return redirect("moderation:held-list")


@require_GET
@login_required
def entry_list(request: HttpRequest) -> HttpResponse:
    """The audit log."""
    queries.moderator(person(request))
    entries = queries.entry_list(before=number(request.GET.get("before", "")))
    following = entries[-1].pk if len(entries) == queries.SHOWN else None
    return render(request, "moderation/entry_list.html", {"entries": entries, "following": following})


@require_GET
@login_required
def recheck_list(request: HttpRequest) -> HttpResponse:
    """By which rules the library was judged, inspections of it, and for admins a way to begin one."""
    queries.moderator(person(request))
    return render(request, "moderation/recheck_list.html", _rechecks(request))


def _rechecks(request: HttpRequest) -> dict[str, Any]:
    return {
        "library": queries.library(),
        "rechecks": queries.recheck_list(),
        "running": queries.recheck_running(),
        "may_start": person(request).is_admin,
    }


@require_GET
@login_required
def recheck_status(request: HttpRequest) -> HttpResponse:
    """How far the running inspection is; polled until it ends."""
    queries.moderator(person(request))
    context = _rechecks(request)
    status = 200 if context["running"] else HTMX_STOP_POLLING
    return render(request, "moderation/recheck_status.html", context, status=status)


@require_POST
@login_required
def recheck_start(request: HttpRequest) -> HttpResponse:
    rechecks.recheck_start(by=person(request), everything=request.POST.get("what") == "everything")
    return redirect("moderation:recheck-list")


@require_POST
@login_required
def recheck_stop(request: HttpRequest) -> HttpResponse:
    rechecks.recheck_stop(by=person(request))
    return redirect("moderation:recheck-list")
