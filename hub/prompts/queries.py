"""What the library can be asked: prompts by words, tag and kind; one prompt with its pictures and wordings."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import connection
from django.db.models import F, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Lower
from django.db.models.lookups import LessThan
from django.utils.translation import gettext as _
from msgspec.structs import replace

from hub.accounts.models import User
from hub.catalog import meanings
from hub.catalog.lists import Row
from hub.catalog.models import Tag
from hub.catalog.search import WORDS_MOST, meant, tsquery
from hub.catalog.wishes import Each
from hub.catalog.words import folded, words_of
from hub.errors import NotFound, Refused
from hub.gallery import recipes, sent
from hub.gallery.models import Picture, SentPicture
from hub.gallery.queries import picture_for, pictures_for, shown_levels
from hub.prompts.models import Example, Prompt, Wildcard, Word
from workers.messages import Recipe

Person = User | AnonymousUser
PAGE, EXAMPLES, SENT_MOST = 24, 12, 200
EMPTY = Recipe(base="", base_family="")
SORTS = ("newest", "runs")
SHOWN_OF_PICTURE = ("prompt_id", "picture__sha256", "picture__width", "picture__height", "picture__level")


RAREST, AMONG = 8, 5000  # words that make prompts alike, and prompts with any that a meaning is held against
BROAD_WORD = 40_000  # a word in more prompts than these: the order's own index is walked, row by row
BEST = 200  # of such a word's prompts, those most run, are ranked
HITS = 1000  # prompts with all words of a query that are ranked, or put in another order
# While somebody types: words in more prompts than these are looked for only in the most run prompts.
BROAD_BEGUN, MOST_RUN = 10_000, 2000


class BadCursor(Refused):
    """The address of a next page was changed by hand."""

    code = "bad-cursor"


@dataclass(frozen=True)
class Wish:
    """What is looked for. template, stacked: only those. like: nearest to this prompt. after: the cursor of a page, as
    `prompt_list` gave it."""

    query: str = ""
    tag: str = ""
    creator: str = ""
    licence: str = ""
    template: bool = False
    stacked: bool = False
    family: str = ""
    like: int = 0
    sort: str = ""
    after: str = ""

    @property
    def order(self) -> str:
        """The sort that applies: relevance where something is searched and nothing else was said."""
        if self.like:
            return "like"
        if self.sort == "meaning" and words_of(self.query) and settings.MEANING_SEARCH:
            return "meaning"
        return self.sort if self.sort in SORTS else "relevance" if words_of(self.query) else "newest"


def digest(text: str, negative: str) -> str:
    """64 hex that agree where two prompts say the same, whatever the case and spacing."""
    plain = "\n".join(" ".join(folded(part).split()) for part in (text, negative))
    return hashlib.sha256(plain.encode()).hexdigest()


def visible(user: Person) -> QuerySet[Prompt]:
    """Public prompts, and one's own."""
    return Prompt.objects.filter(Q(private=False) | (Q(owner=user.pk) if user.is_authenticated else Q(pk__in=[])))


def prompt_list(user: Person, wish: Wish, *, limit: int = PAGE, found: Found | None = None) -> tuple[list[Prompt], str]:
    """A page of prompts, each with ``shown_examples``, and the cursor of the next, if any. Raises `BadCursor`.

    found: what `searched` answered to the same wish, where it is at hand.
    """
    found = searched(user, wish) if found is None else found
    start, last = _from(wish)
    if found.hits == []:
        return [], ""
    prompts = narrowed(visible(user), wish)
    if found.ranked:
        runs = dict(prompts.filter(pk__in=Each.of(found.hits or ())).values_list("pk", "runs"))
        ids = [(pk, runs[pk]) for pk in found.hits or () if pk in runs][start : start + limit + 1]
    elif found.rows is not None:
        ids = found.in_order(wish.order, last)[start : start + limit + 1]
    else:
        if found.asked is not None:
            prompts = prompts.filter(doc=found.asked)
        order = {"newest": ("-id",), "runs": ("-runs", "-id")}[wish.order]
        ids = list(_behind(prompts, wish.order, last).order_by(*order).values_list("pk", "runs")[: limit + 1])
    shown = prompts_shown(user, [pk for pk, _ in ids[:limit]])
    if len(ids) <= limit:
        following = ""
    elif wish.order in SORTS:
        last_id, runs_of_last = ids[limit - 1]
        following = _cursor(wish.order, runs_of_last, last_id)
    else:
        following = _cursor(wish.order, start + limit, 0)
    return [shown[pk] for pk, _ in ids[:limit] if pk in shown], following


