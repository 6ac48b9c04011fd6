"""Search by meaning, where `MEANING_SEARCH` is on: vectors of texts, read by workers, compared by exact scans.

The tables are made when the option is switched on, since a database without pgvector has no type for them. There is no
HNSW index: the bundled extension was built for processors with AVX-512, and building or reading one elsewhere ends the
server. A scan of halves is safe everywhere; of more than `SCANNED` rows only the best by words are compared.
"""

from __future__ import annotations

import base64
import logging
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from hub import queue, threads
from workers.messages import Embed, Embedded

SIZE = 384
SCANNED, AMONG, MOST = 50_000, 5_000, 200
PIECE, TEXT_LIMIT = 32, 2_000  # texts in a message, and characters of each: MiniLM reads 256 tokens
WAIT_SECONDS, LOOK_SECONDS = 3.0, 0.02  # that a search waits for its vector
SILENT_SECONDS = 300  # then a piece that was sent is sent again
# Of each kind: a piece is on its way; all had a meaning once, and few lack one since; no worker can read them.
ASKED, WHOLE = "weightroom:meanings:{}", "weightroom:meanings:{}:whole"
UNREADABLE = "weightroom:meanings:{}:unreadable"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """Rows whose texts have meanings. text: an SQL expression over the row ``r``."""

    name: str
    table: str
    of: str
    key: str
    text: str


KINDS = {
    "models": Kind(
        "models", "catalog_meaning", "catalog_text", "model_id",
        "(SELECT m.name || '. ' || r.plain || '. ' || m.description FROM catalog_model m WHERE m.id = r.model_id)",
    )
}  # fmt: skip


@cache
def prepare() -> bool:
    """Make what is missing in the database. Returns whether meanings can be kept there."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('catalog.meanings'))")
            cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
            for kind in KINDS.values():
                cursor.execute(
                    f"""CREATE TABLE IF NOT EXISTS {kind.table} (id bigint PRIMARY KEY REFERENCES {kind.of} ({kind.key})
                    ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, vector halfvec({SIZE}) NOT NULL)"""
                )
    except DatabaseError as error:
        log.warning("There is no search by meaning: the database has no pgvector (%s).", str(error).strip())
        return False
    return True


def feed() -> None:
    """Ask workers for the meanings of texts that have none; their answer asks for the next."""
    if settings.MEANING_SEARCH and prepare():
        for kind in KINDS.values():
            if queue.cache().set(ASKED.format(kind.name), 1, nx=True, ex=SILENT_SECONDS):
                _ask(kind)


def _ask(kind: Kind) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT r.{kind.key}, left({kind.text}, {TEXT_LIMIT}) FROM {kind.of} r WHERE NOT EXISTS
            (SELECT 1 FROM {kind.table} m WHERE m.id = r.{kind.key}) ORDER BY r.{kind.key} DESC LIMIT {PIECE}"""
        )
        rows = cursor.fetchall()
    if rows:
        ids, texts = (tuple(column) for column in zip(*rows, strict=True))
        texts = tuple(text or "" for text in texts)
        if len(rows) == PIECE:  # a few that are new do not make it less than whole
            queue.cache().delete(WHOLE.format(kind.name))
        queue.send(Embed(texts=texts, what=kind.name, ids=ids), then="hub.catalog.meanings_read", priority=9)
    else:
        queue.cache().set(WHOLE.format(kind.name), 1)


def read(answer: Embedded) -> None:
    """Keep the meanings that a worker read, of rows that are still there, and ask for the next."""
    kind = KINDS[answer.what]
    with transaction.atomic(), connection.cursor() as cursor:
        for number, vector in zip(answer.ids, answer.vectors, strict=True):
            cursor.execute(
                f"""INSERT INTO {kind.table} (id, vector) SELECT {kind.key}, %s::halfvec FROM {kind.of}
                WHERE {kind.key} = %s ON CONFLICT (id) DO UPDATE SET vector = excluded.vector""",
                [_literal(vector), number],
            )
    queue.cache().set(ASKED.format(kind.name), 1, ex=SILENT_SECONDS)
    _ask(kind)


def unreadable(name: str) -> None:
    """A worker said that it has nothing to read meanings with."""
    queue.cache().set(UNREADABLE.format(name), 1, ex=2 * SILENT_SECONDS)


def being_read(name: str, *, known: bool = True) -> bool:
    """Whether many of these rows have no meaning yet but will, so that a search by meaning would pass them over.
    known: False where the very row that is asked about has none."""
    if not (settings.MEANING_SEARCH and prepare()) or queue.cache().exists(UNREADABLE.format(name)):
        return False
    return not known or not queue.cache().exists(WHOLE.format(name))


def changed(name: str) -> None:
    """A row is new, or lost its meaning with its text: it is asked for within a minute."""
    if settings.MEANING_SEARCH:
        transaction.on_commit(lambda: queue.cache().delete(ASKED.format(name)))


def forget(name: str, number: int) -> None:
    """A row's text changed: its meaning is read again."""
    if settings.MEANING_SEARCH and prepare():
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {KINDS[name].table} WHERE id = %s", [number])
        changed(name)


def vector_of(text: str) -> str:
    """The vector of a query, as the database takes it; empty where no worker answers in time."""
    if not (settings.MEANING_SEARCH and prepare()):
        return ""
    text = " ".join(text.split())
    if stored := queue.meaning(text):
        return _literal(stored)
    queue.send(Embed(texts=(text,), query=True))
    with threads.aside():
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
            if stored := queue.meaning(text):
                return _literal(stored)
    return ""


def vector_of_row(name: str, number: int) -> str:
    """The vector of a row, as the database takes it; empty where it was not read yet."""
    if not (settings.MEANING_SEARCH and prepare()):
        return ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT vector::text FROM {KINDS[name].table} WHERE id = %s", [number])
        row = cursor.fetchone()
    return row[0] if row else ""


def nearest(name: str, vector: str, among: Callable[[], Sequence[int]]) -> list[int]:
    """Ids of the `MOST` rows whose meanings are nearest, of all or, where there are too many to scan, of ``among``."""
    table = KINDS[name].table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {SCANNED + 1}) few")
        few = cursor.fetchone()[0] <= SCANNED
        where, params = ("", []) if few else ("WHERE id = ANY(%s)", [list(among())])
        cursor.execute(
            f"SELECT id FROM {table} {where} ORDER BY vector <=> %s::halfvec, id LIMIT {MOST}", [*params, vector]
        )
        return [row[0] for row in cursor.fetchall()]


def _literal(stored: str) -> str:
    halves = struct.unpack(f"<{SIZE}e", base64.b64decode(stored))
    return "[" + ",".join(f"{half:.5g}" for half in halves) + "]"
