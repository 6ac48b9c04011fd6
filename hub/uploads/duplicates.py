"""What the hub has already, said to those who upload it again and may see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.accounts.models import User
from hub.catalog import queries
from hub.catalog.models import File
from hub.catalog.serializers import model_url


def here_already(owner: User, digests: Mapping[str, str]) -> list[dict[str, Any]]:
    """Findings with a link, where ``owner`` may see the other file; others' private files are not betrayed."""
    sha256 = digests["sha256"]
    if same := queries.files_by_sha256(owner, [sha256]).get(sha256):
        stored = "It is stored once; you can still publish it under your name."
        return [_note(owner, same, "The hub has this file already", stored)]
    if tensors := queries.file_of_same_tensors(owner, digests.get("autov3", ""), but=sha256):
        return [_note(owner, tensors, "The hub has the same tensors with other metadata", "Both files are kept.")]
    return []


def _note(owner: User, file: File, what: str, then: str) -> dict[str, Any]:
    model = file.version.model
    by = "yours" if model.owner_id == owner.pk else f"by {model.owner.username}"
    sentence = f"{what} ({model.name}, {file.version.name}, {by}). {then}"
    return {"severity": "note", "sentence": sentence, "evidence": "", "url": model_url(model, file.version)}
