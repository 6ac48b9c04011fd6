"""InvokeAI's prompt language (compel's), as far as weights go.

``word++`` and ``(some words)++`` read 1.1² times as strongly, ``-`` is 0.9, ``(some words)1.3`` a number; they nest;
``\\(`` is a bracket. ``withLora(name, 0.8)`` and ``<word>`` name adapters. What moves or mixes whole prompts
(``.swap``, ``.blend``, ``.and``) is not drawn here, and told.
"""

from __future__ import annotations

import re

from workers.prompts.parts import Extra, Part, Prompt, Segments, joined

UP, DOWN = 1.1, 0.9

_LORA = re.compile(r"\b(?:withLora|useLora)\(\s*([^,()]+?)\s*(?:,\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*)?\)")
_TRIGGER = re.compile(r"<([^<>\s:]+)>")
_OPERATOR = re.compile(r"[)\"]\s*\.(swap|blend|and|add)\s*\(")
# An escape; a bracket with its weight where one follows; a word with its pluses; spaces and the rest, letter by letter.
_TOKEN = re.compile(
    r"\\[-()\"+.,=]"
    r"|\("
    r"|\)(?P<weight>\++|-+|-?(?:\d+\.?\d*|\.\d+))?"
    r"|(?P<word>[^\s()\\\"+,.=-]+(?:[-.,=+][^\s()\\\"+,.=-]+)*)(?P<marks>\++|-+)?(?=[\s()\\\",.=]|\Z)"
    r"|\s+|."
)


def parse(text: str, *, negative: bool = False) -> Prompt:
    """Never raises."""
    extras = [Extra("lora", found[1], float(found[2] or 1)) for found in _LORA.finditer(text)]
    plain = _LORA.sub("", text)
    extras += [Extra("textual_inversion", name, 1.0) for name in dict.fromkeys(_TRIGGER.findall(plain))]
    problems = [
        f".{found[1]}(), which {'moves' if found[1] == 'swap' else 'mixes'} whole prompts, cannot be drawn."
        for found in _OPERATOR.finditer(plain)
    ]
    plain = plain.strip()
    return Prompt(plain, "invokeai", (Part(plain),), tuple(extras), (), tuple(dict.fromkeys(problems)))


def segments(text: str) -> Segments:
    """One segment: a run of (text, weight)."""
    spans: list[list] = []
    open_: list[int] = []
    for found in _TOKEN.finditer(_TRIGGER.sub(r"\1", text)):
        piece = found[0]
        if piece[0] == "\\" and len(piece) > 1:
            spans.append([piece[1:], 1.0])
        elif piece == "(":
            open_.append(len(spans))
        elif piece[0] == ")" and open_:
            factor = _factor(found["weight"] or "")
            for span in spans[open_.pop() :]:
                span[1] *= factor
        elif found["marks"]:
            spans.append([found["word"], _factor(found["marks"])])
        else:
            spans.append([piece, 1.0])
    return (tuple(joined([(piece, weight) for piece, weight in spans])),)


def _factor(weight: str) -> float:
    """What ``++``, ``--`` or a number multiplies by."""
    if not weight:
        return 1.0
    if weight.strip("+") == "":
        return UP ** len(weight)
    if weight.strip("-") == "":
        return DOWN ** len(weight)
    return float(weight)
