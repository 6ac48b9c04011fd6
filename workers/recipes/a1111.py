"""A1111's "infotext": the prompt, the negative prompt, and a line of settings, as its PNGs carry under ``parameters``.

A value with a comma, a colon or a line break is a JSON string. Source: the format as read and written by
stable-diffusion-webui 1.10.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from workers import prompts
from workers.messages import Recipe

_PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_NEGATIVE = "Negative prompt:"
_TAGS = {"lora": "lora", "hypernetwork": "hypernet"}


@dataclass(frozen=True)
class Infotext:
    prompt: str
    negative: str = ""
    settings: dict[str, str] = field(default_factory=dict)


def write(recipe: Recipe) -> str:
    """The infotext of a recipe. Adapters that its prompt does not name are added to it as tags, as A1111 wants them."""
    named = {extra.name.lower() for extra in prompts.parse(recipe.prompt).extras}
    tags = [
        f"<{_TAGS[use.kind]}:{use.name or use.sha256[:12]}:{use.weight:g}>"
        for use in recipe.uses
        if use.kind in _TAGS and (use.name or use.sha256[:12]).lower() not in named
    ]
    lines = [" ".join([recipe.prompt, *tags]).strip()]
    if recipe.negative:
        lines.append(f"{_NEGATIVE} {recipe.negative}")
    settings = {
        "Steps": str(recipe.steps),
        "Sampler": recipe.sampler,
        "Schedule type": recipe.schedule,
        "CFG scale": f"{recipe.cfg:g}",
        "Seed": str(recipe.seed),
        "Size": f"{recipe.width}x{recipe.height}",
        "Model hash": recipe.base[:10],
        "Model": recipe.base_name,
        "Clip skip": str(recipe.clip_skip) if recipe.clip_skip != 1 else "",
        "RNG": "CPU",
        "Lora hashes": _hashes(recipe, "lora"),
        "TI hashes": _hashes(recipe, "textual_inversion"),
        "Hypernet hashes": _hashes(recipe, "hypernetwork"),
        "Version": "Weightroom",
    }
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in settings.items() if value))
    return "\n".join(lines)


def read(text: str) -> Infotext:
    """An infotext taken apart. Never raises: a text without a line of settings is all prompt."""
    *lines, last = text.strip().split("\n")
    pairs = _PAIR.findall(last)
    if len(pairs) < 3:
        lines, pairs = [*lines, last], []
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in lines:
        if line.startswith(_NEGATIVE):
            into, line = negative, line.removeprefix(_NEGATIVE).strip()
        into.append(line.strip() if into is prompt else line)
    return Infotext(
        "\n".join(prompt).strip(), "\n".join(negative).strip(), {name: _plain(value) for name, value in pairs}
    )


def _hashes(recipe: Recipe, kind: str) -> str:
    return ", ".join(
        f"{(use.token if kind == 'textual_inversion' else '') or use.name or use.sha256[:12]}: {use.sha256[:12]}"
        for use in recipe.uses
        if use.kind == kind
    )


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ',:\n"') else value


def _plain(value: str) -> str:
    if value.startswith('"') and value.endswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value.strip()
