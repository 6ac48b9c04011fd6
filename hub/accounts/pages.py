"""Settings, tokens and profiles as pages. Sign-in and what belongs to it are allauth's views with our templates."""

from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hub.accounts import actions, devices, mailing, queries
from hub.accounts.forms import SCOPES, TokenCreate
from hub.accounts.levels import COOKIE, LEVELS, blurred, choosable, levels_of
from hub.accounts.permissions import person
from hub.errors import NotFound, Refused

THEMES = {"light": gettext_lazy("light"), "dark": gettext_lazy("dark"), "system": gettext_lazy("as the system has it")}
YEAR = 365 * 24 * 3600


@login_required
@require_GET
def settings_edit(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "accounts/settings_edit.html",
        {
            "themes": [(value, label, value == _theme(request)) for value, label in THEMES.items()],
            "languages": _languages(),
            **_content(request),
            "two_factor": is_mfa_enabled(person(request)),
            "tokens_live": queries.token_live(person(request)),
            "quota_bytes": queries.quota_of(person(request)),
        },
    )


@require_POST
def theme_set(request: HttpRequest) -> HttpResponse:
    """Light, dark, or as the system has it: kept in a cookie, so that it needs no account and no script."""
    theme = request.POST.get("theme", "")
    if theme not in THEMES:
        raise Refused(_("The theme is one of %s.") % (", ".join(THEMES)))
    response = redirect("accounts:settings-edit" if request.user.is_authenticated else "/")
    if theme == "system":
        response.delete_cookie("theme")
    else:
        # Not http-only: the switch in the bar reads and sets it too. It holds nothing worth stealing.
        response.set_cookie("theme", theme, max_age=YEAR, samesite="Lax", secure=settings.PRODUCTION)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def language_set(request: HttpRequest) -> HttpResponse:
    """The language of the pages: kept in a cookie, so that it needs no account. Mails to who is signed in follow."""
    back = _back(request)
    if request.method != "POST":
        return render(request, "accounts/language_set.html", {"languages": _languages(), "next": back})
    language = request.POST.get("language", "")
    if language not in dict(settings.LANGUAGES):
        raise Refused(_("The language is one of %s.") % (", ".join(dict(settings.LANGUAGES))))
    if request.user.is_authenticated:
        mailing.language_keep(person(request), language)
    response = redirect(back)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, language, max_age=YEAR, samesite="Lax", secure=settings.PRODUCTION, httponly=True
    )
    return response


def _back(request: HttpRequest) -> str:
    back = (request.POST if request.method == "POST" else request.GET).get("next", "")
    return back if url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}) else "/"


def _languages() -> list[tuple[str, str, bool]]:
    return [(code, name, code == get_language()) for code, name in settings.LANGUAGES]


def _theme(request: HttpRequest) -> str:
    theme = request.COOKIES.get("theme", "")
    return theme if theme in THEMES else "system"


def _content(request: HttpRequest) -> dict[str, Any]:
    most, shown = choosable(request.user), levels_of(request.user)
    levels = [(bit, words, bool(bit & shown)) for bit, words in LEVELS.items() if bit & most]
    return {"levels": levels, "blur": bool(blurred(request.user) & most)}


@require_http_methods(["GET", "HEAD", "POST"])
def content_set(request: HttpRequest) -> HttpResponse:
    """Which content levels one sees, the first always, and whether lists blur the stronger of them: with an account
    among one's settings, without one in a cookie, of the levels that the hub lets visitors choose from."""
    if request.method != "POST":
        if request.user.is_authenticated:
            return redirect(reverse("accounts:settings-edit") + "#content")
        return render(request, "accounts/content_set.html", {**_content(request), "next": _back(request)})
    most = choosable(request.user)
    chosen = {int(bit) for bit in request.POST.getlist("level") if bit.isdecimal() and int(bit) in LEVELS}
    mask, blur = sum(bit for bit in chosen | {1} if bit & most), request.POST.get("blur") == "on"
    if request.user.is_authenticated:
        actions.levels_set(user=person(request), levels=mask, blur=blur)
        messages.success(request, _("Saved."))
        return redirect("accounts:settings-edit")
    response = redirect(_back(request))
    response.set_cookie(
        COOKIE, f"{mask}-{blur:d}", max_age=YEAR, samesite="Lax", secure=settings.PRODUCTION, httponly=True
    )
    return response


@login_required
@require_POST
def about_set(request: HttpRequest) -> HttpResponse:
    """The line that one's profile says of one."""
    actions.about_set(user=person(request), about=request.POST.get("about", ""))
    messages.success(request, _("Saved."))
    return redirect("accounts:settings-edit")


@login_required
@never_cache
@require_GET
def token_list(request: HttpRequest) -> HttpResponse:
    return _token_page(request, TokenCreate())


@login_required
@never_cache
@require_POST
def token_create(request: HttpRequest) -> HttpResponse:
    """Makes a token and shows it, this once: the answer to the form is the only page that ever holds it."""
    form = TokenCreate(request.POST)
    if not form.is_valid():
        return _token_page(request, form, status=422)
    row, token = actions.token_create(user=person(request), **form.wanted())
    return _token_page(request, TokenCreate(), made=row, token=token)


def _token_page(request: HttpRequest, form: TokenCreate, *, status: int = 200, **more: Any) -> HttpResponse:
    sentences: dict[str, Any] = {str(scope): sentence for scope, sentence in SCOPES}
    rows = [(row, [sentences[scope] for scope in row.scopes]) for row in queries.token_list(person(request))]
    return render(request, "accounts/token_list.html", {"form": form, "rows": rows, **more}, status=status)


@login_required
@require_POST
def token_revoke(request: HttpRequest, id: int) -> HttpResponse:
    actions.token_revoke(user=person(request), id=id)
    messages.success(request, _("The token is revoked. Whatever used it is signed out."))
    return redirect("accounts:token-list")


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def device_decide(request: HttpRequest) -> HttpResponse:
    """A program shows a code; here its owner reads who asks, and allows it or turns it away."""
    code = request.POST.get("code", "") or request.GET.get("code", "")
    if request.method == "POST" and request.POST.get("answer") in {"allow", "deny"}:
        allow = request.POST["answer"] == "allow"
        devices.device_decide(user=person(request), user_code=code, allow=allow)
        said = _("The program may act for you now. Go back to it.") if allow else _("The program was turned away.")
        messages.success(request, said)
        return redirect("accounts:token-list")
    context: dict[str, Any] = {"code": code[:12]}
    if code:
        try:
            context["program"] = devices.device_waiting(code)
        except Refused as refused:
            context["problem"] = refused.sentence
    return render(request, "accounts/device_decide.html", context, status=404 if "problem" in context else 200)


@require_GET
def user_detail(request: HttpRequest, name: str) -> HttpResponse:
    found = queries.user_by_name(name)
    if found is None:
        raise NotFound(_("Nobody here is called %(name)s.") % {"name": name[:96]})
    if found.username != name:
        return redirect("accounts:user-detail", found.username, permanent=True)
    context: dict[str, Any] = {"person": found, "own": found == request.user}
    if found.is_group:
        members = found.members.filter(accepted_at__isnull=False, person__is_active=True).select_related("person")
        context["members"] = list(members.order_by("person__username"))
        context["belongs"] = any(one.person_id == request.user.pk for one in context["members"])
    return render(request, "accounts/user_detail.html", context)
