"""Draw Things: JSON in the ``exif:UserComment`` of its XMP; ``c`` is the prompt, ``uc`` the negative one."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

from workers.messages import PictureRecipe, Resource
from workers.recipes.comfyui import file_name
from workers.recipes.values import items, loaded, mapping, numbers, others, size, weight, whole, words

# XMP is XML; no parser of it is handed to a stranger's file for the sake of one element.
_COMMENT = re.compile(r"<exif:UserComment>.{0,400}?<rdf:li[^>]{0,100}>([^<]{2,200000})</rdf:li>", re.DOTALL)
_KNOWN = {"c", "uc", "model", "sampler", "scale", "seed", "size", "steps", "lora", "v2"}
_NAMES = {
    "euler a": "Euler a",
    "dpm++ 2m karras": "DPM++ 2M",
    "dpm++ sde karras": "DPM++ SDE",
    "euler ancestral": "Euler a",
}
_NAMES |= {"dpm++ 2m ays": "DPM++ 2M", "dpm++ sde ays": "DPM++ SDE", "euler a ays": "Euler a", "unipc": "UniPC"}


def told(carried: Mapping[str, str]) -> PictureRecipe | None:
    said = mapping(loaded(carried.get("UserComment")))
    if "uc" not in said and (found := _COMMENT.search(carried.get("xmp", ""))):
        said = mapping(loaded(html.unescape(found[1])))
    return _recipe(said) if {"c", "uc"} <= said.keys() else None


def _recipe(said: dict[str, Any]) -> PictureRecipe:
    width, height = size(said.get("size"))
    sampler = words(said.get("sampler"))
    more = mapping(said.get("v2"))
    schedule = "Karras" if sampler.lower().endswith("karras") else "Align Your Steps" if sampler.endswith("AYS") else ""
    return PictureRecipe(
        program="Draw Things",
        prompt=words(said.get("c")),
        negative=words(said.get("uc")),
        resources=tuple(_resources(said)),
        sampler=_NAMES.get(sampler.lower(), sampler),
        schedule=schedule,
        clip_skip=whole(more.get("clipSkip"), 1, 12),
        others=others({name: value for name, value in said.items() if name not in _KNOWN}),
        **numbers(said.get("steps"), said.get("scale"), said.get("seed"), width, height),
    )


def _resources(said: Mapping[str, Any]) -> Iterator[Resource]:
    if model := words(said.get("model")):
        yield Resource(kind="base", name=file_name(model))
    for entry in items(said.get("lora"))[:50]:
        one = mapping(entry)
        if name := file_name(words(one.get("model"))):
            yield Resource(kind="lora", name=name, weight=weight(one.get("weight")))
