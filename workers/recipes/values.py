"""Hostile values made into numbers and words, or nothing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

MOST_OTHERS, LONGEST_OTHER = 60, 2000
_SIZE = re.compile(r"\(?\s*(\d{1,5})\s*[x×,*]\s*(\d{1,5})\s*\)?")


def loaded(text: object) -> Any:
    """What the JSON ``text`` holds; None where it is none."""
    if not isinstance(text, str) or text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def words(value: object) -> str:
    """Text, or a number as text; anything else is empty."""
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def whole(value: object, low: int = 0, high: int = 2**64 - 1) -> int | None:
    """A whole number from ``low`` to ``high``; None for anything else."""
    if isinstance(value, str):
        value = value.strip()
        if not re.fullmatch(r"-?\d{1,20}", value):
            return None
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


def decimal(value: object) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, str) and len(value) > 40:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def weight(value: object, default: float = 1.0) -> float:
    """A weight within what anybody stacks with."""
    number = decimal(value)
    return default if number is None or abs(number) > 100 else number


def numbers(steps: object, cfg: object, seed: object, width: object, height: object) -> dict[str, Any]:
    """The numbers that every recipe has, each None where it is not one within reason."""
    return {
        "steps": whole(steps, 1, 10_000),
        "cfg": decimal(cfg),
        "seed": whole(seed),
        "width": whole(width, 1, 65_535),
        "height": whole(height, 1, 65_535),
    }


def size(text: object) -> tuple[str, str]:
    """(width, height) of ``512x768`` or ``(512, 768)``; empty where it is neither."""
    found = _SIZE.fullmatch(words(text).strip()[:40])
    return (found[1], found[2]) if found else ("", "")


def others(settings: Mapping[str, object]) -> dict[str, str]:
    """Settings kept as they are said, within bounds."""
    kept: dict[str, str] = {}
    for name, value in settings.items():
        if len(kept) == MOST_OTHERS:
            break
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        kept[str(name)[:80]] = text[:LONGEST_OTHER]
    return kept
