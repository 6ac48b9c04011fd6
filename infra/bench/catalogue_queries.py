"""The questions of ``make bench-catalogue``, drawn with the skew of people's own, and what each costs.

A question goes through the hub's own code, and its statements are timed as the hub sees them: planning, transfer and
Python's part of it included. ``cpu`` is what the server's process worked meanwhile, which other load does not change.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client

from hub.catalog import lists, suggestions
from hub.catalog.hashes import hash_matches
from hub.catalog.models import Base, File, Listing, Version
from hub.catalog.wishes import Wish, filtered
from hub.gallery import queries as gallery
from hub.prompts import queries as prompts
from infra.bench.catalogue_data import TOP_BASES, TYPES, words

SQL_BAR, PAGE_BAR, LARGE = 50.0, 100.0, 100_000
MASKS, NOBODY = (1, 3, 7, 15, 31), AnonymousUser()
SORTS = ["newest"] * 4 + ["downloads"] * 3 + ["likes", "pictures", "oldest"]


class Asked:
    """Seconds and statements of one question."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.statements: list[tuple[str, Any]] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - began
            self.statements.append((sql, params))


@contextmanager
def asked() -> Iterator[Asked]:
    heard = Asked()
    with connection.execute_wrapper(heard):
        yield heard


class Draw:
    """What people ask for, in their proportions."""

    def __init__(self) -> None:
        self.random = random.Random(11)
        self.known = words()
        names = list(Base.objects.order_by("id").values_list("name", flat=True))
        self.bases = [name for name in names for _ in range(TOP_BASES.get(name, 3))]
        self.types = [name for name, n in TYPES.items() for _ in range(n)]
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM catalog_tag ORDER BY id")
            self.tags = [name for (name,) in cursor.fetchall()]
            cursor.execute("SELECT max(id) FROM accounts_user")
            self.users = cursor.fetchone()[0]
            cursor.execute("SELECT max(id) FROM catalog_version")
            self.versions = cursor.fetchone()[0]
            cursor.execute("SELECT max(id) FROM gallery_picture")
            self.pictures = cursor.fetchone()[0]

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def word(self, power: float = 2.6) -> str:
        return self.known[int(len(self.known) * self.random.random() ** power)]

    def wish(self, **fixed: Any) -> Wish:
        draw, asked = self.random, {}
        if self.chance(0.4):
            asked["types"] = (draw.choice(self.types),)
        if self.chance(0.4):
            asked["bases"] = (draw.choice(self.bases),)
        elif self.chance(0.25):
            asked["bases"] = tuple({draw.choice(self.bases) for _ in range(draw.randint(2, 4))})
        if self.chance(0.3):
            asked["tags"] = (self.tags[int(len(self.tags) * draw.random() ** 3)],)
        if self.chance(0.05):
            asked["creator"] = f"user{1 + int(self.users * draw.random() ** 2)}"
        if self.chance(0.2):
            asked["can_generate"] = True
        if self.chance(0.08):
            asked["formats"] = (draw.choice(["SafeTensor", "SafeTensor", "PickleTensor", "GGUF"]),)
        if self.chance(0.08):
            asked["commercial"] = ("Image",)
        if self.chance(0.15):
            asked["newer_than"] = draw.choice([1, 7, 30, 365])
        asked |= {"within": draw.choice(MASKS), "sort": draw.choice(SORTS)}
        return Wish(**(asked | fixed))

    def typed(self) -> str:
        """A query that is still being typed: a word or two, the last one cut."""
        last = self.word(1.8)
        cut = last[: self.random.randint(2, len(last))]
        return f"{self.word()} {cut}" if self.chance(0.4) else cut

    def mistyped(self) -> str:
        word = self.random.choice([word for word in self.known[:4000] if len(word) > 5])
        at = self.random.randrange(1, len(word) - 1)
        return word[:at] + self.random.choice("aeioukmnrst") + word[at + 1 :]


