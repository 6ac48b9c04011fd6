"""What the endpoints share: who asks, refusals in headers that the client reads, addresses as the client knows us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.permissions import reading_methods
from hub.catalog import repositories
from hub.catalog.models import Model, Revision
from hub.catalog.renames import model_renamed
from hub.errors import NotFound, Refused
from hub.protocols.civitai.params import AlwaysJson

# What the client calls each of our refusals; it reads nothing else, and without one every 404 is a riddle to it.
CODES = {
    "repository-not-found": "RepoNotFound",
    "revision-not-found": "RevisionNotFound",
    "path-not-found": "EntryNotFound",
    "sign-in-to-download": "GatedRepo",
}


class BadToken(Refused):
    """The client takes any other 401 for “not found”: these are the words that it knows."""

    code, status = "bad-token", HTTPStatus.UNAUTHORIZED


class Tongue(APIView):
    """Reading is open to anybody, writing takes a token with the scope ``upload``."""

    scope, public = "upload", True
    schema = None  # the OpenAPI file tells our own API; this one is told by its clients
    content_negotiation_class = AlwaysJson

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        _ = request.user  # asks who it is, which says what is wrong with the token
        if getattr(request._request, "token_problem", None):
            raise BadToken("Invalid credentials in Authorization header")
        super().initial(request, *args, **kwargs)

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, repositories.RepositoryNotFound) and (moved := self.moved()):
            return moved
        if isinstance(error, Refused):
            return refusal(error)
        answer = super().handle_exception(error)
        if isinstance(error, APIException):
            sentence = str(answer.data.get("error", error.detail)) if isinstance(answer.data, dict) else str(error)
            answer.headers["X-Error-Message"] = header_text(sentence)
        return answer

    def moved(self) -> Response | None:
        """Where a model is asked for by a name that it had: the same address under its own. Relative, for the client
        follows no other with HEAD; reads only, since who writes should know what they write to."""
        owner, name = self.kwargs.get("owner"), self.kwargs.get("name")
        if not owner or not name or self.request.method not in reading_methods(self):
            return None
        model = model_renamed(self.request.user, owner, name)
        if model is None:
            return None
        path = raw_path(self.request) or quote(self.request.path)
        here = path.replace(f"/{owner}/{name}", f"/{model.owner.username}/{model.slug}", 1)
        query = self.request.META.get("QUERY_STRING", "")
        headers = {"Location": f"{here}?{query}" if query else here, "Cache-Control": "private, no-store"}
        return Response(status=HTTPStatus.TEMPORARY_REDIRECT, headers=headers) if here != path else None


def refusal(error: Refused) -> Response:
    """A refusal in the headers that the client reads, with its details in the body."""
    headers = {"X-Error-Message": header_text(error.sentence)}
    if code := CODES.get(error.code):
        headers["X-Error-Code"] = code
    if commit := getattr(error, "commit", ""):
        headers["X-Repo-Commit"] = commit
    return Response({"error": error.sentence, **error.details}, status=error.status, headers=headers)


def header_text(words: str) -> str:
    """A sentence as a header may carry it: ASCII, one line."""
    plain = words.translate({0x201C: '"', 0x201D: '"', 0x2019: "'", 0x2013: "-", 0xD7: "x"})
    return " ".join(plain.encode("ascii", "replace").decode().split())[:1000]


def origin(request: HttpRequest | Request) -> str:
    """Scheme and host as the client wrote them. It compares addresses in answers with its own, and refuses others."""
    return request.build_absolute_uri("/").rstrip("/")


def raw_path(request: HttpRequest | Request) -> str:
    """The path before anything was decoded, where the server keeps it: a revision may hold ``%2F``."""
    raw = request.META.get("RAW_URI", "")
    return urlsplit(re.sub("^/+", "/", raw)).path if raw else ""  # after two slashes a host would stand


def rest_of(request: HttpRequest | Request, mark: str, decoded: str) -> tuple[str, str]:
    """Revision and path out of what follows ``mark`` in the address. ``decoded``: the same as the route found it."""
    rest = raw_path(request).partition(mark)[2]
    if rest:
        revision, _, path = rest.partition("/")
        return unquote(revision), unquote(path).strip("/")
    cut = 3 if decoded.startswith("refs/") else 1
    words = decoded.split("/", cut)
    return "/".join(words[:cut]), "".join(words[cut:]).strip("/")


def located(user: Any, model: Model, name: str, path: str) -> tuple[Revision, str]:
    """The revision and the path in it. Where a proxy decoded the address, a name with slashes runs into the path:
    the longest one that the repository knows is taken. Raises `RevisionNotFound`."""
    try:
        return repositories.revision_at(user, model, name or repositories.MAIN), path
    except repositories.RevisionNotFound:
        whole = f"{name}/{path}"
        branches, tags = repositories.refs(user, model)
        slashed = sorted((n for n, _ in [*branches, *tags] if "/" in n), key=len, reverse=True)
        for ref in slashed:
            if whole == ref or whole.startswith(f"{ref}/"):
                return repositories.revision_at(user, model, ref), whole[len(ref) :].strip("/")
        raise


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and Z, the only form that the client parses."""
    if moment is None:
        return None
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def flag(given: Mapping[str, Any], name: str) -> bool:
    """``true``, ``True``, ``1``; everything else is no."""
    return str(given.get(name, "")).lower() in {"true", "1"}


def number(given: Mapping[str, Any], name: str, *, default: int, most: int) -> int:
    """A count among the parameters, at most ``most``. Raises `BadParameter`."""
    value = str(given.get(name, "")).strip()
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise BadParameter(f"{name} must be a whole number.")
    return min(int(value), most)


class BadParameter(Refused):
    code, status = "bad-parameter", HTTPStatus.BAD_REQUEST


def next_link(request: Request, **changed: Any) -> dict[str, str]:
    """The header that leads to the next page: this address with some parameters changed."""
    pairs = [(key, value) for key, values in request.GET.lists() if key not in changed for value in values]
    pairs += [(key, str(value)) for key, value in changed.items()]
    path = raw_path(request) or request.path
    return {"Link": f'<{origin(request)}{path}?{urlencode(pairs)}>; rel="next"'}


def no_such_model() -> NotFound:
    return repositories.RepositoryNotFound("There is no such repository.")
