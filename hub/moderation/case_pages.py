"""The HTML face of cases: the form to report something, the moderators' queue, what an owner reads and answers, and the
block list."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hub.accounts.levels import LEVELS
from hub.accounts.permissions import person
from hub.catalog.models import Block
from hub.catalog.words import one_line
from hub.errors import NotFound, Refused
from hub.moderation import blocks, cases, queries, reports, things
from hub.moderation.models import Case, Report

STATES = {
    "open": gettext_lazy("Waiting"),
    "appealed": gettext_lazy("Answered by their owners"),
    "decided": gettext_lazy("Decided"),
}


def address_of(request: HttpRequest) -> str:
    """The network address that limits count by; empty where no proxy told it."""
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:
        return ""


@never_cache
@require_http_methods(["GET", "POST"])
def report_file(request: HttpRequest) -> HttpResponse:
    """Say what is wrong with a thing; the reasons are a list, words are welcome."""
    given = request.POST if request.method == "POST" else request.GET
    kind, number = given.get("kind", ""), given.get("id", "")
    id = int(number) if number.isascii() and number.isdecimal() and len(number) < 11 else 0
    thing = things.find(kind, id, seen_by=request.user)
    context: dict[str, Any] = {
        "thing": thing, "kind": Case.Kind(thing.kind).label, "reasons": Report.Reason.choices,
        "chosen": given.get("reason", ""), "words": given.get("words", ""),
    }  # fmt: skip
    if request.method == "GET":
        return render(request, "moderation/report_file.html", context)
    try:
        reports.report_file(
            by=request.user, address=address_of(request), kind=kind, id=id, reason=given.get("reason", ""),
            words=given.get("words", ""),
        )  # fmt: skip
    except Refused as refused:
        return render(
            request, "moderation/report_file.html", context | {"refused": refused.sentence}, status=refused.status
        )
    messages.success(request, _("Thank you. A moderator looks at it; nobody is told that it was you."))
    return redirect(thing.url)


@never_cache
@require_GET
@login_required
def case_list(request: HttpRequest) -> HttpResponse:
    """The queue: what waits on the left, the thing itself on the right, veiled until one asks to see it."""
    user = queries.moderator(person(request))
    wish = wish_of(request)
    found = queries.case_list(user, wish)
    number = request.GET.get("case", "")
    asked = int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else 0
    chosen = next((one for one in found if one.pk == asked), None)
    if chosen is None:
        chosen = queries.case_of(user, asked) if asked else next(iter(found), None)
    kept = {name: value for name in ("state", "kind", "reason", "mine", "sha256") if (value := request.GET.get(name))}
    context: dict[str, Any] = {
        "wish": wish, "cases": found, "counts": queries.case_counts(), "states": STATES.items(),
        "kinds": Case.Kind.choices, "reasons": Report.Reason.choices, "filters": urlencode(kept),
        "last": queries.last_decision() if not found else None,
        "undo": queries.reopenable(user).exclude(pk=chosen.pk if chosen else 0).first(),
    }  # fmt: skip
    if chosen is not None:
        context |= _shown(request, chosen, found)
    return render(request, "moderation/case_list.html", context)


def wish_of(request: HttpRequest) -> queries.CaseWish:
    given = request.GET
    state = given.get("state", "open")
    return queries.CaseWish(
        state=state if state in STATES else "open",
        kind=one_line(given.get("kind", ""), 8),
        reason=one_line(given.get("reason", ""), 8),
        mine=given.get("mine") == "1",
        sha256=one_line(given.get("sha256", ""), 64),
    )


def _found(case: Case, **seen_by: Any) -> things.Thing | None:
    try:
        return things.find(case.kind, case.thing, **seen_by)
    except NotFound:
        return None


def _shown(request: HttpRequest, case: Case, among: list[Case]) -> dict[str, Any]:
    thing = _found(case)
    # A tombstone is a page, though nothing that can be reported; what was hidden is its owner's alone.
    opens = thing is not None and (case.kind == Case.Kind.MODEL or _found(case, seen_by=request.user) is not None)
    at = next((n for n, one in enumerate(among) if one.pk == case.pk), -1)
    against, history = queries.history_of(case)
    decisions = things.decisions_of(case.kind)
    return {
        "case": case, "thing": thing, "opens": opens, "reports": case.reports.select_related("by"), "against": against,
        "history": history, "same": queries.same_bytes(case), "levels": LEVELS.items(),
        "decisions": [(n, one, Case.Decision(one).label) for n, one in enumerate(decisions, 1)],
        "before": among[at - 1] if at > 0 else None, "after": among[at + 1] if 0 <= at < len(among) - 1 else None,
        "taken": cases.taken(case, person(request)), "claim_minutes": cases.CLAIM_MINUTES,
        "own": queries.for_another(person(request), case),
        "looks_again": case.appealed_at is not None and request.user in queries.looking_again(case),
        "own_decision": case.decided_by_id == request.user.pk,
        "may_reopen": queries.reopenable(person(request)).filter(pk=case.pk).exists(),
    }  # fmt: skip


def _back(request: HttpRequest, case_id: int | None = None) -> HttpResponse:
    """To the queue, with the filters that were on; without a case, to the next one."""
    kept = one_line(request.POST.get("filters", ""), 300)
    address = reverse("moderation:case-list")
    named = f"case={case_id}" if case_id else ""
    asked = "&".join(filter(None, [kept, named]))
    return redirect(f"{address}?{asked}" if asked else address)


@require_POST
@login_required
def case_claim(request: HttpRequest, case_id: int) -> HttpResponse:
    cases.case_claim(by=person(request), case_id=case_id, on=request.POST.get("on", "1") == "1")
    return _back(request, case_id)


@require_POST
@login_required
def cases_claim(request: HttpRequest) -> HttpResponse:
    """Those that were ticked in the list."""
    numbers = [int(one) for one in request.POST.getlist("case")[:200] if one.isdecimal() and len(one) < 19]
    n = cases.cases_claim(by=queries.moderator(person(request)), case_ids=numbers)
    messages.success(request, ngettext("You look at %(n)d case.", "You look at %(n)d cases.", n) % {"n": n})
    return _back(request)


@require_POST
@login_required
def case_decide(request: HttpRequest, case_id: int) -> HttpResponse:
    level = request.POST.get("level", "")
    decided = cases.case_decide(
        by=person(request), case_id=case_id, decision=request.POST.get("decision", ""),
        sentence=request.POST.get("sentence", ""), level=int(level) if level.isdecimal() and len(level) < 4 else 0,
        same_bytes=request.POST.get("same_bytes") == "1",
    )  # fmt: skip
    n = len(decided)
    messages.success(request, ngettext("Decided.", "%(n)d cases are decided.", n) % {"n": n})
    return _back(request)


@require_POST
@login_required
def case_reopen(request: HttpRequest, case_id: int) -> HttpResponse:
    cases.case_reopen(by=person(request), case_id=case_id)
    messages.success(request, _("It waits again, as it was before."))
    return _back(request, case_id)


@require_POST
@login_required
def appeal_decide(request: HttpRequest, case_id: int) -> HttpResponse:
    upheld = request.POST.get("upheld") == "1"
    cases.appeal_decide(by=person(request), case_id=case_id, upheld=upheld, sentence=request.POST.get("sentence", ""))
    messages.success(request, _("It stands; its owner is told.") if upheld else _("It is taken back."))
    return _back(request)


@never_cache
@require_GET
@login_required
def decision_detail(request: HttpRequest, case_id: int) -> HttpResponse:
    """What was decided about one's own thing, why, and the place to answer."""
    return _decision(request, queries.case_told(person(request), case_id))


