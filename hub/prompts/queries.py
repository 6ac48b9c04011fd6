"""What the library can be asked: prompts by words, tag and kind; one prompt with its pictures and wordings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F, Prefetch, Q, QuerySet

from hub.accounts.models import User
from hub.catalog.words import folded, words_of
from hub.errors import NotFound
from hub.gallery import recipes
from hub.gallery.models import Picture
from hub.gallery.queries import picture_for, pictures_for, shown_levels
from hub.prompts.models import Example, Prompt, Wildcard
from workers.messages import Recipe

Person = User | AnonymousUser
PAGE, EXAMPLES = 24, 12
SORTS = ("newest", "runs")


@dataclass(frozen=True)
class Wish:
    """What is looked for. template, stacked: only those. page: from 0."""

    query: str = ""
    tag: str = ""
    creator: str = ""
    licence: str = ""
    template: bool = False
    stacked: bool = False
    sort: str = "newest"
    page: int = 0


def digest(text: str, negative: str) -> str:
    """64 hex that agree where two prompts say the same, whatever the case and spacing."""
    plain = "\n".join(" ".join(folded(part).split()) for part in (text, negative))
    return hashlib.sha256(plain.encode()).hexdigest()


def visible(user: Person) -> QuerySet[Prompt]:
    """Public prompts, and one's own."""
    return Prompt.objects.filter(Q(private=False) | (Q(owner=user.pk) if user.is_authenticated else Q(pk__in=[])))


def prompt_list(user: Person, wish: Wish) -> tuple[list[Prompt], bool]:
    """A page of prompts, each with ``shown_examples``, and whether more follow."""
    prompts = visible(user).select_related("owner")
    words = words_of(wish.query)
    if words:
        asked = SearchQuery(" & ".join(f"{word}:*" for word in words), search_type="raw", config="simple")
        prompts = prompts.filter(doc=asked).annotate(rank=SearchRank(F("doc"), asked))
    if wish.tag:
        prompts = prompts.filter(tags__name=folded(wish.tag))
    if wish.creator:
        prompts = prompts.filter(owner__username__iexact=wish.creator)
    if wish.licence:
        prompts = prompts.filter(licence=wish.licence)
    if wish.template:
        prompts = prompts.filter(template=True)
    if wish.stacked:
        prompts = prompts.filter(stacked=True)
    order = ("-runs", "-id") if wish.sort == "runs" else ("-rank", "-id") if words else ("-id",)
    start = wish.page * PAGE
    found = list(prompts.order_by(*order).prefetch_related(_examples(user))[start : start + PAGE + 1])
    return found[:PAGE], len(found) > PAGE


def _examples(user: Person) -> Prefetch:
    seen = pictures_for(user).filter(level__in=shown_levels(user)).values("pk")
    return Prefetch("examples", Example.objects.filter(picture__in=seen).select_related("picture"), "shown_examples")


def prompt_for(user: Person, prompt_id: int) -> Prompt:
    """A prompt with its owner, tags, ``shown_examples``, and what it was made from. Raises `NotFound`."""
    prompts = visible(user).select_related("owner", "made_from__owner").prefetch_related("tags", _examples(user))
    prompt = prompts.filter(pk=prompt_id).first() if 0 < prompt_id < 2**63 else None
    if prompt is None:
        raise NotFound("There is no such prompt.")
    return prompt


def forks_of(user: Person, prompt: Prompt) -> list[Prompt]:
    return list(visible(user).filter(made_from=prompt).select_related("owner").order_by("-id")[:20])


def wildcards_of(owner: User) -> dict[str, Sequence[str]]:
    return {row.name: row.values for row in Wildcard.objects.filter(owner=owner)}


def known(digests: Iterable[str], owner: User) -> set[str]:
    """Which of ``digests`` the library has already, as far as ``owner`` may know."""
    return set(visible(owner).filter(digest__in=list(digests)).values_list("digest", flat=True))


def recipe_of_picture(user: Person, picture_id: int) -> tuple[Picture, Recipe]:
    """Raises `NotFound`."""
    picture = picture_for(user, picture_id)
    return picture, recipes.read(picture.recipe)
