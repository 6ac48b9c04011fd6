"""Lets a token speak for its holder where programs ask, and nowhere else."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from hub.accounts.authentication import take_token
from hub.accounts.permissions import READING, ScopeNeeded
from hub.errors import as_json

# A page such as /settings never listens to a token: it could not know which scope its form needs.
PROGRAMS = ("/api/", "/download/")


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
