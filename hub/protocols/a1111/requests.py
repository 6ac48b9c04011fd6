"""A ``txt2img`` request as a recipe: every field is honoured, without effect, or refused by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from msgspec.structs import replace

from hub.accounts.models import User
from hub.catalog.models import File
from hub.catalog.queries import vaes_for_tryit
from hub.errors import Refused
from hub.prompts.models import Prompt
from hub.protocols.drawing import CannotDraw, checkpoint_named, default_checkpoint, file_called, recipe_on
from hub.tryit import samplers
from workers import prompts
from workers.messages import Recipe
from workers.prompts import EMPHASES

# Their default draws nothing else, so that only another value is refused. In words of the webui's own settings page.
_SWITCHES = {
    "restore_faces": "Restoring faces",
    "tiling": "Tiling",
    "enable_hr": "Hires. fix",
    "script_name": "Running a script",
    "infotext": "Filling in from an infotext",
    "firstpass_image": "A first pass of one's own",
    "latent_mask": "A mask in the latents' size",
    "s_churn": "Sigma churn",
    "s_tmin": "Sigma tmin",
    "s_min_uncond": "Leaving out the negative prompt on some steps",
}
# Options that decide what is written to disks, shown or logged, but no picture.
_SILENT = (
    "samples_", "grid_", "save_", "live_preview", "show_", "outdir_", "do_not_", "enable_pnginfo", "n_rows",
    "jpeg_quality", "webp_", "export_", "directories_", "use_upscaler_name", "return_", "clean_temp", "font",
)  # fmt: skip


class BadField(Refused):
    """A field that has no meaning in its place."""

    code, status = "bad-field", HTTPStatus.UNPROCESSABLE_ENTITY


class VaeUnknown(Refused):
    """No VAE is called so here."""

    code, status = "vae-unknown", HTTPStatus.NOT_FOUND


@dataclass(frozen=True)
class Asked:
    """What a request asks for. ``base`` is the checkpoint's file; ``batch`` pictures a row of ``info``."""

    recipe: Recipe
    base: File
    count: int
    batch: int
    styles: list[str] = field(default_factory=list)
    send_images: bool = True


def read(body: Mapping[str, Any], *, owner: User, options: Mapping[str, Any]) -> Asked:
    """``body`` of txt2img, on what the token's own ``options`` say. Raises `BadField`, `CannotDraw`,
    `CheckpointUnknown`."""
    overrides = body.get("override_settings") or {}
    if not isinstance(overrides, Mapping):
        raise BadField("override_settings must be an object.")
    _refuse_what_is_not_drawn(body)
    chosen = {**options, **settings_checked(owner, overrides)}
    named = str(chosen.get("sd_model_checkpoint") or "")
    base = checkpoint_named(owner, named) if named else default_checkpoint(owner)
    recipe = _with_numbers(recipe_on(base), body)
    recipe = _with_sampler(recipe, body)
    prompt, negative = _text(body, "prompt"), _text(body, "negative_prompt")
    styles = [str(name) for name in body.get("styles") or []]
    prompt, negative = styled(owner, styles, prompt, negative)
    skip = _whole(body, "clip_skip", 0) or int(chosen.get("CLIP_stop_at_last_layers") or 1)
    if body.get("disable_extra_networks"):
        prompt, negative = prompts.parse(prompt).text, prompts.parse(negative, negative=True).text
    recipe = replace(
        recipe,
        prompt=prompt,
        negative=negative,
        clip_skip=skip,
        emphasis=chosen.get("emphasis", "Original"),
        rng=SOURCES[chosen.get("randn_source", "CPU")],
        ensd=chosen.get("eta_noise_seed_delta", 0),
        discard_penultimate=chosen.get("always_discard_next_to_last_sigma", False),
    )
    if (vae := str(chosen.get("sd_vae") or "Automatic")) not in {"Automatic", "None"}:
        file = vae_named(owner, vae)
        recipe = replace(recipe, vae=file.blob_id, vae_name=file.version.model.name)
    recipe = _with_refiner(recipe, body, owner)
    _refuse_eta(body.get("eta"), recipe.sampler)
    batch, rows = _whole(body, "batch_size", 1), _whole(body, "n_iter", 1)
    if not (1 <= batch <= 16 and 1 <= rows <= 16):
        raise BadField("batch_size and n_iter must be from 1 to 16.")
    return Asked(recipe, base, batch * rows, batch, styles, bool(body.get("send_images", True)))


