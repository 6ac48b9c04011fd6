"""Whether a recipe can be drawn here: its files are known and fit, its numbers are within the hub's limits."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from msgspec.structs import replace

from hub.catalog.bases import base_name
from hub.catalog.listings import DRAWABLE, STEERING
from hub.catalog.models import File
from hub.catalog.queries import STACKED, files_by_sha256, version_visible
from hub.errors import NotFound, Refused
from hub.gallery.queries import variant_of
from hub.gallery.sent import may_draw_by
from hub.tryit import samplers
from workers import blocks, plots, prompts
from workers.adapters.controlnet import UNDRAWN
from workers.errors import Refusal
from workers.hints import Hint, Source
from workers.messages import Axis, Recipe, Use

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

MAX_SEED = 2**32 - 1
MAX_STACK = 20
MAX_COUNT = 8
MAX_PROMPT = 6000
MAX_WEIGHT = 10.0
MAX_CFG = 30.0
MAX_CLIP_SKIP = 12
MAX_THRESHOLD = 5000
MAX_BLUR = 64
SWITCH_AT = 0.8  # of the way, where nobody says when a refiner begins
WHOLE = ("textual_inversion", "hypernetwork")  # adapters without parts that could have weights of their own
FAMILY_LABELS = {"sd1": "SD 1.5", "sd2": "SD 2", "sdxl": "SDXL"}


class BadRecipe(Refused):
    """A number or a word of the recipe is out of bounds."""

    code = "bad-recipe"


class FileNotHere(Refused):
    """A file that the recipe names is not on this hub, not accepted, or not for this person to see."""

    code = "file-not-here"


class DoesNotFit(Refused):
    """An adapter was made for another base."""

    code = "does-not-fit"


def recipe_checked(user: User | AnonymousUser, recipe: Recipe, count: int = 1) -> Recipe:
    """The recipe as it will be drawn: names and kinds as the catalogue knows them, a seed drawn where it was −1.

    Raises `BadRecipe`, `FileNotHere`, `DoesNotFit`.
    """
    numbers_checked(recipe, count)
    named = [recipe.base, recipe.vae, recipe.refiner, *(use.sha256 for use in recipe.uses)]
    files = files_by_sha256(user, list(filter(None, named)))
    base = files.get(recipe.base)
    if base is None:
        raise FileNotHere(_("The base %(name)s is not on this hub.") % {"name": _short(recipe.base_name, recipe.base)})
    if base.adapter != "base":
        raise DoesNotFit(_("%(name)s is not a base model.") % {"name": base.version.model.name})
    uses = []
    for use in recipe.uses:
        file = files.get(use.sha256)
        if file is None:
            raise FileNotHere(_("The adapter %(name)s is not on this hub.") % {"name": _short(use.name, use.sha256)})
        if reason := misfit(base, file):
            raise DoesNotFit(reason)
        own = use_of(file, use.weight)
        hint = _hint_checked(user, file, use)
        weights = {"text_weight": use.text_weight, "blocks": _blocks_checked(file, use)}
        uses.append(replace(own, token=use.token or own.token, hint=hint, **weights))
    if len({(use.sha256, use.hint) for use in uses}) < len(uses):
        raise BadRecipe(_("The same adapter is in the stack twice; give it one weight."))
    seed, variation = (
        random.randint(0, MAX_SEED - MAX_COUNT) if given == -1 else given
        for given in (recipe.seed, recipe.variation_seed)
    )
    name = samplers.split(recipe.sampler, recipe.schedule)
    return replace(
        recipe,
        base_name=base.version.model.name,
        base_family=base.version.base.family,
        uses=tuple(uses),
        seed=seed,
        variation_seed=variation,
        sampler=name.sampler,
        schedule=name.schedule,
        **_vae_checked(files.get(recipe.vae), recipe),
        **_refiner_checked(base, files.get(recipe.refiner), recipe),
        source=_source_checked(user, recipe.source),
    )


def _blocks_checked(file: File, use: Use) -> tuple[float, ...]:
    """Block weights for kinds that change the UNet block by block, and for no other."""
    if use.blocks and file.adapter in {*STEERING, *WHOLE}:
        raise BadRecipe(_("%s has no blocks that could be weighed.") % file.version.model.name)
    try:
        return blocks.checked(use.blocks)
    except ValueError as error:
        raise BadRecipe(f"{file.version.model.name}: {error}") from error


def _hint_checked(user: User | AnonymousUser, file: File, use: Use) -> Hint | None:
    """A hint for kinds that read one, and for no other."""
    name = file.version.model.name
    if file.adapter not in STEERING:
        if use.hint is not None:
            raise BadRecipe(_("%s reads no picture.") % name)
        return None
    hint = use.hint
    if hint is None or not hint.picture:
        raise BadRecipe(_("%s needs a picture to read.") % name)
    if not 0 <= hint.start <= hint.end <= 1:
        raise BadRecipe(_("%s begins and ends within the steps, from 0 to 1, and begins first.") % name)
    if not all(math.isfinite(number) and 0 <= number <= MAX_THRESHOLD for number in (hint.low, hint.high)):
        raise BadRecipe(_("A preprocessor's thresholds are from 0 to %s.") % MAX_THRESHOLD)
    _picture_checked(user, hint.picture)
    return hint


def _picture_checked(user: User | AnonymousUser, sha256: str) -> None:
    if not may_draw_by(user, sha256):
        raise FileNotHere(_("The picture %s that this is drawn by is not on this hub.") % f"{sha256[:10]}…")


def _vae_checked(file: File | None, recipe: Recipe) -> dict[str, str]:
    if not recipe.vae:
        return {"vae": "", "vae_name": ""}
    if file is None:
        raise FileNotHere(_("The VAE %(name)s is not on this hub.") % {"name": _short(recipe.vae_name, recipe.vae)})
    if file.adapter != "vae" or file.format == "GGUF":
        raise DoesNotFit(_("%s is no VAE that can be drawn with.") % file.version.model.name)
    return {"vae": file.blob_id, "vae_name": file.version.model.name}


def _refiner_checked(base: File, file: File | None, recipe: Recipe) -> dict[str, Any]:
    """The base that draws on in the end, of the family of the first. The same one is none."""
    if recipe.refiner in {"", recipe.base}:
        return {"refiner": "", "refiner_name": "", "refiner_switch_at": SWITCH_AT}
    if file is None:
        name = _short(recipe.refiner_name, recipe.refiner)
        raise FileNotHere(_("The refiner %(name)s is not on this hub.") % {"name": name})
    if file.adapter != "base" or drawn_on(file) != drawn_on(base):
        words = {"name": file.version.model.name, "base": base.version.model.name, "family": family_label(base)}
        raise DoesNotFit(_("%(name)s cannot draw on what %(base)s left: it is no base for %(family)s.") % words)
    return {"refiner": file.blob_id, "refiner_name": file.version.model.name}


def _source_checked(user: User | AnonymousUser, source: Source | None) -> Source | None:
    if source is None:
        return None
    if not (math.isfinite(source.denoising) and 0 <= source.denoising <= 1):
        raise BadRecipe(_("The denoising strength must be from 0 to 1."))
    if not 0 <= source.blur <= MAX_BLUR:
        raise BadRecipe(_("A mask's blur is from 0 to %s pixels.") % MAX_BLUR)
    for picture in filter(None, [source.picture, source.mask]):
        _picture_checked(user, picture)
    if not source.picture:
        raise BadRecipe(_("There is no picture to start from."))
    return source


def numbers_checked(recipe: Recipe, count: int) -> None:
    """Raises `BadRecipe` with a sentence on the first thing out of bounds."""
    bounds: list[tuple[str, float, float, float]] = [
        (pgettext("begins a sentence", "Steps"), recipe.steps, 1, settings.GENERATION_MAX_STEPS),
        (_("CFG"), recipe.cfg, 0, MAX_CFG),
        (_("Clip skip"), recipe.clip_skip, 1, MAX_CLIP_SKIP),
        (_("The seed"), recipe.seed, -1, MAX_SEED - (count - 1 if recipe.seed >= 0 else 0)),
        (_("The number of pictures"), count, 1, MAX_COUNT),
        (_("The eta noise seed delta"), recipe.ensd, -MAX_SEED, MAX_SEED),
        (
            _("The variation seed"),
            recipe.variation_seed,
            -1,
            MAX_SEED - (count - 1 if recipe.variation_strength else 0),
        ),
        (_("The strength of the variation"), recipe.variation_strength, 0, 1),
        (_("Where the refiner begins"), recipe.refiner_switch_at, 0, 1),
    ]
    bounds += [
        (_("The weight of %s") % (use.name or use.kind), use.weight, -MAX_WEIGHT, MAX_WEIGHT) for use in recipe.uses
    ]
    bounds += [
        (_("The text weight of %s") % (use.name or use.kind), use.text_weight, -MAX_WEIGHT, MAX_WEIGHT)
        for use in recipe.uses
        if use.text_weight is not None
    ]
    for name, value, low, high in bounds:
        if not (math.isfinite(value) and low <= value <= high):
            raise BadRecipe(
                _("%(name)s must be from %(low)s to %(high)s.")
                % {"name": name, "low": f"{low:g}", "high": f"{high:.0f}"}
            )
    if recipe.dialect not in prompts.DIALECTS or recipe.emphasis not in prompts.EMPHASES:
        raise BadRecipe(
            _("Prompts are read as %(dialects)s here, with emphasis %(emphases)s.")
            % {"dialects": ", ".join(prompts.DIALECTS), "emphases": ", ".join(prompts.EMPHASES)}
        )
    for side in (recipe.width, recipe.height):
        if side < 64 or side % 8:
            raise BadRecipe(_("Width and height must be multiples of 8, from 64 up."))
    if recipe.width * recipe.height > settings.GENERATION_MAX_PIXELS:
        most = int(settings.GENERATION_MAX_PIXELS**0.5) // 8 * 8
        raise BadRecipe(
            _("%(width)s×%(height)s is more than this hub draws; up to %(most)s×%(most)s is possible.")
            % {"width": recipe.width, "height": recipe.height, "most": most}
        )
    for text in (recipe.prompt, recipe.negative):
        if len(text) > MAX_PROMPT:
            raise BadRecipe(
                _("A prompt may have %(most)s letters; this one has %(has)s.") % {"most": MAX_PROMPT, "has": len(text)}
            )
        if "\x00" in text:
            raise BadRecipe(_("The prompt holds a character that is not text."))
    if len(recipe.uses) > MAX_STACK:
        raise BadRecipe(_("A stack may have %s adapters.") % MAX_STACK)
    if not samplers.known(recipe.sampler, recipe.schedule):
        raise BadRecipe(
            _("There is no sampler %(sampler)s with the schedule %(schedule)s here.")
            % {"sampler": _short(recipe.sampler, ""), "schedule": _short(recipe.schedule, "")}
        )


def plot_checked(user: User | AnonymousUser, recipe: Recipe, axes: Sequence[Axis]) -> list[plots.Cell]:
    """The cells of a plot of ``recipe``, which has been checked: each could be asked for by itself.

    Raises `BadRecipe`, `FileNotHere`, `DoesNotFit`.
    """
    try:
        cells = plots.cells(recipe, axes)
    except Refusal as refused:
        raise BadRecipe(refused.sentence) from refused
    for cell in cells:
        numbers_checked(cell.recipe, 1)
    for vae in sorted({cell.recipe.vae for cell in cells} - {recipe.vae, ""}):
        recipe_checked(user, replace(recipe, vae=vae, vae_name=""))
    for base in sorted({cell.recipe.base for cell in cells} - {recipe.base}):
        other = recipe_checked(user, replace(recipe, base=base, base_name=""))
        if other.base_family != recipe.base_family:
            raise DoesNotFit(_("A plot's checkpoints are all of one family."))
    return cells


def misfit(base: File, adapter: File) -> str:
    """Why ``adapter`` cannot be stacked on ``base``, as a sentence; empty where it can."""
    if adapter.adapter not in (*STACKED, *STEERING):
        return _("%(name)s cannot be stacked on a base.") % {"name": adapter.version.model.name}
    if adapter.adapter in STEERING and adapter.summary.get("layout") in UNDRAWN:
        return _("%(name)s is a ControlNet of a kind that is kept here, not drawn with yet (%(layout)s).") % {
            "name": adapter.version.model.name,
            "layout": adapter.summary["layout"],
        }
    if drawn_on(base) != drawn_on(adapter):
        made, name, family = family_label(adapter), base.version.model.name, family_label(base)
        if name == family:
            return _("Made for %(made)s, not for %(family)s.") % {"made": made, "family": family}
        return _("Made for %(made)s; %(base)s is %(family)s.") % {
            "made": made,
            "base": name,
            "family": family,
        }
    return ""


def drawn_on(file: File) -> tuple[str, str]:
    """What must agree between an adapter and its base: the family, and whether it is nano's."""
    return file.version.base.family, variant_of(file)


