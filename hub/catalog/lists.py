"""Lists of models: filters, sorts, keyset cursors, facets and search, all answered from the narrow tables.

At a million models, ``facets`` wants the precomputed counts of the design, and ``candidates`` its vocabulary.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramWordSimilarity
from django.db import connection, transaction
from django.db.models import Count, Exists, F, Func, IntegerField, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce, Ln
from django.db.models.lookups import GreaterThan, LessThan

from hub.catalog.hashes import hash_matches
from hub.catalog.models import Base, File, Listing, Model, Tag, Text, Version
from hub.catalog.words import folded, tag_name, words_of
from hub.errors import Refused

SORTS = {"newest": "published_at", "oldest": "published_at", "downloads": "downloads", "likes": "likes",
         "pictures": "pictures"}  # fmt: skip
CANDIDATES = 1000  # of a search that are ranked; further pages end
COUNT_CAP = 10_000  # shown as "10,000+"
OFFSET_CAP = 1000
PERIODS = {"Day": 1, "Week": 7, "Month": 30, "Year": 365}


class BadCursor(Refused):
    code, status = "bad-cursor", HTTPStatus.BAD_REQUEST


@dataclass(frozen=True)
class Wish:
    """What a list is asked for. Bases by name, tags as people type them, creator by name in any case.

    ``levels`` is a mask of content levels that a model must share one of, ``within`` one that holds all of
    its levels (0: all), ``newer_than`` a number of days.
    """

    query: str = ""
    types: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    creator: str = ""
    can_generate: bool = False
    commercial: tuple[str, ...] = ()
    derivatives: bool | None = None
    no_credit: bool | None = None
    different_licence: bool | None = None
    formats: tuple[str, ...] = ()
    ids: tuple[int, ...] | None = None
    version_ids: tuple[int, ...] | None = None
    levels: int = 0
    within: int = 0
    newer_than: int = 0
    sort: str = ""

    @property
    def order(self) -> str:
        """The sort that applies: relevance where something is searched and nothing else was said."""
        if self.sort in SORTS:
            return self.sort
        return "relevance" if self.query.strip() else "newest"

    def digest(self) -> str:
        """8 hex over the filters: a cursor from other filters is refused."""
        return hashlib.sha256(json.dumps(asdict(self) | {"sort": self.order}).encode()).hexdigest()[:8]


@dataclass
class Facet:
    """One choice of a filter: its value, its words, and how many models have it beside the other filters."""

    value: str
    label: str
    count: int
    on: bool = False


@dataclass
class Facets:
    types: list[Facet] = field(default_factory=list)
    bases: list[Facet] = field(default_factory=list)
    tags: list[Facet] = field(default_factory=list)
    creators: list[Facet] = field(default_factory=list)
    can_generate: int = 0
    commercial: int = 0


@dataclass(frozen=True)
class Narrowed:
    """A wish with its names looked up once: ids of bases and tags, and the models that its words find.

    ``tags`` is None where one of them does not exist: nothing has it.
    """

    wish: Wish
    bases: tuple[int, ...] = ()
    tags: tuple[int, ...] | None = ()
    found: list[int] | None = None

    @classmethod
    def of(cls, wish: Wish) -> Narrowed:
        bases = tuple(Base.objects.filter(name__in=wish.bases).values_list("id", flat=True)) if wish.bases else ()
        tags: tuple[int, ...] | None = ()
        if wish.tags:
            names = {tag_name(tag) for tag in wish.tags}
            tags = tuple(Tag.objects.filter(name__in=names).values_list("id", flat=True))
            tags = tags if len(tags) == len(names) else None
        return cls(wish, bases, tags, candidates(wish.query) if wish.query.strip() else None)


@dataclass(frozen=True)
class Page:
    """One page of a list: the versions to show, newest matching of each model, and where to go on."""

    versions: list[Version]
    next_cursor: str = ""
    total: int = 0
    capped: bool = False
    facets: Facets | None = None


class _Row(Func):
    """A row value: `(a, b) < (x, y)` is one index condition, where an OR would re-read all earlier pages."""

    function = "ROW"
    output_field = TextField()


def model_list(
    wish: Wish, *, limit: int = 30, cursor: str = "", offset: int = 0, count: bool = True, with_facets: bool = False
) -> Page:
    """A page of published models. Raises `BadCursor` for a cursor that is not of this list."""
    after = read_cursor(cursor, wish) if cursor else None
    narrowed = Narrowed.of(wish)
    rows = filtered(narrowed)
    total = _capped_count(rows) if count else 0
    if wish.order == "relevance":
        pairs, next_cursor = _by_relevance(rows, narrowed.found or [], wish, limit, after, offset)
    else:
        pairs, next_cursor = _by_key(rows, wish, limit, after, offset)
    choices = facets(narrowed) if with_facets else None
    return Page(_versions(pairs), next_cursor, min(total, COUNT_CAP), total > COUNT_CAP, choices)


def filtered(narrowed: Narrowed, *, without: str = "") -> QuerySet[Listing]:
    """The listing rows that pass every filter, but for the one named ``without`` (for its facet)."""
    rows, wish = Listing.objects.all(), narrowed.wish
    if wish.types and without != "types":
        rows = rows.filter(type__in=wish.types)
    if wish.bases and without != "bases":
        # A model with two of these bases stands once, as the one published last.
        rows = rows.filter(base_id__in=narrowed.bases).exclude(newer__overlap=list(narrowed.bases))
    elif without != "bases":
        rows = rows.filter(lead=True)
    if wish.tags:
        rows = rows.none() if narrowed.tags is None else rows.filter(tags__contains=list(narrowed.tags))
    if wish.creator and without != "creator":
        rows = rows.filter(creator__username__iexact=wish.creator)
    if wish.can_generate and without != "can_generate":
        rows = rows.filter(can_generate=True)
    if wish.commercial and without != "commercial":
        rows = rows.filter(model__allow_commercial_use__overlap=list(wish.commercial))
    if narrowed.found is not None:
        rows = rows.filter(model_id__in=narrowed.found)
    return _rarely_filtered(rows, wish)


def _rarely_filtered(rows: QuerySet[Listing], wish: Wish) -> QuerySet[Listing]:
    flags = {
        "model__allow_derivatives": wish.derivatives,
        "model__allow_no_credit": wish.no_credit,
        "model__allow_different_licence": wish.different_licence,
    }
    rows = rows.filter(**{name: value for name, value in flags.items() if value is not None})
    if wish.formats:
        of_format = File.objects.filter(
            version_id=OuterRef("version_id"), verdict=File.Verdict.ACCEPTED, format__in=wish.formats
        )
        rows = rows.filter(Exists(of_format))
    if wish.ids is not None:
        rows = rows.filter(model_id__in=wish.ids)
    if wish.version_ids is not None:
        rows = rows.filter(model_id__in=Version.objects.filter(id__in=wish.version_ids).values("model_id"))
    if wish.within:
        rows = rows.filter(level__in=[level for level in range(32) if not level & ~wish.within])
    if wish.levels:
        rows = rows.filter(level__in=[level for level in range(32) if level & wish.levels])
    if wish.newer_than:
        rows = rows.filter(published_at__gte=datetime.now(UTC) - timedelta(days=wish.newer_than))
    return rows


def _capped_count(rows: QuerySet[Listing]) -> int:
    return rows.order_by().values("model_id")[: COUNT_CAP + 1].count()


def _by_key(
    rows: QuerySet[Listing], wish: Wish, limit: int, after: list[Any] | None, offset: int
) -> tuple[list[tuple[int, int]], str]:
    column = SORTS[wish.order]
    rising = wish.order == "oldest"
    if after:
        here = _Row(F(column), F("model_id"))
        there = _Row(Value(_from_key(column, after[1])), Value(after[2]))
        rows = rows.filter(GreaterThan(here, there) if rising else LessThan(here, there))
    order = (column, "model_id") if rising else (f"-{column}", "-model_id")
    page = list(rows.order_by(*order).values_list("model_id", "version_id", column)[offset : offset + limit + 1])
    following = ""
    if len(page) > limit and limit:
        last = page[limit - 1]
        following = write_cursor(wish, [wish.order, _to_key(last[2]), last[0]])
    return [(model_id, version_id) for model_id, version_id, _ in page[:limit]], following


def _by_relevance(
    rows: QuerySet[Listing], found: Sequence[int], wish: Wish, limit: int, after: list[Any] | None, offset: int
) -> tuple[list[tuple[int, int]], str]:
    """A computed rank has no key to go on from, so the cursor is a position among the ranked candidates."""
    place = {model_id: position for position, model_id in enumerate(found)}
    pairs = sorted(rows.values_list("model_id", "version_id"), key=lambda pair: place[pair[0]])
    start = int(after[1]) if after else offset
    following = write_cursor(wish, ["relevance", start + limit, 0]) if limit and len(pairs) > start + limit else ""
    return pairs[start : start + limit], following


def _versions(pairs: Sequence[tuple[int, int]]) -> list[Version]:
    ids = [version_id for _, version_id in pairs]
    by_id = Version.objects.select_related("model__owner", "model__stat", "base").in_bulk(ids)
    return [by_id[version_id] for version_id in ids if version_id in by_id]


def _to_key(value: Any) -> int:
    return int(value.timestamp()) * 1_000_000 + value.microsecond if isinstance(value, datetime) else int(value)


def _from_key(column: str, key: int) -> Any:
    if column != "published_at":
        return key
    return datetime.fromtimestamp(key // 1_000_000, UTC).replace(microsecond=key % 1_000_000)


def write_cursor(wish: Wish, key: list[Any]) -> str:
    """base64url of [sort, key, id] with the filters' digest behind it."""
    return base64.urlsafe_b64encode(json.dumps([*key, wish.digest()]).encode()).decode().rstrip("=")


