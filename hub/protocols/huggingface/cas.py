"""A store of chunks as `hf_xet` speaks with it. Blocks go straight to the object store by signed addresses; an older
client sends them here, and they are passed on as they come.

What is asked of other people's chunks (de-duplication across a hub) is answered with 404: it would tell who holds what.
"""

from __future__ import annotations

import hashlib
import io
import struct
import time
from functools import cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core import signing
from django.db.migrations.recorder import MigrationRecorder
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.models import Token, User
from hub.accounts.permissions import person
from hub.accounts.queries import acts_for
from hub.catalog import repositories
from hub.catalog.models import Model
from hub.catalog.queries import models_visible
from hub.protocols.huggingface import base, bodies
from hub.uploads import chunks

SALT = "huggingface.cas"
WRITING = {"upload", "admin"}  # scopes that may push
LIFE = 3600  # seconds of a token; clients fetch a new one a minute before
SHARD_LIMIT = 64 * 1024**2
RECORD = 48
BOOKEND = b"\xff" * 32
VERIFIED, WITH_SHA256 = 1 << 31, 1 << 30


@cache
def instance() -> str:
    """12 hex that name this hub's data. Clients remember by address what they sent: after a wipe it is another one."""
    first = MigrationRecorder.Migration.objects.order_by("id").values_list("applied", flat=True).first()
    return hashlib.sha256(f"{settings.SECRET_KEY}{first}".encode()).hexdigest()[:12]


class WriteToken(base.Tongue):
    def get(self, request: Request, owner: str, name: str, rest: str) -> Response:
        """Where chunks are to be sent, and a token for it: of this person, to this repository, for an hour, and no
        longer than the token that asked for it, or the right to write there."""
        user = person(request)
        _check_scope(request)
        model = repositories.repository_mine(user, owner, name)
        url = f"{base.origin(request)}/cas/{instance()}/{user.pk}"
        asked = request.auth.pk if isinstance(request.auth, Token) else None
        token, expires = signing.dumps([user.pk, model.pk, asked], salt=SALT), int(time.time()) + LIFE
        headers = {"X-Xet-Cas-Url": url, "X-Xet-Access-Token": token, "X-Xet-Token-Expiration": str(expires)}
        return Response({"casUrl": url, "accessToken": token, "exp": expires}, headers=headers)

    post = get


class Cas(base.Tongue):
    """An endpoint of the store of chunks: who asks is told by its own token and address, nothing else."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def owner(self, request: Request, place: str, user_id: int) -> User:
        """Who sends chunks. Raises `BadToken` where the token, what it was made for, or who asked for it is no more."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            known = signing.loads(token.strip(), salt=SALT, max_age=LIFE) if kind.lower() == "bearer" else None
        except signing.BadSignature:
            known = None
        user = _writer(*known) if isinstance(known, list) and len(known) == 3 and known[0] == user_id else None
        if user is None or place != instance():
            raise base.BadToken("Invalid credentials in Authorization header")
        return user


