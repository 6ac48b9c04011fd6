"""What a list is asked for, and the rows that pass: every filter stated once, in a form that has statistics.

Two routes, chosen here and not by the planner, who believes that matches are spread evenly over every order and that
filters are independent: *set first* (what a rare filter leaves, then sorted), *order first* (along the sort's index).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Count, F, Func, Q, QuerySet, Sum, Value
from django.db.models.functions import Lower

from hub.accounts.models import User
from hub.catalog import terms
from hub.catalog.models import Base, Cell, Listing, Tag, TermCount, Version
from hub.catalog.words import tag_name

SORTS = {"newest": "published_at", "oldest": "published_at", "downloads": "downloads", "likes": "likes",
         "pictures": "pictures", "comments": "comments", "collected": "collected"}  # fmt: skip
# A set of so many rows is read and sorted faster than an order is walked until a page of it is found.
SMALL_SET, SMALL_GUESS = 20_000, 3_000
BROAD = 0.2  # share of all rows from which on a term's own column is tested, not the index of terms


@dataclass(frozen=True)
class Wish:
    """What a list is asked for. Bases by name, tags and trigger words as people type them, creator by name in any case.

    ``commercial``: uses of which one must be allowed, ``allowing`` those that all must be. ``levels`` is a mask
    of content levels that a model must share one of, ``within`` one that holds all of its levels (0: all),
    ``newer_than`` a number of days.
    """

    query: str = ""
    types: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    creator: str = ""
    can_generate: bool = False
    commercial: tuple[str, ...] = ()
    allowing: tuple[str, ...] = ()
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
        if self.sort == "meaning" and self.query.strip() and settings.MEANING_SEARCH:
            return "meaning"
        return "relevance" if self.query.strip() else "newest"

    def digest(self) -> str:
        """8 hex over the filters: a cursor from other filters is refused."""
        return hashlib.sha256(json.dumps(asdict(self) | {"sort": self.order}).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Narrowed:
    """A wish with its names looked up once, and how many rows each of its filters leaves.

    ``tags`` is None where one of them does not exist, ``creator`` 0 where nobody is called so: nothing has it.
    """

    wish: Wish
    bases: tuple[int, ...] = ()
    tags: tuple[int, ...] | None = ()
    creator: int | None = None
    counts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, wish: Wish) -> Narrowed:
        bases = tuple(Base.objects.filter(name__in=wish.bases).values_list("id", flat=True)) if wish.bases else ()
        tags: tuple[int, ...] | None = ()
        if wish.tags:
            names = {tag_name(tag) for tag in wish.tags}
            tags = tuple(Tag.objects.filter(name__in=names).values_list("id", flat=True))
            tags = tags if len(tags) == len(names) else None
        creator = None
        if wish.creator:  # by the index of lower case; `iexact` would read everybody
            people = User.objects.alias(called=Lower("username")).filter(called=wish.creator.lower())
            creator = people.values_list("id", flat=True).first() or 0
        asked = cls(wish, bases, tags, creator)._terms()
        rows = TermCount.objects.filter(term__in=[terms.ALL, *asked]).values_list("term", "n")
        # A search alone reads no more than it finds, unless it is found along an order.
        counts = {} if wish.query.strip() and not asked and wish.order not in SORTS else dict(rows)
        return cls(wish, bases, tags, creator, counts)

    def _terms(self) -> list[int]:
        found = [terms.named(terms.TYPE, type) for type in self.wish.types]
        found += [terms.term(terms.BASE, base) for base in self.bases]
        found += [terms.term(terms.TAG, tag) for tag in self.tags or ()]
        found += [terms.named(terms.FORMAT, format) for format in self.wish.formats]
        found += [terms.triggered(word) for word in self.wish.triggers]
        if self.creator and self.creator < 1 << 24:
            found.append(terms.term(terms.CREATOR, self.creator))
        if self.wish.newer_than:
            found.append(terms.term(terms.PERIOD, self.wish.newer_than))
        return found

    @property
    def total(self) -> int:
        """Rows in all, as counted last; 0 where nothing was counted yet, as in a hub that is still small."""
        return self.counts.get(terms.ALL, 0)

    def count(self, *asked: int) -> int:
        return sum(self.counts.get(term, 0) for term in asked)

    def sizes(self, *, without: frozenset[str] = frozenset()) -> list[int]:
        """How many rows each filter leaves by itself, as counted last."""
        wish, sizes = self.wish, []
        if wish.types and "types" not in without:
            sizes.append(self.count(*(terms.named(terms.TYPE, type) for type in wish.types)))
        if wish.bases and "bases" not in without:
            sizes.append(self.count(*(terms.term(terms.BASE, base) for base in self.bases)))
        if wish.formats and "formats" not in without:
            sizes.append(self.count(*(terms.named(terms.FORMAT, format) for format in wish.formats)))
        sizes += [self.count(terms.term(terms.TAG, tag)) for tag in self.tags or ()]
        sizes += [self.count(terms.triggered(word)) for word in wish.triggers]  # one that was not counted is rare
        if self.creator is not None and "creator" not in without:
            sizes.append(self.count(terms.term(terms.CREATOR, self.creator)))
        if wish.newer_than in terms.PERIODS.values():
            sizes.append(self.count(terms.term(terms.PERIOD, wish.newer_than)))
        if wish.ids is not None or wish.version_ids is not None or self.tags is None:
            sizes.append(0)
        return sizes

    def small(self, *, without: frozenset[str] = frozenset(), most: int = 0) -> bool:
        """Whether its filters leave few enough rows (``most``; 0: `SMALL_SET`) to read them all."""
        most = most or SMALL_SET
        sizes = self.sizes(without=without)
        if self.total <= most:
            return True
        if sizes and (min(sizes) < most or self.total * self._share(sizes) < SMALL_GUESS):
            return True
        return not without and self.together < most

    def _share(self, sizes: Iterable[int]) -> float:
        return math.prod(size / self.total for size in sizes)

    @property
    def share(self) -> float:
        """The part of all rows that its filters may leave: what cells know, or if they know nothing of each other."""
        return min(self.by_themselves, self.together / self.total) if self.total else 1.0

    @property
    def by_themselves(self) -> float:
        """The part of all rows that its filters leave if they know nothing of each other."""
        return self._share(self.sizes())

    @cached_property
    def together(self) -> int:
        """How many rows type, base, levels, what can be tried and one tag or format leave together, as the cells know
        it: filters that are each broad and hardly ever meet would be walked for to the end. All of them where at most
        one is on."""
        wish = self.wish
        broad = [terms.term(terms.TAG, tag) for tag in self.tags or ()]
        broad += [terms.named(terms.FORMAT, format) for format in wish.formats if len(wish.formats) == 1]
        broad.sort(key=self.count)
        if bool(wish.types) + bool(wish.bases) + wish.can_generate + bool(broad) < 2:
            return self.total
        passing = Q(base_id__in=self.bases) if wish.bases else Q(lead=True)
        if wish.types:
            passing &= Q(type__in=wish.types)
        if wish.can_generate:
            passing &= Q(can_generate=True)
        if wish.within:
            passing &= Q(level__in=[level for level in range(32) if not level & ~wish.within])
        # In one question: whether there is any cell would be found by walking the table until one comes.
        cells = Cell.objects.filter(term=broad[0] if broad else terms.ALL)
        found = cells.aggregate(cells=Count("*"), n=Sum("n", filter=passing))
        if broad and not found["cells"]:  # too rare to have cells of its own
            return self.total
        return int(found["n"] or 0)

    @property
    def tight(self) -> bool:
        """Whether only together its filters leave few rows."""
        return self.total > SMALL_SET and self.together < SMALL_SET


class Each(Func):
    """The rows of an array of ids. As a list of constants three thousand of them are planned for 13 ms, each held
    against what the column has most, and looked up along whichever index seems to answer."""

    template = "(SELECT unnest(%(expressions)s::bigint[]))"

    @classmethod
    def of(cls, ids: Iterable[int]) -> Each:
        return cls(Value(written(ids)), output_field=BigIntegerField())


def written(ids: Iterable[int]) -> str:
    """An array as the server reads it fastest: one constant."""
    return "{" + ",".join(map(str, ids)) + "}"


class Untouched(Func):
    """A column that no index answers, so that the set is read by its rare filter and not along the column's order."""

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        inner, params = compiler.compile(self.source_expressions[0])
        empty = {"ArrayField": "'{}'::int[]", "DateTimeField": "interval '0'"}
        nothing = empty.get(self.output_field.get_internal_type(), "0")
        operator = "||" if isinstance(self.output_field, ArrayField) else "+"
        return f"({inner} {operator} {nothing})", list(params)


