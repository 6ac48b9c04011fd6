"""NovelAI: ``Description`` is the prompt, ``Comment`` JSON with the rest, ``Software`` its name; the same again, hidden
in the pixels' lowest bits, for pictures whose text chunks were lost.

``{x}`` is stronger there by 1.05, ``[x]`` weaker, and round brackets are letters: prompts are written again in A1111's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from workers.messages import PictureRecipe, Resource
from workers.recipes.values import loaded, mapping, numbers, others, words

STRONGER = 1.05
_SAMPLERS = {
    "k_euler": "Euler", "k_euler_ancestral": "Euler a", "k_dpm_2": "DPM2", "k_dpm_2_ancestral": "DPM2 a",
    "k_dpmpp_2s_ancestral": "DPM++ 2S a", "k_dpmpp_2m": "DPM++ 2M", "k_dpmpp_sde": "DPM++ SDE", "k_lms": "LMS",
    "k_heun": "Heun", "k_dpm_fast": "DPM fast", "k_dpm_adaptive": "DPM adaptive", "k_dpmpp_2m_sde": "DPM++ 2M SDE",
    "ddim": "DDIM", "ddim_v3": "DDIM", "plms": "PLMS",
}  # fmt: skip
_SCHEDULES = {"karras": "Karras", "exponential": "Exponential", "polyexponential": "Polyexponential", "native": ""}
_KNOWN = {"prompt", "uc", "steps", "scale", "seed", "width", "height", "sampler", "noise_schedule"}
_SOURCE = re.compile(r"(.*?)\s+([0-9A-F]{8})")


def revealed(carried: Mapping[str, str]) -> Mapping[str, str]:
    """What a picture carries, with what is hidden in its pixels laid open; what stands in the open comes first."""
    hidden = carried.get("stealth", "")
    if not hidden:
        return carried
    said = mapping(loaded(hidden))
    laid_open = {str(key): value for key, value in said.items() if isinstance(value, str)} or {"parameters": hidden}
    return {**laid_open, **carried}


def told(carried: Mapping[str, str]) -> PictureRecipe | None:
    said = mapping(loaded(carried.get("Comment")))
    if not said or ("uc" not in said and "NovelAI" not in carried.get("Software", "")):
        return None
    source = _SOURCE.fullmatch(carried.get("Source", "")[:200])
    base = Resource(kind="base", name=source[1], digest=source[2].lower()) if source else None
    sampler = words(said.get("sampler"))
    return PictureRecipe(
        program="NovelAI",
        prompt=as_a1111(words(said.get("prompt")) or carried.get("Description", "")),
        negative=as_a1111(words(said.get("uc"))),
        resources=(base,) if base else (),
        sampler=_SAMPLERS.get(sampler, sampler),
        schedule=_SCHEDULES.get(words(said.get("noise_schedule")), ""),
        others=others({name: value for name, value in said.items() if name not in _KNOWN}),
        **numbers(*(said.get(name) for name in ("steps", "scale", "seed", "width", "height"))),
    )


def as_a1111(text: str) -> str:
    """NovelAI's prompt in A1111's words: brackets of one kind around the same words become one weight."""
    pieces: list[str] = []
    open_: list[tuple[str, int]] = []  # bracket, and where its words begin
    for piece in re.findall(r"[{}\[\]()]|[^{}\[\]()]+", text):
        if piece in "{[":
            open_.append((piece, len(pieces)))
            pieces.append("")
        elif piece in "}]":
            if not open_ or open_[-1][0] + piece not in {"{}", "[]"}:
                continue
            opening, start = open_.pop()
            factor = STRONGER if opening == "{" else 1 / STRONGER
            pieces[start] = "("
            pieces.append(f":{factor:.4g})")
        else:
            pieces.append(f"\\{piece}" if piece in "()" else piece)
    return "".join(pieces).strip()
