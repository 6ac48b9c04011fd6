"""Digests as people paste them and as the tables hold them: 8, 10, 12 or 64 hex, one range of one b-tree."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.models import F, Q, QuerySet

from hub.catalog.models import Digest, Model, Version

# Which digests a number of hex digits may be. AutoV2 is the first ten of SHA-256.
KINDS = {
    8: (Digest.Kind.AUTOV1, Digest.Kind.CRC32),
    10: (Digest.Kind.SHA256,),
    12: (Digest.Kind.AUTOV3,),
    64: (Digest.Kind.SHA256, Digest.Kind.BLAKE3),
}
# SHA-256 of nothing: files without metadata of their own share it, so it names none of them.
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
HASH = re.compile(r"^(?:[0-9a-f]{8}|[0-9a-f]{10}|[0-9a-f]{12}|[0-9a-f]{64})$")


def is_hash(value: str) -> bool:
    """Whether ``value`` has the form of a digest people paste."""
    return bool(HASH.match(value.lower()))


def civitai_crc32(ieee: str) -> str:
    """A CRC32 as Civitai prints it: the four bytes the other way round, in upper case; its own inverse but for case."""
    return bytes.fromhex(ieee)[::-1].hex().upper()


def hash_matches(value: str) -> list[Digest]:
    """Digests of published versions that are ``value``, earliest published first, then lowest id.

    CRC32 is looked up in both byte orders. The digest of an empty file matches nothing.
    """
    value = value.lower()
    if not is_hash(value) or EMPTY.startswith(value):
        return []
    condition = Q(kind__in=KINDS[len(value)]) & _range(bytes.fromhex(value), exact=len(value) != 10)
    if len(value) == 8:
        condition |= Q(kind=Digest.Kind.CRC32, digest=bytes.fromhex(value)[::-1])
    return list(_published().filter(condition)[:50])


def _range(start: bytes, *, exact: bool) -> Q:
    if exact:
        return Q(digest=start)
    if start == b"\xff" * len(start):
        return Q(digest__gte=start)
    return Q(digest__gte=start, digest__lt=(int.from_bytes(start) + 1).to_bytes(len(start)))


def sha256_matches(values: Iterable[str]) -> list[Digest]:
    """Digests of published versions among these SHA-256 (64 hex, any case), in the order of the versions' ids."""
    wanted = {value.lower() for value in values if is_hash(value) and len(value) == 64} - {EMPTY}
    rows = _published().filter(kind=Digest.Kind.SHA256, digest__in=[bytes.fromhex(value) for value in wanted])
    return list(rows.order_by("version_id", "file_id"))


def _published() -> QuerySet[Digest]:
    return Digest.objects.filter(
        version__status=Version.Status.PUBLISHED,
        model__status=Model.Status.PUBLISHED,
        file__verdict="accepted",
    ).order_by(F("version__published_at").asc(nulls_last=True), "version_id", "file_id")
