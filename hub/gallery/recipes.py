"""What can be said of a recipe without drawing it: whether two are equal, and how other programs write it."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath
from typing import TYPE_CHECKING

import msgspec
from django.utils.translation import gettext as _
from msgspec.structs import replace

from hub.catalog.queries import download_name, files_by_sha256
from hub.templatetags import weightroom
from workers import blocks
from workers.messages import Recipe, Use
from workers.recipes import a1111, comfyui

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

YOUNGER = {
    "dialect": "a1111",
    "emphasis": "Original",
    "rng": "CPU",
    "ensd": 0,
    "variation_seed": 0,
    "variation_strength": 0.0,
    "discard_penultimate": False,
    "vae": "",
    "source": None,
    "refiner": "",
    "refiner_switch_at": 0.8,
}


def read(data: object) -> Recipe:
    """The recipe that a row holds. Raises ``msgspec.ValidationError`` where it is none."""
    return msgspec.convert(data, Recipe)


def built(recipe: Recipe) -> dict:
    """The recipe as plain JSON, for a row: lists where the message has tuples."""
    return msgspec.json.decode(msgspec.json.encode(recipe))


def digest(recipe: Recipe) -> str:
    """64 hex that agree exactly where two recipes draw the same picture.

    Names are labels, and an adapter at weight 0 has no part in the picture: both are left out. The order of the
    stack stays in, because some adapters (DoRA) do not commute.
    """
    plain = built(recipe)
    del plain["base_name"], plain["vae_name"], plain["refiner_name"]
    # What recipes learnt later stays out where it says nothing new, so that older pictures keep their digests.
    if not recipe.variation_strength:
        plain["variation_seed"] = 0  # it has no part in the picture
    if not recipe.refiner:
        plain["refiner_switch_at"] = YOUNGER["refiner_switch_at"]
    for name in YOUNGER:
        if plain[name] == YOUNGER[name]:
            del plain[name]
    plain["uses"] = [_use_digested(use) for use in plain["uses"] if use["weight"] or use["text_weight"]]
    plain["cfg"] = float(plain["cfg"])  # 7 and 7.0 draw the same
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _use_digested(use: dict) -> dict:
    kept = {key: use[key] for key in ("kind", "sha256", "weight", "token")} | {"weight": float(use["weight"])}
    if use["text_weight"] not in (None, use["weight"]):
        kept["text_weight"] = float(use["text_weight"])
    if full := blocks.whole(use["blocks"]):
        kept["blocks"] = full
    return kept | ({"hint": use["hint"]} if use["hint"] else {})


def as_saved(user: User | AnonymousUser, recipe: Recipe) -> Recipe:
    """The recipe with its files called as this hub serves them to ``user``: other programs find a file by its name.

    A file that is not here, an inversion (its word is in the prompt) and what the prompt names itself keep theirs.
    """
    uses = [use.sha256 for use in recipe.uses if use.kind != "textual_inversion"]
    files = files_by_sha256(user, filter(None, [recipe.base, recipe.vae, recipe.refiner, *uses]))
    called = {sha256: PurePath(download_name(file)).stem for sha256, file in files.items()}

    def renamed(use: Use) -> Use:
        if use.kind == "textual_inversion" or f":{use.name.lower()}:" in recipe.prompt.lower():
            return use
        return replace(use, name=called.get(use.sha256, use.name))

    return replace(
        recipe,
        base_name=called.get(recipe.base, recipe.base_name),
        vae_name=called.get(recipe.vae, recipe.vae_name),
        refiner_name=called.get(recipe.refiner, recipe.refiner_name),
        uses=tuple(map(renamed, recipe.uses)),
    )


def as_a1111(recipe: Recipe) -> str:
    """The text that A1111 writes under a picture: prompt with its stack, negative, then one line of settings."""
    return a1111.write(recipe)


def as_comfyui(recipe: Recipe) -> str:
    """The recipe as a graph of ComfyUI's own nodes, to be dropped on its canvas."""
    return comfyui.write(recipe)


def sentence(recipe: Recipe) -> str:
    """A stack in words: ``On nano: Linocut 0.8, Blue Hour 0.4``."""
    base = recipe.base_name or _("the base")
    stack = ", ".join(f"{use.name or use.kind} {weightroom.weight(use.weight)}" for use in recipe.uses if use.weight)
    return _("On %(base)s: %(stack)s") % {"base": base, "stack": stack} if stack else _("On %s alone") % base


def as_json(recipe: Recipe) -> str:
    """The recipe in full, to read, keep, or send to ``POST /api/v1/generations``."""
    return json.dumps(built(recipe), indent=2, ensure_ascii=False)
