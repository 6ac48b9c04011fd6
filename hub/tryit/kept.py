"""Outputs by recipe: what was drawn before and is still there is given again, without drawing.

The same recipe draws the same bytes, so nobody can tell the two apart but by the wait. Only pictures that the asker may
see count: else a quick answer would tell what others drew.
"""

from __future__ import annotations

from django.utils import timezone

from hub.accounts.models import User
from hub.gallery import recipes
from hub.gallery.actions import picture_add
from hub.gallery.models import Picture
from hub.gallery.queries import pictures_for
from hub.tryit.models import Generation
from workers.messages import Drawn, Recipe


def kept_for(owner: User, recipe: Recipe, count: int) -> list[Picture]:
    """The pictures of ``recipe``, their seeds counting up, one's own before others'; none where one of them lacks."""
    wanted = [recipes.digest(recipe.number(number)) for number in range(count)]
    there = pictures_for(owner).filter(recipe_digest__in=wanted, told__isnull=True)
    found = {picture.recipe_digest: picture for picture in sorted(there, key=lambda one: one.owner_id == owner.pk)}
    return [found[digest] for digest in wanted] if found.keys() >= set(wanted) else []


def answered(owner: User, recipe: Recipe, kept: list[Picture], purpose: str) -> Generation:
    """A generation that is done as soon as it is asked for: it took no time, and counts for no limit."""
    now = timezone.now()
    generation = Generation.objects.create(
        owner=owner,
        purpose=purpose,
        recipe=recipes.built(recipe),
        recipe_digest=recipes.digest(recipe),
        count=len(kept),
        status=Generation.Status.DONE,
        started_at=now,
        finished_at=now,
        seconds=0,
    )
    generation.pictures.set([_own(owner, recipe.number(number), picture) for number, picture in enumerate(kept)])
    return generation


def _own(owner: User, recipe: Recipe, picture: Picture) -> Picture:
    """The picture, or one's own of the same bytes where it is somebody else's."""
    if picture.owner_id == owner.pk:
        return picture
    drawn = Drawn(
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
        seed=recipe.seed,
        bytes=0,
        blurhash=picture.blurhash,
    )
    own = picture_add(owner=owner, drawn=drawn, recipe=recipe, seconds=0, visible=False)
    Picture.objects.filter(pk=own.pk).update(level=picture.level)
    own.level = picture.level
    return own
