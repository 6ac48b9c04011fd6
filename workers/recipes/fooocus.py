"""Fooocus: ``parameters`` holds JSON where ``fooocus_scheme`` says so; in JPEG and WebP, the Exif comment does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workers.messages import PictureRecipe, Resource
from workers.recipes.comfyui import SAMPLER_NAMES, SCHEDULE_NAMES, file_name
from workers.recipes.values import items, loaded, mapping, numbers, others, size, weight, whole, words

_KNOWN = {"prompt", "negative_prompt", "base_model", "base_model_hash", "loras", "resolution", "sampler", "scheduler"}
_KNOWN |= {"seed", "steps", "guidance_scale", "clip_skip", "full_prompt", "full_negative_prompt", "vae"}


def told(carried: Mapping[str, str]) -> PictureRecipe | None:
    for key in ("parameters", "UserComment"):
        said = mapping(loaded(carried.get(key)))
        if "metadata_scheme" in said or {"base_model", "guidance_scale"} <= said.keys():
            return _recipe(said)
    return None


def _recipe(said: dict[str, Any]) -> PictureRecipe:
    sampler, schedule = words(said.get("sampler")), words(said.get("scheduler"))
    width, height = size(said.get("resolution"))
    return PictureRecipe(
        program="Fooocus",
        dialect="comfyui",  # it draws with ComfyUI's code
        prompt=_text(said, "prompt"),
        negative=_text(said, "negative_prompt"),
        resources=tuple(_resources(said)),
        sampler=SAMPLER_NAMES.get(sampler.removesuffix("_gpu"), sampler),
        schedule=SCHEDULE_NAMES.get(schedule, schedule),
        clip_skip=whole(said.get("clip_skip"), 1, 12),
        others=others({name: value for name, value in said.items() if name not in _KNOWN}),
        **numbers(said.get("steps"), said.get("guidance_scale"), said.get("seed"), width, height),
    )


def _text(said: Mapping[str, Any], name: str) -> str:
    """What was drawn: with the styles that it added, where it tells them."""
    full = said.get(f"full_{name}")
    texts = [words(part) for part in items(full)]
    return ", ".join(filter(None, texts)) or words(full) or words(said.get(name))


def _resources(said: Mapping[str, Any]) -> Iterator[Resource]:
    if name := words(said.get("base_model")):
        yield Resource(kind="base", name=file_name(name), digest=words(said.get("base_model_hash")))
    for entry in items(said.get("loras"))[:50]:
        row = items(entry)
        if len(row) >= 2 and words(row[0]):
            digest = words(row[2]) if len(row) > 2 else ""
            yield Resource(kind="lora", name=file_name(words(row[0])), digest=digest, weight=weight(row[1]))