def filtered(
    narrowed: Narrowed,
    *,
    found: Sequence[int] | None = None,
    without: frozenset[str] = frozenset(),
    set_first: bool | None = None,
) -> QuerySet[Listing]:
    """The listing rows that pass every filter, but for those named in ``without`` (types, bases, formats).

    found: only these models. Each filter is stated once, in a form that has statistics: a
    condition that stands twice is believed to be twice as rare.
    """
    rows, wish = Listing.objects.all(), narrowed.wish
    if found is not None:
        rows = rows.filter(model_id__in=Each.of(found))
    set_first = set_first if set_first is not None else found is None and narrowed.small(without=without)
    indexed: list[int] = []

    tight = set_first and not without and narrowed.tight
    any_of: list[list[int]] = []

    def rare(*terms: int) -> bool:
        return tight or (set_first and narrowed.count(*terms) < BROAD * narrowed.total)

    if wish.types and "types" not in without:
        kinds = [terms.named(terms.TYPE, type) for type in wish.types]
        if narrowed.total and rare(*kinds):
            any_of.append(kinds)
        else:
            rows = rows.filter(type__in=wish.types)
    if wish.bases and "bases" not in without:
        on = [terms.term(terms.BASE, base) for base in narrowed.bases]
        if len(on) > 1:  # a model with two of them stands once, as the one published last
            rows = rows.exclude(newer__overlap=list(narrowed.bases))
        if narrowed.total and rare(*on) and (tight or not dated(wish)):
            any_of.append(on)
        elif found is not None:  # a few rows of each model are looked at: with the base, each is looked up apart
            rows = rows.alias(on=untouched("base_id")).filter(on__in=narrowed.bases)
        else:
            rows = rows.filter(base_id__in=narrowed.bases) if len(on) != 1 else rows.filter(base_id=narrowed.bases[0])
    elif "bases" not in without:
        rows = rows.filter(lead=True)
    if wish.tags:
        rows = rows.none() if narrowed.tags is None else rows
        indexed += [terms.term(terms.TAG, tag) for tag in narrowed.tags or ()]
    if wish.formats and "formats" not in without:
        asked = [terms.named(terms.FORMAT, format) for format in wish.formats]
        if narrowed.total and rare(*asked):
            any_of.append(asked)
        else:
            rows = rows.alias(has=untouched("terms")).filter(has__overlap=asked)
    indexed += [terms.triggered(word) for word in wish.triggers]
    if tight and wish.can_generate:
        indexed.append(terms.may("try"))
    if narrowed.creator is not None:
        rows = rows.filter(creator_id=narrowed.creator)
    indexed += [alone for (alone,) in (each for each in any_of if len(each) == 1)]
    if indexed:
        rows = rows.filter(terms__contains=indexed)
    for each in any_of:
        if len(each) > 1:
            rows = rows.filter(terms__overlap=each)
    return _rarely_filtered(rows, wish, but_try=tight)


