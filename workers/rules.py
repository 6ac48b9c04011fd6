"""Which rules judge a file here: a name for them that changes whenever one of them does, or a scanner's version.

Nobody has to remember to count it up, so no file passes for judged by rules that it never saw.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# What decides a verdict; a file below any of these counts.
SOURCES = (
    "inspection.py", "metadata.py", "checks", "files", "adapters", "bases", "parts", "pickled.py", "pictured.py",
    "sandbox.py", "sandboxed",
)  # fmt: skip
SCANNERS = ("picklescan", "hayward", "modelaudit-picklescan", "fickling", "modelscan")


@cache
def current() -> str:
    """Twelve hex over the code of the rules and the versions of the scanners that are installed."""
    told = hashlib.sha256()
    here = Path(__file__).parent
    for name in SOURCES:
        for path in sorted([here / name] if name.endswith(".py") else (here / name).rglob("*.py")):
            if path.exists():
                told.update(f"{path.relative_to(here)}\0".encode() + path.read_bytes())
    for scanner in SCANNERS:
        try:
            told.update(f"{scanner} {version(scanner)}\n".encode())
        except PackageNotFoundError:
            continue
    return told.hexdigest()[:12]
