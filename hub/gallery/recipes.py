"""What can be said of a recipe without drawing it: whether two are equal, and how other programs write it."""

import hashlib
import json

import msgspec
from django.utils.translation import gettext as _

from hub.templatetags import weightroom
from workers import blocks
from workers.messages import Recipe
from workers.recipes import a1111, comfyui

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
