"""Who asks: a person by their session or token, or a visitor who said what they want to be shown."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware, get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.functional import SimpleLazyObject

from hub.accounts import levels
from hub.accounts.authentication import take_token
from hub.accounts.models import User
from hub.accounts.permissions import READING, ScopeNeeded
from hub.errors import as_json
from hub.pages import Slashes

# A page such as /settings never listens to a token: it could not know which scope its form needs.
PROGRAMS = ("/api/", "/download/")


class Visitors(AuthenticationMiddleware):
    """Django's own; on pages ``request.user`` of who has no account knows the content levels of their cookie.

    Asked for only where a view asks who it is, so that each answer that depends on it varies by cookie (the session's
    middleware sees to that), and none else. Programs are answered as the hub itself has it.
    """

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        if levels.COOKIE in request.COOKIES and not request.path.startswith(Slashes.ROOTS):
            request.user = SimpleLazyObject(lambda: _visiting(request))  # type: ignore[assignment]


def _visiting(request: HttpRequest) -> User | AnonymousUser:
    user = get_user(request)
    return user if user.is_authenticated else levels.visitor_of(request.COOKIES[levels.COOKIE])  # type: ignore[return-value]


class TokenMiddleware:
    """Sets ``request.user`` and ``request.token`` from the token of a request for `PROGRAMS`.

    Such a request needs no CSRF token: no browser sends ours by itself. A view there that does not say what scope it
    takes (`scope_required`, or a REST view) may be read with a token, and changed only from a session.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(PROGRAMS) and take_token(request):
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # what Django's own middleware reads
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        token = getattr(request, "token", None)
        if token is None or hasattr(view, "scope") or hasattr(view, "cls"):
            return None
        if request.method in READING and {"read", "admin"} & set(token.scopes):
            return None
        refused = ScopeNeeded("A token cannot do this. Sign in with your password.")
        return JsonResponse(as_json(refused), status=refused.status)
