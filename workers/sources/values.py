"""What another server says, taken as what it should be: a text, a number, a list; anything else counts as not said."""

from __future__ import annotations

import re
from typing import Any

from workers.files.text import clean

LARGEST = 2**31 - 1
_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{8,64})")


def text(value: Any, limit: int) -> str:
    return clean(value, limit).strip() if isinstance(value, str) else ""


def line(value: Any, limit: int) -> str:
    """A text on one line."""
    return " ".join(text(value, limit).split())


def whole(value: Any) -> int:
    """An id; 0 for none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST else 0


def number(value: Any) -> float | None:
    ok = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e12
    return float(value) if ok and value == value else None


def items(value: Any, most: int = 1000) -> list[Any]:
    return value[:most] if isinstance(value, list) else []


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def texts(value: Any, limit: int, most: int) -> tuple[str, ...]:
    found = (line(one, limit) for one in items(value, most))
    return tuple(dict.fromkeys(one for one in found if one))


def hexes(value: Any, *lengths: int) -> str:
    """Lower-case hex of one of these lengths; empty else."""
    found = _HEX.fullmatch(value.strip()) if isinstance(value, str) else None
    return found[1].lower() if found and len(found[1]) in lengths else ""


def level(value: Any) -> int:
    """The highest content level of a mask or a word: 1, 2, 4, 8, 16; 32 for what its source blocks."""
    words = {"none": 1, "soft": 2, "mature": 4, "x": 16, "blocked": 32}
    if isinstance(value, str):
        return words.get(value.lower(), 1)
    mask = whole(value) & 63
    return 1 << (mask.bit_length() - 1) if mask else 1


def mask(value: Any) -> int:
    """A mask of content levels without what its source blocks; at least 1."""
    return (whole(value) & 31) or 1