def _shown(user: Person) -> QuerySet[Prompt]:
    """What cards show of prompts; the words that search reads of each are as long as the rest."""
    return visible(user).select_related("owner").defer("doc")


def prompts_shown(user: Person, ids: Sequence[int]) -> dict[int, Prompt]:
    """Those of ``ids`` that ``user`` may see, by number, each with ``shown_examples``."""
    return _shown(user).prefetch_related(_examples(user, *SHOWN_OF_PICTURE)).in_bulk(ids)


class Hit(NamedTuple):
    """What order, page and choices read of a prompt that a search found: to come back for it is as much again."""

    pk: int
    runs: int
    licence: str
    family: str
    template: bool
    stacked: bool
    rank: float = 0.0


HIT = ("pk", "runs", "licence", "family", "template", "stacked")


@dataclass(frozen=True)
class Found:
    """What a search found: rows in no order, or numbers that are in order already (``ranked``); neither where nothing
    is searched, or ``asked`` is tested along an order."""

    rows: list[Hit] | None = None
    ranked: list[int] | None = None
    asked: SearchQuery | None = None
    capped: bool = False  # there may be more than these
    unanswered: bool = False  # no worker read the meaning of the query, so its words were looked for
    being_read: bool = False  # some meanings are not read yet, so what shares words came first

    @property
    def hits(self) -> list[int] | None:
        return self.ranked if self.rows is None else [row.pk for row in self.rows]

    def in_order(self, order: str, last: tuple[int, int] | None) -> list[tuple[int, int]]:
        """(number, runs) of the rows, from behind (runs, number) on."""
        rows = self.rows or []
        if order not in SORTS:
            return [(row.pk, row.runs) for row in sorted(rows, key=lambda row: (row.rank, row.pk), reverse=True)]

        def key(row: Hit) -> tuple[int, int]:
            return (row.runs if order == "runs" else 0, row.pk)

        end = last and (last[0] if order == "runs" else 0, last[1])
        left = sorted((row for row in rows if end is None or key(row) < end), key=key, reverse=True)
        return [(row.pk, row.runs) for row in left]


def searched(user: Person, wish: Wish) -> Found:
    """At most `HITS` prompts that pass the wish's filters and have its words, or are near in meaning."""
    if (near := _near(user, wish)) is not None:
        return near
    words = words_of(wish.query)[:WORDS_MOST]
    if not words:
        return Found()
    groups = meant(words, "prompts_word")
    if not all(groups):
        return Found([])
    asked = SearchQuery(tsquery(groups), search_type="raw", config="simple")
    matching = narrowed(visible(user), wish).filter(doc=asked)
    frequent = len(groups) == 1 and sum(n for _, n in groups[0]) >= BROAD_WORD and not (wish.tag or wish.creator)
    if frequent and wish.order in SORTS:
        return Found(asked=asked)
    rows = matching.values_list(*HIT) if wish.order in SORTS else _ranked(matching, asked)
    if frequent:  # every few prompts have it: which come first is told by how often they are run
        return Found([Hit(*row) for row in rows.order_by("-runs", "-id")[:BEST]], asked=asked, capped=True)
    # The words are looked up once and not row by row along an order.
    hits = [Hit(*row) for row in rows[:HITS]]
    return Found(hits, asked=asked, capped=len(hits) == HITS)


def _ranked(matching: QuerySet[Prompt], asked: SearchQuery) -> QuerySet[Any, Any]:
    return matching.annotate(rank=SearchRank(F("doc"), asked)).values_list(*HIT, "rank")


