"""A PNG under inspection: the textual inversion that it may carry is read behind walls, and written as safetensors.

Nothing here opens the file itself.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from workers import sandbox, settings
from workers.messages import Finding
from workers.news import Watch
from workers.pickled import Judged
from workers.sandbox import Room, SandboxFailed

log = logging.getLogger(__name__)

OUTPUT_BYTES = 64 * 1024**2
NO_EMBEDDING = "This is a PNG. Pictures are added on the model's page."
PLACES = {"chunk": "a text beside its pixels", "pixels": "its pixels"}
# Sentences for how a run behind the walls may end.
WHY = {
    "closed": "This worker's sandbox does not hold, so it opens no pictures. The operators see why on the admin pages.",
    "time": "Reading the PNG took too long, so it was given up.",
    "memory": "Reading the PNG took more memory than any textual inversion needs.",
    "broke": "Reading the PNG broke off. The operators can see why in the worker's log.",
}


def judge(path: Path, target: Path, watch: Watch) -> Judged:
    """Write the textual inversion in the PNG at ``path`` into the file ``target``; refused where it carries none."""
    watch("conversion")
    target.write_bytes(b"")
    room = Room(path, target, seconds=settings.INSPECT_SECONDS, output=OUTPUT_BYTES)
    try:
        said: dict[str, Any] = json.loads(sandbox.run("embedding", [], room))
    except SandboxFailed as failed:
        log.warning("a PNG was not read: %s", failed)
        return Judged("unknown", "", (Finding("warning", WHY[failed.why]),), ())
    if "code" in said:
        return Judged("refused", "", (Finding("danger", str(said["sentence"]), str(said["evidence"])),), ())
    if not said["place"]:
        return Judged("refused", "", (Finding("danger", NO_EMBEDDING),), ())
    found = Finding("note", f"A picture with a textual inversion in {PLACES[said['place']]}, converted to safetensors.")
    return Judged("accepted", "", (found,), ())
