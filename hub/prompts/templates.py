"""Template prompts: ``{a|b}`` is a choice, ``__name__`` a wildcard. Pure text, no database.

The grammar is the one that people know from dynamic-prompt extensions and ComfyUI's text fields: choices may nest and
hold wildcards, a choice may be empty, ``\\{`` and ``\\}`` are plain braces, a ``|`` in square brackets is A1111's own.
A weight before a choice (``0.5::a``) says how often it is drawn by chance; here each is drawn, so it says nothing.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

WILDCARD = re.compile(r"__([A-Za-z0-9][A-Za-z0-9/-]{0,58}(?:_[A-Za-z0-9/-]+)*)__")
MOST_FIELDS = 12
DEEPEST = 20
LONGEST = 20_000
MANY, READ_MOST = 1_000_000, 8_000  # texts that are counted; choices that are read to count them
_WEIGHED = re.compile(r"\s*(?:\d+\.?\d*|\.\d+)::")
_SEVERAL = re.compile(r"\s*[\d-]*\$\$")
_VARIABLE = re.compile(r"(?<!\\)\$\{[^{}]{0,30}")


class TooMany(ValueError):
    """A template makes more texts than are wanted. ``count``: how many, `MANY` where there are more than that."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


class NotRead(ValueError):
    """What dynamic-prompt extensions know and this does not: picking several, variables. It is named."""


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
    return _places(text, wildcards or {})[:MOST_FIELDS]


def _places(text: str, known: Mapping[str, Sequence[str]]) -> list[Field]:
    braces = _braces(text)
    found = [*braces]
    for match in WILDCARD.finditer(text):
        if not any(one.start <= match.start() < one.end for one in braces):
            name = match[1].lower()
            found.append(Field(match.start(), match.end(), tuple(known.get(name, ())), name))
    return sorted(found, key=lambda one: one.start)


@dataclass
class _Open:
    """A brace that was opened: where it is cut outside of square brackets, and at all; brackets that are open in it."""

    start: int
    outside: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    squares: int = 0


def _braces(text: str) -> list[Field]:
    groups, opened, escaped = list[Field](), list[_Open](), False
    for at, letter in enumerate(text):
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == "{":
            opened.append(_Open(at))
        elif not opened:
            continue
        elif letter == "}":
            last = opened.pop()
            if cuts := last.cuts if last.squares else last.outside:
                parts = [text[a + 1 : b] for a, b in itertools.pairwise([last.start, *cuts, at])]
                choices = tuple(_WEIGHED.sub("", part, count=1).strip() for part in parts)
                groups.append(Field(last.start, at + 1, choices))
        elif letter == "|":
            opened[-1].cuts.append(at)
            if not opened[-1].squares:
                opened[-1].outside.append(at)
        elif letter in "[]":
            opened[-1].squares = max(0, opened[-1].squares + (1 if letter == "[" else -1))
    return _outermost(groups)


def _outermost(groups: list[Field]) -> list[Field]:
    kept: list[Field] = []
    for one in sorted(groups, key=lambda one: one.start):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def lines(text: str) -> list[str]:
    """The prompts of a box that holds one on each line. A choice in braces may go over several, of which it makes one;
    an unclosed brace ends with its line, as any letter does."""
    found, last = list[str](), 0
    text = "\n".join(text.splitlines())
    places = _braces(text)
    for at in [*(match.start() for match in re.finditer("\n", text)), len(text)]:
        if not any(one.start < at < one.end for one in places):
            found.append(" ".join(text[last:at].split("\n")).strip())
            last = at
    return list(filter(None, found))


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
    return _plain(text)


def written_out(text: str, wildcards: Mapping[str, Sequence[str]] | None = None, *, most: int) -> list[str]:
    """Every text that ``text`` makes: one of each choice, those of the last changing first, none twice.

    What has no choices stays as it is, and so does a wildcard inside its own list. Raises `TooMany`, `NotRead`.
    """
    if found := _VARIABLE.search(text):
        raise NotRead(found[0])
    root = _Branch(text, wildcards or {}, (), [READ_MOST])
    if root.count > most:
        raise TooMany(root.count)
    return list(dict.fromkeys(map(_plain, root.texts())))


class _Branch:
    """A text with what may stand at each of its places, read once: how many texts it makes, and which."""

    def __init__(self, text: str, known: Mapping[str, Sequence[str]], inside: tuple[str, ...], left: list[int]) -> None:
        self.pieces: list[str] = []
        self.places: list[list[_Branch]] = []
        last = 0
        for place in _places(text, known):
            if not place.choices or (place.wildcard and place.wildcard in inside):
                continue
            if not place.wildcard and _SEVERAL.match(place.choices[0]):
                raise NotRead(f"{{{place.choices[0][:30]}")
            deeper = (*inside, place.wildcard)  # "" for braces: they count for the depth
            left[0] -= len(place.choices)
            if left[0] < 0 or len(deeper) > DEEPEST:
                raise TooMany(MANY)
            self.pieces.append(text[last : place.start])
            self.places.append([_Branch(choice, known, deeper, left) for choice in place.choices])
            last = place.end
        self.pieces.append(text[last:])
        self.count: int = min(MANY, math.prod(sum(one.count for one in place) for place in self.places))

    def texts(self) -> list[str]:
        ways = [[text for one in place for text in one.texts()] for place in self.places]
        return [
            "".join([*itertools.chain(*zip(self.pieces, picked, strict=False)), self.pieces[-1]])
            for picked in itertools.product(*ways)
        ]


def escaped(text: str) -> str:
    """A template that makes ``text`` and nothing else, as far as its braces go."""
    return re.sub(r"[{}]", r"\\\g<0>", text) if _braces(text) or re.search(r"\\[{}]", text) else text


def _plain(text: str) -> str:
    return re.sub(r"\\([{}])", r"\1", text)