def _refuse_what_is_not_drawn(body: Mapping[str, Any]) -> None:
    for name, what in _SWITCHES.items():
        if body.get(name) not in (None, False, 0, "", [], "None"):
            raise CannotDraw(f"{what} ({name}) is not possible on this hub yet; leave it out.", field=name)
    if body.get("mask_round") is False:
        raise CannotDraw("A mask that is soft in the latents (mask_round) is not possible here.", field="mask_round")
    if body.get("initial_noise_multiplier") not in (None, 1):
        name = "initial_noise_multiplier"
        raise CannotDraw(f"Another amount of noise at first ({name}) is not possible on this hub.", field=name)
    if body.get("s_noise") not in (None, 1):
        raise CannotDraw("Sigma noise (s_noise) other than 1 is not possible on this hub.", field="s_noise")
    most = body.get("s_tmax")
    if most not in (None, 0) and not (isinstance(most, float) and math.isinf(most)):
        raise CannotDraw("Sigma tmax (s_tmax) is not possible on this hub; leave it out.", field="s_tmax")
    for name in ("seed_resize_from_w", "seed_resize_from_h"):
        if (body.get(name) or 0) > 0:
            raise CannotDraw(f"Resizing the seed ({name}) is not possible on this hub; leave it out.", field=name)
    scripts = body.get("alwayson_scripts") or {}
    if not isinstance(scripts, Mapping):
        raise BadField("alwayson_scripts must be an object.")
    others = {name: given for name, given in scripts.items() if str(name).lower() != "controlnet"}
    asked = [name for name, given in others.items() if given and not (isinstance(given, Mapping) and not _on(given))]
    if asked:
        raise CannotDraw(f"This hub runs no scripts: {', '.join(map(str, asked[:5]))}.", field="alwayson_scripts")


def _on(script: Mapping[str, Any]) -> bool:
    """Whether a script that is always sent is meant to do something: its first argument is often just False."""
    arguments = script.get("args") or []
    first = next(iter(arguments if isinstance(arguments, list) else [arguments]), None)
    if isinstance(first, Mapping):
        return any(one.get("enabled", True) for one in arguments if isinstance(one, Mapping))
    return first not in (None, False)


def _refuse_eta(eta: Any, sampler: str) -> None:
    """Ancestral samplers are drawn with 1, DDIM with 0, as A1111 does by default; others take none."""
    ancestral = sampler.endswith(" a") or "SDE" in sampler
    natural = 0 if sampler.startswith("DDIM") else 1
    if eta in (None, natural) or (eta == 0 and not ancestral):
        return
    raise CannotDraw(f"{sampler} is drawn with eta {natural} on this hub; leave eta out.", field="eta")


