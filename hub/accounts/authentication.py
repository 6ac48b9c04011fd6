"""Who asks: an API token in ``Authorization: Bearer`` or ``?token=``, read in one place for REST views and plain ones.

A token that is given decides alone: when it is no good the request is anonymous, whatever the session says, so that a
public address still answers (Civitai's rule), and ``request.token_problem`` holds the sentence for those that do not.
"""

import base64
import binascii
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from hub.accounts import actions, queries
from hub.accounts.models import Token, User
from hub.accounts.permissions import reading_methods

UNKNOWN = "This token is not known here."


def token_given(request: HttpRequest, *, basic: bool = False) -> str:
    """The token that came with ``request``, as it was written; empty where there is none.

    basic: it may also be the password of HTTP Basic. Only where programs cannot do otherwise: a proxy in front of the
    hub may ask for a password of its own, which browsers then send everywhere.
    """
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    if basic and kind.lower() == "basic" and token.strip():
        return _password(token.strip())
    return request.GET.get("token", "").strip()


def _password(credentials: str) -> str:
    """The password out of RFC 7617's ``user:password``; empty where there is none, as some clients send it."""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2].strip()
    except (ValueError, binascii.Error):
        return credentials  # no token, and said to be none


def take_token(request: HttpRequest, *, basic: bool = False) -> Token | None:
    """Let the token of ``request`` say who asks: sets ``request.token``, ``token_problem`` and, when a token was
    given, ``user``. Asking twice costs nothing."""
    if not hasattr(request, "token"):
        given = token_given(request, basic=basic)
        known = queries.token_known(given) if given else None
        problem = (known.problem() if known else UNKNOWN) if given else None
        token = known if problem is None else None
        request.token, request.token_problem = token, problem  # type: ignore[attr-defined]
        if given:
            request.user = token.user if token else AnonymousUser()
        if token:
            actions.token_used(token=token)
    return request.token  # type: ignore[attr-defined, no-any-return]


class TokenAuthentication(BaseAuthentication):
    """REST framework's face of `take_token`; ``request.auth`` is the `Token`."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        token = take_token(request._request)
        return (token.user, token) if token else None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="weightroom"'


class BasicTokenAuthentication(TokenAuthentication):
    """The token as HTTP Basic's password too, whatever the name beside it; no session counts."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        token = take_token(request._request, basic=True)
        return (token.user, token) if token else None

    def authenticate_header(self, request: Request) -> str:
        return 'Basic realm="weightroom"'


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI file speaks of tokens: the scopes that an operation takes stand beside it."""

    target_class = "hub.accounts.authentication.TokenAuthentication"
    name = ["bearer", "token"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        view, method = auto_schema.view, auto_schema.method.upper()
        reads = method in reading_methods(view)
        scope = getattr(view, "scope", "read")
        scopes = sorted({"read", scope}) if reads and scope != "admin" else [scope]
        either: list[dict[str, list[Any]]] = [{name: [scope]} for scope in scopes for name in self.name]
        return [*either, {}] if reads and getattr(view, "public", False) else either

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        about = "An API token (`wr_…`), made under Settings, Tokens. Scopes: read, upload, generate, admin."
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "wr_…", "description": about},
            {
                "type": "apiKey",
                "in": "query",
                "name": "token",
                "description": "The same token, where headers are hard.",
            },
        ]
