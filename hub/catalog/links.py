"""Links of unlisted models: whoever's address ends with one's key may see it, and goes on seeing it in this browser."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

KEY = re.compile(r"[A-Za-z0-9_-]{22}")
KEPT = 50  # links that a browser is remembered to hold
PROGRAMS = ("/api/", "/v1/", "/sdapi/")
_held: ContextVar[frozenset[str]] = ContextVar("links_held", default=frozenset())


def key_make() -> str:
    """22 letters that nobody guesses."""
    return secrets.token_urlsafe(16)


def held() -> frozenset[str]:
    """The keys that the present request holds."""
    return _held.get()


class LinkMiddleware:
    """Reads the key of an address (``?key=``) for as long as the request lasts; browsers keep it in their session, so
    that the pictures of the page and its versions need not repeat it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.GET.get("key", "")
        kept: list[str] = request.session.get("links", []) if hasattr(request, "session") else []
        if KEY.fullmatch(key) and key not in kept:
            if not request.path.startswith(PROGRAMS) and _exists(key):
                request.session["links"] = [*kept, key][-KEPT:]
            kept = [*kept, key]
        token = _held.set(frozenset(kept))
        try:
            return self.get_response(request)
        finally:
            _held.reset(token)


def _exists(key: str) -> bool:
    from hub.catalog.models import Model  # read where apps are ready

    return Model.objects.filter(link_key=key, status=Model.Status.UNLISTED).exists()
