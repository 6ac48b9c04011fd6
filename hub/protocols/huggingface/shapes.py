"""Repositories, their files and their people in the shapes that `huggingface_hub` parses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from hub.accounts.models import Token, User
from hub.accounts.queries import owners_for
from hub.catalog.models import Blob, File, Model, Revision
from hub.catalog.queries import stat_of
from hub.catalog.repositories import Entry
from hub.protocols.huggingface.base import iso

# What people filter models by there, for each type here.
TYPE_TAGS = {
    Model.Type.LORA: ["lora"],
    Model.Type.LOCON: ["lora", "locon"],
    Model.Type.DORA: ["lora", "dora"],
    Model.Type.TEXTUAL_INVERSION: ["textual_inversion"],
    Model.Type.HYPERNETWORK: ["hypernetwork"],
    Model.Type.CONTROLNET: ["controlnet"],
    Model.Type.VAE: ["vae"],
    Model.Type.UPSCALER: ["upscaler"],
}
COMMON_TAGS = ["diffusers", "text-to-image"]


def repo_id(model: Model) -> str:
    return f"{model.owner.username}/{model.slug}"


def pointer(blob: Blob) -> bytes:
    """What git keeps in the place of a large file (git-lfs specification 1)."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{blob.sha256}\nsize {blob.size}\n".encode()


def git_oid(content: bytes) -> str:
    """SHA-1 of a blob as git counts it: its length stands before it."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def blob_oid(entry: Entry) -> str:
    return entry.blob.git_oid if entry.plain else git_oid(pointer(entry.blob))


def lfs(blob: Blob) -> dict[str, Any]:
    return {"sha256": blob.sha256, "size": blob.size, "pointerSize": len(pointer(blob))}


def security(entry: Entry, verdict: str) -> dict[str, Any]:
    """The inspectors' verdict where the client looks for one. ``verdict``: accepted, refused, unknown, inspecting."""
    status = {"accepted": "safe", "refused": "unsafe", "unknown": "unscanned"}.get(verdict, "queued")
    findings = [f["sentence"] for f in (entry.file.findings if entry.file else []) if f["severity"] != "note"]
    if status == "safe" and any(f["severity"] == "danger" for f in (entry.file.findings if entry.file else [])):
        status = "suspicious"
    return {
        "status": "unscanned" if entry.plain else status,
        "avScan": None,  # no engine for viruses reads these files; none is claimed to
        "pickleImportScan": None if entry.plain else {"status": status, "message": " ".join(findings)[:500]},
    }


def file_shape(entry: Entry, *, verdict: str = "", last: Revision | None = None) -> dict[str, Any]:
    """A file of a tree; ``last`` and the verdict only where they were asked for."""
    shape: dict[str, Any] = {
        "type": "file", "path": entry.path, "size": entry.blob.size, "oid": blob_oid(entry),
    }  # fmt: skip
    if not entry.plain:
        large = lfs(entry.blob)
        shape["lfs"] = {"oid": large["sha256"], "size": large["size"], "pointerSize": large["pointerSize"]}
    if last is not None:
        shape["lastCommit"] = {"id": last.oid, "title": title(last), "date": iso(last.created_at)}
        shape["securityFileStatus"] = security(entry, verdict)
    return shape


def folder_shape(path: str, entries: Iterable[Entry]) -> dict[str, Any]:
    """A folder; its id follows from what lies in it."""
    lines = "".join(f"{entry.path}\0{entry.blob.sha256}\n" for entry in entries)
    return {"type": "directory", "path": path, "size": 0, "oid": git_oid(lines.encode())}


# Our words of precision, for files that were inspected before each kind of number was counted.
DTYPES = {"fp32": "F32", "fp16": "F16", "bf16": "BF16"}


