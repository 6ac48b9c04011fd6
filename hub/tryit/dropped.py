"""A picture that was dropped on the desk: what can be read from it is offered, and taken as far as one wants it."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hub.gallery import sent, told
from hub.prompts import templates
from hub.tryit.desk import SIDES, Desk, from_sent
from workers.messages import PictureRecipe

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

STAYS = ("count", *(f"{side}_{part}" for side in SIDES for part in ("axis", "values")))  # no picture tells these


@dataclass(frozen=True)
class Offer:
    """What a picture tells, in a sentence; ``prompt``, ``seed``: whether it tells them."""

    id: str
    sentence: str
    read: bool = False
    prompt: bool = False
    seed: bool = False


def offer(user: User | AnonymousUser, number: str) -> Offer | None:
    """What the picture ``number``, one's own, tells; None where there is no such number. Raises `NotFound`."""
    try:
        row = sent.sent_for(user, uuid.UUID(number))
    except ValueError:
        return None
    read = sent.recipe_of(user, row)
    if read is None:
        return Offer(number, _("This picture carries no recipe."))
    recipe, found = read
    said = told.read(row.told)
    parts = _parts(said)
    adapters = [one for one in found if one.resource.kind not in {"base", "refiner", "vae"}]
    if adapters:
        words = ngettext("%(n)d adapter", "%(n)d adapters", len(adapters)) % {"n": len(adapters)}
        if missing := sum(not one.by for one in adapters):
            words += " " + _("(%s not on this hub)") % missing
        parts.append(words)
    sentence = _("Read from %(name)s: %(parts)s.") % {"name": row.name[:80], "parts": ", ".join(parts) or said.program}
    return Offer(number, sentence, True, bool(recipe.prompt or recipe.negative), said.seed is not None)


PLACES = re.compile(r"sent|(source_(picture|mask))|h\d{1,18}_picture")  # fields that a picture can be sent into


def given(user: User | AnonymousUser, kept: str, number: str, place: str) -> QueryDict:
    """The form as it was kept, with the picture ``number``, one's own, in its place. Raises `NotFound`."""
    form = QueryDict(kept, mutable=True)
    if not PLACES.fullmatch(place):
        return form
    try:
        row = sent.sent_for(user, uuid.UUID(number))
    except ValueError:
        return form
    form[place] = number if place == "sent" else row.sha256 or form.get(place, "")
    return form


def _parts(said: PictureRecipe) -> list[str]:
    parts = [_("prompt")] if said.prompt else []
    if said.steps:
        parts.append(ngettext("%(n)d step", "%(n)d steps", said.steps) % {"n": said.steps})
    if said.seed is not None:
        parts.append(_("seed %s") % said.seed)
    return parts


def taken(user: User | AnonymousUser, desk: Desk, number: str, what: str) -> Desk:
    """The desk with all, the ``prompt`` or the ``seed`` of a picture; as it was where it tells nothing."""
    try:
        row = sent.sent_for(user, uuid.UUID(number))
    except ValueError:
        return desk
    read = sent.recipe_of(user, row)
    if read is None:
        desk.notes.append(_("This picture carries no recipe."))
        return desk
    recipe = read[0]
    if what == "prompt":
        desk.fields |= {"prompt": templates.escaped(recipe.prompt), "negative": templates.escaped(recipe.negative)}
        desk.fields |= {"dialect": recipe.dialect, "emphasis": recipe.emphasis}
    elif what == "seed":
        seed = told.read(row.told).seed
        desk.fields["seed"] = desk.fields.get("seed", "") if seed is None else str(seed)
    elif what == "all":
        kept = {name: desk.fields.get(name, "") for name in STAYS}
        desk = from_sent(user, recipe)
        desk.fields |= kept
    return desk
