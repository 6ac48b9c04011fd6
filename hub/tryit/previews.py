"""A version's strip: the same prompts and seeds, with the base alone and with the version at several weights.

A recipe equal to one already drawn, or in line, is not drawn twice: the base alone is shared by all versions whose
prompt is the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from msgspec.structs import replace

from hub.accounts.models import User
from hub.catalog.listings import DRAWABLE
from hub.catalog.models import File, Version
from hub.catalog.queries import STACKED
from hub.celery import app
from hub.errors import NotFound, Refused
from hub.gallery import recipes
from hub.gallery.covers import cover_choose
from hub.gallery.models import BoardPrompt, Frame, Picture, Strip
from hub.gallery.queries import WEIGHTS, board_of
from hub.tryit import samplers, sending
from hub.tryit.models import Generation
from hub.tryit.stacks import (
    MAX_SEED,
    MAX_WEIGHT,
    BadRecipe,
    DoesNotFit,
    drawn_on,
    misfit,
    numbers_checked,
    use_of,
    worded,
)
from workers.messages import HUB, Recipe

if TYPE_CHECKING:
    from django.db.models import QuerySet

OPEN = [Generation.Status.QUEUED, Generation.Status.RUNNING]
GONE = [Version.Status.TAKEN_DOWN, Version.Status.DELETED]
MAX_FRAMES = 64


class NotDrawable(Refused):
    """The version cannot be drawn here: no accepted file, or no base for it."""

    code = "not-drawable"


@dataclass(frozen=True)
class Shot:
    """One frame to be drawn."""

    position: int
    prompt: str
    weight: float
    recipe: Recipe


def accepted_file(version: Version) -> File | None:
    """The file of a version that is drawn with."""
    files = version.files.filter(DRAWABLE)
    return files.select_related("version__base", "version__model").order_by("-primary", "id").first()


def base_for(file: File) -> File | None:
    """The base that strips of ``file`` are drawn on: the first published one that fits, else one of the same owner.

    The first, so that all strips of a family stand on the same one and compare.
    """
    found = _fitting(File.objects.filter(adapter="base"), file).order_by("id")
    published = found.filter(version__status="published", version__model__status="published")
    own = found.filter(version__model__owner=file.version.model.owner_id).exclude(version__status__in=GONE)
    family = drawn_on(file)
    for candidates in (published, own):
        for base in candidates.iterator(chunk_size=50):
            if drawn_on(base) == family and base.version.base_variant == "Standard":
                return base
    return None


def _fitting(files: QuerySet[File], file: File) -> QuerySet[File]:
    return files.filter(DRAWABLE, version__base__family=file.version.base.family).select_related(
        "version__base", "version__model"
    )


@transaction.atomic
def preview_request(*, version: Version, by: User | None = None) -> Strip | None:
    """Ask for the board strip of a version, where it can be drawn here; a strip that is there is left as it is.

    by: who asked for it; the hub itself where None. A checkpoint is drawn on the board alone, and versions that
    waited for such a base are asked for too. None: there is no accepted file, no base, or no board.
    """
    file = accepted_file(version)
    if file is None:
        return None
    if file.adapter == "base":
        transaction.on_commit(lambda: app.send_task("hub.tryit.previews_backfill", args=[version.pk], queue=HUB))
        base: File | None = file
    else:
        base = base_for(file)
    if base is None:
        return None
    board = board_of(base)
    if not board:
        return None
    strip, made = Strip.objects.get_or_create(
        version=version, base_version=base.version, board=True, defaults={"owner": by}
    )
    if not made:
        return strip
    weights: Sequence[float] = (0.0,) if file.adapter == "base" else WEIGHTS
    shots = [
        Shot(row.position, recipe.prompt, weight, recipe)
        for row in board
        for weight in weights
        for recipe in [board_recipe(row, base, file, weight)]
    ]
    draw(strip, shots, owner=None)
    return strip


def previews_backfill(*, base_version: Version) -> int:
    """A base has arrived: ask for the strips of the versions that waited for one. Returns how many were asked for."""
    base = accepted_file(base_version)
    if base is None or base.adapter != "base":
        return 0
    waiting = _fitting(File.objects.filter(adapter__in=STACKED), base)
    waiting = waiting.exclude(version__status__in=GONE).exclude(version__strips__board=True)
    family, seen = drawn_on(base), set()
    for file in waiting.order_by("id").iterator(chunk_size=200):
        if drawn_on(file) == family and file.version_id not in seen:
            seen.add(file.version_id)
            preview_request(version=file.version)
    return len(seen)


def board_recipe(row: BoardPrompt, base: File, file: File, weight: float) -> Recipe:
    """A board prompt as the recipe of one frame.

    The version's first trigger word is in every frame, so the only thing that differs between two frames is the
    weight. The first only: the others are mostly alternatives.
    """
    words = [] if file.adapter == "base" else file.version.trigger_words[:1]
    name = samplers.split(row.sampler, "Automatic")
    return Recipe(
        base=base.blob_id,
        base_family=base.version.base.family,
        base_name=base.version.model.name,
        uses=() if file.adapter == "base" or not weight else (use_of(file, weight),),
        prompt=worded(file, row.prompt, words)[:700],
        negative=row.negative,
        sampler=name.sampler,
        schedule=name.schedule,
        steps=row.steps,
        cfg=row.cfg,
        seed=row.seed,
        width=row.width,
        height=row.height,
        clip_skip=file.version.clip_skip or 1,
    )


def draw(strip: Strip, shots: Iterable[Shot], *, owner: User | None) -> int:
    """Make the frames; each gets an equal picture that is there, joins an equal one in line, or is sent.

    Returns how many pictures were newly sent.
    """
    sent = 0
    for shot in shots:
        digest = recipes.digest(shot.recipe)
        # The lock: an equal drawing that finishes at this moment either sees this frame, or is seen here as finished.
        same = Generation.objects.select_for_update().filter(recipe_digest=digest, purpose="preview", count=1)
        same = same.filter(Q(owner=None) | Q(owner=owner), status__in=OPEN)
        generation = same.order_by("created_at").first()
        picture = None
        if generation is None:
            picture = Picture.objects.filter(recipe_digest=digest, visible=True, held=False).order_by("id").first()
        if generation is None and picture is None:
            first = sending.FIRST_FRAMES if shot.position == 0 or owner else sending.OTHER_FRAMES
            generation = sending.enqueue(owner=owner, recipe=shot.recipe, count=1, purpose="preview", priority=first)
            sent += 1
        Frame.objects.update_or_create(
            strip=strip,
            position=shot.position,
            weight=shot.weight,
            defaults={"prompt": shot.prompt, "picture": picture, "generation": generation},
        )
    if strip.board:
        cover_choose(strip.version)
    return sent


def frames_filled(generation: Generation, picture: Picture) -> None:
    """Every frame that waited for this drawing gets it, and versions get the picture of their card."""
    generation.frames.update(picture=picture)
    for strip in (
        Strip.objects.filter(frames__generation=generation, board=True).select_related("version__model").distinct()
    ):
        cover_choose(strip.version)


@transaction.atomic
def preview_create(
    *,
    version: Version,
    by: User,
    prompts: Sequence[str],
    weights: Sequence[float],
    base: Version | None = None,
    changes: dict | None = None,
) -> Strip:
    """Draw a strip on prompts and weights of the caller's choice; it counts as the caller's pictures.

    base: a base version that ``by`` may see; by default the one that the board strip stands on. changes: fields of
    `Recipe` (steps, cfg, seed, size, sampler, …) instead of the board's. Raises `NotDrawable`, `DoesNotFit`,
    `BadRecipe`, `LimitReached`.
    """
    file = accepted_file(version)
    if file is None:
        raise NotDrawable(_("%s has no accepted file to draw with.") % version.model.name)
    alone = file.adapter == "base"
    on = file if alone else accepted_file(base) if base is not None else base_for(file)
    if on is None or on.adapter != "base":
        raise NotDrawable(_("No base for %s is installed here, so nothing can be drawn.") % version.base.name)
    if not alone and (reason := misfit(on, file)):
        raise DoesNotFit(reason)
    row = (board_of(on) or [BoardPrompt(family=on.version.base.family, position=0, seed=1234)])[0]
    weights = sorted({0.0} if alone else {round(float(weight), 3) for weight in weights})
    _amount_checked(prompts, weights)
    changes = dict(changes or {})
    if changes.get("seed") == -1:  # one seed for all frames: only then do they compare
        changes["seed"] = random.randint(0, MAX_SEED)
    strip = Strip.objects.create(version=version, base_version=on.version, owner=by, board=False)
    shots = []
    for position, prompt in enumerate(prompts):
        for weight in weights:
            recipe = replace(board_recipe(row, on, file, weight), prompt=prompt, **changes)
            numbers_checked(recipe, 1)
            name = samplers.split(recipe.sampler, recipe.schedule)
            recipe = replace(recipe, sampler=name.sampler, schedule=name.schedule)
            shots.append(Shot(position, prompt, weight, recipe))
    sending.limits_checked(by, _new(shots))
    draw(strip, shots, owner=by)
    return strip


def _amount_checked(prompts: Sequence[str], weights: Sequence[float]) -> None:
    if not prompts or not weights:
        raise BadRecipe(_("A strip needs a prompt and a weight."))
    if any(len(prompt) > 700 for prompt in prompts):
        raise BadRecipe(_("A prompt of a strip may have 700 letters."))
    if any(not abs(weight) <= MAX_WEIGHT for weight in weights):
        raise BadRecipe(_("A weight must be from −10 to 10."))
    if len(prompts) * len(weights) > MAX_FRAMES:
        raise BadRecipe(_("A strip may have %s pictures.") % MAX_FRAMES)


def _new(shots: Iterable[Shot]) -> int:
    digests = {recipes.digest(shot.recipe) for shot in shots}
    there = set(
        Picture.objects.filter(recipe_digest__in=digests, visible=True, held=False).values_list(
            "recipe_digest", flat=True
        )
    )
    return len(digests - there)


@transaction.atomic
def frame_create(*, version: Version, by: User, position: int, weight: float) -> Strip:
    """Draw one more weight on a version's board strip: *Draw 0.65*; one that failed is drawn again.

    Raises `NotFound` where there is no strip, `BadRecipe`, `LimitReached`.
    """
    strip = (
        Strip.objects.filter(version=version, board=True).select_related("base_version").order_by("-created_at").first()
    )
    file = accepted_file(version)
    if strip is None or file is None or (base := accepted_file(strip.base_version)) is None:
        raise NotFound(_("%s has no strip to draw on.") % version.model.name)
    row = next((row for row in board_of(base) if row.position == position), None)
    if row is None:
        raise NotFound(_("The board has no such prompt."))
    weight = 0.0 if file.adapter == "base" else round(weight, 2)
    recipe = board_recipe(row, base, file, weight)
    numbers_checked(recipe, 1)
    there = strip.frames.filter(position=position, weight=weight).select_related("generation").first()
    if there and (there.picture_id or (there.generation and there.generation.is_open)):
        return strip
    shot = Shot(position, recipe.prompt, weight, recipe)
    sending.limits_checked(by, _new([shot]))
    draw(strip, [shot], owner=by)
    return strip