def read_cursor(cursor: str, wish: Wish) -> list[Any]:
    """[sort, key, id] of a cursor. Raises `BadCursor` where it is garbage or comes from other filters."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        sort, key, model_id, digest = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not (type(key) is int and type(model_id) is int and 0 <= key < 2**62 and 0 <= model_id < 2**62):
            raise ValueError
        if sort not in SORTS and not (sort == "relevance" and key <= CANDIDATES + OFFSET_CAP):
            raise ValueError
        if SORTS.get(sort, "published_at") != "published_at" and key >= 2**31:
            raise ValueError
        _from_key(SORTS.get(sort, ""), key)
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise BadCursor("This cursor is not one of ours. Start from the first page.") from error
    if digest != wish.digest() or sort != wish.order:
        raise BadCursor("This cursor belongs to another list. Start from the first page.")
    return [sort, key, model_id]


# Search: words by prefix and whole, then substrings; only where nothing is found, words that look alike.
WORD_WEIGHTS = [0.1, 0.2, 0.6, 1.0]  # of D, C, B, A
ALIKE = 0.45  # share of a word's trigrams: one typing error in a word of five letters


def candidates(query: str) -> list[int]:
    """Ids of published models that ``query`` finds, best first, at most `CANDIDATES`.

    A pasted hash of 8, 10, 12 or 64 hex finds its file's model; otherwise name, trigger words, tags, creator, file
    names and description are searched.
    """
    if by_hash := list(dict.fromkeys(match.model_id for match in hash_matches(query.strip()))):
        return by_hash
    words = words_of(query)[:12]
    if not words:
        return []
    plain = folded(query).strip()
    asked = SearchQuery(" & ".join(f"{word}:*" for word in words), search_type="raw", config="simple")
    condition = Q(doc=asked)
    if len(plain) >= 3:
        condition |= Q(plain__contains=plain)  # part of a word, served by the trigram index
    popular = Ln(Cast(Coalesce(F("model__stat__downloads"), 0) + 3, IntegerField()))
    exact = Coalesce(SearchRank(F("doc"), asked, weights=WORD_WEIGHTS), 0.0)
    ranked = Text.objects.filter(condition).annotate(rank=(exact + 0.01) * popular).order_by("-rank", "-model_id")
    found = list(ranked.values_list("model_id", flat=True)[:CANDIDATES])
    return found or _alike(words)


def _alike(words: list[str]) -> list[int]:
    asked = " ".join(words)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL pg_trgm.word_similarity_threshold = %s", [ALIKE])
        texts = Text.objects.filter(plain__trigram_word_similar=asked)
        near = texts.annotate(near=TrigramWordSimilarity(asked, "plain")).order_by("-near", "-model_id")
        return list(near.values_list("model_id", flat=True)[:50])


def facets(narrowed: Narrowed) -> Facets:
    """The choices of each filter with their counts; each count ignores its own filter and obeys the others."""
    wish, out = narrowed.wish, Facets()
    labels = dict(Model.Type.choices)
    out.types = _counted(filtered(narrowed, without="types"), "type", wish.types, labels)
    out.bases = _counted(filtered(narrowed, without="bases"), "base__name", wish.bases, {})
    chosen = (wish.creator,) if wish.creator else ()
    out.creators = _counted(filtered(narrowed, without="creator"), "creator__username", chosen, {})
    out.tags = _tag_facet(filtered(narrowed), wish)
    out.can_generate = filtered(narrowed, without="can_generate").filter(can_generate=True).count()
    saleable = filtered(narrowed, without="commercial")
    out.commercial = saleable.filter(model__allow_commercial_use__contains=["Image"]).count()
    return out


def _counted(
    rows: QuerySet[Listing], column: str, chosen: Iterable[str], labels: dict[str, Any], *, most: int = 12
) -> list[Facet]:
    counted = rows.order_by().values_list(column).annotate(n=Count("model_id")).order_by("-n", column)[:most]
    on = {value.lower(): value for value in chosen}
    shown = [Facet(value, str(labels.get(value, value)), n, value.lower() in on) for value, n in counted]
    for value in {f.value.lower() for f in shown} & set(on):
        del on[value]
    return shown + [Facet(value, str(labels.get(value, value)), 0, True) for value in on.values()]


def _tag_facet(rows: QuerySet[Listing], wish: Wish) -> list[Facet]:
    each = rows.order_by().annotate(tag=Func(F("tags"), function="unnest", output_field=IntegerField()))
    counted = dict(each.values_list("tag").annotate(n=Count("model_id")).order_by("-n", "tag")[:12])
    names = Tag.objects.filter(id__in=counted).values_list("id", "name")
    on = {tag_name(tag) for tag in wish.tags}
    shown = sorted(
        (Facet(name, name, counted[id], name in on) for id, name in names), key=lambda f: (-f.count, f.value)
    )
    return shown + [Facet(name, name, 0, True) for name in on - {f.value for f in shown}]


def without_filters(wish: Wish) -> Wish:
    """The same words searched with no filter."""
    return replace(Wish(), query=wish.query)
