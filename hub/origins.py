"""Where the hub is, as whoever asks knows it: for the addresses in answers to programs.

That is ``PUBLIC_URL``, whatever the Host header says. Only where an operator has named another host in
``ALLOWED_HOSTS`` (a name that programs have built in, led here by a proxy or a hosts file), they are answered with
that, since they download from no other.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

PROGRAMS = ("/api/",)
LOCAL = {"127.0.0.1", "localhost", "testserver", "*"}
_asked: ContextVar[str] = ContextVar("origin")


def public_url() -> str:
    """Scheme and host for addresses in this answer, without a slash at the end."""
    return _asked.get(settings.PUBLIC_URL)


class Origins:
    """Notes under which of the operator's other names a program reached the hub."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.others = (
            {host.lower() for host in settings.ALLOWED_HOSTS} - LOCAL - {urlsplit(settings.PUBLIC_URL).hostname}
        )

    def __call__(self, request: HttpRequest) -> HttpResponse:
        host = request.META.get("HTTP_HOST", "").lower()
        if not request.path.startswith(PROGRAMS) or host.partition(":")[0] not in self.others:
            return self.get_response(request)
        before = _asked.set(f"{request.scheme}://{host}")
        try:
            return self.get_response(request)
        finally:
            _asked.reset(before)
