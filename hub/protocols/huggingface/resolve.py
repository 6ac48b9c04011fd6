"""A file's metadata (HEAD) and its bytes (GET), which the object store serves.

HEAD never redirects: late 1.x clients take a store on the same host name for the hub, follow, and lose the commit.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from hub import storage
from hub.accounts.authentication import token_given
from hub.catalog import repositories
from hub.catalog.models import Model, Revision
from hub.catalog.queries import download_check
from hub.catalog.repositories import Entry
from hub.errors import Refused
from hub.protocols.counting import download_count
from hub.protocols.huggingface import base, reads


class NotAccepted(Refused):
    """Only its owner learns that such a file was pushed at all."""

    code, status = "not-accepted", HTTPStatus.FORBIDDEN


class FileResolve(base.Tongue):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Programs without a token ask this more than anything: what everybody is served needs no more than a look."""
        plain = not (request.COOKIES or settings.DOWNLOADS_SIGN_IN or token_given(request))
        if plain and request.method in {"GET", "HEAD"}:
            owner, name, rest = kwargs["owner"], kwargs["name"], kwargs["rest"]
            if found := repositories.public_entry(owner, name, *base.rest_of(request, "/resolve/", rest)):
                return _answer(request, *found)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: Request, owner: str, name: str, rest: str) -> HttpResponse:
        model = repositories.repository(request.user, owner, name)
        revision, path = base.located(request.user, model, *base.rest_of(request, "/resolve/", rest))
        try:
            entry = repositories.entry_at(request.user, model, revision, path)
        except repositories.PathNotFound as error:
            error.commit = revision.oid  # type: ignore[attr-defined]  # the client remembers absence by commit
            raise
        if not entry.plain:
            download_check(request.user, model)
        if not entry.served:
            raise _not_accepted(model, entry)
        return _answer(request, revision, entry)

    head = get


def _answer(request: HttpRequest | Request, revision: Revision, entry: Entry) -> HttpResponse:
    if request.method == "HEAD":
        return HttpResponse(headers=_metadata(revision, entry) | {"Content-Length": str(entry.blob.size)})
    if entry.file is not None and entry.file.primary:
        plain = request._request if isinstance(request, Request) else request
        download_count(plain, request.user, entry.file)
    filename = entry.path.rsplit("/", 1)[-1]
    headers = _metadata(revision, entry)
    headers["Location"] = storage.download_url(entry.blob.sha256, filename, aside=entry.blob.held_at is not None)
    return HttpResponse(status=HTTPStatus.FOUND, headers=headers)


def _metadata(revision: Revision, entry: Entry) -> dict[str, str]:
    etag = entry.blob.sha256 if not entry.plain else entry.blob.git_oid
    headers = {
        "X-Repo-Commit": revision.oid,
        "ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Cache-Control": "private, no-store",
        "Access-Control-Expose-Headers": "X-Repo-Commit, X-Linked-Size, X-Linked-ETag, ETag, Link",
    }
    if not entry.plain:
        headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(entry.blob.size)}
    if said := reads.warning([entry]):
        headers["X-HF-Warning"] = base.header_text(f"inspection; {said}")
    return headers


def _not_accepted(model: Model, entry: Entry) -> Refused:
    state: Any = reads.verdicts(model, [entry])[entry.path]
    if state == "refused":
        return NotAccepted(f"{entry.path} did not pass inspection and is not served. /uploads/start says why.")
    if state == "unknown":
        return NotAccepted(f"{entry.path} could not be inspected and is not served. /uploads/start says why.")
    return NotAccepted(f"{entry.path} is being inspected. Try again in a moment.")
