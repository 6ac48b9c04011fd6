"""The block list: digests of bytes that may not come in, whoever sends them."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Q

from hub.catalog.models import Block
from workers.messages import Finding


def blocked(digests: Mapping[str, str]) -> Finding | None:
    """Why a file of these digests (``sha256``, ``autov3``) may not come in; None where it may."""
    asked = Q(kind=Block.Kind.SHA256, value=digests.get("sha256", "").lower())
    if autov3 := digests.get("autov3", "").lower()[:12]:
        asked |= Q(kind=Block.Kind.AUTOV3, value=autov3)
    return _found(asked)


def picture_blocked(sha256: str) -> Finding | None:
    """Why a picture of this SHA-256 (as it was made anew here) may not come in."""
    return _found(Q(kind=Block.Kind.PICTURE, value=sha256.lower())) if sha256 else None


def _found(asked: Q) -> Finding | None:
    block = Block.objects.filter(asked).first()
    if block is None:
        return None
    return Finding("danger", f"This hub does not take this file: {block.sentence}", block.value)
