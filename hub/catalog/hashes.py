"""Digests as people and programs know them, and as the tables hold them: ranges of one b-tree.

In any case, with or without ``0x`` before them. 8 hex are AutoV1 or CRC32, in either byte order; 10 AutoV2, the first
of SHA-256; 12 AutoV3, the first of the hash that a trainer embedded (SSHS), or of SHA-256 as A1111 names inversions;
64 any of these in full. Who searches may stop anywhere after 8 digits of SHA-256.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet

from hub.catalog.models import Digest, Model, Version

# Which digests a number of hex digits may be, as they stand or as the beginning of a longer one.
WHOLE = {
    8: (Digest.Kind.AUTOV1, Digest.Kind.CRC32),
    12: (Digest.Kind.AUTOV3, Digest.Kind.SSHS),
    64: (Digest.Kind.SHA256, Digest.Kind.BLAKE3, Digest.Kind.SSHS),
}
BEGINNING = {10: (Digest.Kind.SHA256,), 12: (Digest.Kind.SHA256, Digest.Kind.SSHS)}
AUTOV3_HEX = 12  # of it are kept
# SHA-256 of nothing: files without metadata of their own share it, so it names none of them.
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
HASH = re.compile(r"^(?:0x)?([0-9a-f]{8}|[0-9a-f]{10}|[0-9a-f]{12}|[0-9a-f]{64})$")
HASH_BEGUN = re.compile(r"(?:0x)?([0-9a-f]{8,64})", re.ASCII)


def hash_of(value: str) -> str:
    """The lower-case hex of a digest as people paste it; empty where ``value`` has no form of one."""
    found = HASH.match(value.strip().lower()) if len(value) < 100 else None
    return found[1] if found else ""


def names_nothing(value: str) -> bool:
    """Whether ``value`` (hex, lower case) is a digest of no bytes, or begins one: many files share it."""
    return not value or EMPTY.startswith(value) or (len(value) > 11 and value.startswith(EMPTY[:12]))


def civitai_crc32(ieee: str) -> str:
    """A CRC32 as Civitai prints it: the four bytes the other way round, in upper case; its own inverse but for case."""
    return bytes.fromhex(ieee)[::-1].hex().upper()


def hash_matches(value: str) -> list[Digest]:
    """Digests of published versions that are ``value``, earliest published first, then lowest id.

    CRC32 is looked up in both byte orders. The digest of an empty file matches nothing.
    """
    return _matching(_published(), hash_ranges(value))


def hash_begun(value: str) -> list[Digest]:
    """As `hash_matches`, for somebody who searches: where nothing is ``value``, SHA-256 that begin so."""
    begun = HASH_BEGUN.fullmatch(value.strip().lower()) if len(value) < 100 else None
    if begun is None:
        return []
    return hash_matches(value) or _matching(_published(), _beginning(begun[1]))


def _beginning(digits: str) -> list[Range]:
    if names_nothing(digits):
        return []
    low, high = (bytes.fromhex(digits.ljust(64, end)) for end in "0f")
    return [Range((Digest.Kind.SHA256,), low, high)]


def hash_remains(value: str) -> list[Digest]:
    """As `hash_matches`, among versions that were public and were taken down, or whose model was."""
    gone = Q(version__status=Version.Status.TAKEN_DOWN) | Q(
        version__status=Version.Status.PUBLISHED, model__status=Model.Status.TAKEN_DOWN
    )
    rows = Digest.objects.filter(gone, version__published_at__isnull=False)
    rows = rows.exclude(model__status__in=[Model.Status.DRAFT, Model.Status.DELETED])
    return _matching(rows.order_by("version__published_at", "version_id", "file_id"), hash_ranges(value))


@dataclass(frozen=True)
class Range:
    """Digests of these kinds from ``low`` to ``high``, both included."""

    kinds: tuple[Digest.Kind, ...]
    low: bytes
    high: bytes


def hash_ranges(value: str) -> list[Range]:
    """Which stored digests ``value`` may be; none where it has no form of one, or names nothing."""
    value = hash_of(value)
    if names_nothing(value):
        return []
    digest, length = bytes.fromhex(value), len(value)
    found = [(kinds, digest, digest) for kinds in [WHOLE.get(length, ())] if kinds]
    if length in BEGINNING:
        found.append((BEGINNING[length], digest, digest.ljust(32, b"\xff")))
    if length == 8:
        found.append(((Digest.Kind.CRC32,), digest[::-1], digest[::-1]))
    if length == 64:  # AutoV3 in full, as SwarmUI prints it
        short = bytes.fromhex(value[:AUTOV3_HEX])
        found.append(((Digest.Kind.AUTOV3,), short, short))
    return [Range(*one) for one in found]


def _matching(rows: QuerySet[Digest], ranges: Iterable[Range]) -> list[Digest]:
    condition = Q()
    for one in ranges:
        # A range of one value is guessed at a two-hundredth of all rows, and whole tables are then read.
        single = one.low == one.high
        where = Q(digest=one.low) if single else Q(digest__gte=one.low, digest__lte=one.high)
        condition |= Q(where, kind__in=one.kinds)
    return list(rows.filter(condition)[:50]) if condition else []


def sha256_matches(values: Iterable[str]) -> list[Digest]:
    """Digests of published versions among these SHA-256 (64 hex, any case), in the order of the versions' ids."""
    wanted = {value for value in map(hash_of, values) if len(value) == 64 and not names_nothing(value)}
    rows = _published().filter(kind=Digest.Kind.SHA256, digest__in=[bytes.fromhex(value) for value in wanted])
    return list(rows.order_by("version_id", "file_id"))


def _published() -> QuerySet[Digest]:
    return Digest.objects.filter(
        version__status=Version.Status.PUBLISHED,
        model__status=Model.Status.PUBLISHED,
        file__verdict="accepted",
    ).order_by(F("version__published_at").asc(nulls_last=True), "version_id", "file_id")