def settings_checked(owner: User, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``wanted`` that decide a picture, checked. Raises `CannotDraw`, `BadField`, `CheckpointUnknown`."""
    kept: dict[str, Any] = {}
    for name, value in wanted.items():
        if name == "sd_model_checkpoint":
            if value not in (None, "", "None"):
                checkpoint_named(owner, str(value))
                kept[name] = str(value)
        elif name == "CLIP_stop_at_last_layers":
            kept[name] = number_of(name, value, int)
        elif name == "emphasis":
            if value not in EMPHASES:
                raise BadField(f"emphasis must be one of {', '.join(EMPHASES)}.")
            kept[name] = value
        elif name == "randn_source":
            if value not in SOURCES:
                raise BadField(f"randn_source must be one of {', '.join(SOURCES)}.")
            kept[name] = value
        elif name == "eta_noise_seed_delta":
            kept[name] = number_of(name, value, int)
        elif name == "always_discard_next_to_last_sigma":
            kept[name] = bool(value)
        elif name == "sd_vae":
            if value not in (None, "", "None", "Automatic"):
                vae_named(owner, str(value))
            kept[name] = value or "Automatic"
        elif name not in FIXED and not str(name).startswith(_SILENT):
            raise CannotDraw(f"The setting {str(name)[:60]} cannot be changed on this hub.", field=str(name)[:60])
        elif name in FIXED and value != FIXED[name]:
            raise CannotDraw(f"The setting {name} is {FIXED[name]!r} on this hub, for everybody.", field=name)
    return kept


# Where noise comes from, by the webui's words and by ours: its NV is its GPU without one.
SOURCES = {"CPU": "CPU", "GPU": "GPU", "NV": "GPU"}
# What `options` tells beside those that can be set: clients send all of it back.
FIXED: dict[str, Any] = {
    "sd_checkpoint_hash": None,
    "token_merging_ratio": 0,
    "token_merging_ratio_img2img": 0,
    "token_merging_ratio_hr": 0,
    "face_restoration_model": "None",
    "upscaler_for_img2img": "None",
    "img2img_color_correction": False,
    "enable_emphasis": True,
    "use_old_emphasis_implementation": False,
    "samples_format": "png",
    "samples_save": False,
    "grid_save": False,
    "live_previews_enable": True,
    "show_progress_every_n_steps": 1,
}


def vae_named(owner: User, name: str) -> File:
    """Raises `VaeUnknown`."""
    if found := file_called(vaes_for_tryit(owner), name):
        return found
    raise VaeUnknown(f"There is no VAE “{name[:80]}” here; sd_vae may be Automatic.")


def _with_numbers(recipe: Recipe, body: Mapping[str, Any]) -> Recipe:
    """What is left out is what suits the checkpoint, which 512 × 512 in 50 steps does not always."""
    given: dict[str, Any] = {}
    for ours, theirs, kind in (
        ("steps", "steps", int), ("cfg", "cfg_scale", float), ("width", "width", int), ("height", "height", int),
        ("seed", "seed", int),
    ):  # fmt: skip
        if body.get(theirs) is not None:
            given[ours] = number_of(theirs, body[theirs], kind)
    if given.get("seed", 0) < 0:
        given["seed"] = -1
    if (strength := number_of("subseed_strength", body.get("subseed_strength") or 0, float)) > 0:
        given |= {"variation_strength": strength, "variation_seed": max(-1, _whole(body, "subseed", -1))}
    return replace(recipe, **given)


def _with_refiner(recipe: Recipe, body: Mapping[str, Any], owner: User) -> Recipe:
    """The checkpoint that draws on in the end, and where it begins."""
    named, at = body.get("refiner_checkpoint"), body.get("refiner_switch_at")
    if named in (None, "", "None", "none"):
        return recipe
    file = checkpoint_named(owner, str(named))
    if at is None:
        raise BadField("refiner_checkpoint needs refiner_switch_at, from 0 to 1.")
    begins = number_of("refiner_switch_at", at, float)
    return replace(recipe, refiner=file.blob_id, refiner_name=file.version.model.name, refiner_switch_at=begins)


def _with_sampler(recipe: Recipe, body: Mapping[str, Any]) -> Recipe:
    name = str(body.get("sampler_name") or body.get("sampler_index") or recipe.sampler)
    schedule = str(body.get("scheduler") or ("Automatic" if name != recipe.sampler else recipe.schedule))
    if not samplers.known(name, schedule):
        raise BadField(f"There is no sampler “{name[:60]}” with the schedule “{schedule[:60]}” here.")
    found = samplers.split(name, schedule)
    return replace(recipe, sampler=found.sampler, schedule=found.schedule)


def styled(owner: User, styles: list[str], prompt: str, negative: str) -> tuple[str, str]:
    """The texts with styles on them, as A1111 puts them there: around ``{prompt}``, or after a comma."""
    library = styles_of(owner) if styles else {}
    for name in styles:
        if name not in library:
            raise BadField(f"There is no style “{name[:80]}” among your prompts.")
        prompt, negative = (_merged(a, b) for a, b in zip(library[name], (prompt, negative), strict=True))
    return prompt, negative


def _merged(style: str, text: str) -> str:
    if "{prompt}" in style:
        return style.replace("{prompt}", text)
    return ", ".join(part for part in (text.strip(), style.strip()) if part)


def styles_of(owner: User) -> dict[str, tuple[str, str]]:
    """A person's own prompts as styles: (text, negative) by title; a second one of a title is numbered."""
    found: dict[str, tuple[str, str]] = {}
    for prompt in Prompt.objects.filter(owner=owner).order_by("id")[:500]:
        name = prompt.title if prompt.title not in found else f"{prompt.title} ({prompt.pk})"
        found[name] = (prompt.text, prompt.negative)
    return found


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name) or ""
    if not isinstance(value, str):
        raise BadField(f"{name} must be a text.")
    return value


def _whole(body: Mapping[str, Any], name: str, default: int) -> int:
    value = body.get(name)
    return default if value is None else int(number_of(name, value, int))


def number_of(name: str, value: Any, kind: type) -> Any:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
        if not math.isfinite(number) or (kind is int and number != int(number)):
            raise ValueError
        return kind(number)
    except (TypeError, ValueError) as error:
        raise BadField(f"{name} must be a {'whole ' if kind is int else ''}number.") from error
