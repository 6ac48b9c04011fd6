"""Template prompts: ``{a|b}`` is a choice, ``__name__`` a wildcard. Pure text, no database.

The grammar is the one that people know from dynamic-prompt extensions and ComfyUI's text fields: choices may nest and
hold wildcards, a choice may be empty, ``\\{`` and ``\\}`` are plain braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

WILDCARD = re.compile(r"__([A-Za-z0-9][A-Za-z0-9/-]{0,58}(?:_[A-Za-z0-9/-]+)*)__")
MOST_FIELDS = 12
DEEPEST = 20
LONGEST = 20_000


@dataclass(frozen=True)
class Field:
    """A place of a template where a choice is made, from ``start`` to ``end``. wildcard: its name, or ""."""

    start: int
    end: int
    choices: tuple[str, ...]
    wildcard: str = ""


def fields(text: str, wildcards: Mapping[str, Sequence[str]] | None = None) -> list[Field]:
    """The outermost choices of ``text``, in order, at most `MOST_FIELDS`.

    A wildcard that ``wildcards`` does not know has no choices. An unclosed brace is plain text.
    """
    known = wildcards or {}
    found = [*_braces(text)]
    for match in WILDCARD.finditer(text):
        if not any(one.start <= match.start() < one.end for one in found):
            values = tuple(known.get(match[1].lower(), ()))
            found.append(Field(match.start(), match.end(), values, match[1].lower()))
    return sorted(found, key=lambda one: one.start)[:MOST_FIELDS]


def _braces(text: str) -> list[Field]:
    found, depth, start, cuts = [], 0, 0, list[int]()
    escaped = False
    for at, letter in enumerate(text):
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == "{":
            depth += 1
            if depth == 1:
                start, cuts = at, [at]
        elif letter == "|" and depth == 1:
            cuts.append(at)
        elif letter == "}" and depth:
            depth -= 1
            if depth == 0 and len(cuts) > 1:
                cuts.append(at)
                parts = [text[a + 1 : b].strip() for a, b in pairwise(cuts)]
                found.append(Field(start, at + 1, tuple(parts)))
    return found


def is_template(text: str) -> bool:
    return bool(fields(text))


def unknown(text: str, wildcards: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """Names that ``text``, or a list that it draws on, has as wildcards and ``wildcards`` does not know."""
    known, seen, waiting = wildcards or {}, dict[str, None](), [text]
    while waiting:
        for name in (match[1].lower() for match in WILDCARD.finditer(waiting.pop())):
            if name not in seen:
                seen[name] = None
                waiting += known.get(name, ())
    return [name for name in seen if name not in known]


def filled(text: str, chosen: Sequence[int], wildcards: Mapping[str, Sequence[str]] | None = None) -> str:
    """``text`` with each outermost field replaced by its choice; missing or out of range: the first.

    ``chosen`` counts for the outermost fields only; nested ones take their first choice. A wildcard that names itself
    ends at `DEEPEST` levels or `LONGEST` characters.
    """
    for depth in range(DEEPEST):
        places = [one for one in fields(text, wildcards) if one.choices]
        if not places or len(text) > LONGEST:
            break
        parts, last = [], 0
        for number, place in enumerate(places):
            wanted = chosen[number] if depth == 0 and number < len(chosen) else 0
            parts += [text[last : place.start], place.choices[wanted if 0 <= wanted < len(place.choices) else 0]]
            last = place.end
        text = "".join([*parts, text[last:]])
    return re.sub(r"\\([{}])", r"\1", text)
