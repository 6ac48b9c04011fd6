"""This hub's things in the webui's shapes: lists of what can be drawn with, ``info``, ``options``, ``progress``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hub.catalog.listings import DRAWN_FAMILIES
from hub.catalog.models import File
from hub.catalog.queries import Person, adapters_for_tryit
from hub.gallery import recipes
from hub.gallery.models import Picture
from hub.protocols.a1111.requests import FIXED, Asked
from hub.protocols.drawing import MOST_LISTED, name_of, title_of
from hub.tryit.queries import GenerationView
from hub.tryit.stacks import use_of
from workers.messages import Recipe
from workers.recipes import a1111
from workers.samplers import SAMPLERS
from workers.samplers.schedules import SCHEDULES

ONE_WORD = {"textual_inversion", "hypernetwork"}


def checkpoint(file: File) -> dict[str, Any]:
    return {
        "title": title_of(file),
        "model_name": name_of(file),
        "hash": file.blob_id[:10],
        "sha256": file.blob_id,
        "filename": f"{name_of(file)}.safetensors",
        "config": None,
    }


def adapters(user: Person) -> list[File]:
    """What can be stacked, of every family that is drawn here."""
    return [
        file for family in sorted(DRAWN_FAMILIES) for file in adapters_for_tryit(user, family, most=MOST_LISTED)
    ]  # fmt: skip


def stem(file: File) -> str:
    return file.name.rpartition(".")[0] or file.name


def lora(file: File) -> dict[str, Any]:
    about = {
        "ss_output_name": file.version.model.name,
        "base_model": file.version.base.name,
        "trigger_words": list(file.version.trigger_words),
        "recommended_weight": file.version.weight,
        "model_version_id": file.version_id,
        "sha256": file.blob_id,
    }
    return {"name": stem(file), "alias": file.version.model.name, "path": file.name, "metadata": about}


def vae(file: File) -> dict[str, Any]:
    return {"model_name": name_of(file), "filename": f"{name_of(file)}.safetensors"}


def embeddings(files: Sequence[File]) -> dict[str, Any]:
    loaded = {}
    for file in files:
        if file.adapter == "textual_inversion":
            vectors, shape = file.summary.get("vectors"), file.summary.get("width")
            loaded[use_of(file, 1.0).token] = {
                "step": None,
                "sd_checkpoint": None,
                "sd_checkpoint_name": None,
                "shape": shape if isinstance(shape, int) else 0,
                "vectors": vectors if isinstance(vectors, int) else 0,
            }
    return {"loaded": loaded, "skipped": {}}


def samplers() -> list[dict[str, Any]]:
    rows = []
    for plug in SAMPLERS.values():
        options = {"scheduler": plug.schedule.lower().replace(" ", "_")}
        rows.append({"name": plug.names[0], "aliases": list(plug.names[1:]), "options": options})
    return rows


def schedulers() -> list[dict[str, Any]]:
    rows = [("automatic", "Automatic"), *((label.lower().replace(" ", "_"), label) for label in SCHEDULES)]
    return [
        {"name": name, "label": label, "aliases": None, "default_rho": -1, "need_inner_model": False}
        for name, label in rows
    ]


def options(base: File | None, chosen: dict[str, Any]) -> dict[str, Any]:
    """What is set for a token; ``base`` is what would be drawn on now."""
    return {
        "sd_model_checkpoint": title_of(base) if base else None,
        "sd_vae": chosen.get("sd_vae", "Automatic"),
        "CLIP_stop_at_last_layers": chosen.get("CLIP_stop_at_last_layers", 1),
        "emphasis": chosen.get("emphasis", "Original"),
        "randn_source": chosen.get("randn_source", "CPU"),
        "eta_noise_seed_delta": chosen.get("eta_noise_seed_delta", 0),
        "always_discard_next_to_last_sigma": chosen.get("always_discard_next_to_last_sigma", False),
        **FIXED,
        "sd_checkpoint_hash": base.blob_id if base else None,
    }


def info(asked: Asked, pictures: Sequence[Picture]) -> str:
    """``info`` of an answer: JSON in a string, each list as long as there are pictures."""
    made = [recipes.read(picture.recipe) for picture in pictures]
    first = made[0]
    seeds = [recipe.seed for recipe in made]
    varied = first.variation_strength > 0
    subseeds = [recipe.variation_seed for recipe in made] if varied else seeds
    data = {
        "prompt": asked.recipe.prompt,
        "all_prompts": [asked.recipe.prompt] * len(made),
        "negative_prompt": asked.recipe.negative,
        "all_negative_prompts": [asked.recipe.negative] * len(made),
        "seed": seeds[0],
        "all_seeds": seeds,
        "subseed": subseeds[0],
        "all_subseeds": subseeds,
        "subseed_strength": first.variation_strength,
        "width": first.width,
        "height": first.height,
        "sampler_name": first.sampler,
        "cfg_scale": first.cfg,
        "steps": first.steps,
        "batch_size": asked.batch,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": name_of(asked.base),
        "sd_model_hash": asked.base.blob_id[:10],
        "sd_vae_name": first.vae_name or None,
        "sd_vae_hash": first.vae[:10] or None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": first.source.denoising if first.source else None,
        "extra_generation_params": {"Schedule type": first.schedule, **_refined(first)},
        "index_of_first_image": 0,
        "infotexts": [a1111.write(recipe) for recipe in made],
        "styles": asked.styles,
        "job_timestamp": f"{pictures[0].created_at:%Y%m%d%H%M%S}",
        "clip_skip": first.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": "Weightroom",
    }
    return json.dumps(data, ensure_ascii=False)


def _refined(recipe: Recipe) -> dict[str, Any]:
    if not recipe.refiner:
        return {}
    return {"Refiner": f"{recipe.refiner_name} [{recipe.refiner[:10]}]", "Refiner switch at": recipe.refiner_switch_at}


def progress(view: GenerationView | None, *, jobs: int) -> dict[str, Any]:
    """How far the oldest picture asked with a token is; idle is all zero, which clients wait for."""
    state: dict[str, Any] = {
        "skipped": False,
        "interrupted": False,
        "stopping_generation": False,
        "job": "",
        "job_count": 0,
        "job_timestamp": "0",
        "job_no": 0,
        "sampling_step": 0,
        "sampling_steps": 0,
    }
    if view is None:
        return {"progress": 0.0, "eta_relative": 0.0, "state": state, "current_image": None, "textinfo": None}
    news, count = view.progress, view.generation.count
    step, steps = (news.step, news.steps) if news else (0, 0)
    number = news.picture if news else 0
    state |= {
        "job": str(view.generation.pk),
        "job_count": max(count, jobs),
        "job_timestamp": f"{view.generation.created_at:%Y%m%d%H%M%S}",
        "job_no": number,
        "sampling_step": step,
        "sampling_steps": steps,
    }
    share = (number + (step / steps if steps else 0)) / count
    return {
        # Never quite 0 or 1 while it is not done: 0 says that nothing is being drawn.
        "progress": min(0.99, max(0.001, share)),
        "eta_relative": view.seconds_left or 0.0,
        "state": state,
        "current_image": (news.preview if news else "") or None,
        "textinfo": view.sentence,
    }
