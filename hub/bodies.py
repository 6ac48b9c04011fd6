"""A file inside a form's own body, as browsers without JavaScript send it: handed on piece by piece, never kept here.

A token inside the body could be read only after the file before it, so the form's address carries a `ticket` instead:
whoever has no page of this hub has none, and nothing of a body is read without one.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Protocol, cast

from django.core import signing
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.db import connection
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.translation import gettext as _

from hub import threads
from hub.errors import Refused

PIECE = 1024**2
AROUND = 64 * 1024  # of a form beside its file: boundaries, names, a few fields
AT_ONCE = 16  # files that one web process takes in this way; each costs a sleeping thread and a part in memory
SILENT_SECONDS = 90  # a line that says nothing for so long is cut
TICKET_HOURS = 12
# A browser shows a refusal only after it was let say what it had to say; more than this nobody waits for.
HEARD_OUT_BYTES, HEARD_OUT_SECONDS = 64 * PIECE, 20
_places = threading.BoundedSemaphore(AT_ONCE)


class TooLong(Refused):
    code, status = "too-big", HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class NoFile(Refused):
    code, status = "no-file", HTTPStatus.UNPROCESSABLE_ENTITY


class CutOff(Refused):
    code, status = "cut-off", HTTPStatus.BAD_REQUEST


class TooManySend(Refused):
    code, status = "too-many-send", HTTPStatus.SERVICE_UNAVAILABLE


class StalePage(Refused):
    code, status = "stale-page", HTTPStatus.FORBIDDEN


class Taker(Protocol):
    """Where a file goes. What either method raises ends the reading."""

    def begin(self, name: str, most: int) -> None:
        """A file is coming, of at most so many bytes; ``name`` is its sender's, unchecked."""

    def take(self, data: bytes) -> None:
        """The next bytes of it, a megabyte or so."""


def ticket(request: HttpRequest) -> str:
    """For the address of a form with a file, on a page that only ``request.user`` sees."""
    return signing.dumps(request.user.pk, salt=__name__)


def file_handed_on(request: HttpRequest, taker: Taker, *, most: int) -> None:
    """Read the one file of a form and give it to ``taker``; it is whole when this returns.

    most: bytes that the file may have. Raises `StalePage`, `TooManySend`, `NoFile`, `TooLong`, `CutOff`, and what
    ``taker`` raises.
    """
    _check_ticket(request)
    body = _Body(request)
    try:
        if body.left > most + AROUND:
            raise TooLong(_("This file is over the %s MB that can be sent in one form.") % f"{most // 10**6:,}")
        with _a_place(request):
            _read(request, body, taker, most)
    except Refused:
        body.hear_out()
        raise


def _check_ticket(request: HttpRequest) -> None:
    try:
        given = signing.loads(request.GET.get("ticket", ""), salt=__name__, max_age=TICKET_HOURS * 3600)
    except signing.BadSignature:
        given = None
    if given is None or given != request.user.pk:
        raise StalePage(_("The page with this form was open for too long. Open it again, and choose the file again."))


@contextlib.contextmanager
def _a_place(request: HttpRequest) -> Iterator[None]:
    """While a slow line sends, no request waits for its thread, and no connection to the database waits with it."""
    if not _places.acquire(blocking=False):
        raise TooManySend(_("Many people send files just now. Try again in a few minutes."))
    try:
        if not connection.in_atomic_block:
            connection.close()
        with threads.aside():
            yield
    finally:
        _places.release()


def _read(request: HttpRequest, body: _Body, taker: Taker, most: int) -> None:
    handler = _Handler(taker, most, body.left)
    try:
        MultiPartParser(request.META, cast(Any, body), [handler], request.encoding or "utf-8").parse()
    except MultiPartParserError as error:
        if not body.left:
            raise NoFile(_("This is no form with a file.")) from error
    if body.left:  # to the parser, a body that breaks off looks like one that ends
        raise CutOff(_("The file broke off on its way. Send it again."))
    if not handler.begun:
        raise NoFile(_("Choose a file first."))


class _Body:
    """A request's body, which knows how much is still to come."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        length = request.META.get("CONTENT_LENGTH") or ""
        self.left = int(length) if length.isdecimal() and len(length) < 16 else 0
        self._socket: socket.socket | None = request.META.get("gunicorn.socket")

    def read(self, size: int = PIECE) -> bytes:
        if not self.left:
            return b""
        with self._impatient():
            data = self._request.read(min(size, self.left))
        if not data:
            raise CutOff(_("The file broke off on its way. Send it again."))
        self.left -= len(data)
        return data

    @contextlib.contextmanager
    def _impatient(self) -> Iterator[None]:
        before = self._socket.gettimeout() if self._socket else None
        try:
            if self._socket:
                self._socket.settimeout(SILENT_SECONDS)
            yield
        except OSError as error:
            raise CutOff(_("The file broke off on its way. Send it again.")) from error
        finally:
            if self._socket:
                with contextlib.suppress(OSError):
                    self._socket.settimeout(before)

    def hear_out(self) -> None:
        """Let the browser end its sentence, within reason: it reads no answer before."""
        until, heard = time.monotonic() + HEARD_OUT_SECONDS, 0
        with contextlib.suppress(Refused), threads.aside():
            while self.left and heard < HEARD_OUT_BYTES and time.monotonic() < until:
                heard += len(self.read())


class _Handler(FileUploadHandler):
    """Django's parser cuts the file out of the form; here it goes on, and nothing of it stays."""

    chunk_size = PIECE

    def __init__(self, taker: Taker, most: int, coming: int) -> None:
        super().__init__()
        self.taker, self.most, self.coming = taker, most, coming
        self.begun, self.seen = False, 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self.begun:
            raise NoFile(_("Send one file at a time."))
        self.begun = True
        self.taker.begin(self.file_name or "", min(self.most, self.coming))
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.seen += len(raw_data)
        if self.seen > self.most:
            raise TooLong(_("This file is over the %s MB that can be sent in one form.") % f"{self.most // 10**6:,}")
        self.taker.take(raw_data)

    def file_complete(self, file_size: int) -> None:
        """It is complete with the body; what stands behind the file may still be missing."""
