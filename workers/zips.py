"""What is said of a ZIP archive: whether it is sound, what it holds, and what its owner should upload instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from workers.files import archive
from workers.files.archive import BadArchive, Member
from workers.files.text import evidence
from workers.messages import Finding

WEIGHTS = frozenset({"safetensors", "gguf", "torch-zip", "pickle"})
PICTURES = frozenset({"png", "jpeg", "gif", "webp"})
PROGRAMS = frozenset({"elf", "pe"})
NAMED = 3
ADVICE = "Archives are kept closed here:"


def findings_of(path: Path) -> Iterator[Finding]:
    """Always one that refuses. Raises ``OSError`` where the file cannot be read."""
    try:
        members = archive.members(path)
    except BadArchive as bad:
        yield Finding("danger", f"This ZIP archive is not sound. {bad.sentence}", bad.evidence)
        return
    yield Finding("danger", _sentence(members), _named(members))
    if programs := [member for member in members if member.format in PROGRAMS]:
        yield Finding("danger", "The archive holds programs, which have no place among weights.", _named(programs))


def _sentence(members: Iterable[Member]) -> str:
    weights = [member for member in members if member.format in WEIGHTS]
    pictures = [member for member in members if member.format in PICTURES]
    if weights:
        held = _count(len(weights), "file of weights", "files of weights")
        beside = f" and {_count(len(pictures), 'picture', 'pictures')}" if pictures else ""
        each = "it" if len(weights) == 1 else "each of them"
        more = ", and the pictures to its gallery" if pictures else ""
        return f"This ZIP archive holds {held}{beside}. {ADVICE} unpack it and upload {each} by itself{more}."
    if pictures:
        held = _count(len(pictures), "picture", "pictures")
        return f"This ZIP archive holds {held} and no weights. {ADVICE} upload the pictures to a model's gallery."
    return f"This ZIP archive holds neither weights nor pictures. {ADVICE} upload files of weights by themselves."


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _named(members: Iterable[Member]) -> str:
    names = [f"{evidence(member.name)[:100]} ({member.size:,} bytes)" for member in members]
    more = f", and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
