"""Easy Diffusion: one text chunk for each setting, or one JSON object of them in the Exif comment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workers.messages import PictureRecipe, Resource
from workers.recipes.comfyui import file_name
from workers.recipes.values import items, loaded, mapping, numbers, others, weight, words

_SIGNS = {"use_stable_diffusion_model", "num_inference_steps", "Stable Diffusion model"}
# Its text files and older pictures spell the names out.
_OLD = {
    "Prompt": "prompt", "Negative Prompt": "negative_prompt", "Seed": "seed", "Steps": "num_inference_steps",
    "Guidance Scale": "guidance_scale", "Sampler": "sampler_name", "Width": "width", "Height": "height",
    "Stable Diffusion model": "use_stable_diffusion_model", "VAE model": "use_vae_model",
    "LoRA model": "use_lora_model", "LoRA Strength": "lora_alpha", "Clip Skip": "clip_skip",
}  # fmt: skip
_SAMPLERS = {
    "euler_a": "Euler a", "euler": "Euler", "heun": "Heun", "lms": "LMS", "dpm2": "DPM2", "dpm2_a": "DPM2 a",
    "dpmpp_2s_a": "DPM++ 2S a", "dpmpp_2m": "DPM++ 2M", "dpmpp_sde": "DPM++ SDE", "ddim": "DDIM", "plms": "PLMS",
    "dpm_fast": "DPM fast", "dpm_adaptive": "DPM adaptive", "unipc_snr": "UniPC", "unipc_tu": "UniPC", "ddpm": "DDPM",
    "deis": "DEIS", "dpmpp_2m_sde": "DPM++ 2M SDE", "unipc_tq": "UniPC", "unipc_snr_2": "UniPC", "unipc_tu_2": "UniPC",
}  # fmt: skip
_KNOWN = {*_OLD.values()}


def told(carried: Mapping[str, str]) -> PictureRecipe | None:
    for said in (dict(carried), mapping(loaded(carried.get("UserComment")))):
        if _SIGNS & said.keys():
            return _recipe({_OLD.get(name, name): value for name, value in said.items()})
    return None


def _recipe(said: dict[str, Any]) -> PictureRecipe:
    sampler = words(said.get("sampler_name"))
    skip = said.get("clip_skip") in (True, "True", "true")
    return PictureRecipe(
        program="Easy Diffusion",
        prompt=words(said.get("prompt")),
        negative=words(said.get("negative_prompt")),
        resources=tuple(_resources(said)),
        sampler=_SAMPLERS.get(sampler, sampler),
        clip_skip=2 if skip else None,  # it is a yes or no there
        others=others({name: value for name, value in said.items() if name not in _KNOWN and name != "UserComment"}),
        **numbers(*(said.get(name) for name in ("num_inference_steps", "guidance_scale", "seed", "width", "height"))),
    )


def _resources(said: Mapping[str, Any]) -> Iterator[Resource]:
    for kind, key in (
        ("base", "use_stable_diffusion_model"),
        ("vae", "use_vae_model"),
        ("hypernetwork", "use_hypernetwork_model"),
    ):
        if (name := file_name(words(said.get(key)))) and name != "None":
            yield Resource(kind=kind, name=name)
    loras, strengths = (_several(said.get(key)) for key in ("use_lora_model", "lora_alpha"))
    for number, name in enumerate(loras[:50]):
        if words(name) not in {"", "None"}:
            strength = weight(strengths[number]) if number < len(strengths) else 1.0
            yield Resource(kind="lora", name=file_name(words(name)), weight=strength)
    for name in _several(said.get("use_embeddings_model"))[:50]:
        if words(name) not in {"", "None"}:
            yield Resource(kind="textual_inversion", name=file_name(words(name)))


def _several(value: object) -> list[Any]:
    """One name, a list of them, or a list written as JSON."""
    listed = items(value) or items(loaded(value))
    return listed or ([] if value is None else [value])
