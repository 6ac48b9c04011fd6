"""Lists, facets and search on a large catalogue, each figure beside its bar: ``make bench-catalogue``. Exits 1 where
one misses.

The catalogue (``SIZE``: 100k, or 1m by default) is made once and kept in ``.weightroom-bench``; a later run takes minutes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))
SIZES = {"3k": 3_000, "10k": 10_000, "100k": 100_000, "1m": 1_000_000}
# As an operator of a hub of this size sets it; the page cache holds the rest.
POSTGRES = {
    "shared_buffers": "4GB",
    "effective_cache_size": "12GB",
    "max_wal_size": "8GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "30min",
    "fsync": "off",
    "full_page_writes": "off",
}


def main() -> int:
    from hub import embedded

    size = os.environ.get("SIZE", "1m").lower()
    folder = PROJECT / ".weightroom-bench" / f"catalogue-{size}"
    os.environ["S3_ENDPOINT"] = "http://127.0.0.1:1"  # no list asks the object store
    servers = embedded.start(folder, print, postgres=POSTGRES)
    try:
        os.environ.update(servers.environment | {"DJANGO_SETTINGS_MODULE": "hub.settings"})
        _prepare(size)
        if "hold" in sys.argv:
            print(servers.environment["DATABASE_URL"], flush=True)
            time.sleep(100_000)
        from infra.bench import catalogue_queries

        figures = catalogue_queries.measured(os.environ.get("ONLY", ""))
    finally:
        servers.stop()
    return _told(figures, size)


def _prepare(size: str) -> None:
    """Bring the tables up to date, and fill what no earlier run filled."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from hub.catalog import counts
    from infra.bench import catalogue_data

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)  # pages name their files by it
    connection.ensure_connection()
    made_now = catalogue_data.fill(connection.connection, SIZES[size], lambda words: print(words, flush=True))
    connection.close()
    if made_now:
        for count in (counts.words_count, _prompt_words, counts.tiers_set, counts.terms_count, counts.cells_count):
            began = time.monotonic()
            count()
            print(f"{count.__name__}: {time.monotonic() - began:.1f} s", flush=True)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def _prompt_words() -> None:
    from hub.catalog import counts

    counts.words_count("prompts_word", "prompts_prompt")


def _told(figures: dict[str, Any], size: str) -> int:
    kept = PROJECT / ".weightroom" / "bench"
    kept.mkdir(parents=True, exist_ok=True)
    (kept / f"catalogue-{size}.json").write_text(json.dumps(figures, indent=1))
    return int(bool(figures["missed"]))


if __name__ == "__main__":
    sys.exit(main())
