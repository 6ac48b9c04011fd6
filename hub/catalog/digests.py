"""The rows by which a file is found: one for each of its digests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hub.catalog.hashes import AUTOV3_HEX, names_nothing
from hub.catalog.models import Digest, File

HEX = re.compile(r"^(?:[0-9a-f]{2})+$")


def digests_keep(file: File, digests: Mapping[str, str]) -> None:
    """Make a file findable by these digests; those it has already stay."""
    Digest.objects.bulk_create(_digests(file, digests), ignore_conflicts=True)


def _digests(file: File, digests: Mapping[str, str]) -> Iterable[Digest]:
    """One row per digest; AutoV2 is the beginning of SHA-256 and needs none, AutoV3 is kept at its 12 hex."""
    for kind in Digest.Kind:
        value = digests.get(kind.name.lower(), "").lower()
        value = value[:AUTOV3_HEX] if kind == Digest.Kind.AUTOV3 else value
        if HEX.match(value) and not names_nothing(value):
            yield Digest(
                digest=bytes.fromhex(value),
                kind=kind,
                file=file,
                version_id=file.version_id,
                model_id=file.version.model_id,
            )
