"""What Civitai's endpoints ask of the gallery and of people: pictures of versions, images, creators, tags."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from hub.accounts.models import User
from hub.catalog.lists import BadCursor
from hub.catalog.models import Listing, Tag, Version
from hub.catalog.queries import Person, files_by_sha256
from hub.community.models import CollectionItem, Comment, Follow, Like
from hub.gallery.models import Picture, PictureUse
from hub.gallery.queries import pictures_for


def version_ids_in(user: Person, pictures: Iterable[Picture]) -> dict[str, int]:
    """Version ids of the files in these pictures' recipes, by SHA-256."""
    shas: set[str] = set()
    for picture in pictures:
        shas.add(picture.recipe.get("base", ""))
        shas.update(use.get("sha256", "") for use in picture.recipe.get("uses", ()))
    return {sha: file.version_id for sha, file in files_by_sha256(user, shas - {""}).items()}


@dataclass(frozen=True)
class ImageWish:
    """What ``/images`` is asked for; ``levels`` is a mask."""

    model_id: int | None = None
    version_id: int | None = None
    image_id: int | None = None
    post_id: int | None = None
    username: str = ""
    user_id: int | None = None
    bases: tuple[str, ...] = ()
    levels: int = 1
    days: int = 0
    sort: str = "Most Reactions"
    nothing: bool = False


def images(
    user: Person, wish: ImageWish, *, limit: int, cursor: str = "", offset: int = 0
) -> tuple[list[Picture], str]:
    """A page of pictures in the gallery, and the cursor of the next. Raises `BadCursor`."""
    if wish.nothing:
        return [], ""
    rows = pictures_for(user).filter(visible=True, level__in=[1 << n for n in range(6) if wish.levels & 1 << n])
    if wish.post_id is not None:  # a picture is a post of its own
        rows = rows.filter(pk=wish.post_id)
    same = {
        "pk": wish.image_id, "owner_id": wish.user_id, "owner__username__iexact": wish.username or None,
    }  # fmt: skip
    rows = rows.filter(**{name: value for name, value in same.items() if value is not None})
    if wish.version_id is not None:
        rows = rows.filter(pk__in=PictureUse.objects.filter(version_id=wish.version_id).values("picture_id"))
    if wish.model_id is not None:
        rows = rows.filter(pk__in=PictureUse.objects.filter(version__model_id=wish.model_id).values("picture_id"))
    if wish.bases:
        of_base = PictureUse.objects.filter(version__base__name__in=wish.bases)
        rows = rows.filter(pk__in=of_base.values("picture_id"))
    if wish.days:
        rows = rows.filter(created_at__gte=timezone.now() - timedelta(days=wish.days))
    return _images_page(rows.select_related("owner"), wish, limit, cursor, offset)


def _count(rows: QuerySet[Any]) -> Any:
    """How many of ``rows`` are about each picture."""
    counted = rows.filter(picture=OuterRef("pk")).order_by().values("picture").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


RANKS: dict[str, Callable[[], Any]] = {
    "Most Reactions": lambda: F("likes"),
    "Most Comments": lambda: _count(Comment.objects.filter(removed_at=None)),
    "Most Collected": lambda: _count(CollectionItem.objects.filter(collection__private=False)),
}


def _images_page(
    rows: QuerySet[Any], wish: ImageWish, limit: int, cursor: str, offset: int
) -> tuple[list[Picture], str]:
    if wish.sort == "Random":
        return list(rows.order_by("?")[:limit]), ""
    ranked = RANKS.get(wish.sort)
    rows = rows.annotate(said=_count(Comment.objects.filter(removed_at=None)))
    if ranked:
        rows = rows.annotate(rank=ranked())
    if cursor:
        likes, last = _read_cursor(cursor, wish.sort)
        if wish.sort == "Oldest":
            rows = rows.filter(pk__gt=last)
        elif ranked:
            rows = rows.filter(rank__lte=likes).filter(Q(rank__lt=likes) | Q(pk__lt=last))
        else:
            rows = rows.filter(pk__lt=last)
    order = ("pk",) if wish.sort == "Oldest" else ("-rank", "-pk") if ranked else ("-pk",)
    page: list[Any] = list(rows.order_by(*order)[offset : offset + limit + 1])
    if len(page) <= limit or not limit:
        return page[:limit], ""
    last_shown = page[limit - 1]
    key = json.dumps([wish.sort, getattr(last_shown, "rank", 0), last_shown.pk])
    return page[:limit], base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, sort: str) -> tuple[int, int]:
    try:
        said, likes, last = json.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
        if (
            said == sort
            and type(likes) is int
            and type(last) is int
            and max(likes, last) < 2**31
            and min(likes, last) >= 0
        ):
            return likes, last
    except (ValueError, TypeError, binascii.Error):
        pass
    raise BadCursor("This cursor is not one of ours. Start from the first page.")


MOST_MARKED = 10_000


def liked(user: Person) -> set[int]:
    """Models that somebody marked as liked, the newest marks first."""
    rows = Like.objects.filter(user=user.pk, model__isnull=False).order_by("-id")
    return set(rows.values_list("model_id", flat=True)[:MOST_MARKED]) if user.pk else set()


def of_followed(user: Person) -> set[int]:
    """The newest models of those whom somebody follows."""
    followed = Follow.objects.filter(follower=user.pk).values("followed_id")
    rows = Listing.objects.filter(lead=True, creator__in=followed).order_by("-model_id")
    return set(rows.values_list("model_id", flat=True)[:MOST_MARKED]) if user.pk else set()


def collected(user: Person, collection_id: int) -> set[int]:
    """Models in a collection; none where there is no such collection for ``user``."""
    seen = Q(collection__private=False) | Q(collection__owner=user.pk or 0)
    rows = CollectionItem.objects.filter(seen, collection=collection_id, model__isnull=False)
    return set(rows.values_list("model_id", flat=True)[:MOST_MARKED])


def versions_of(pictures: Sequence[Picture]) -> dict[int, list[Version]]:
    """The versions that had a part in each picture, adapters before the base, by picture id."""
    uses = PictureUse.objects.filter(picture__in=pictures).select_related("version__base")
    found: dict[int, list[Version]] = {}
    for use in uses.order_by("picture_id", F("weight").asc(nulls_last=True), "id"):
        found.setdefault(use.picture_id, []).append(use.version)
    return found


def creators(query: str, *, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """People who published models, most first, with how many; and how many people there are."""
    counted = Listing.objects.filter(lead=True).values("creator__username").annotate(n=Count("model_id"))
    if query:
        people = User.objects.filter(username__icontains=query).values("id")
        counted = counted.filter(creator_id__in=people)
    rows = counted.order_by("-n", "creator__username")
    shown = [{"username": row["creator__username"], "modelCount": row["n"]} for row in rows[offset : offset + limit]]
    return shown, rows.count()


def tags(query: str, *, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Tags of published models, most used first, with how many models; and how many tags there are."""
    counted = Tag.objects.filter(models__status="published").annotate(n=Count("models"))
    if query:
        counted = counted.filter(name__contains=query)
    rows = counted.order_by("-n", "name")
    return [{"name": tag.name, "modelCount": tag.n} for tag in rows[offset : offset + limit]], rows.count()  # type: ignore[attr-defined]
