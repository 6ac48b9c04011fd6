"""What lists and search read of the whole catalogue, counted ahead: by the clock, and never in a request.

A catalogue of up to `SMALL_SET` listings needs none of it, since what it is asked for is counted then. In a larger one
facets are as old as the last count: minutes for types, bases and totals, an hour for the rest.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from hub.catalog import terms
from hub.catalog.facets import FACET_SET, TOP_LEVELS
from hub.catalog.listings import WORD_LIMIT
from hub.catalog.models import Cell, Listing, TermCount, Top
from hub.catalog.search import TIER_SHARES
from hub.catalog.terms import CREATOR, FORMAT, MAY, PERIOD, TAG, term
from hub.catalog.wishes import SMALL_SET

TAGS_TRIED, CREATORS_TRIED, TOPS = 2000, 500, 24
TRIGGERS_FROM = 1000  # models of a trigger word that is kept in mind: the others, a million of them, are rare
CELL = "type, base_id, level, lead, can_generate"


def _broad() -> bool:
    """Whether there are so many listings that counts are made ahead; what was made before is forgotten otherwise."""
    n = Listing.objects.order_by().values("model_id")[: SMALL_SET + 1].count()
    if n > SMALL_SET:
        return True
    if TermCount.objects.exists():
        for table in (Cell, Top, TermCount):
            table.objects.all().delete()
    return False


@transaction.atomic
def cells_count() -> bool:
    """Count types, bases, levels and what can be tried, all at once. Returns whether anything was counted."""
    if not _broad():
        return False
    with connection.cursor() as cursor:
        _alone(cursor)
        cursor.execute("DELETE FROM catalog_cell WHERE term = 0")
        cursor.execute(
            f"""INSERT INTO catalog_cell (term, {CELL}, n)
            SELECT 0, {CELL}, count(*) FROM catalog_listing GROUP BY {CELL}"""
        )
    return True


@transaction.atomic
def terms_count() -> bool:
    """Count each term, the cells of each broad one, and the tops of each broad list. Half a minute at a million models.

    Returns whether anything was counted.
    """
    if not _broad():
        return False
    with connection.cursor() as cursor:
        _alone(cursor)
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("DELETE FROM catalog_termcount")
        periods = " UNION ALL ".join(
            f"SELECT {term(PERIOD, days)}, count(*) FROM catalog_listing "
            f"WHERE published_at >= now() - interval '{days} days'"
            for days in terms.PERIODS.values()
        )
        cursor.execute(
            f"""INSERT INTO catalog_termcount (term, n)
            SELECT u, count(*) FROM catalog_listing, unnest(terms) u GROUP BY u
            HAVING u < {terms.TRIGGERS} OR count(*) >= {TRIGGERS_FROM}
            UNION ALL SELECT {term(CREATOR, 0)} | creator_id, count(*) FROM catalog_listing
            WHERE creator_id < {1 << 24} GROUP BY creator_id
            UNION ALL SELECT {terms.ALL}, count(*) FROM catalog_listing UNION ALL {periods}"""
        )
        cursor.execute(
            f"""CREATE TEMP TABLE tried ON COMMIT DROP AS SELECT term FROM (SELECT term, n,
            row_number() OVER (PARTITION BY term >> 24 ORDER BY n DESC) AS place FROM catalog_termcount) c
            WHERE place <= CASE term >> 24 WHEN {TAG} THEN {TAGS_TRIED} WHEN {CREATOR} THEN {CREATORS_TRIED}
            ELSE 100 END
            AND term >> 24 IN ({TAG}, {FORMAT}, {CREATOR}, {MAY}, {PERIOD})"""
        )
        dated = " || ".join(
            f"CASE WHEN published_at >= now() - interval '{days} days' THEN ARRAY[{term(PERIOD, days)}] ELSE '{{}}' END"
            for days in terms.PERIODS.values()
        )
        cursor.execute(
            f"""CREATE TEMP TABLE counted ON COMMIT DROP AS SELECT u AS term, {CELL}, count(*)::int AS n
            FROM catalog_listing, unnest(terms || ({term(CREATOR, 0)} | creator_id) || {dated}) u
            WHERE u IN (SELECT term FROM tried) GROUP BY u, {CELL}"""
        )
        cursor.execute("DELETE FROM catalog_cell WHERE term <> 0")
        cursor.execute(
            f"""INSERT INTO catalog_cell (term, {CELL}, n) SELECT term, {CELL}, n FROM counted WHERE term IN
            (SELECT term FROM catalog_termcount WHERE n >= {FACET_SET} AND term >> 24 IN ({TAG}, {FORMAT}, {MAY}))"""
        )
        _tops(cursor)
    return True


def _tops(cursor: Any) -> None:
    """The most frequent terms of each list of at most one type and one base that is too broad to be counted later."""
    run = cursor.execute
    run("DELETE FROM catalog_top")
    lists = {"type": ("lead", "GROUPING SETS ((type, term), (term))", "0"),
             "base": ("true", "GROUPING SETS ((type, base_id, term), (base_id, term))", "base_id")}  # fmt: skip
    for mask in TOP_LEVELS:
        shown = ", ".join(str(level) for level in range(32) if not level & ~mask)
        for can_generate in (False, True):
            for which, sets, base in lists.values():
                run(
                    f"""INSERT INTO catalog_top (type, base_id, can_generate, levels, term, n)
                    SELECT type, base_id, {can_generate}, {mask}, term, n FROM (SELECT coalesce(type, '') AS type,
                    {base} AS base_id, term, sum(n) AS n, row_number() OVER
                    (PARTITION BY coalesce(type, ''), {base}, term >> 24 ORDER BY sum(n) DESC, term) AS place
                    FROM counted WHERE {which} AND level IN ({shown}) {"AND can_generate" if can_generate else ""}
                    GROUP BY {sets}) c WHERE place <= {TOPS} AND n > 0"""
                )
    # What has few rows is counted when it is asked for.
    run(
        f"""DELETE FROM catalog_top t USING (SELECT type, base_id FROM (SELECT coalesce(type, '') AS type,
        coalesce(base_id, 0) AS base_id, sum(n) AS n FROM catalog_cell WHERE term = 0
        GROUP BY CUBE (type, base_id)) c WHERE n < {FACET_SET}) few
        WHERE few.type = t.type AND few.base_id = t.base_id"""
    )


def words_count(words: str = "catalog_word", texts: str = "catalog_text") -> None:
    """Count in how many texts each word is, and forget those that are in none any more. Seconds at a million.

    words, texts: the tables of the vocabulary and of what it is made of, in a column ``doc``.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        _alone(cursor)
        cursor.execute(
            f"""CREATE TEMP TABLE stat ON COMMIT DROP AS SELECT word, ndoc FROM ts_stat('SELECT doc FROM {texts}')
            WHERE length(word) <= {WORD_LIMIT} AND word ~ '^[^[:punct:][:space:]]+$'"""
        )
        cursor.execute(
            f"""INSERT INTO {words} AS w (word, texts) SELECT word, ndoc FROM stat ORDER BY word
            ON CONFLICT (word) DO UPDATE SET texts = excluded.texts WHERE w.texts <> excluded.texts"""
        )
        cursor.execute("CREATE INDEX ON stat (word)")
        cursor.execute(f"DELETE FROM {words} w WHERE NOT EXISTS (SELECT 1 FROM stat s WHERE s.word = w.word)")


def tiers_set() -> int:
    """Put the texts of the most downloaded models into the tiers that search asks first. Returns how many moved."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM catalog_text")
        (n,) = cursor.fetchone()
        if n <= SMALL_SET:
            return 0
        bounds = []
        for share in TIER_SHARES.values():
            cursor.execute(
                """SELECT downloads FROM catalog_modelstat s JOIN catalog_text t USING (model_id)
                ORDER BY downloads DESC OFFSET %s LIMIT 1""",
                [int(n * share)],
            )
            row = cursor.fetchone()
            bounds.append(max(row[0] if row else 0, 1))
        cursor.execute(
            """UPDATE catalog_text t SET tier = c.tier FROM (SELECT model_id,
            CASE WHEN downloads >= %s THEN 1 WHEN downloads >= %s THEN 2 ELSE 3 END AS tier FROM catalog_modelstat) c
            WHERE c.model_id = t.model_id AND c.tier <> t.tier""",
            bounds,
        )
        return int(cursor.rowcount)


def _alone(cursor: Any) -> None:
    """Wait for another count to end: two would count the same."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('catalog.counts'))")
