"""A pickle under inspection: converted to safetensors behind walls, and looked at there by two scanners of others'.

The gate (`workers.files.pickle`) decides; a scanner can only hold back what the gate let pass. Nothing here opens the
file itself.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from workers import sandbox, settings
from workers.files import pickle_names
from workers.files.text import clean
from workers.messages import Finding, Scan, Verdict
from workers.news import Watch
from workers.sandbox import Room, SandboxFailed

log = logging.getLogger(__name__)

SCANNERS = ("picklescan", "hayward")
SCAN_MEMORY_BYTES = 2 * 1024**3
SCAN_SPARE_BYTES = 64 * 1024**2
# A file whose tensors share storages is larger as safetensors; but not without bound.
GROWTH = 2
GROWTH_BYTES = 64 * 1024**2
MOST_FINDINGS = 20
TEXT = 500
# Sentences for how a run behind the walls may end.
WHY = {
    "closed": "This worker's sandbox does not hold, so it opens no pickles. The operators see why on the admin pages.",
    "time": "Converting the pickle took too long, so it was given up.",
    "memory": "Converting the pickle took more memory than any honest file needs.",
    "broke": "Converting the pickle broke off. The operators can see why in the worker's log.",
}
TIERS = {
    "A": "A pickle of plain tensors.",
    "B": "A pickle of tensors, and of objects that trainers leave beside them and that do nothing: {extras}.",
    "C": "A pickle that can run code.",
}


@dataclass(frozen=True)
class Judged:
    """``verdict`` so far: accepted where its safetensors, at the path that was given, may go on to the checks."""

    verdict: Verdict
    tier: str
    findings: tuple[Finding, ...]
    scans: tuple[Scan, ...]


def judge(path: Path, format: str, target: Path, watch: Watch) -> Judged:
    """Convert the pickle at ``path`` into the file ``target`` and have it scanned. ``format``: pickle or torch-zip."""
    watch("conversion")
    verdict, tier, findings = _convert(path, target)
    scans: list[Scan] = []
    for tool in SCANNERS:
        watch("scans", what=tool, done=len(scans), total=len(SCANNERS))
        scans.append(_scan(tool, path, format, target.with_name(f"{target.name}.spare")))
    if held := [scan for scan in scans if scan.verdict != "clean"]:
        findings += [_held(scan) for scan in held]
        verdict = "unknown" if verdict == "accepted" else verdict
    return Judged(verdict, tier, tuple(findings), tuple(scans))


def _convert(path: Path, target: Path) -> tuple[Verdict, str, list[Finding]]:
    most = min(GROWTH * path.stat().st_size + GROWTH_BYTES, settings.MAX_FILE_BYTES)
    target.write_bytes(b"")
    room = Room(path, target, seconds=_seconds(path), output=most + settings.HEADER_BYTES)
    try:
        said: dict[str, Any] = json.loads(sandbox.run("convert", [str(most)], room))
    except SandboxFailed as failed:
        log.warning("a pickle was not converted: %s", failed)
        return "unknown", "", [Finding("warning", WHY[failed.why])]
    tier = str(said.get("tier", ""))
    if "code" in said:
        return "refused", tier, [Finding("danger", str(said["sentence"]), str(said["evidence"]))]
    extras = ", ".join(str(name).rpartition(".")[2] for name in said["extras"])
    findings = [Finding("note", TIERS[tier].format(extras=clean(extras, TEXT)))]
    if said["left_out"]:
        left_out = clean(", ".join(map(str, said["left_out"])), TEXT)
        findings.append(Finding("note", "Converted to safetensors without what only training needs.", left_out))
    return "accepted", tier, findings


def _seconds(path: Path) -> float:
    """What the file's whole inspection may take; its own clock runs on."""
    return max(settings.INSPECT_SECONDS, path.stat().st_size / settings.INSPECT_RATE)


def _scan(tool: str, path: Path, format: str, spare: Path) -> Scan:
    spare.write_bytes(b"")
    room = Room(path, spare, seconds=_seconds(path) / 2, memory=SCAN_MEMORY_BYTES, output=SCAN_SPARE_BYTES)
    try:
        said: dict[str, Any] = json.loads(sandbox.run("scan", [tool, format], room))
    except SandboxFailed as failed:
        log.warning("%s gave no answer to %s: %s", tool, path.name, failed)
        return Scan(tool=tool, version=_version(tool), verdict="failed", findings=(f"no answer ({failed.why})",))
    finally:
        spare.unlink(missing_ok=True)
    flagged = any(grave or not _known_inert(name) for name, grave, _ in said["flags"])
    findings = [clean(str(sentence), TEXT) for *_, sentence in said["flags"]] + [
        clean(gap, TEXT) for gap in said["gaps"]
    ]
    verdict = "flagged" if flagged else "failed" if said["gaps"] else "clean"
    return Scan(tool=tool, version=_version(tool), verdict=verdict, findings=tuple(findings[:MOST_FINDINGS]))  # type: ignore[arg-type]


def _known_inert(name: str) -> bool:
    """Whether the gate knows this name and what it does: a scanner that merely does not know it says nothing new."""
    module, _, last = name.rpartition(".")
    known = (pickle_names.RENAMED.get(module, module), last)
    return known in (
        pickle_names.KNOWN_CALLS | pickle_names.PLAIN_TYPES | pickle_names.INERT
        | pickle_names.STORAGES.keys() | pickle_names.NUMBER_TYPES.keys() | pickle_names.UNKEEPABLE.keys()
    )  # fmt: skip


def _held(scan: Scan) -> Finding:
    what = "flags this file" if scan.verdict == "flagged" else "could not look at all of this file"
    return Finding(
        "warning", f"{scan.tool} {scan.version} {what}, so it is held back.", "; ".join(scan.findings)[:TEXT]
    )


@cache
def _version(tool: str) -> str:
    try:
        return version(tool)
    except PackageNotFoundError:
        return ""