def prompts_begun(user: Person, query: str, *, most: int) -> list[Prompt]:
    """Prompts that have the words of a query that is still being typed, best first, with their owners; of words that
    very many have, the prompts most run."""
    words = words_of(query)[:WORDS_MOST]
    groups = meant(words, "prompts_word") if words else []
    if not groups or not all(groups):
        return []
    asked = tsquery(groups)
    if min(sum(n for _, n in group) for group in groups) >= BROAD_BEGUN:
        ids = _among_most_run(user, asked, most)
    else:
        raw = SearchQuery(asked, search_type="raw", config="simple")
        hits = [Hit(*row) for row in _ranked(visible(user).filter(doc=raw), raw)[:HITS]]
        ids = [pk for pk, _ in Found(hits).in_order("relevance", None)[:most]]
    shown = visible(user).select_related("owner").only("title", "owner__username").in_bulk(ids)
    return [shown[pk] for pk in ids if pk in shown]


def _among_most_run(user: Person, asked: str, most: int) -> list[int]:
    """Those of the most run prompts that have the words; two frequent words that never meet are not looked for to the
    end."""
    sql = """WITH top AS MATERIALIZED (SELECT id, runs, doc FROM prompts_prompt WHERE NOT private OR owner_id = %s
        ORDER BY runs DESC, id DESC LIMIT %s)
        SELECT id FROM top WHERE doc @@ to_tsquery('simple', %s) ORDER BY runs DESC, id DESC LIMIT %s"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [user.pk or 0, MOST_RUN, asked, most])
        return [pk for (pk,) in cursor.fetchall()]


def _near(user: Person, wish: Wish) -> Found | None:
    """Prompts like another, or close to a query in meaning, the nearest first; None where neither is asked for.

    Without meanings prompts are alike that share their rarest words, and until all are read these come first.
    """
    if wish.like:
        prompt = visible(user).filter(pk=wish.like).first() if wish.like < 2**31 else None
        if prompt is None:
            return Found(ranked=[])
        vector, words = meanings.vector_of_row("prompts", prompt.pk), words_of(prompt.text)
        being_read = meanings.being_read("prompts", known=bool(vector))
    elif wish.order == "meaning":
        vector, words = meanings.vector_of(wish.query), words_of(wish.query)
        being_read = bool(vector) and meanings.being_read("prompts")
    else:
        return None
    found = _sharing(words, HITS) if being_read or not vector else []
    if vector:
        found += meanings.nearest("prompts", vector, lambda: _sharing(words, AMONG))
    ranked = [pk for pk in dict.fromkeys(found) if pk != wish.like][:HITS]
    return Found(ranked=ranked, unanswered=not (vector or wish.like), being_read=being_read)


def _sharing(words: Sequence[str], most: int) -> list[int]:
    """Prompts with any of the rarest of ``words``, those with most of them first."""
    rare = Word.objects.filter(word__in=list(set(words))[:200]).order_by("texts").values_list("word", flat=True)
    asked = " | ".join(f"'{word}'" for word in rare[:RAREST])
    if not asked:
        return []
    query = SearchQuery(asked, search_type="raw", config="simple")
    sharing = Prompt.objects.filter(doc=query).values_list("pk", flat=True)[:most]
    hits = Prompt.objects.filter(pk__in=Each.of(sharing))
    ranked = hits.annotate(rank=SearchRank(F("doc"), query)).order_by("-rank", "-id")
    return list(ranked.values_list("pk", flat=True))


meanings.KINDS["prompts"] = meanings.Kind(
    "prompts", "prompts_meaning", "prompts_prompt", "id", "r.title || '. ' || (r.recipe ->> 'prompt')"
)


def narrowed(prompts: QuerySet[Prompt], wish: Wish) -> QuerySet[Prompt]:
    """Those of ``prompts`` that pass the wish's filters, its words apart."""
    if wish.tag:  # by its id: the planner knows how frequent each is
        tag = Tag.objects.filter(name=folded(wish.tag)).values_list("pk", flat=True).first()
        prompts = prompts.filter(tags=tag) if tag else prompts.none()
    if wish.creator:
        people = User.objects.alias(called=Lower("username")).filter(called=wish.creator.lower())
        prompts = prompts.filter(owner_id=people.values_list("id", flat=True).first() or 0)
    if wish.licence:
        prompts = prompts.filter(licence=wish.licence)
    if wish.family:
        prompts = prompts.filter(family=wish.family)
    if wish.template:
        prompts = prompts.filter(template=True)
    if wish.stacked:
        prompts = prompts.filter(stacked=True)
    return prompts


