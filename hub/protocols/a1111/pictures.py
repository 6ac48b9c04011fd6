"""The pictures of a webui request, in base64: what img2img starts from, and what ControlNet's units read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from msgspec.structs import replace

from hub.accounts.models import User
from hub.catalog.models import File
from hub.catalog.queries import steering_for_tryit
from hub.errors import Refused
from hub.protocols.a1111.requests import BadField, number_of
from hub.protocols.drawing import CannotDraw, file_called, picture_given
from hub.tryit.stacks import use_of
from workers.hints import FILLS, MODES, PREPROCESSORS, RESIZES, Hint, Source
from workers.messages import Recipe, Use

MODULES = {"none": "none", "canny": "canny", "scribble_xdog": "scribble", "scribble": "scribble", "invert": "invert"}


class UnitUnknown(Refused):
    """A ControlNet unit names a model that is not here, or a preprocessor."""

    code, status = "controlnet-unknown", HTTPStatus.NOT_FOUND


def with_source(recipe: Recipe, body: Mapping[str, Any], *, owner: User) -> Recipe:
    """The recipe of an img2img request: its first picture, and its mask. Raises `BadField`, `CannotDraw`."""
    images = body.get("init_images")
    if not isinstance(images, list) or not images or not images[0]:
        raise BadField("init_images must hold a picture in base64.")
    mask = body.get("mask")
    blurs = [
        int(number_of(name, body[name], int)) for name in ("mask_blur_x", "mask_blur_y") if body.get(name) is not None
    ]
    blur = max(blurs) if blurs else int(number_of("mask_blur", _or(body.get("mask_blur"), 4), int))
    source = Source(
        picture=given(owner, images[0], "init_images"),
        denoising=number_of("denoising_strength", _or(body.get("denoising_strength"), 0.75), float),
        resize=one_of(body, "resize_mode", RESIZES, 0),  # type: ignore[arg-type]
        mask=given(owner, mask, "mask") if mask else "",
        invert=bool(body.get("inpainting_mask_invert")),
        blur=blur,
        fill=one_of(body, "inpainting_fill", FILLS, 0),  # type: ignore[arg-type]
        only_masked=bool(mask) and bool(_or(body.get("inpaint_full_res"), True)),
        padding=int(number_of("inpaint_full_res_padding", _or(body.get("inpaint_full_res_padding"), 0), int)),
    )
    return replace(recipe, source=source)


def with_controls(recipe: Recipe, body: Mapping[str, Any], *, owner: User) -> Recipe:
    """The recipe with what ``alwayson_scripts.controlnet`` asks for. Raises `BadField`, `UnitUnknown`, `CannotDraw`."""
    scripts = body.get("alwayson_scripts") or {}
    asked = next((script for name, script in scripts.items() if str(name).lower() == "controlnet"), None)
    units = asked.get("args") if isinstance(asked, Mapping) else None
    if not units:
        return recipe
    if not isinstance(units, list):
        raise BadField("alwayson_scripts.controlnet.args must be a list of units.")
    files = steering_for_tryit(owner, recipe.base_family)
    on = [unit for unit in units if isinstance(unit, Mapping) and unit.get("enabled", True)]
    return replace(recipe, uses=(*recipe.uses, *(_use(unit, files, body, owner) for unit in on)))


def _use(unit: Mapping[str, Any], files: Sequence[File], body: Mapping[str, Any], owner: User) -> Use:
    name = str(unit.get("model") or "")
    file = file_called(list(files), name)
    if file is None:
        raise UnitUnknown(f"There is no ControlNet “{name[:80]}” for this checkpoint here.")
    image = unit.get("image") or unit.get("input_image")
    if isinstance(image, Mapping):
        image = image.get("image")
    image = image or next(iter(body.get("init_images") or []), None)
    if not image:
        raise BadField(f"The ControlNet unit {name[:60]} has no image.")
    module = str(unit.get("module") or "none").split(" ")[0].lower()
    if module not in MODULES:
        raise CannotDraw(
            f"There is no preprocessor “{module[:40]}” here; {', '.join(sorted(MODULES))} are.", field="module"
        )
    preprocessor = MODULES[module]
    usual = PREPROCESSORS[preprocessor]  # type: ignore[index]
    thresholds = [_threshold(unit, f"threshold_{letter}", usual[n]) for n, letter in enumerate("ab")]
    hint = Hint(
        picture=given(owner, image, "controlnet"),
        preprocessor=preprocessor,  # type: ignore[arg-type]
        low=thresholds[0],
        high=thresholds[1],
        resize=one_of(unit, "resize_mode", RESIZES, 1),  # type: ignore[arg-type]
        mode=one_of(unit, "control_mode", MODES, 0),  # type: ignore[arg-type]
        start=number_of("guidance_start", _or(unit.get("guidance_start"), 0.0), float),
        end=number_of("guidance_end", _or(unit.get("guidance_end"), 1.0), float),
    )
    return replace(use_of(file, number_of("weight", _or(unit.get("weight"), 1.0), float)), hint=hint)


def _threshold(unit: Mapping[str, Any], name: str, usual: float) -> float:
    """Clients send −1, or nothing, for what is usual."""
    number: float = number_of(name, _or(unit.get(name), usual), float)
    return usual if number < 0 else number


def one_of(given: Mapping[str, Any], name: str, words: Sequence[str], usual: int) -> str:
    """A choice by its number or by its words. Raises `BadField`."""
    value = given.get(name)
    if value is None:
        return words[usual]
    if isinstance(value, str) and not value.isdecimal():
        found = next((word for word in words if word.lower() == value.strip().lower()), None)
        found = found or (words[0] if value.strip().lower() == "just resize (latent upscale)" else None)
        if found is None:
            raise BadField(f"{name} must be one of {', '.join(words)}.")
        return found
    number = int(number_of(name, value, int))
    if not 0 <= number < len(words):
        raise BadField(f"{name} must be from 0 to {len(words) - 1} here.")
    return words[number]


def given(owner: User, text: Any, field: str) -> str:
    """The SHA-256 of a picture in base64, with ``data:…,`` in front or without, taken in. Raises `BadField`."""
    if not isinstance(text, str):
        raise BadField(f"{field} must be a picture in base64.")
    try:
        data = base64.b64decode(text.partition("base64,")[2] or text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadField(f"{field} must be a picture in base64.") from error
    return picture_given(owner, data, field=field)


def _or(value: Any, usual: Any) -> Any:
    return usual if value is None else value
