"""Pages of models: in an order along keyset cursors, or by relevance; all answered from the narrow tables."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.db.models import F, Func, QuerySet, TextField, Value
from django.db.models.lookups import GreaterThan, LessThan

from hub.catalog import facets, meanings
from hub.catalog.facets import Facets
from hub.catalog.models import Listing, Version
from hub.catalog.search import CANDIDATES, Search
from hub.catalog.wishes import SORTS, Narrowed, Wish, dated, filtered, untouched
from hub.errors import Refused

OFFSET_CAP = 1000
PLACES = ("relevance", "meaning")  # orders without a key: their cursors are places
SMALL_FILTER = 5000  # rows of a filter that are read before the texts of a frequent word


class BadCursor(Refused):
    code, status = "bad-cursor", HTTPStatus.BAD_REQUEST


@dataclass(frozen=True)
class Page:
    """One page of a list: the versions to show, newest matching of each model, and where to go on."""

    versions: list[Version]
    next_cursor: str = ""
    total: int = 0
    capped: bool = False
    facets: Facets | None = None
    as_asked: bool = True  # False: no worker read the meaning of the query, so its words were looked for


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
    pairs, following = _by_key(filtered(narrowed), narrowed, limit, after, offset)
    choices = facets.facets(narrowed) if with_facets else None
    total, capped = facets.total(narrowed, choices) if count else (0, False)
    return Page(_versions(pairs), following, total, capped, choices)


def _searched(
    narrowed: Narrowed, limit: int, after: list[Any] | None, offset: int, count: bool, with_facets: bool
) -> Page:
    wish, search = narrowed.wish, Search.of(narrowed.wish.query)
    start = int(after[1]) if after and wish.order not in SORTS else offset
    pairs: list[tuple[int, int]] = []
    found: list[int] = []
    complete = False
    sizes = narrowed.sizes()
    vector = meanings.vector_of(wish.query) if wish.order == "meaning" else ""
    if vector:
        tiers = iter([(meanings.nearest("models", vector, search.loosely), True)])
    elif sizes and search.known and min(sizes) < min(SMALL_FILTER, search.most):
        tiers = search.among(list(filtered(narrowed).values_list("model_id", flat=True)[: 2 * SMALL_FILTER]))
    else:
        tiers = search.tiers()
    if wish.order in SORTS and search.known and search.most >= CANDIDATES:
        return _sorted_found(narrowed, search, limit, after, offset, count, with_facets)
    for tier, last in tiers:
        complete = last
        found += tier
        by_model = dict(filtered(narrowed, found=tier).values_list("model_id", "version_id")) if tier else {}
        pairs += [(model_id, by_model[model_id]) for model_id in tier if model_id in by_model]
        if len(pairs) > start + limit:
            break
    choices = facets.facets(narrowed, found=found[:CANDIDATES]) if with_facets else None
    if wish.order not in SORTS:
        shown = pairs[start : start + limit]
        # A computed rank has no key to go on from, so the cursor is a position among the ranked candidates.
        go_on = limit and len(pairs) > start + limit and start + limit <= CANDIDATES
        following = write_cursor(wish, [wish.order, start + limit, 0]) if go_on else ""
    else:
        shown, following = _by_key(filtered(narrowed, found=found), narrowed, limit, after, offset)
    as_asked = bool(vector) or wish.order != "meaning"
    return Page(_versions(shown), following, len(pairs) if count else 0, not complete, choices, as_asked)


def _sorted_found(
    narrowed: Narrowed, search: Search, limit: int, after: list[Any] | None, offset: int, count: bool, with_facets: bool
) -> Page:
    """What a search for frequent words finds in another order than by relevance, of at most `UNRANKED` texts.

    Tiers nest by downloads, so in that order the first that fills the page has it.
    """
    for tier in (1, 2, 3) if narrowed.wish.order == "downloads" else (3,):
        # Ids, not a query within the query: the planner would rather read all texts than trust its limit.
        found = list(search.texts(tier).values_list("model_id", flat=True))
        shown, following = _by_key(filtered(narrowed, found=found), narrowed, limit, after, offset)
        if following:
            break
    choices = facets.facets(narrowed, found=found[:CANDIDATES]) if with_facets else None
    total = min(filtered(narrowed, found=found[:CANDIDATES]).count(), facets.COUNT_CAP) if count else 0
    return Page(_versions(shown), following, total, len(found) > CANDIDATES, choices)


def _by_key(
    rows: QuerySet[Listing], narrowed: Narrowed, limit: int, after: list[Any] | None, offset: int
) -> tuple[list[tuple[int, int]], str]:
    wish = narrowed.wish
    order = wish.order if wish.order in SORTS else "newest"
    walked = not narrowed.tight and (dated(wish) or not (wish.query.strip() or narrowed.small()))
    if walked and len(narrowed.bases) > 1 and order in {"newest", "oldest"}:
        # One walk along each base's own index, merged.
        single = [rows.filter(base_id=base) for base in narrowed.bases]
        found = [row for each in single for row in _in_order(each, order, walked, after)[: offset + limit + 1]]
        found.sort(key=lambda row: (row[2], row[0]), reverse=order != "oldest")
        page = found[offset : offset + limit + 1]
    else:
        page = list(_in_order(rows, order, walked, after)[offset : offset + limit + 1])
    following = ""
    if len(page) > limit and limit:
        last = page[limit - 1]
        following = write_cursor(wish, [wish.order, _to_key(last[2]), last[0]])
    return [(model_id, version_id) for model_id, version_id, _ in page[:limit]], following


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
