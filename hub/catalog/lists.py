"""Pages of models: in an order along keyset cursors, or by relevance; all answered from the narrow tables."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any

from django.db.models import Count, F, Func, QuerySet, TextField, Value, Window
from django.db.models.lookups import GreaterThan, LessThan

from hub.catalog import facets, meanings
from hub.catalog.facets import Facets
from hub.catalog.models import Listing, Version
from hub.catalog.search import CANDIDATES, TIER_SHARES, TIERS, UNRANKED, Search
from hub.catalog.wishes import SMALL_SET, SORTS, Narrowed, Wish, dated, filtered, untouched
from hub.errors import Refused

OFFSET_CAP = 1000
PLACES = ("relevance", "meaning")  # orders without a key: their cursors are places
SMALL_FILTER = 5000  # rows of a filter that are read before the texts of a frequent word
WALKED, READ = 4000, 15_000  # rows whose texts are looked at for a frequent word, and rows that are read to have these
Found = tuple[int, int, Any]  # model, version, key of the order


class BadCursor(Refused):
    code, status = "bad-cursor", HTTPStatus.BAD_REQUEST


@dataclass(frozen=True, slots=True)
class Shown:
    """What a card shows of a version, read as one narrow row: thirty whole ones with all that they belong to take as
    long as finding them."""

    pk: int
    model_id: int
    index: int
    weight: float
    cover_sha256: str
    slug: str
    name: str
    type: str
    creator: str
    base: str
    level: int
    downloads: int

    @classmethod
    def of(cls, version: Version) -> Shown:
        model = version.model
        names = (model.slug, model.name, model.type, model.owner.username, version.base.name)
        row = (version.pk, model.pk, version.index, version.weight, version.cover_sha256)
        stat = getattr(model, "stat", None)
        return cls(*row, *names, model.level, stat.downloads if stat else 0)


SHOWN = ("id", "model_id", "index", "weight", "cover_sha256", "model__slug", "model__name", "model__type",
         "model__owner__username", "base__name", "model__level", "model__stat__downloads")  # fmt: skip


@dataclass(frozen=True)
class Page:
    """One page of a list: what to show, as (model, newest matching version), and where to go on."""

    pairs: Sequence[tuple[int, int]] = ()
    next_cursor: str = ""
    total: int = 0
    capped: bool = False
    facets: Facets | None = None
    as_asked: bool = True  # False: no worker read the meaning of the query, so its words were looked for
    being_read: bool = False  # some meanings are not read yet, so what has the words came first

    @cached_property
    def shown(self) -> list[Shown]:
        """What cards show of each."""
        ids = [version_id for _, version_id in self.pairs]
        rows = Version.objects.filter(id__in=ids).values_list(*SHOWN) if ids else ()
        by_id = {row[0]: Shown(*row[:-1], row[-1] or 0) for row in rows}  # type: ignore[call-arg]
        return [by_id[version_id] for version_id in ids if version_id in by_id]

    @cached_property
    def versions(self) -> list[Version]:
        """Whole rows with model, owner, totals and base, read when they are asked for: most faces show less."""
        ids = [version_id for _, version_id in self.pairs]
        by_id = Version.objects.select_related("model__owner", "model__stat", "base").in_bulk(ids)
        return [by_id[version_id] for version_id in ids if version_id in by_id]


class Row(Func):
    """A row value: `(a, b) < (x, y)` is one index condition, where an OR would re-read all earlier pages."""

    function = "ROW"
    output_field = TextField()


def model_list(
    wish: Wish, *, limit: int = 30, cursor: str = "", offset: int = 0, count: bool = True, with_facets: bool = False
) -> Page:
    """A page of published models. Raises `BadCursor` for a cursor that is not of this list."""
    after = read_cursor(cursor, wish) if cursor else None
    narrowed = Narrowed.of(wish)
    if wish.query.strip():
        return _searched(narrowed, limit, after, offset, count, with_facets)
    most = offset + limit + 1
    choices = facets.facets(narrowed, first=0 if after else most) if with_facets else None
    known = choices.total if choices else None
    if choices and choices.first is not None:
        rows: Sequence[Found] = choices.first
    elif not limit:  # only counted
        rows = ()
    elif count and known is None and not after and narrowed.small() and not _is_walked(narrowed):
        rows, known = _read_whole(narrowed, most)
    else:
        rows = _by_key(filtered(narrowed), narrowed, most, after)
    pairs, following = _cut(rows[offset:], wish, limit)
    if not count:
        return Page(pairs, following, facets=choices)
    total, capped = (known, False) if known is not None else facets.total(narrowed)
    return Page(pairs, following, total, capped, choices)


def _read_whole(narrowed: Narrowed, most: int) -> tuple[list[Found], int | None]:
    """The first rows of a list that is read to its end to be sorted, and how many it has: counting by itself would read
    it again. None where there is no row to say it."""
    rows = _in_order(filtered(narrowed), narrowed.wish.order, False, None).annotate(n=Window(Count("*")))
    found = list(rows[:most])
    return [row[:3] for row in found], found[0][3] if found else None


def _searched(
    narrowed: Narrowed, limit: int, after: list[Any] | None, offset: int, count: bool, with_facets: bool
) -> Page:
    wish, search = narrowed.wish, Search.of(narrowed.wish.query)
    if wish.order in SORTS and search.known and search.most >= CANDIDATES:
        return _sorted_found(narrowed, search, limit, after, offset, count, with_facets)
    start = int(after[1]) if after and wish.order not in SORTS else offset
    pairs: list[tuple[int, int]] = []
    found: list[int] = []
    complete = False
    vector = meanings.vector_of(wish.query) if wish.order == "meaning" else ""
    being_read = bool(vector) and meanings.being_read("models")
    if vector:
        near = meanings.nearest("models", vector, search.loosely)
        tiers = _then(search.tiers(), near) if being_read else iter([(near, True)])
    elif search.known and _fewer(narrowed, search):
        tiers = search.among(_passing(narrowed))
    else:
        tiers = search.tiers()
    choices: Facets | None = None
    for tier, last in tiers:
        complete = last
        if with_facets and tier and not found and (last or _fills(narrowed, tier, start + limit)):
            # Their rows are read to be counted: what passes is told with it.
            choices = facets.facets(narrowed, found=tier, first=len(tier), most=CANDIDATES)
            by_model = {model_id: version_id for model_id, version_id, _key in choices.first or ()}
        else:
            choices = choices if not tier else None
            by_model = dict(filtered(narrowed, found=tier).values_list("model_id", "version_id")) if tier else {}
        found += tier
        pairs += [(model_id, by_model[model_id]) for model_id in tier if model_id in by_model]
        if len(pairs) > start + limit:
            break
    in_order = wish.order in SORTS and len(found) <= CANDIDATES and not after
    if with_facets and choices is None:
        first = offset + limit + 1 if in_order else 0
        choices = facets.facets(narrowed, found=found[:CANDIDATES], first=first)
    if wish.order not in SORTS:
        shown = pairs[start : start + limit]
        # A computed rank has no key to go on from, so the cursor is a position among the ranked candidates.
        go_on = limit and len(pairs) > start + limit and start + limit <= CANDIDATES
        following = write_cursor(wish, [wish.order, start + limit, 0]) if go_on else ""
    else:
        told = choices.first if choices and not after else None
        most = offset + limit + 1
        rows = told[:most] if told is not None else list(_of_found(narrowed, found, after)[:most])
        shown, following = _cut(rows[offset:], wish, limit)
    as_asked = bool(vector) or wish.order != "meaning"
    return Page(shown, following, len(pairs) if count else 0, not complete, choices, as_asked, being_read)


def _then(tiers: Iterator[tuple[list[int], bool]], more: Sequence[int]) -> Iterator[tuple[list[int], bool]]:
    """The tiers of a search, and one of those of ``more`` that are in none."""
    seen: set[int] = set()
    for tier, _last in tiers:
        seen.update(tier)
        yield tier, False
    yield [found for found in more if found not in seen], True


def _fills(narrowed: Narrowed, tier: Sequence[int], most: int) -> bool:
    """Whether these models are likely to fill a page with what passes, so that no others will be looked for."""
    share = narrowed.by_themselves if narrowed.total else 1.0
    return len(tier) * share > 2 * most


def _fewer(narrowed: Narrowed, search: Search) -> bool:
    """Whether a filter leaves so few rows that they are read before the texts."""
    sizes = narrowed.sizes()
    return bool(sizes) and min(sizes) < min(SMALL_FILTER, search.most)


def _passing(narrowed: Narrowed) -> list[int]:
    return list(filtered(narrowed).values_list("model_id", flat=True)[: 2 * SMALL_FILTER])


def _sorted_found(
    narrowed: Narrowed, search: Search, limit: int, after: list[Any] | None, offset: int, count: bool, with_facets: bool
) -> Page:
    """What a search for frequent words finds in another order than by relevance.

    All of it where a filter leaves few rows, or where the list is walked until the word was met often enough; else of
    at most `UNRANKED` texts. Choices are counted among `CANDIDATES` texts.
    """
    most = offset + limit + 1
    whole: list[int] | None = None
    choices: Facets | None = None
    hits: list[int] = []
    if _fewer(narrowed, search):
        whole = search.having(_passing(narrowed))
        rows: Sequence[Found] = list(_of_found(narrowed, whole, after)[:most])
    elif (walked := _walked(narrowed, search, most, after)) is not None:
        rows = walked
    else:
        rows, hits, choices = _of_hits(narrowed, search, most, after, with_facets)
    shown, following = _cut(rows[offset:], narrowed.wish, limit)
    if not hits and (with_facets or (count and whole is None)):
        hits = search.hits(CANDIDATES + 1)
    if with_facets and choices is None:
        choices = facets.facets(narrowed, found=hits[:CANDIDATES])
    if not count:
        return Page(shown, following, facets=choices)
    if whole is not None:
        return Page(shown, following, len(whole), facets=choices)
    if choices is None or (total := choices.total) is None:
        total = filtered(narrowed, found=hits[:CANDIDATES]).count()
    return Page(shown, following, max(total, len(shown)), len(hits) > CANDIDATES, choices)


def _walked(narrowed: Narrowed, search: Search, most: int, after: list[Any] | None) -> list[Found] | None:
    """The first rows of the list that have a frequent word, whose texts are looked at along the list's own order; None
    where it may be met too seldom. Two words that never meet would be looked for to the end."""
    order = narrowed.wish.order
    often = search.most / narrowed.total if len(search.groups) == 1 and narrowed.total > SMALL_SET else 0.0
    step = most + int(1.5 * most / often) if often else WALKED + 1
    if step > WALKED or (step > READ * narrowed.share and not narrowed.small(most=READ)):
        return None
    listed = replace(narrowed, wish=replace(narrowed.wish, query=""))
    found: list[Found] = []
    for tried in (step, 3 * step)[: 1 + (4 * step <= WALKED)]:
        rows = _by_key(filtered(listed), listed, tried, after)
        having = set(search.having(row[0] for row in rows))
        found += [row for row in rows if row[0] in having]
        if len(found) >= most or len(rows) < tried:
            return found[:most]
        after = [order, _to_key(rows[-1][2]), rows[-1][0]]
    return None


def _of_hits(
    narrowed: Narrowed, search: Search, most: int, after: list[Any] | None, with_facets: bool
) -> tuple[Sequence[Found], list[int], Facets | None]:
    """The first rows of `UNRANKED` texts, these, and the choices among `CANDIDATES` of them where their rows were read
    at once. Tiers nest by downloads, so in that order the first that fills a page has it; one that will not is left
    out."""
    expected = narrowed.share * search.most
    better = [tier for tier, share in TIER_SHARES.items() if share * expected >= most]
    rows: Sequence[Found] = []
    hits: list[int] = []
    choices: Facets | None = None
    for tier in (*(better if narrowed.wish.order == "downloads" else ()), TIERS[-1]):
        # Ids, not a query within the query: the planner would rather read all texts than trust its limit.
        hits = search.hits(UNRANKED, tier)
        if with_facets and not after:
            choices = facets.facets(narrowed, found=hits, first=most, most=CANDIDATES)
        told = choices.first if choices else None
        rows = told if told is not None else list(_of_found(narrowed, hits, after)[:most])
        if len(rows) == most:
            break
    return rows, hits, choices


def _of_found(narrowed: Narrowed, found: Sequence[int], after: list[Any] | None) -> QuerySet[Any, Any]:
    return _in_order(filtered(narrowed, found=found), narrowed.wish.order, False, after)


def _by_key(rows: QuerySet[Listing], narrowed: Narrowed, most: int, after: list[Any] | None) -> list[Found]:
    """So many of ``rows`` in the order of the wish, from behind ``after`` on."""
    wish, walked = narrowed.wish, _is_walked(narrowed)
    if walked and len(narrowed.bases) > 1 and wish.order in {"newest", "oldest"}:
        # One walk along each base's own index, merged.
        single = [rows.filter(base_id=base) for base in narrowed.bases]
        found = [row for each in single for row in _in_order(each, wish.order, walked, after)[:most]]
        return sorted(found, key=lambda row: (row[2], row[0]), reverse=wish.order != "oldest")[:most]
    return list(_in_order(rows, wish.order, walked, after)[:most])


def _is_walked(narrowed: Narrowed) -> bool:
    """Whether a list is read along the index of its order, not its set sorted."""
    return not narrowed.tight and (dated(narrowed.wish) or not narrowed.small())


def _cut(rows: Sequence[Found], wish: Wish, limit: int) -> tuple[list[tuple[int, int]], str]:
    """The rows of a page, and the cursor of the next where there are more."""
    following = ""
    if len(rows) > limit and limit:
        last = rows[limit - 1]
        following = write_cursor(wish, [wish.order, _to_key(last[2]), last[0]])
    return [(model_id, version_id) for model_id, version_id, _ in rows[:limit]], following


def _in_order(rows: QuerySet[Listing], order: str, walked: bool, after: list[Any] | None) -> QuerySet[Any, Any]:
    """(model, version, key) of ``rows`` in order, from behind ``after`` on."""
    column, rising = SORTS[order], order == "oldest"
    if not walked:
        rows = rows.annotate(key=untouched(column))
        column = "key"
    if after:
        here = Row(F(column), F("model_id"))
        there = Row(Value(_from_key(SORTS[order], after[1])), Value(after[2]))
        rows = rows.filter(GreaterThan(here, there) if rising else LessThan(here, there))
    by = (column, "model_id") if rising else (f"-{column}", "-model_id")
    return rows.order_by(*by).values_list("model_id", "version_id", column)


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
        if sort not in SORTS and not (sort in PLACES and key <= CANDIDATES + OFFSET_CAP):
            raise ValueError
        if SORTS.get(sort, "published_at") != "published_at" and key >= 2**31:
            raise ValueError
        _from_key(SORTS.get(sort, ""), key)
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise BadCursor("This cursor is not one of ours. Start from the first page.") from error
    if digest != wish.digest() or sort != wish.order:
        raise BadCursor("This cursor belongs to another list. Start from the first page.")
    return [sort, key, model_id]
