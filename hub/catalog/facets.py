"""How many models each choice of a filter has beside the other filters.

A small set is counted in one statement, exactly. A broad list is answered from what `hub.catalog.counts` counted ahead:
cells for types, bases and totals, tops for the rest. What neither knows has choices without numbers.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from hub.accounts.levels import ALL as ALL_LEVELS
from hub.accounts.models import User
from hub.catalog import terms
from hub.catalog.models import Base, Model, Tag, Top
from hub.catalog.terms import BASE, CREATOR, FORMAT, MAY, PERIOD, TAG, TYPE, named, term
from hub.catalog.wishes import SORTS, Narrowed, filtered, written
from hub.catalog.words import folded, tag_name

COUNT_CAP = 1000  # shown as "1,000+" where no count was made ahead
FACET_SET = 4_000  # rows that are counted when somebody asks: each has a dozen terms
SHOWN, KEPT = 10, 60  # choices of a facet, and tags and creators that a count keeps
FORMATS = ("SafeTensor", "PickleTensor", "GGUF", "Diffusers", "Core ML", "ONNX", "Other")
LICENCES = {
    "Image": _("Pictures may be sold"),
    "Sell": _("The file may be sold"),
    "Rent": _("Services may offer it"),
    "derivatives": _("Merges may be shared"),
    "relicense": _("Merges may have other terms"),
    "no-credit": _("No credit needed"),
}
PERIOD_WORDS = {"day": _("Today"), "week": _("This week"), "month": _("This month"), "year": _("This year")}
OWN = frozenset({"types", "bases", "formats"})  # choices of these add to each other, so a count ignores its own
Counts = dict[int, int]


@dataclass
class Facet:
    """One choice of a filter: its value, its words, and how many models have it beside the other filters (None: more
    than were counted)."""

    value: str
    label: str
    count: int | None
    on: bool = False


@dataclass
class Facets:
    types: list[Facet] = field(default_factory=list)
    bases: list[Facet] = field(default_factory=list)
    tags: list[Facet] = field(default_factory=list)
    creators: list[Facet] = field(default_factory=list)
    formats: list[Facet] = field(default_factory=list)
    licences: list[Facet] = field(default_factory=list)
    periods: list[Facet] = field(default_factory=list)
    can_generate: int | None = None
    total: int | None = None
    # Of types, bases, tags and creators all that were counted, of the last two `KEPT` at most, the most frequent first:
    # number → how many models.
    kept: dict[int, dict[int, int | None]] = field(default_factory=dict)
    # The first of the list as (model, version, key of its order), where the rows were read to be counted.
    first: tuple[tuple[int, int, int], ...] | None = None

    @property
    def kept_types(self) -> int:
        return len(self.kept.get(TYPE, ()))

    @property
    def kept_bases(self) -> int:
        return len(self.kept.get(BASE, ()))

    @property
    def kept_tags(self) -> int:
        return len(self.kept.get(TAG, ()))

    @property
    def kept_creators(self) -> int:
        return len(self.kept.get(CREATOR, ()))


def facets(narrowed: Narrowed, *, found: Sequence[int] | None = None, first: int = 0, most: int = 0) -> Facets:
    """The choices of each filter with their counts. found: only among these models, of which at most the first
    ``most`` are counted (0: all).

    first: so many rows of the list are told too, where its rows are read to be counted: to find them is as much again.
    """
    counts: dict[int, int | None] = {}
    rows = None
    if found is not None or narrowed.small(without=OWN, most=FACET_SET):
        counted, rows = _counted(narrowed, found=found, own=True, first=first, most=most)
        counts |= counted
    else:
        if narrowed.small(most=FACET_SET):
            counted, rows = _counted(narrowed, found=None, own=False, first=first)
            counts |= {t: n for t, n in counted.items() if t >> 24 not in (TYPE, BASE)}
        else:
            counts |= _tops(narrowed)
        counts |= _of_cells(narrowed) or {t: None for t in _any_top() if t >> 24 in (TYPE, BASE)}
    worded = _worded(narrowed, counts)
    worded.first = tuple(rows) if first and rows is not None else None
    return worded


def total(narrowed: Narrowed) -> tuple[int, bool]:
    """How many models pass all filters, and whether there are more than that."""
    if not narrowed.small() and len(narrowed.bases) < 2:
        n = _of_cells(narrowed, in_all=True).get(terms.ALL)
        if n is not None:
            return n, False
    if (n := _of_period(narrowed)) is not None:
        return n, False
    rows = filtered(narrowed).order_by().values("model_id")
    if narrowed.small():
        return rows.count(), False
    # Along an index, which is as near as the table's beginning, and never the whole table where the guess was wrong.
    n = rows.order_by("model_id")[: COUNT_CAP + 1].count()
    return min(n, COUNT_CAP), n > COUNT_CAP


# A small set, counted exactly

# The first term of a listing is its type, the second its base (`terms_of`).
COUNTED = """WITH judged AS (SELECT CASE WHEN {types} AND {bases} AND {formats} THEN terms
    WHEN {bases} AND {formats} THEN terms[1:1] WHEN {types} AND {formats} THEN terms[2:2] WHEN {types} AND {bases}
    THEN ARRAY(SELECT u FROM unnest(terms) u WHERE u >> 24 = {FORMAT}) END AS t,
    {types} AND {bases} AND {formats} AS passes, {among} AS told,
    creator_id, published_at, model_id, version_id, {key}::bigint AS key FROM ({rows}) rows),
    counted AS (SELECT u, count(*) AS n FROM (SELECT unnest(t) AS u FROM judged WHERE told) each
    WHERE u < {TRIGGERS} GROUP BY u)
    SELECT u, n, 0, 0 FROM counted WHERE u >> 24 <> {TAG}
    UNION ALL (SELECT u, n, 0, 0 FROM counted WHERE u >> 24 = {TAG} ORDER BY n DESC, u LIMIT {KEPT})
    UNION ALL (SELECT {creator} | creator_id::int, count(*) AS n, 0, 0 FROM judged
    WHERE passes AND told AND creator_id < 1 << 24 GROUP BY creator_id ORDER BY n DESC, creator_id LIMIT {KEPT})
    UNION ALL (SELECT each.u, each.n, 0, 0 FROM (SELECT count(*) AS n, {recent} FROM judged WHERE passes AND told) a
    CROSS JOIN LATERAL (VALUES (0, a.n), {periods}) each (u, n))"""
FIRST = """ UNION ALL (SELECT -1, key, model_id, version_id FROM judged WHERE passes
    ORDER BY key {way}, model_id {way} LIMIT {first})"""
MICROSECONDS = "(extract(epoch FROM published_at) * 1000000)"  # exact: a numeric


def _counted(
    narrowed: Narrowed, *, found: Sequence[int] | None, own: bool, first: int = 0, most: int = 0
) -> tuple[Counts, list[tuple[int, int, int]]]:
    """Terms of what passes, each with how many rows have it; and the ``first`` rows of it, as of `Facets.first`.

    own: a count of types, bases or formats ignores the choices made among its own kind. most: only so many of
    ``found`` are counted (0: all), and the first rows are those of all.
    """
    wish = narrowed.wish
    order = SORTS.get(wish.order, "published_at")
    rows = filtered(narrowed, found=found, without=OWN if own else frozenset())
    columns = ["terms", "creator_id", "published_at", "type", "base_id", "lead", "newer", "model_id", "version_id"]
    values = rows.values_list(*columns, *({order} - {"published_at"}))
    try:
        sql, params = values.query.sql_with_params()
    except EmptyResultSet:
        return {terms.ALL: 0}, []
    tests = {"types": "true", "bases": "true", "formats": "true", "among": "true"}
    if own:
        tests["bases"] = "lead"
        if wish.types:
            tests["types"] = "type = ANY(%(types)s)"
        if wish.bases:
            tests["bases"] = "(base_id = ANY(%(bases)s) AND NOT newer && %(bases)s::smallint[])"
        if wish.formats:
            tests["formats"] = "terms && %(formats)s"
    chosen = {
        "types": list(wish.types),
        "bases": list(narrowed.bases),
        "formats": [named(FORMAT, format) for format in wish.formats],
        "among": "",
    }
    if found is not None and 0 < most < len(found):
        tests["among"], chosen["among"] = "model_id IN (SELECT unnest(%(among)s::bigint[]))", written(found[:most])
    days = terms.PERIODS.values()
    numbered = {f"p{place}": value for place, value in enumerate(params)}
    key, way = MICROSECONDS if order == "published_at" else order, "ASC" if wish.order == "oldest" else "DESC"
    statement = COUNTED + FIRST.format(way=way, first=first) if first else COUNTED
    # What each row has one of, or what follows from its date, is counted apart: among the terms it is half the work.
    statement = statement.format(
        key=key if first else "0",
        rows=sql % tuple(f"%({name})s" for name in numbered),
        recent=", ".join(f"count(*) FILTER (WHERE published_at >= now() - interval '{n} days') AS n{n}" for n in days),
        periods=", ".join(f"({term(PERIOD, n)}, a.n{n})" for n in days),
        creator=term(CREATOR, 0),
        FORMAT=FORMAT,
        TAG=TAG,
        TRIGGERS=terms.TRIGGERS,
        KEPT=KEPT,
        **tests,
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, numbered | chosen)
        told = cursor.fetchall()
    listed = [(model_id, version_id, key) for u, key, model_id, version_id in told if u < 0]
    listed.sort(key=lambda row: (row[2], row[0]), reverse=way == "DESC")
    return {u: n for u, n, *_row in told if u >= 0 and (n or u == terms.ALL)}, listed


# A broad list, counted ahead


# Of each type how many have a chosen base, of each base how many have a chosen type; and of all how many have both.
CELLS = """SELECT type, base_id, sum(n) FILTER (WHERE {of_base})::int, sum(n) FILTER (WHERE {of_type})::int,
    sum(n) FILTER (WHERE {of_type} AND {of_base})::int,
    sum(n) FILTER (WHERE {of_type} AND {of_base} AND can_generate)::int
    FROM catalog_cell WHERE term = %(term)s {levels} {tried} GROUP BY GROUPING SETS ((type), (base_id), ())"""
CELLS_IN_ALL = """SELECT NULL, NULL, NULL, NULL, coalesce(sum(n) FILTER (WHERE {of_type} AND {of_base}),
    CASE WHEN count(*) > 0 THEN 0 END)::int, NULL FROM catalog_cell WHERE term = %(term)s {levels} {tried}"""


def _of_cells(narrowed: Narrowed, *, in_all: bool = False) -> dict[int, int | None]:
    """Types, bases and the total from the cells; empty where a filter is on that they do not know. in_all: only the
    total."""
    wish = narrowed.wish
    slices = [term(TAG, tag) for tag in narrowed.tags or ()] + [named(FORMAT, word) for word in wish.formats]
    slices += [terms.may(use) for use in (wish.commercial if len(wish.commercial) == 1 else ()) + wish.allowing]
    flags = {"derivatives": wish.derivatives, "no-credit": wish.no_credit, "relicense": wish.different_licence}
    slices += [terms.may(name) for name, value in flags.items() if value]
    unknown = (
        wish.newer_than or wish.creator or wish.triggers or wish.levels or wish.query.strip() or False in flags.values()
        or wish.ids is not None or wish.version_ids is not None or narrowed.tags is None or len(slices) > 1
        or len(wish.commercial) > 1
    )  # fmt: skip
    if unknown:
        return {}
    asked: dict[str, Any] = {
        "term": slices[0] if slices else terms.ALL,
        "types": list(wish.types),
        "bases": list(narrowed.bases),
    }
    asked["levels"] = [level for level in range(32) if not level & ~wish.within] if wish.within else []
    statement = (CELLS_IN_ALL if in_all else CELLS).format(
        of_type="type = ANY(%(types)s)" if wish.types else "true",
        of_base="base_id = ANY(%(bases)s)" if wish.bases else "lead",
        levels="AND level = ANY(%(levels)s)" if wish.within else "",
        tried="AND can_generate" if wish.can_generate else "",
    )
    counts: Counts = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        for type, base, of_base, of_type, both, tried in cursor.fetchall():
            if type is not None:
                counted = {named(TYPE, type): of_base}
            elif base is not None:
                counted = {term(BASE, base): of_type}
            else:
                counted = {terms.ALL: both, terms.may("try"): None if both is None else tried or 0}
            counts |= {t: n for t, n in counted.items() if n is not None}
    if not counts:
        return {}
    found: dict[int, int | None] = {terms.ALL: 0, **counts}
    if len(narrowed.bases) > 1:  # a model may stand in several of them, and would be counted for each
        del found[terms.ALL]
        found = {t: n if t >> 24 == BASE else None for t, n in found.items()}
    return found


def _tops(narrowed: Narrowed) -> dict[int, int | None]:
    """The most frequent tags, creators and so on of a list of at most one type and one base; of other lists those of
    all, without numbers."""
    wish = narrowed.wish
    tops = None if wish.newer_than else _counted_ahead(narrowed)
    if tops is not None and (found := dict(tops.values_list("term", "n"))):
        return {**found}
    return dict.fromkeys(_any_top(top_levels(wish.within)))


def _of_period(narrowed: Narrowed) -> int | None:
    """How many models of at most one type and one base are of a period, where that was counted ahead."""
    wish = narrowed.wish
    tops = _counted_ahead(narrowed) if wish.newer_than in terms.PERIODS.values() else None
    if tops is None or top_levels(wish.within) != (wish.within or ALL_LEVELS):
        return None
    return tops.filter(term=term(PERIOD, wish.newer_than)).values_list("n", flat=True).first()


def _counted_ahead(narrowed: Narrowed) -> QuerySet[Top] | None:
    """What was counted ahead of a list of at most one type and one base, its period apart; None for other lists."""
    wish = narrowed.wish
    plain = len(wish.types) < 2 and len(wish.bases) < 2 and not wish.tags and not wish.formats and not wish.commercial
    plain = plain and not wish.allowing and not wish.creator and not wish.levels and not wish.query.strip()
    plain = plain and not wish.triggers and wish.ids is None and wish.version_ids is None
    if not plain or (wish.derivatives, wish.no_credit, wish.different_licence) != (None, None, None):
        return None
    return Top.objects.filter(
        type=wish.types[0] if wish.types else "",
        base_id=narrowed.bases[0] if narrowed.bases else 0,
        can_generate=wish.can_generate,
        levels=top_levels(wish.within),
    )


def _any_top(levels: int = ALL_LEVELS) -> list[int]:
    tops = Top.objects.filter(type="", base_id=0, can_generate=False, levels=levels)
    return list(tops.order_by("-n").values_list("term", flat=True))


TOP_LEVELS = (1, 3, 7, 15, ALL_LEVELS)  # masks that tops are counted for


def top_levels(within: int) -> int:
    """The largest of `TOP_LEVELS` that shows nothing beyond ``within`` (0: all)."""
    within = within or ALL_LEVELS
    return max((mask for mask in TOP_LEVELS if not mask & ~within), default=1)


# Words


def _worded(narrowed: Narrowed, counts: dict[int, int | None]) -> Facets:
    wish = narrowed.wish
    by_kind: dict[int, dict[int, int | None]] = defaultdict(dict)
    for t, n in sorted(counts.items(), key=lambda pair: (-(pair[1] if pair[1] is not None else 0), pair[0])):
        by_kind[t >> 24][t & 0xFFFFFF] = n
    out = Facets(total=counts.get(terms.ALL))
    labels = {str(value): str(label) for value, label in Model.Type.choices}
    out.types = _of_words(by_kind[TYPE], labels, wish.types)
    out.formats = _of_words(by_kind[FORMAT], dict.fromkeys(FORMATS, ""), wish.formats)
    names = _names(by_kind)
    out.bases = _chosen_too(_called(by_kind[BASE], names[BASE]), wish.bases)
    out.kept = {kind: by_kind[kind] for kind in (TYPE, BASE, TAG, CREATOR)}
    out.tags = _chosen_too(_called(by_kind[TAG], names[TAG]), [tag_name(tag) for tag in wish.tags])
    out.creators = _chosen_too(_called(by_kind[CREATOR], names[CREATOR]), [wish.creator] if wish.creator else [])
    may = by_kind[MAY]
    out.can_generate = may.get(terms.MAY_NAMES["try"], 0 if out.total is not None else None)
    on = {*wish.allowing, *(n for n, v in (("derivatives", wish.derivatives), ("no-credit", wish.no_credit),
          ("relicense", wish.different_licence)) if v)}  # fmt: skip
    known = out.total is not None and any(n is not None for n in may.values())
    out.licences = [
        Facet(name, str(words), may.get(terms.MAY_NAMES[name], 0 if known else None), name in on)
        for name, words in LICENCES.items()
    ]
    periods = by_kind[PERIOD]
    out.periods = [
        Facet(name, str(words), periods.get(terms.PERIODS[name], 0 if known else None), wish.newer_than == days)
        for (name, words), days in zip(PERIOD_WORDS.items(), terms.PERIODS.values(), strict=True)
    ]
    return out


def _names(by_kind: dict[int, dict[int, int | None]]) -> dict[int, dict[int, str]]:
    """What bases and the most frequent tags and creators are called, in one question."""
    asked = {BASE: list(by_kind[BASE])} | {kind: list(by_kind[kind])[: 2 * SHOWN] for kind in (TAG, CREATOR)}
    names: dict[int, dict[int, str]] = {kind: {} for kind in asked}
    if any(asked.values()):
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT %s, id, name FROM catalog_base WHERE id = ANY(%s::int[])
                UNION ALL SELECT %s, id, name FROM catalog_tag WHERE id = ANY(%s::int[])
                UNION ALL SELECT %s, id, username FROM accounts_user WHERE id = ANY(%s::int[])""",
                [value for pair in asked.items() for value in pair],
            )
            for kind, number, name in cursor.fetchall():
                names[kind][number] = name
    return names


