"""A second opinion: another project's scanner reads the file, and says what it thinks of it.

scan <pickle> <a file to fill> <picklescan|hayward> <torch-zip|pickle>. Prints, as JSON, ``flags``, triples of (name or
"", grave, sentence), and ``gaps``, what the scanner could not look at. An exception is no answer.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from pathlib import Path

# A scanner may refuse to read what does not fit into its memory; of an old file's pickles, which come first, this is
# all that passes the gate.
LARGE_BYTES = 400_000_000
HEAD_BYTES = 64 * 1024**2


class Bounded(io.BufferedReader):
    """A file of which no more is asked than it has: a pickle may say that a text of an exabyte follows, and Python
    sets memory aside for as much as is asked for."""

    def read(self, size: int | None = -1) -> bytes:
        left = os.fstat(self.fileno()).st_size - self.tell()
        return super().read(left if size is None or size < 0 else min(size, left))


def picklescan(path: Path, spare: Path, format: str) -> dict[str, object]:
    """Strict: a name that it does not know is told of too. (Its own strict mode grades those like known evils.)"""
    from picklescan import scanner

    with Bounded(io.FileIO(path)) as file:
        if format == "torch-zip":
            result = scanner.scan_zip_bytes(file, "file", strict=False)
        else:
            result = scanner.scan_bytes(file, "file", ".bin", strict=False)
    flags = [
        (
            f"{found.module}.{found.name}",
            found.safety.value == "dangerous",
            f"{found.safety.value} name {found.module}.{found.name}",
        )
        for found in result.globals
        if found.safety.value != "innocuous"
    ]
    gaps = ["it could not read the file to its end"] if result.scan_err else []
    if not result.scanned_files:
        gaps.append("it found no pickle in the file")
    return {"flags": flags, "gaps": gaps}


def hayward(path: Path, spare: Path, format: str) -> dict[str, object]:
    """Findings of medium severity and more; what it says it left unread is a gap."""
    from hayward.findings import Severity, is_coverage_gap
    from hayward.scanner import ModelFileScanner

    if format == "pickle" and path.stat().st_size > LARGE_BYTES:
        with path.open("rb") as file:
            spare.write_bytes(file.read(HEAD_BYTES))
        path = spare
    looking = ModelFileScanner()
    looking.report_unparsed_pickles = True
    flags, gaps = [], []
    for found in looking.scan_file(path, _as_suffix=".pt"):
        if is_coverage_gap(found):
            gaps.append(f"{found.rule_id}: {found.message}")
        elif found.severity in (Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL):
            flags.append(("", True, f"{found.rule_id}: {found.message}"))
    return {"flags": flags, "gaps": gaps}


TOOLS = {"picklescan": picklescan, "hayward": hayward}

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps(TOOLS[sys.argv[3]](Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[4])))
