"""Inspected files for stories about the catalogue, as the inspectors would report them."""

import hashlib
from typing import Any

from hub.accounts.models import User
from hub.catalog.actions import file_add
from hub.catalog.models import File
from workers.messages import Inspected


def report(seed: str = "linocut", **given: Any) -> Inspected:
    """What inspection says of a LoRA for SD 1.5; every digest follows from ``seed``."""
    sha256 = hashlib.sha256(seed.encode()).hexdigest()
    digests = {
        "sha256": sha256,
        "autov1": hashlib.sha256(b"1" + seed.encode()).hexdigest()[:8],
        "autov2": sha256[:10],
        "autov3": hashlib.sha256(b"3" + seed.encode()).hexdigest()[:12],
        "crc32": hashlib.sha256(b"c" + seed.encode()).hexdigest()[:8],
        "blake3": hashlib.sha256(b"b" + seed.encode()).hexdigest(),
    }
    fields = {
        "upload_id": "u", "attempt": 1, "verdict": "accepted", "digests": digests, "size": 19_531_776, "kind": "lora",
        "base_family": "sd1", "format": "SafeTensor", "precision": "fp16",
        "summary": {"ranks": [16], "tensors": 264, "unclaimed": 0},
    }  # fmt: skip
    return Inspected(**(fields | given))


def added(owner: User, name: str = "Linocut", *, seed: str = "", publish: bool = True, **fields: Any) -> File:
    """A file of ``owner`` in the catalogue; ``inspected`` overrides what the inspectors said."""
    inspected = fields.pop("inspected", {})
    filename = fields.pop("filename", f"{name.lower().replace(' ', '_')}.safetensors")
    return file_add(
        owner=owner,
        report=report(seed or f"{owner.username}/{name}", **inspected),
        filename=filename,
        fields={"model_name": name, "publish": publish} | fields,
    )