def dated(wish: Wish) -> bool:
    """Whether it is the newest or oldest of one base, or of one creator, which has an index of its own."""
    return (
        wish.order in {"newest", "oldest"}
        and (len(wish.bases) == 1 or bool(wish.creator))
        and not (wish.tags or wish.triggers)
    )


def untouched(column: str) -> Untouched:
    return Untouched(F(column), output_field=Listing._meta.get_field(column))  # type: ignore[arg-type]


def _rarely_filtered(rows: QuerySet[Listing], wish: Wish, *, but_try: bool) -> QuerySet[Listing]:
    flags = {
        "can_generate": (wish.can_generate and not but_try) or None,
        "derivatives": wish.derivatives,
        "no_credit": wish.no_credit,
        "relicense": wish.different_licence,
    }
    rows = rows.filter(**{name: value for name, value in flags.items() if value is not None})
    if wish.commercial:
        asked = terms.uses_mask(wish.commercial)
        rows = rows.filter(uses__in=[mask for mask in range(16) if mask & asked])
    if wish.allowing:
        asked = terms.uses_mask(wish.allowing)
        rows = rows.filter(uses__in=[mask for mask in range(16) if mask & asked == asked])
    if wish.ids is not None:
        rows = rows.filter(model_id__in=wish.ids)
    if wish.version_ids is not None:
        versions = Version.objects.filter(id__in=wish.version_ids)
        rows = rows.filter(model_id__in=list(versions.values_list("model_id", flat=True)))
    if wish.within:
        rows = rows.filter(level__in=[level for level in range(32) if not level & ~wish.within])
    if wish.levels:
        rows = rows.filter(level__in=[level for level in range(32) if level & wish.levels])
    if wish.newer_than:
        rows = rows.filter(published_at__gte=datetime.now(UTC) - timedelta(days=wish.newer_than))
    return rows


def without_filters(wish: Wish) -> Wish:
    """The same words searched with no filter."""
    return replace(Wish(), query=wish.query, within=wish.within)
