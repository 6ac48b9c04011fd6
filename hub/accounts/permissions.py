"""What a request may do: views say their ``scope``, and whether anybody may read.

    class UploadStart(APIView):
        scope = "upload"            # what a token needs for methods that change something

    class ModelList(APIView):
        scope, public = "read", True            # anybody may read
        reading = ("GET", "HEAD", "OPTIONS", "POST")    # here a POST only asks

Reading takes ``read`` or the view's own scope; everything else takes the view's scope and a signed-in person. The scope
``admin`` holds the others. People who signed in with their password have every scope; what their *role* allows is
asked of the person (``user.is_moderator``), by the action.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from http import HTTPStatus
from typing import Any, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from rest_framework.exceptions import APIException, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from hub.accounts.models import Token, User
from hub.errors import NotAllowed, Refused, as_json

READING = ("GET", "HEAD", "OPTIONS")
P = ParamSpec("P")


class SignInNeeded(Refused):
    code, status = "sign-in-needed", HTTPStatus.UNAUTHORIZED


class ScopeNeeded(NotAllowed):
    code = "scope-needed"


def reading_methods(view: Any) -> frozenset[str]:
    """The methods of ``view`` that change nothing."""
    return frozenset(getattr(view, "reading", READING))


def person(request: HttpRequest | Request) -> User:
    """Who is signed in, where the view made sure that somebody is. Raises `SignInNeeded` where it did not."""
    if not isinstance(request.user, User):
        raise SignInNeeded("Sign in first.")
    return request.user


def check(request: Any, *, scope: str, public: bool, reads: bool) -> None:
    """Raises `SignInNeeded` or `ScopeNeeded` unless ``request`` may do this. ``reads``: nothing is changed by it."""
    token: Token | None = getattr(request, "token", None)
    if not request.user.is_authenticated:
        if reads and public:
            return
        problem = getattr(request, "token_problem", None)
        raise SignInNeeded(problem or "Sign in, or send a token: “Authorization: Bearer wr_…”.")
    if token is None:
        return
    enough = {"read", scope} if reads and scope != "admin" else {scope}
    if not reads and scope == "read":
        enough = {"admin"}  # a view that forgot to say what it takes to change something
    if not (enough | {"admin"}) & set(token.scopes):
        wanted = " or ".join(sorted(enough))
        raise ScopeNeeded(f"This needs a token with the scope {wanted}; this one has {', '.join(token.scopes)}.")


class ScopeAllows(BasePermission):
    """The default permission of every REST view; see the head of this file."""

    def has_permission(self, request: Request, view: Any) -> bool:
        try:
            check(
                _Asked(request),
                scope=getattr(view, "scope", "read"),
                public=getattr(view, "public", False),
                reads=(request.method or "") in reading_methods(view),
            )
        except Refused as refused:
            raise _as_api(refused) from refused
        return True


class ModeratorOnly(ScopeAllows):
    """As `ScopeAllows`, and the person must be a moderator or admin."""

    def has_permission(self, request: Request, view: Any) -> bool:
        super().has_permission(request, view)
        if not getattr(request.user, "is_moderator", False):
            raise PermissionDenied("Only moderators may do this.", code="not-allowed")
        return True


class _Asked:
    """What `check` reads of a REST request: its user, and what its token said."""

    def __init__(self, request: Request) -> None:
        self.user = request.user
        self.token = request.auth if isinstance(request.auth, Token) else None
        self.token_problem = getattr(request._request, "token_problem", None)


def _as_api(refused: Refused) -> APIException:
    kind = NotAuthenticated if refused.status == HTTPStatus.UNAUTHORIZED else PermissionDenied
    return kind(refused.sentence, code=refused.code)


def scope_required(
    scope: str, *, public: bool = False, reading: Iterable[str] = READING
) -> Callable[[Callable[P, HttpResponseBase]], Callable[P, HttpResponseBase]]:
    """For plain views that programs use too (downloads): lets a token in, and asks of it what REST views ask.

    Browsers that must sign in are sent there and come back; programs get 401 or 403 with a sentence in JSON.
    """

    def decorate(view: Callable[P, HttpResponseBase]) -> Callable[P, HttpResponseBase]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            from hub.accounts.authentication import take_token  # it reads this module

            request: Any = next(one for one in args if isinstance(one, HttpRequest))
            take_token(request)
            try:
                check(request, scope=scope, public=public, reads=request.method in reading)
            except Refused as refused:
                return _answer(request, refused)
            return view(*args, **kwargs)

        checked.scope, checked.public, checked.reading = scope, public, tuple(reading)  # type: ignore[attr-defined]
        return checked

    return decorate


def _answer(request: HttpRequest, refused: Refused) -> HttpResponse:
    browser = "text/html" in request.headers.get("Accept", "")
    if isinstance(refused, SignInNeeded) and browser and request.method in READING:
        return redirect_to_login(request.get_full_path())
    response = JsonResponse(as_json(refused), status=refused.status)
    if refused.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="weightroom"'
    return response
