"""ComfyUI's prompt language: ``(x:1.3)``, ``(x)`` for 1.1, nested, with ``\\(`` for a bracket, and ``embedding:name``.

Nothing else means anything: square brackets, BREAK and AND are letters. A weight moves a token away from what an empty
prompt says, without bringing the mean back.
"""

from __future__ import annotations

import re

from workers.prompts.parts import Extra, Part, Prompt, Segments, joined

UP = 1.1

_TOKEN = re.compile(r"\\[()]|\(|\)|[^\\()]+|\\")
_WEIGHT = re.compile(r":\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\Z")
_EMBEDDING = re.compile(r"\bembedding:([^\s,:()]+)")


def parse(text: str, *, negative: bool = False) -> Prompt:
    """Never raises. What A1111 would read otherwise is told in ``warnings``."""
    warnings = []
    if re.search(r"<(?:lora|lyco|hypernet):", text):
        warnings.append("<lora:…> is plain text in ComfyUI's language; put the adapter into the stack.")
    extras = {found[1].lower(): Extra("textual_inversion", _stem(found[1]), 1.0) for found in _EMBEDDING.finditer(text)}
    return Prompt(text.strip(), "comfyui", (Part(text.strip()),), tuple(extras.values()), tuple(warnings))


def _stem(name: str) -> str:
    return re.sub(r"\.(?:safetensors|pt|bin)\Z", "", name)


def segments(text: str) -> Segments:
    """One segment: a run of (text, weight)."""
    spans: list[list] = []
    open_: list[int] = []
    for found in _TOKEN.finditer(text):
        piece = found[0]
        if piece == "(":
            open_.append(len(spans))
        elif piece == ")" and open_:
            start, factor = open_.pop(), UP
            if len(spans) > start and (weight := _WEIGHT.search(spans[-1][0])) and not spans[-1][2]:
                factor = float(weight[1])
                spans[-1][0] = spans[-1][0][: weight.start()]
            for span in spans[start:]:
                span[1] *= factor
        else:
            escaped = piece[0] == "\\"
            spans.append([piece[1:] or "\\" if escaped else piece, 1.0, escaped])
    run = joined([(_EMBEDDING.sub(lambda name: _stem(name[1]), piece), weight) for piece, weight, _ in spans])
    return (tuple(run),)