def safetensors(files: Iterable[File]) -> dict[str, Any] | None:
    """How many numbers of which kind the main file of a repository holds; None where it is no safetensors file."""
    rows = sorted((f for f in files if f.format == "SafeTensor"), key=lambda f: (not f.primary, f.pk))
    summary = rows[0].summary if rows else {}
    total = summary.get("parameters")
    if not isinstance(total, int):
        return None
    counts = summary.get("dtypes") or {DTYPES.get(rows[0].precision, "F32"): total}
    return {"parameters": counts, "total": total}


def title(revision: Revision) -> str:
    return revision.message.partition("\n")[0] or "Update"


def commit_shape(revision: Revision, model: Model) -> dict[str, Any]:
    return {
        "id": revision.oid,
        "title": title(revision),
        "message": revision.message.partition("\n")[2].strip(),
        "authors": [{"user": model.owner.username}],
        "date": iso(revision.created_at),
    }


def sibling(entry: Entry, *, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": entry.path}
    shape = {"rfilename": entry.path, "size": entry.blob.size, "blobId": blob_oid(entry)}
    return shape | ({"lfs": lfs(entry.blob)} if not entry.plain else {})


def tags_of(model: Model, base: str, words: Iterable[str]) -> list[str]:
    own = [*COMMON_TAGS, *TYPE_TAGS.get(Model.Type(model.type), [])]
    return list(dict.fromkeys([*own, *words, *([f"base_model:{base}"] if base else [])]))


def is_private(model: Model) -> bool:
    return model.status != Model.Status.PUBLISHED and not model.public_wanted


def model_shape(model: Model, facts: Mapping[str, Any]) -> dict[str, Any]:
    """A model of a list. ``facts``: ``base`` (its name), ``words`` (trigger words), ``tags``, ``sha``."""
    stat = stat_of(model)
    tags = tags_of(model, facts.get("base", ""), facts.get("tags", ()))
    return {
        "_id": f"{model.pk:024x}",
        "id": repo_id(model),
        "modelId": repo_id(model),
        "author": model.owner.username,
        "sha": facts.get("sha"),
        "private": is_private(model),
        "gated": False,
        "disabled": False,
        "tags": tags,
        "downloads": stat.downloads,
        "likes": stat.likes,
        "trendingScore": 0,
        "pipeline_tag": "text-to-image",
        "library_name": "diffusers",
        "createdAt": iso(model.created_at),
        "lastModified": iso(model.updated_at),
        "baseModel": facts.get("base", ""),
        "triggerWords": list(facts.get("words", ())),
        "allowNoCredit": model.allow_no_credit,
        "allowCommercialUse": model.allow_commercial_use,
        "allowDerivatives": model.allow_derivatives,
        "allowDifferentLicense": model.allow_different_licence,
    }


def card_shape(model: Model, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What stands at the head of a model card."""
    words = list(facts.get("words", ()))
    card: dict[str, Any] = {"tags": tags_of(model, "", facts.get("tags", ())), "library_name": "diffusers"}
    if facts.get("base"):
        card["base_model"] = facts["base"]
    return card | ({"instance_prompt": words[0]} if words else {})


def whoami_shape(user: User, token: Token | None) -> dict[str, Any]:
    """Who the token speaks for; ``role`` is what the client calls its rights."""
    writes = token is None or {"upload", "admin"} & set(token.scopes)
    return {
        "type": "user",
        "id": f"{user.pk:024x}",
        "name": user.username,
        "fullname": user.username,
        "email": user.email or None,
        "emailVerified": True,
        "canPay": False,
        "isPro": False,
        "orgs": [
            {
                "type": "org",
                "id": f"{group.pk:024x}",
                "name": group.username,
                "fullname": group.username,
                "isEnterprise": False,
                "roleInOrg": "write",
                "canPay": False,
                "avatarUrl": "",
            }
            for group in owners_for(user)[1:]
        ],
        "auth": {
            "type": "access_token",
            "accessToken": {
                "displayName": f"weightroom-{token.name}" if token else "weightroom",
                "role": "write" if writes else "read",
                "createdAt": iso(token.created_at) if token else None,
            },
        },
    }