def questions(draw: Draw) -> dict[str, tuple[int, Callable[[], Callable[[], Any]]]]:
    """Name → (how many draws, what draws one)."""

    def page(**fixed: Any) -> Callable[[], Callable[[], Any]]:
        def drawn() -> Callable[[], Any]:
            wish = draw.wish(**fixed)
            return lambda: lists.model_list(wish, count=False)

        return drawn

    def deep() -> Callable[[], Any]:
        while True:  # only lists that go so far
            wish = draw.wish()
            narrowed = lists.Narrowed.of(wish)
            if len(narrowed.bases) > 1:
                continue
            walked = not narrowed.tight and (lists.dated(wish) or not narrowed.small())
            row = lists._in_order(filtered(narrowed), wish.order, walked, None)[6000:6001].first()
            if row:
                cursor = lists.write_cursor(wish, [wish.order, lists._to_key(row[2]), row[0]])
                return lambda: lists.model_list(wish, cursor=cursor, count=False)

    def faceted() -> Callable[[], Any]:
        wish = draw.wish()
        return lambda: lists.model_list(wish, with_facets=True)

    def found(query: Callable[[], str], **more: Any) -> Callable[[], Callable[[], Any]]:
        def drawn() -> Callable[[], Any]:
            wish = Wish(query=query(), within=draw.random.choice(MASKS))
            return lambda: lists.model_list(wish, limit=suggestions.AMONG, count=False, **more)

        return drawn

    def triggers() -> Callable[[], Any]:
        query = draw.typed()
        page = lists.model_list(Wish(query=query), limit=suggestions.AMONG, count=False)
        models = [model for model, _ in page.pairs]
        return lambda: suggestions.trigger_words_begun(query, models)

    def triggered(**more: Any) -> Callable[[], Callable[[], Any]]:
        def drawn() -> Callable[[], Any]:
            words = tuple(Version.objects.get(pk=draw.random.randint(1, draw.versions)).trigger_words)
            wish = (
                draw.wish(triggers=words) if draw.chance(0.5) else Wish(triggers=words, sort=draw.random.choice(SORTS))
            )
            return lambda: lists.model_list(wish, **more)

        return drawn

    def creators() -> Callable[[], Any]:
        name = f"user{1 + int(draw.users * draw.random.random())}"  # two letters of it are the whole hub's
        begun, within = name[: draw.random.randint(2, len(name))], draw.random.choice(MASKS)
        return lambda: suggestions.creators_begun(begun, within=within)

    def prompts_begun() -> Callable[[], Any]:
        query = draw.typed()
        return lambda: prompts.prompts_begun(NOBODY, query, most=suggestions.BESIDE)

    def filtered_search(sort: str) -> Callable[[], Callable[[], Any]]:
        def drawn() -> Callable[[], Any]:
            wish = draw.wish(query=draw.word(), sort=sort)
            return lambda: lists.model_list(wish, with_facets=True)

        return drawn

    def digest() -> Callable[[], Any]:
        file = File.objects.filter(pk=draw.random.randint(1, draw.versions)).get()
        digests = [bytes(d.digest).hex() for d in file.digests.all()]
        value = draw.random.choice([*digests, file.blob_id[:10]])
        return lambda: hash_matches(value)

    def pictures(kind: str) -> Callable[[], Callable[[], Any]]:
        def drawn() -> Callable[[], Any]:
            after = gallery._cursor(draw.random.randint(1000, draw.pictures)) if kind == "deep" else ""
            version = None
            if kind == "version":
                number = 1 + int(draw.versions * 0.98 * draw.random.random() ** 1.8)
                version = gallery.Version.objects.get(pk=number)
            return lambda: gallery.picture_list(NOBODY, after=after, version=version)

        return drawn

    def prompt(**fixed: Any) -> Callable[[], Callable[[], Any]]:
        def drawn() -> Callable[[], Any]:
            asked = {name: value() if callable(value) else value for name, value in fixed.items()}
            return lambda: prompts.prompt_list(NOBODY, prompts.Wish(**asked))

        return drawn

    def tag() -> str:
        return draw.tags[int(len(draw.tags) * draw.random.random() ** 3)]

    asked = {
        "list, first page, any filters and sort": (400, page()),
        "list, page 200 by keyset": (120, deep),
        **{f"list, {sort}": (100, page(sort=sort)) for sort in ("newest", "downloads", "likes", "pictures", "comments")},
        "list with its facets and total": (300, faceted),
        "list of a trigger word": (200, triggered(count=False)),
        "list of a trigger word with its facets": (200, triggered(with_facets=True)),
        "as you type": (200, found(draw.typed)),
        "as you type, one typing error": (200, found(draw.mistyped)),
        "as you type, trigger words": (200, triggers),
        "as you type, creators": (200, creators),
        "as you type, prompts": (200, prompts_begun),
        **{f"search with filters and facets, {sort}": (150, filtered_search(sort))
           for sort in ("relevance", "downloads", "newest")},
        "one digest": (200, digest),
        "pictures, newest": (20, pictures("newest")),
        "pictures, deep": (200, pictures("deep")),
        "pictures of a version": (200, pictures("version")),
        "prompts, newest": (20, prompt()),
        "prompts, most run": (20, prompt(sort="runs")),
        "prompts, by words": (200, prompt(query=draw.word)),
        "prompts, by words, most run": (200, prompt(query=draw.word, sort="runs")),
        "prompts, by tag": (200, prompt(tag=tag)),
    }  # fmt: skip
    return asked


