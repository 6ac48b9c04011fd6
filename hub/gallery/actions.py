"""What is done to pictures: one is added when drawn, kept by its owner, hidden again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from hub.accounts.levels import LEVELS
from hub.catalog.blocks import picture_blocked
from hub.catalog.models import File, Version
from hub.celery import app
from hub.errors import NotFound, Refused
from hub.gallery import recipes
from hub.gallery.covers import covers_follow
from hub.gallery.models import UNKNOWN, Picture, PictureUse
from hub.gallery.scores import first_level, pictures_tell, score_ask
from hub.hooks.actions import announce
from hub.hooks.models import Hook
from workers.messages import HUB, Drawn, Recipe

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User


class BadLevel(Refused):
    code, status = "bad-level", HTTPStatus.UNPROCESSABLE_ENTITY


class Held(Refused):
    code, status = "held", HTTPStatus.CONFLICT


@transaction.atomic
def picture_add(*, owner: User | None, drawn: Drawn, recipe: Recipe, seconds: float, visible: bool) -> Picture:
    """Take in a drawn picture and note the versions that had a part in it.

    recipe: with the picture's own seed. seconds: what this picture took to draw. visible: in the gallery at once.
    A file may be in several versions: the published ones are noted, and others only where none is published, because
    a use of an unpublished version keeps the picture from others.
    """
    blocked = picture_blocked(drawn.sha256) is not None
    picture = Picture.objects.create(
        owner=owner,
        sha256=drawn.sha256,
        width=drawn.width,
        height=drawn.height,
        recipe=recipes.built(recipe),
        recipe_digest=recipes.digest(recipe),
        seconds=seconds,
        visible=visible,
        held=blocked,
        blurhash=drawn.blurhash,
        level=first_level(),
    )
    if blocked:
        blocked_tell(drawn.sha256)
    score_ask(picture)
    weights: dict[str, float | None] = {use.sha256: use.weight for use in recipe.uses if use.weight or use.text_weight}
    if recipe.vae:
        weights[recipe.vae] = 1.0
    weights |= dict.fromkeys(filter(None, (recipe.base, recipe.refiner)))
    uses_note(picture, weights)
    return picture


def blocked_tell(sha256: str) -> None:
    """Whose picture is held for its bytes is told why. Call it in the transaction that holds it."""
    told = "hub.moderation.blocked_tell"
    transaction.on_commit(lambda: app.send_task(told, args=[sha256], queue=HUB, ignore_result=True))


def uses_note(picture: Picture, weights: Mapping[str, float | None], *, also: Version | None = None) -> None:
    """Note the versions that had a part in a picture: those of these files (SHA-256 → weight, None for the base), and
    ``also`` one that its sender names."""
    uses = {
        version.pk: PictureUse(picture=picture, version=version, weight=weights[sha256])
        for sha256, versions in _versions_of(weights).items()
        for version in versions
    }
    if also is not None and also.pk not in uses:
        is_base = also.files.filter(adapter="base").exists()
        uses[also.pk] = PictureUse(picture=picture, version=also, weight=None if is_base else 1.0)
    PictureUse.objects.bulk_create(uses.values(), ignore_conflicts=True)


def _versions_of(shas: Iterable[str]) -> dict[str, list[Version]]:
    found: dict[str, list[Version]] = {}
    files = File.objects.filter(blob_id__in=list(shas), verdict=File.Verdict.ACCEPTED)
    for file in files.select_related("version__model").order_by("version_id"):
        found.setdefault(file.blob_id, []).append(file.version)
    for sha256, versions in found.items():
        published = [version for version in versions if version.status == version.model.status == "published"]
        found[sha256] = published or versions
    return found


def picture_keep(*, picture_id: int, by: User | AnonymousUser) -> Picture:
    """Put one's own picture into the gallery, for everyone to see. Raises `NotFound` for another's, `Held`."""
    return _show(picture_id, by, visible=True)


def picture_hide(*, picture_id: int, by: User | AnonymousUser) -> Picture:
    """Take one's own picture out of the gallery; a moderator may do it to anyone's. Raises `NotFound`."""
    return _show(picture_id, by, visible=False)


def picture_rate(*, picture_id: int, by: User | AnonymousUser, level: int) -> Picture:
    """Say what a picture shows: its owner of their own, moderators of any. Raises `NotFound`, `BadLevel`."""
    if level not in LEVELS:
        raise BadLevel(_("A picture's level is one of %s.") % (", ".join(map(str, LEVELS))))
    picture = Picture.objects.filter(pk=picture_id).first()
    own = picture is not None and picture.owner_id is not None and picture.owner_id == by.pk
    if picture is None or not (own or (getattr(by, "is_moderator", False) and picture.visible)):
        raise NotFound(_("There is no such picture."))
    rated_by = "owner" if own else "moderator"
    if own and picture.rated_by == "moderator" and level < picture.level:
        raise BadLevel(_("A moderator set this level. You can raise it; to have it lowered, answer their decision."))
    with transaction.atomic():
        Picture.objects.filter(pk=picture.pk).update(level=level, rated_by=rated_by)
        covers_follow([picture.pk])
        if picture.level == UNKNOWN:
            pictures_tell([picture.pk])
    picture.level, picture.rated_by = level, rated_by
    return picture


def _show(picture_id: int, by: User | AnonymousUser, *, visible: bool) -> Picture:
    picture = Picture.objects.filter(pk=picture_id).first()
    own = picture is not None and picture.owner_id is not None and picture.owner_id == by.pk
    if picture is not None and own and visible and picture.held:
        raise Held(
            _("A moderator hid this picture. Their decision is under your notifications; you can answer it there.")
        )
    if picture is None or not (own or (not visible and getattr(by, "is_moderator", False) and picture.visible)):
        raise NotFound(_("There is no such picture."))
    with transaction.atomic():
        changed = Picture.objects.filter(pk=picture.pk).exclude(visible=visible).update(visible=visible)
        if visible and changed and picture.level != UNKNOWN:  # or once it has one
            announce(Hook.Kind.PICTURE_ADDED, picture.pk)
        if changed:
            covers_follow([picture.pk])
    picture.visible = visible
    return picture