def family_label(file: File) -> str:
    """The family as people say it: SD 1.5, SDXL, nano."""
    family = file.version.base.family
    if variant_of(file):
        return base_name(family, "nano")
    return FAMILY_LABELS.get(family, file.version.base.name)


def use_of(file: File, weight: float) -> Use:
    """An accepted adapter file as a part of a recipe."""
    version = file.version
    token = ""
    if file.adapter == "textual_inversion":
        token = str(file.summary.get("token") or "") or next(iter(version.trigger_words), file.name.rsplit(".", 1)[0])
    return Use(kind=file.adapter, sha256=file.blob_id, weight=weight, name=version.model.name, token=token)


def _short(name: str, sha256: str) -> str:
    return (name or f"{sha256[:10]}…")[:80]


def file_named(user: User | AnonymousUser, named: int | str) -> File:
    """The accepted file of a version (its number), or the file with a SHA-256. Raises `FileNotHere`."""
    if isinstance(named, str) and not named.isdecimal():
        file = files_by_sha256(user, [named.lower()]).get(named.lower())
    else:
        file = accepted_file(user, int(named))
    if file is None:
        raise FileNotHere(_("%(name)s is not on this hub.") % {"name": _short("", str(named))})
    return file


def accepted_file(user: User | AnonymousUser, version_id: int) -> File | None:
    """The file of a version that is drawn with, where ``user`` may see the version."""
    if not 0 < version_id < 2**63:
        return None
    try:
        version_visible(user, version_id)
    except NotFound:
        return None
    tried = DRAWABLE | Q(verdict=File.Verdict.ACCEPTED, adapter__in=(*STEERING, "vae"))
    files = File.objects.filter(tried, version_id=version_id)
    return files.select_related("version__base", "version__model").order_by("-primary", "id").first()


def worded(file: File, prompt: str, words: Sequence[str]) -> str:
    """``prompt`` with trigger words where they belong.

    An inversion's word names a thing, so it leads. Other trigger words follow: then the prompt's own words stand where
    they stand without the adapter, and the base alone draws what its own board shows.
    """
    parts = [*words, prompt] if file.adapter == "textual_inversion" else [prompt, *words]
    return ", ".join(part for part in parts if part)