def _decision(request: HttpRequest, case: Case, status: int = 200, **more: Any) -> HttpResponse:
    context = {"case": case, "thing": _found(case), "until": queries.answer_until(case), **more}
    context |= {"another": queries.another_there(case), "reported": case.reports.exists()}
    return render(request, "moderation/decision_detail.html", context, status=status)


@require_POST
@login_required
def case_appeal(request: HttpRequest, case_id: int) -> HttpResponse:
    try:
        case = cases.case_appeal(by=person(request), case_id=case_id, words=request.POST.get("words", ""))
    except cases.BadDecision as refused:
        case = queries.case_told(person(request), case_id)
        return _decision(request, case, refused.status, refused=refused.sentence, words=request.POST.get("words", ""))
    another = _("Another moderator reads it. You are told what becomes of it.")
    same = _("A moderator reads it. You are told what becomes of it.")
    messages.success(request, another if queries.another_there(case) else same)
    return redirect("moderation:decision-detail", case_id)


@never_cache
@require_GET
@login_required
def block_list(request: HttpRequest) -> HttpResponse:
    """Digests of bytes that may not come in."""
    queries.moderator(person(request))
    return _blocks(request)


def _blocks(request: HttpRequest, status: int = 200, **more: Any) -> HttpResponse:
    found = Block.objects.select_related("by")
    context = {"blocks": found[: queries.SHOWN * 5], "total": found.count(), "kinds": Block.Kind.choices, **more}
    return render(request, "moderation/block_list.html", context, status=status)


@require_POST
@login_required
def block_add(request: HttpRequest) -> HttpResponse:
    given = request.POST
    kind, value, sentence = given.get("kind", ""), given.get("value", ""), given.get("sentence", "")
    try:
        _block, held = blocks.block_add(by=person(request), kind=kind, value=value, sentence=sentence)
    except (blocks.BadHash, blocks.BlockedAlready, cases.actions.NoReason) as refused:
        more = {"refused": refused.sentence, "kind": kind, "value": value, "sentence": sentence}
        return _blocks(request, refused.status, **more)
    said = ngettext("Blocked. %(n)d here is held back now.", "Blocked. %(n)d here are held back now.", held)
    messages.success(request, said % {"n": held})
    return redirect("moderation:block-list")


@require_POST
@login_required
def block_lift(request: HttpRequest, block_id: int) -> HttpResponse:
    blocks.block_lift(by=person(request), block_id=block_id, sentence=request.POST.get("sentence", ""))
    messages.success(request, _("It may come in again. What was held back stays so until somebody releases it."))
    return redirect("moderation:block-list")