def every(found: Facets, kind: int, chosen: Iterable[str], word: str = "") -> list[Facet]:
    """All choices of a filter that were counted, and what is on; kind: `TYPE`, `BASE`, `TAG` or `CREATOR`.

    word: only those whose name has it, and one that is called so exactly though few models have it, without a number.
    """
    counts = found.kept.get(kind, {})
    names = {named(TYPE, value) & 0xFFFFFF: (value, str(label)) for value, label in Model.Type.choices}
    column = "username" if kind == CREATOR else "name"
    tables: dict[int, QuerySet[Any]] = {BASE: Base.objects.all(), TAG: Tag.objects.all(), CREATOR: User.objects.all()}
    if kind != TYPE:
        rows = tables[kind].values_list("pk", column)
        names = {pk: (name, name) for pk, name in rows.filter(pk__in=list(counts))}
    on = {value.lower(): value for value in chosen}
    kept = [
        Facet(*names[number], count, names[number][0].lower() in on)
        for number, count in counts.items()
        if number in names
    ]
    missing = on.keys() - {facet.value.lower() for facet in kept}
    kept += [Facet(on[key], on[key], None, True) for key in on if key in missing]
    if not word:
        return kept
    likely = [facet for facet in kept if folded(word) in folded(facet.label)]
    if kind != TYPE and not any(facet.label == word for facet in likely):
        exact = rows.filter(**{column: tag_name(word) if kind == TAG else word}).exclude(pk__in=list(counts))
        likely += [Facet(name, name, None) for _number, name in exact[:1]]
    return likely


def _called(found: dict[int, int | None], names: dict[int, str]) -> Iterator[tuple[str, str, int | None]]:
    return ((names[number], names[number], n) for number, n in found.items() if number in names)


def _of_words(found: dict[int, int | None], labels: dict[str, str], chosen: Iterable[str]) -> list[Facet]:
    """Choices whose terms are made of their words."""
    by_number = {zlib.crc32(word.encode()) & 0xFFFFFF: word for word in [*labels, *chosen]}
    known = ((by_number[i], labels.get(by_number[i]) or by_number[i], n) for i, n in found.items() if i in by_number)
    return _chosen_too(known, chosen)


def _chosen_too(rows: Iterable[tuple[str, str, Any]], chosen: Iterable[str]) -> list[Facet]:
    """The first choices, and those that are on though nothing has them."""
    on = {value.lower(): value for value in chosen}
    kept = [Facet(value, label, n, value.lower() in on) for value, label, n in rows]
    shown = [facet for place, facet in enumerate(kept) if place < SHOWN or facet.on]
    missing = set(on) - {facet.value.lower() for facet in shown}
    return shown + [Facet(on[key], on[key], 0, True) for key in on if key in missing]