def pages(draw: Draw) -> dict[str, tuple[int, Callable[[], str]]]:
    """Whole pages: name → (how many draws, what draws an address)."""

    def listed() -> str:
        wish = draw.wish()
        asked = {"type": wish.types, "base": wish.bases, "tag": wish.tags, "sort": [wish.order]}
        if wish.can_generate:
            asked["use"] = ["try"]
        return "/models?" + urlencode(asked, doseq=True)

    return {
        "page: home": (30, lambda: "/"),
        "page: models": (150, listed),
        "page: models, searched": (100, lambda: f"/models?query={draw.word()}"),
        "page: what is found while typing": (100, lambda: "/search?" + urlencode({"query": draw.typed()})),
        "page: pictures": (50, lambda: "/pictures"),
        "page: prompts": (50, lambda: "/prompts?" + urlencode({"query": draw.word()})),
        "page: a model": (100, lambda: f"/models/{_published(draw)}"),
    }


def _published(draw: Draw) -> int:
    at = draw.random.randint(1, draw.versions // 2)
    return Listing.objects.filter(model_id__gte=at).order_by("model_id").values_list("model_id", flat=True)[0]


def measured(only: str = "") -> dict[str, Any]:
    draw = Draw()
    figures: dict[str, Any] = {
        "queries": {},
        "missed": [],
        "seq_scans": {},
        "load": Path("/proc/loadavg").read_text()[:14],
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        schedule = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
    print(f"{'':<46}{'p50':>8}{'p95':>8}{'max':>8}{'cpu p95':>9}   ms, each the better of two")
    for name, (n, drawn) in questions(draw).items():
        if only in name:
            taken = [_timed(drawn(), schedule, figures, name) for _ in range(n)]
            _figure(figures, name, [t[0] for t in taken], [t[1] for t in taken], SQL_BAR, [t[2] for t in taken])
    # As a web process has them: loaded and set aside by the same lines, and compressed for browsers.
    import_module("hub.wsgi")
    client = Client(headers={"Host": "127.0.0.1", "Accept-Encoding": "gzip"})
    for name, (n, address) in pages(draw).items():
        if only in name:
            client.get(address())
            taken = [_page_timed(client, address()) for _ in range(n)]
            _figure(figures, name, [t[0] for t in taken], [t[1] for t in taken], PAGE_BAR, [t[2] for t in taken])
    first, deep = (
        figures["queries"].get(f"list, {which}") for which in ("first page, any filters and sort", "page 200 by keyset")
    )
    if first and deep and deep["p95"] > 1.5 * first["p95"] + 5:
        figures["missed"].append(f"page 200 costs {deep['p95']:.0f} ms, the first {first['p95']:.0f}")
    figures["load"] += "to " + Path("/proc/loadavg").read_text()[:14]
    print("load average:", figures["load"])
    figures["missed"] += [f"reads all of {table}: {name}" for name, table in figures["seq_scans"].items()]
    figures["sizes"] = _sizes()
    for missed in figures["missed"]:
        print("!", missed)
    return figures


def _timed(ask: Callable[[], Any], schedule: Path, figures: dict[str, Any], name: str) -> tuple[float, float, str]:
    best, cpu = float("inf"), float("inf")
    for _ in range(2):
        before = int(schedule.read_text().split()[0])
        with asked() as heard:
            ask()
        cpu = min(cpu, (int(schedule.read_text().split()[0]) - before) / 1e6)
        best = min(best, heard.seconds * 1000)
    for sql, params in heard.statements:
        for table in _scanned(sql, params):
            figures["seq_scans"].setdefault(name, table)
    slowest = " ;; ".join(sql[:1200] for sql, _ in heard.statements)
    return best, cpu, slowest + repr([params for _, params in heard.statements])[:600]


def _page_timed(client: Client, address: str) -> tuple[float, float, str]:
    best, cpu = float("inf"), float("inf")
    for _ in range(2):
        began, worked = time.perf_counter(), time.process_time()
        answer = client.get(address, follow=True)
        cpu = min(cpu, (time.process_time() - worked) * 1000)
        best = min(best, (time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return best, cpu, address


def _figure(
    figures: dict[str, Any], name: str, times: list[float], cpu: list[float], bar: float, what: list[str]
) -> None:
    p95 = statistics.quantiles(times, n=20)[-1]
    figure = {"n": len(times), "p50": statistics.median(times), "p95": p95, "max": max(times), "bar": bar,
              "cpu_p95": statistics.quantiles(cpu, n=20)[-1], "slowest": what[times.index(max(times))]}  # fmt: skip
    figures["queries"][name] = figure
    good = p95 <= bar
    if not good:
        figures["missed"].append(f"{name}: {p95:.0f} ms of {bar:.0f}")
    print(
        f"{' ' if good else '!'} {name:<44}{figure['p50']:8.1f}{p95:8.1f}{figure['max']:8.1f}{figure['cpu_p95']:9.1f}",
        flush=True,
    )


_large: dict[str, bool] = {}
_plans: dict[str, list[str]] = {}


def _scanned(sql: str, params: Any) -> list[str]:
    """Large tables that a statement would read from end to end."""
    if not sql.lstrip().upper().startswith(("SELECT", "WITH")) or len(_plans) > 4000:
        return []
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql, params)
        plan = cursor.fetchone()[0]
    found: list[str] = []

    def walk(node: dict[str, Any]) -> None:
        if node["Node Type"] == "Seq Scan" and _is_large(node["Relation Name"]):
            found.append(node["Relation Name"])
        for inner in node.get("Plans", ()):
            walk(inner)

    walk((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    return found


def _is_large(table: str) -> bool:
    if table not in _large:
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples FROM pg_class WHERE relname = %s", [table])
            _large[table] = cursor.fetchone()[0] > LARGE
    return _large[table]


def _sizes() -> dict[str, float]:
    """MB of the tables that were asked, and of their indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname, pg_relation_size(c.oid) / 1e6 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid
            WHERE c.relkind IN ('r', 'i') AND n.nspname = 'public' AND pg_relation_size(c.oid) > 500000
            ORDER BY coalesce(t.relname, c.relname), c.relkind DESC, c.relname"""
        )
        sizes = {name: round(float(size), 1) for name, size in cursor.fetchall()}
        cursor.execute("SELECT pg_database_size(current_database()) / 1e9")
        print(f"the whole database: {cursor.fetchone()[0]:.1f} GB; of it, in MB:")
    for name, size in sizes.items():
        print(f"  {name:<60}{size:9.1f}")
    return sizes
