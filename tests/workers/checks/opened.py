"""A made file, opened as the checks see it."""

from pathlib import Path

from workers.files import safetensors
from workers.messages import Finding
from workers.plugins import Check, OpenedFile


def opened(folder: Path, raw: bytes, name: str = "model.safetensors") -> OpenedFile:
    path = folder / "file"
    path.write_bytes(raw)
    return OpenedFile(path, name, len(raw), "safetensors", safetensors.read(path))


def findings(check: Check, folder: Path, raw: bytes) -> list[Finding]:
    return list(check.findings(opened(folder, raw)))
