"""What another program wrote under a picture, in this hub's own terms: files found by digest, then by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from hub.catalog.models import File
from hub.gallery.resources import files_hashed, files_named, stem
from workers import prompts, samplers
from workers.errors import Refusal
from workers.hints import Hint
from workers.messages import PictureRecipe, Recipe, Resource, Use
from workers.recipes import a1111

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

_CALLED = {"base", "vae", "textual_inversion", "hypernetwork"}


@dataclass(frozen=True)
class Found:
    """A file that a picture names, and what this hub has for it; ``by``: digest, name, or empty where it has none."""

    resource: Resource
    file: File | None
    by: str


def read(data: object) -> PictureRecipe:
    """What a row holds. Raises ``msgspec.ValidationError`` where it is none."""
    return msgspec.convert(data, PictureRecipe)


def found(user: User | AnonymousUser, told: PictureRecipe) -> list[Found]:
    """Each file that the picture names, looked for by its digest, then by its name."""
    hashed = files_hashed(user, [one.digest for one in told.resources if one.digest])
    named = files_named(user, [one.name for one in told.resources if one.name])
    return [_found(one, hashed, named) for one in told.resources]


def _found(one: Resource, hashed: Mapping[str, File], named: Mapping[str, list[File]]) -> Found:
    file = hashed.get(one.digest)
    if file is not None and _is(file, one.kind):
        return Found(one, file, "digest")
    file = next((file for file in named.get(stem(one.name), []) if _is(file, one.kind)), None)
    return Found(one, file, "name" if file else "")


def _is(file: File, kind: str) -> bool:
    """``lora`` stands for every kind that changes weights, as in a prompt's tags."""
    kind = "base" if kind == "refiner" else kind
    return file.adapter == kind or (kind == "lora" and file.adapter not in _CALLED)


def recipe(told: PictureRecipe, resources: list[Found]) -> Recipe:
    """The picture's recipe as far as it can be told here. A file that is not here has no digest; what is not said is 0.

    Tags leave the prompt: what they name is in the stack.
    """
    base = next((one for one in resources if one.resource.kind == "base"), None)
    file = base.file if base else None
    vae, refiner = (_beside(kind, resources) for kind in ("vae", "refiner"))
    hints = {resource.name: hint for resource, hint in a1111.units(told.others)}
    sampler, schedule = _sampler(told)
    return Recipe(
        base=file.blob_id if file else "",
        base_family=file.version.base.family if file else "",
        base_name=file.version.model.name if file else (base.resource.name if base else ""),
        vae=vae[0],
        vae_name=vae[1],
        refiner=refiner[0],
        refiner_name=refiner[1],
        refiner_switch_at=a1111.switch_at(told.others),
        **(a1111.noise(told.others) if told.program == "A1111" else {}),
        uses=tuple(
            _use(one, hints.get(one.resource.name))
            for one in resources
            if one.resource.kind not in {"base", "vae", "refiner"}
        ),
        prompt=prompts.parse(told.prompt, told.dialect).text,
        negative=prompts.parse(told.negative, told.dialect, negative=True).text,
        sampler=sampler,
        schedule=schedule,
        steps=told.steps or 0,
        cfg=told.cfg or 0.0,
        seed=told.seed or 0,
        width=told.width or 0,
        height=told.height or 0,
        clip_skip=told.clip_skip or 1,
        dialect=told.dialect,
        emphasis=told.emphasis,
    )


def _beside(kind: str, resources: list[Found]) -> tuple[str, str]:
    """(SHA-256, name) of the first file of a kind; only a name where it is not here, nothing where none is named."""
    for one in resources:
        if one.resource.kind == kind and one.resource.name not in {"Automatic", "None"}:
            if one.file is not None:
                return one.file.blob_id, one.file.version.model.name
            return "", one.resource.name or one.resource.digest[:12]
    return "", ""


def _use(one: Found, hint: Hint | None = None) -> Use:
    """``hint``: how it read its picture, which no program tells."""
    said, file = one.resource, one.file
    weights = {"weight": said.weight, "text_weight": said.text_weight, "blocks": said.blocks, "hint": hint}
    token = said.name if said.kind == "textual_inversion" else ""
    if file is None:
        return Use(kind=said.kind, sha256="", name=said.name or said.digest[:12], token=token, **weights)  # type: ignore[arg-type]
    return Use(kind=file.adapter, sha256=file.blob_id, name=file.version.model.name, token=token, **weights)  # type: ignore[arg-type]


def _sampler(told: PictureRecipe) -> tuple[str, str]:
    try:
        plug, schedule = samplers.chosen(told.sampler, told.schedule or "Automatic")
    except Refusal:
        return told.sampler, told.schedule
    return plug.names[0], schedule