def _cursor(order: str, key: int, last: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([order, key, last]).encode()).decode().rstrip("=")


def _from(wish: Wish) -> tuple[int, tuple[int, int] | None]:
    """At which place the page begins, and the (runs, number) that it begins behind. Raises `BadCursor`."""
    if not wish.after:
        return 0, None
    try:
        order, key, last = json.loads(
            base64.b64decode(wish.after + "=" * (-len(wish.after) % 4), altchars=b"-_", validate=True)
        )
        if order != wish.order or type(key) is not int or type(last) is not int:
            raise ValueError
        if not (0 <= key < 2**31 and 0 <= last < 2**62) or (order not in SORTS and key > HITS):
            raise ValueError
    except (ValueError, TypeError, RecursionError) as error:
        raise BadCursor(_("This address of a next page does not exist. Start again at the first page.")) from error
    return (0, (key, last)) if order in SORTS else (key, None)


def _behind(prompts: QuerySet[Prompt], order: str, last: tuple[int, int] | None) -> QuerySet[Prompt]:
    """Those of ``prompts`` that come after (runs, number) in an order."""
    if last is None:
        return prompts
    if order == "newest":
        return prompts.filter(pk__lt=last[1])
    return prompts.filter(LessThan(Row(F("runs"), F("id")), Row(Value(last[0]), Value(last[1]))))


def _examples(user: Person, *columns: str) -> Prefetch:
    seen = pictures_for(user).filter(level__in=shown_levels(user)).values("pk")
    examples = Example.objects.filter(picture__in=seen).select_related("picture")
    return Prefetch("examples", examples.only(*columns) if columns else examples, "shown_examples")


def prompt_for(user: Person, prompt_id: int) -> Prompt:
    """A prompt with its owner, tags, ``shown_examples``, and what it was made from. Raises `NotFound`."""
    prompts = visible(user).select_related("owner", "made_from__owner").prefetch_related("tags", _examples(user))
    prompt = prompts.filter(pk=numbered(prompt_id)).first()
    if prompt is None:
        raise NotFound(_("There is no such prompt."))
    return prompt


def numbered(prompt_id: int) -> int:
    """A number that a prompt can have. Raises `NotFound`."""
    if not 0 < prompt_id < 2**63:
        raise NotFound(_("There is no such prompt."))
    return prompt_id


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


def has_settings(recipe: Recipe) -> bool:
    """Whether a prompt says more than words: what it is drawn on, or how it was drawn elsewhere."""
    return replace(recipe, prompt="", negative="") != EMPTY


def _sent_with_words(user: User, ids: Iterable[str]) -> Iterator[tuple[SentPicture, Recipe]]:
    """Pictures that ``user`` sent, of those that carry words."""
    for one in list(dict.fromkeys(ids))[:SENT_MOST]:
        try:
            row = sent.sent_for(user, UUID(one))
        except (ValueError, NotFound):
            continue
        read = sent.recipe_of(user, row)
        if read is not None and (read[0].prompt or read[0].negative):
            yield row, read[0]


def rows_of_sent(user: User, ids: Iterable[str]) -> list[dict[str, Any]]:
    """``prompt``, ``negative`` and ``recipe`` of pictures that ``user`` sent, of those that carry words."""
    found = _sent_with_words(user, ids)
    return [{"prompt": recipe.prompt, "negative": recipe.negative, "recipe": recipe} for _, recipe in found]


def sent_words(user: User, ids: Iterable[str]) -> list[dict[str, Any]]:
    """The same for a page: ``id``, ``name`` and ``words`` of each."""
    found = _sent_with_words(user, ids)
    return [{"id": row.pk, "name": row.name, "words": (r.prompt or r.negative)[:120]} for row, r in found]


def styles_of(user: User | AnonymousUser) -> list[Prompt]:
    """The person's own prompts of words alone, as Try it offers them for styles: by title, as many as a menu holds."""
    if not user.is_authenticated:
        return []
    return list(Prompt.objects.filter(owner=user, stacked=False, family="").order_by("title", "id")[:200])
