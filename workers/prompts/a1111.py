"""A1111's and Forge's prompt language.

``(x)`` reads x 1.1 times as strongly, ``[x]`` 1.1 times less, ``(x:1.3)`` by 1.3; they nest; ``\\(`` is a bracket.
``BREAK`` begins a new chunk. ``[from:to:when]`` and ``[a|b]`` change the words on the way (`schedules`). ``a :1.2 AND b
:0.8`` mixes several prompts. ``<lora:name:0.8>``, ``<lora:name:text:unet>``, ``<lora:name:0.8:lbw=INALL>`` and
``<hypernet:name:0.8>`` name adapters and are no part of the text.
"""

from __future__ import annotations

import math
import re

from workers import blocks
from workers.prompts.parts import Extra, Part, Prompt, Segments, joined
from workers.prompts.schedules import Timeline

UP, DOWN = 1.1, 1 / 1.1
# More rows in each step than anyone mixes; each costs as much as a picture of its own.
MOST_PARTS = 16

_EXTRA = re.compile(r"<([a-zA-Z_]\w*):([^<>]+)>")
_KINDS = {"lora": "lora", "lyco": "lora", "hypernet": "hypernetwork"}
_AND = re.compile(r"\bAND\b")
_WEIGHT = re.compile(r"\s*:\s*([-+]?(?:\d+\.?|\d*\.\d+))\s*\Z")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_TOKEN = re.compile(
    r"\\[()\[\]\\]"
    r"|\\|\(|\["
    r"|:\s*[+-]?(?:\d+\.?\d*|\.\d+)\s*\)"
    r"|\)|\]"
    r"|[^\\()\[\]:]+|:"
)


def parse(text: str, *, negative: bool = False) -> Prompt:
    """Never raises; what is no valid syntax is plain text."""
    warnings: list[str] = []
    problems: list[str] = []
    extras: list[Extra] = []

    def take(found: re.Match[str]) -> str:
        extra = _extra(found[1].lower(), found[2], problems)
        if extra:
            extras.append(extra)
        return ""

    plain = _EXTRA.sub(take, text).strip()
    if negative and extras:
        warnings.append("The negative prompt names adapters; A1111 takes them from the prompt alone, and so does this.")
    if negative:
        if _AND.search(plain):
            warnings.append("AND in the negative prompt is only a word.")
        parts = [_part(plain, 1.0, warnings)]
    else:
        texts = _AND.split(plain)
        if len(texts) > MOST_PARTS:
            problems.append(f"AND mixes {len(texts)} prompts here; {MOST_PARTS} is most.")
        parts = [_weighed(part, len(texts), warnings, problems) for part in texts[:MOST_PARTS]]
    return Prompt(plain, "a1111", tuple(parts), () if negative else tuple(extras), tuple(warnings), tuple(problems))


def _extra(kind: str, arguments: str, problems: list[str]) -> Extra | None:
    name, *rest = (part.strip() for part in arguments.split(":"))
    tag = f"<{kind[:40]}:{name[:60]}>"
    if kind not in _KINDS:
        problems.append(f"{tag} names a kind of adapter that is not known here.")
        return None
    named = dict(value.split("=", 1) for value in rest if "=" in value)
    placed = [value for value in rest if "=" not in value]
    if unknown := named.keys() - {"te", "unet", "lbw"}:
        problems.append(f"“{min(unknown)[:20]}=” of {tag} is not drawn here; te=, unet= and lbw= are.")
        return None
    # sd-webui-lora-block-weight's older form: what comes after the weights, without a name.
    if "lbw" not in named and len(placed) > 1 and _number(placed[-1]) is None:
        named["lbw"] = placed.pop()
    try:
        of_blocks = blocks.read(named["lbw"]) if named.get("lbw") else ()
    except ValueError as error:
        problems.append(f"{tag}: {error}")
        return None
    if of_blocks and _KINDS[kind] != "lora":
        problems.append(f"{tag} has block weights; only adapters that change the UNet block by block have some.")
        return None
    if len(placed) > 2:
        problems.append(f"{tag} has {len(placed)} numbers; here one counts for text and picture, or two for each.")
        return None
    text = named.get("te", placed[0] if placed else "1")
    weights = [_number(text), _number(named.get("unet", placed[1] if len(placed) > 1 else text))]
    if not name or None in weights:
        problems.append(f"The weight of {tag} is not a number." if name else f"<{kind}:…> names no adapter.")
        return None
    of_text, of_unet = float(weights[0] or 0), float(weights[1] or 0)
    return Extra(_KINDS[kind], name, of_unet, None if of_text == of_unet else of_text, of_blocks)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _weighed(text: str, of: int, warnings: list[str], problems: list[str]) -> Part:
    """A part of the prompt with the weight at its end; a prompt without AND may have one too."""
    weight = 1.0
    if found := _WEIGHT.search(text):
        weight, text = float(found[1]), text[: found.start()]
        if of == 1:
            warnings.append(f"The prompt ends in :{found[1]}, so all of it counts {weight:g} times, as in A1111.")
        if not math.isfinite(weight):
            problems.append("The number at the end of the prompt is too large.")
    return _part(text.strip() if of > 1 else text, weight, warnings)


def _part(text: str, weight: float, warnings: list[str]) -> Part:
    line = Timeline(text)
    if not line.readable and line.looks_timed:
        warnings.append(
            "A | outside of [a|b], or a \\ at the end, keeps the words from changing in A1111; here too. "
            "Take it out if they should."
        )
    return Part(text, weight, line.texts if line.timed else None)


def segments(text: str) -> Segments:
    """Split at BREAK; each a run of (text, weight)."""
    found: list[list[tuple[str, float]]] = [[]]
    for span, weight in attention(text):
        first, *others = _BREAK.split(span)
        found[-1].append((first, weight))
        found += [[(other, weight)] for other in others]
    return tuple(tuple(joined(run)) for run in found)


def attention(text: str) -> list[tuple[str, float]]:
    """[(text, weight), …] by the brackets around it; neighbours of one weight are joined. Unclosed ones still count."""
    spans: list[list] = []
    round_, square = [], []  # where in `spans` each open bracket began

    def multiply(start: int, factor: float) -> None:
        for span in spans[start:]:
            span[1] *= factor

    for found in _TOKEN.finditer(text):
        piece = found[0]
        if piece[0] == "\\":
            spans.append([piece[1:] or "\\", 1.0])
        elif piece == "(":
            round_.append(len(spans))
        elif piece == "[":
            square.append(len(spans))
        elif piece[0] == ":" and piece[-1] == ")" and round_:
            multiply(round_.pop(), float(piece[1:-1]))
        elif piece == ")" and round_:
            multiply(round_.pop(), UP)
        elif piece == "]" and square:
            multiply(square.pop(), DOWN)
        else:
            spans.append([piece, 1.0])
    for start in round_:
        multiply(start, UP)
    for start in square:
        multiply(start, DOWN)
    return joined([(piece, weight) for piece, weight in spans]) or [("", 1.0)]