def _writer(user_id: int, model_id: int, token_id: int | None) -> User | None:
    """The person, where they may still write to that repository, and their API token still may."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    model = models_visible(user).select_related("owner").filter(pk=model_id).first() if user else None
    if user is None or model is None or model.status == Model.Status.TAKEN_DOWN or not acts_for(user, model.owner):
        return None
    token = Token.objects.select_related("user").filter(pk=token_id, user=user).first() if token_id else None
    if token_id and (token is None or token.problem() or not WRITING & set(token.scopes)):
        return None
    return user


class ChunkQuery(Cas):
    def get(self, request: Request, place: str, user_id: int, prefix: str, hash: str) -> Response:
        self.owner(request, place, user_id)
        return Response({"error": "Not known here."}, status=HTTPStatus.NOT_FOUND)


def _hash(given: str) -> str:
    if not bodies.SHA256.fullmatch(given.lower()):
        raise chunks.BadChunks("A block is named by 64 hex digits.")
    return given.lower()


class XorbGrant(Cas):
    def post(self, request: Request, place: str, user_id: int, prefix: str, hash: str) -> Response:
        """Leave to send a block straight to the object store; 200 where it is here already."""
        owner, hash = self.owner(request, place, user_id), _hash(hash)
        if chunks.xorb_known(owner, hash) or chunks.xorb_arrived(owner=owner, hash=hash):
            return Response({"status": "exists"})
        length = request.data.get("length") if isinstance(request.data, dict) else None
        xorb = chunks.xorb_start(owner=owner, hash=hash, size=length if type(length) is int else 0)
        shape = {"id": str(xorb.pk), "method": "PUT", "url": chunks.xorb_url(xorb), "headers": {}}
        return Response(shape, status=HTTPStatus.CREATED)


class XorbCommit(Cas):
    def post(self, request: Request, place: str, user_id: int, prefix: str, hash: str, grant: str) -> Response:
        """A block that was sent to the object store is said to be there; it is looked for."""
        owner = self.owner(request, place, user_id)
        if not chunks.xorb_arrived(owner=owner, hash=_hash(hash)):
            return Response({"error": "It has not arrived."}, status=HTTPStatus.NOT_FOUND)
        return Response({"was_inserted": True})


class XorbPut(Cas):
    def post(self, request: Request, place: str, user_id: int, prefix: str, hash: str) -> Response:
        owner = self.owner(request, place, user_id)
        length = request.META.get("CONTENT_LENGTH") or "0"
        size = int(length) if length.isascii() and length.isdigit() else 0
        inserted = chunks.xorb_keep(owner=owner, hash=_hash(hash), body=_Body(request), size=size)  # type: ignore[arg-type]
        return Response({"was_inserted": inserted})


class _Body:
    """A request's body, to be read some kilobytes at a time."""

    def __init__(self, request: Request) -> None:
        self.request = request._request

    def read(self, most: int = -1) -> bytes:
        return self.request.read(min(most, 65536) if most > 0 else 65536)


class ShardPut(Cas):
    def post(self, request: Request, place: str, user_id: int) -> Response:
        """How files are put together from blocks."""
        owner = self.owner(request, place, user_id)
        for sha256, terms in files_in(_Shard(request)):
            chunks.chunked_take(owner=owner, sha256=sha256, terms=terms)
        return Response({"result": 1})


class _Shard:
    """A shard's records, read as they come; what follows the files is not needed, and passes by."""

    def __init__(self, request: Request) -> None:
        self.stream = io.BufferedReader(_Raw(request), 64 * 1024)  # type: ignore[arg-type]

    def record(self) -> bytes:
        record = self.stream.read(RECORD)
        if len(record) < RECORD:
            raise chunks.BadChunks("This shard ends before its files do.")
        return record

    def drain(self) -> None:
        left = SHARD_LIMIT
        while left > 0 and (data := self.stream.read(64 * 1024)):
            left -= len(data)


class _Raw(io.RawIOBase):
    def __init__(self, request: Request) -> None:
        self.request = request._request

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.request.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def files_in(shard: _Shard) -> list[tuple[str, list[tuple[str, int, int, int]]]]:
    """Each file of a shard: its SHA-256, and its runs of chunks (block, first, behind the last, bytes).

    After a header of 48 bytes come records of 48: one that begins a file (hash, flags, how many runs), its runs (block,
    flags, bytes, first, behind the last), as many for verification where bit 31 says so, and its SHA-256 where bit 30
    does; a record of ones ends them (Xet's specification, MDB shards).
    """
    shard.record()
    found: list[tuple[str, list[tuple[str, int, int, int]]]] = []
    runs = 0
    while (record := shard.record())[:32] != BOOKEND:
        flags, count = struct.unpack_from("<II", record, 32)
        runs += count + 1  # a file without any takes its place too
        if runs > chunks.TERMS_LIMIT:
            raise chunks.BadChunks("This shard holds more runs of chunks than the hub takes at once.")
        terms = []
        for _ in range(count):
            run = shard.record()
            _, size, first, end = struct.unpack_from("<IIII", run, 32)
            terms.append((hash_text(run[:32]), first, end, size))
        for _ in range(count if flags & VERIFIED else 0):
            shard.record()
        if not flags & WITH_SHA256:
            raise chunks.BadChunks("A file comes without its SHA-256. Update the client.")
        found.append((hash_text(shard.record()[:32]), terms))
    shard.drain()
    return found


def hash_text(raw: bytes) -> str:
    """32 bytes as Xet writes them: four numbers of 64 bits, each little-endian."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", raw))


def _check_scope(request: Request) -> None:
    """Pushing takes the scope that every push takes, though this call is a GET."""
    token = request.auth
    if isinstance(token, Token) and not WRITING & set(token.scopes):
        raise repositories.NotYours("This needs a token with the scope upload.")
