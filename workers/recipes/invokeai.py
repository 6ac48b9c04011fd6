"""InvokeAI: ``invokeai_metadata`` since version 3, ``sd-metadata`` in version 2, first the command line ``Dream``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from workers.messages import PictureRecipe, Recipe, Resource
from workers.recipes.values import decimal, items, loaded, mapping, numbers, others, weight, whole, words

# Its schedulers are a sampler and a schedule in one word; a final _k stands for Karras.
SAMPLERS = {
    "Euler a": "euler_a", "Euler": "euler", "LMS": "lms", "Heun": "heun", "DPM2": "kdpm_2", "DPM2 a": "kdpm_2_a",
    "DPM++ 2M": "dpmpp_2m", "DPM++ SDE": "dpmpp_sde", "DPM++ 2M SDE": "dpmpp_2m_sde", "DPM++ 3M SDE": "dpmpp_3m_sde",
    "DPM++ 2S a": "dpmpp_2s", "DDIM": "ddim", "DDPM": "ddpm", "DEIS": "deis", "PLMS": "pndm", "UniPC": "unipc",
    "LCM": "lcm",
}  # fmt: skip
_NAMES = {theirs: ours for ours, theirs in SAMPLERS.items()}
_KNOWN = {"positive_prompt", "negative_prompt", "width", "height", "seed", "cfg_scale", "steps", "scheduler", "model"}
_KNOWN |= {"loras", "clip_skip", "vae"}
_OPTION = re.compile(r"\s-(?:-?(steps|seed|width|height|cfg_scale|sampler)\s+|([sSWHCA])\s*)(\S+)")
_LETTERS = {"s": "steps", "S": "seed", "W": "width", "H": "height", "C": "cfg_scale", "A": "sampler"}


def told(carried: Mapping[str, str]) -> PictureRecipe | None:
    if said := mapping(loaded(carried.get("invokeai_metadata"))):
        return _recipe(said)
    if said := mapping(loaded(carried.get("sd-metadata"))):
        return _second(said)
    if dream := carried.get("Dream") or carried.get("dream"):
        return _command(dream)
    return None


def _named(scheduler: str) -> tuple[str, str]:
    plain = scheduler.removeprefix("k_")
    karras = plain.endswith("_k")
    plain = plain.removesuffix("_k")
    return _NAMES.get(plain, plain), "Karras" if karras else ""


def _recipe(said: dict[str, Any]) -> PictureRecipe:
    sampler, schedule = _named(words(said.get("scheduler")))
    skip = whole(said.get("clip_skip"), 0, 11)
    return PictureRecipe(
        program="InvokeAI",
        dialect="invokeai",
        prompt=words(said.get("positive_prompt")),
        negative=words(said.get("negative_prompt")),
        resources=tuple(_resources(said)),
        sampler=sampler,
        schedule=schedule,
        clip_skip=None if skip is None else skip + 1,  # it counts the layers that are skipped
        others=others({name: value for name, value in said.items() if name not in _KNOWN}),
        **numbers(*(said.get(name) for name in ("steps", "cfg_scale", "seed", "width", "height"))),
    )


def _resources(said: Mapping[str, Any]) -> Iterator[Resource]:
    for kind, key in (("base", "model"), ("vae", "vae")):
        if name := _name(mapping(said.get(key))):
            yield Resource(kind=kind, name=name, digest=_digest(mapping(said.get(key))))
    for entry in items(said.get("loras"))[:50]:
        one = mapping(entry)
        model = mapping(one.get("model") or one.get("lora"))
        if name := _name(model):
            yield Resource(kind="lora", name=name, digest=_digest(model), weight=weight(one.get("weight")))


def _name(model: Mapping[str, Any]) -> str:
    return words(model.get("name") or model.get("model_name"))


def _digest(model: Mapping[str, Any]) -> str:
    return words(model.get("hash")).rpartition(":")[2]


def _second(said: dict[str, Any]) -> PictureRecipe:
    """Version 2: prompts in a list, the negative one in square brackets."""
    image = mapping(said.get("image"))
    texts = image.get("prompt")
    first = mapping(next(iter(items(texts)), None))
    prompt, negative = _sides(words(first.get("prompt")) if first else words(texts))
    base = Resource(kind="base", name=words(said.get("model_weights")), digest=words(said.get("model_hash")))
    sampler, schedule = _named(words(image.get("sampler")))
    return PictureRecipe(
        program="InvokeAI",
        dialect="invokeai",
        prompt=prompt,
        negative=negative,
        resources=(base,) if base.name or base.digest else (),
        sampler=sampler,
        schedule=schedule,
        **numbers(*(image.get(name) for name in ("steps", "cfg_scale", "seed", "width", "height"))),
    )


def _sides(text: str) -> tuple[str, str]:
    negatives = re.findall(r"\[([^\[\]]*)\]", text)
    return re.sub(r" ?\[[^\[\]]*\]", "", text).strip(), ", ".join(negatives)


def _command(line: str) -> PictureRecipe | None:
    quoted = re.match(r'\s*"((?:\\.|[^"\\])*)"', line)
    if not quoted:
        return None
    said = {long or _LETTERS[short]: value for long, short, value in _OPTION.findall(line[quoted.end() :])}
    prompt, negative = _sides(quoted[1].replace('\\"', '"'))
    sampler, schedule = _named(said.get("sampler", ""))
    return PictureRecipe(
        program="InvokeAI",
        dialect="invokeai",
        prompt=prompt,
        negative=negative,
        sampler=sampler,
        schedule=schedule,
        **numbers(*(said.get(name) for name in ("steps", "cfg_scale", "seed", "width", "height"))),
    )


def write(recipe: Recipe) -> str:
    """The recipe as InvokeAI's metadata. Only LoRAs have a place there; inversions stay words."""
    karras = "_k" if recipe.schedule == "Karras" else ""
    stack = [use for use in recipe.uses if use.kind not in {"textual_inversion", "hypernetwork"}]
    said = {
        "generation_mode": "sdxl_txt2img" if recipe.base_family == "sdxl" else "txt2img",
        "positive_prompt": recipe.prompt,
        "negative_prompt": recipe.negative,
        "width": recipe.width,
        "height": recipe.height,
        "seed": recipe.seed,
        "cfg_scale": decimal(recipe.cfg),
        "steps": recipe.steps,
        "scheduler": SAMPLERS.get(recipe.sampler, recipe.sampler) + karras,
        "clip_skip": recipe.clip_skip - 1,
        "model": {"name": recipe.base_name, "hash": f"sha256:{recipe.base}", "type": "main"},
        "loras": [
            {"model": {"name": use.name, "hash": f"sha256:{use.sha256}", "type": "lora"}, "weight": use.weight}
            for use in stack
        ],
    }
    return json.dumps(said, ensure_ascii=False)
