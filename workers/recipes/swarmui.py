"""SwarmUI: ``parameters`` holds JSON, ``{"sui_image_params": {…}, "sui_models": [{name, param, hash}, …]}``; in JPEGs
the Exif comment does; in early ones, the Exif field Model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from workers.messages import PictureRecipe, Recipe, Resource
from workers.recipes.comfyui import SAMPLER_NAMES, SAMPLERS, SCHEDULE_NAMES, SCHEDULES, file_name
from workers.recipes.values import items, loaded, mapping, numbers, others, weight, whole, words

_KNOWN = {"prompt", "negativeprompt", "model", "seed", "steps", "cfgscale", "width", "height", "sampler", "scheduler"}
_KNOWN |= {"loras", "loraweights", "loratencweights", "clipstopatlayer", "vae"}


def told(carried: Mapping[str, str]) -> PictureRecipe | None:
    for key in ("parameters", "UserComment", "Model"):
        text = carried.get(key, "")
        if "sui_image_params" in text and (whole_ := mapping(loaded(text))):
            return _recipe(mapping(whole_.get("sui_image_params")), items(whole_.get("sui_models")))
    return None


def _recipe(said: dict[str, Any], models: list[Any]) -> PictureRecipe:
    sampler, schedule = words(said.get("sampler")), words(said.get("scheduler"))
    stop = whole(said.get("clipstopatlayer"), -12, -1)
    return PictureRecipe(
        program="SwarmUI",
        dialect="comfyui",  # it draws through ComfyUI
        prompt=words(said.get("prompt")),
        negative=words(said.get("negativeprompt")),
        resources=tuple(_resources(said, models)),
        sampler=SAMPLER_NAMES.get(sampler, sampler),
        schedule=SCHEDULE_NAMES.get(schedule, schedule),
        clip_skip=-stop if stop else None,
        others=others({name: value for name, value in said.items() if name not in _KNOWN}),
        **numbers(*(said.get(name) for name in ("steps", "cfgscale", "seed", "width", "height"))),
    )


def _resources(said: Mapping[str, Any], models: list[Any]) -> Iterator[Resource]:
    digests = {file_name(words(mapping(one).get("name"))): words(mapping(one).get("hash")) for one in models[:100]}
    if model := file_name(words(said.get("model"))):
        yield Resource(kind="base", name=model, digest=digests.get(model, ""))
    if (vae := file_name(words(said.get("vae")))) and vae not in {"None", "Automatic"}:
        yield Resource(kind="vae", name=vae, digest=digests.get(vae, ""))
    strengths, of_text = items(said.get("loraweights")), items(said.get("loratencweights"))
    for number, lora in enumerate(items(said.get("loras"))[:50]):
        name = file_name(words(lora))
        strength = weight(strengths[number]) if number < len(strengths) else 1.0
        text = weight(of_text[number], strength) if number < len(of_text) else strength
        yield Resource(
            kind="lora",
            name=name,
            digest=digests.get(name, ""),
            weight=strength,
            text_weight=None if text == strength else text,
        )


def write(recipe: Recipe) -> str:
    """The recipe as SwarmUI writes it under a picture. Inversions stay words of the prompt."""
    stack = [use for use in recipe.uses if use.kind not in {"textual_inversion", "hypernetwork"}]
    said: dict[str, Any] = {
        "prompt": recipe.prompt,
        "negativeprompt": recipe.negative,
        "model": recipe.base_name,
        "seed": recipe.seed,
        "steps": recipe.steps,
        "cfgscale": recipe.cfg,
        "width": recipe.width,
        "height": recipe.height,
        "sampler": SAMPLERS.get(recipe.sampler, recipe.sampler),
        "scheduler": SCHEDULES.get(recipe.schedule, "normal"),
    }
    if stack:
        said["loras"] = [use.name or use.sha256[:12] for use in stack]
        said["loraweights"] = [f"{use.weight:g}" for use in stack]
        if any(use.text_weight is not None for use in stack):
            texts = [use.weight if use.text_weight is None else use.text_weight for use in stack]
            said["loratencweights"] = [f"{text:g}" for text in texts]
    if recipe.clip_skip > 1:
        said["clipstopatlayer"] = -recipe.clip_skip
    models = [{"name": recipe.base_name, "param": "model", "hash": f"0x{recipe.base}"}]
    models += [{"name": use.name or use.sha256[:12], "param": "loras", "hash": f"0x{use.sha256}"} for use in stack]
    return json.dumps({"sui_image_params": said, "sui_models": models}, indent=2, ensure_ascii=False)
