"""How much the tongues cost, each figure beside its bar: ``make bench-protocols``. Exits 1 where one misses.

The hub's own servers and its web server as ``manage.py up`` starts it, on 400 models; no worker, so that clients wait.
Kinds of requests are interleaved and their medians compared, so that other work on the machine spoils little.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / ".weightroom-bench" / "protocols"
sys.path.insert(0, str(PROJECT))
MODELS, PICTURES, ROUNDS, WAITERS, DOWNLOADS = 400, 4, 150, 50, 200
ABOUT = "A *linocut* style, printed by hand.\n\n- works at 0.6 to 1.0\n\n" + "Ink and paper. " * 25
BARS = {
    "by-hash, of a bare view": 2.0,
    "resolve HEAD, of a bare view": 2.0,
    "models?limit=100, of its SQL": 3.0,
    "its fourth page by cursor, of the first": 1.2,
    "a page while 50 programs wait, of alone": 1.25,
    "bytes of weights through the web process": 0,
    "downloads counted of one by 40 ranges": 1,
}


def main() -> int:
    from hub import embedded

    shutil.rmtree(FOLDER, ignore_errors=True)
    servers = embedded.start(FOLDER)
    try:
        os.environ.update(servers.environment | {"DJANGO_SETTINGS_MODULE": "infra.bench.protocols_settings"})
        port = embedded.free_port()
        address = f"http://127.0.0.1:{port}"
        os.environ["PUBLIC_URL"] = address
        # The clients here are one person with one address.
        os.environ |= {"GENERATIONS_WAITING": "1000", "GENERATIONS_PER_DAY": "10000"}
        for command in ("site_prepare", "storage_prepare"):
            subprocess.run([sys.executable, "manage.py", command], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
        web = _web(port)
        try:
            figures = _figures(address, _seeded())
        finally:
            web.terminate()
            web.wait(20)
    finally:
        servers.stop()
        shutil.rmtree(FOLDER, ignore_errors=True)
    return _told(figures)


def _web(port: int) -> subprocess.Popen[bytes]:
    from hub.supervisor import _web as program

    return subprocess.Popen(program(os.environ, "127.0.0.1", port).command, cwd=PROJECT, stderr=subprocess.DEVNULL)


def _seeded() -> dict[str, Any]:
    """Models with a file each, one of them a base, and a token."""
    import django

    django.setup()
    from django.db import connection

    from hub.accounts.actions import token_create
    from hub.accounts.models import User
    from hub.catalog.actions import tallies_roll_up
    from hub.gallery.actions import picture_add
    from tests.hub.catalog.files import added
    from workers.messages import Drawn, Recipe, Use

    owner = User.objects.create_user("bench", "bench@example.org", "correct horse battery")
    base = added(owner, "Base", inspected={"kind": "base"})
    files = [
        added(owner, f"Model {number}", description=ABOUT, tags=["style", "ink"], trigger_words=["lnct print"])
        for number in range(MODELS)
    ]
    for number, file in enumerate(files):
        for one in range(PICTURES):
            uses = (Use(kind="lora", sha256=file.blob_id, weight=0.8, name=file.name),)
            recipe = Recipe(base=base.blob_id, base_family="sd1", base_name="Base", prompt=ABOUT, seed=one, uses=uses)
            drawn = Drawn(sha256=f"{number * PICTURES + one:064x}", width=512, height=512, seed=one, bytes=1)
            picture_add(owner=owner, drawn=drawn, recipe=recipe, seconds=1.0, visible=True)
    tallies_roll_up()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    token = token_create(user=owner, name="bench", scopes=["read", "generate"])[1]
    return {"files": files, "file": files[MODELS // 2], "base": base, "token": token}


def _figures(address: str, made: dict[str, Any]) -> dict[str, tuple[float, str]]:
    import httpx

    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every question would bury the figures
    file = made["file"]
    client = httpx.Client(base_url=address, timeout=60)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if client.get("/healthz").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.1)
    slug = file.version.model.slug
    bare, by_hash, resolve = _medians(
        _asks(client, "GET", f"/bare/{file.version_id}"),
        # Another file each time: nobody asks for one of theirs twice in a row.
        _asks(client, "GET", *[f"/api/v1/model-versions/by-hash/{one.blob_id}" for one in made["files"]]),
        _asks(client, "HEAD", f"/bench/{slug}/resolve/main/{file.name}"),
    )
    page = "/api/v1/models?limit=100&sort=Newest"
    last = page
    for _ in range(3):
        last = client.get(last).json()["metadata"]["nextPage"].removeprefix(address)
    listed, deep = _medians(_asks(client, "GET", page), _asks(client, "GET", last), rounds=30)
    sql = _sql_of(page)
    alone, crowded, waiting = _pages_while_waiting(address, client, made)
    moved, counted = _downloads(address, made)
    ms = 1000
    return {
        "by-hash, of a bare view": (by_hash / bare, f"{by_hash * ms:.1f} of {bare * ms:.1f} ms"),
        "resolve HEAD, of a bare view": (resolve / bare, f"{resolve * ms:.1f} of {bare * ms:.1f} ms"),
        "models?limit=100, of its SQL": (listed / sql, f"{listed * ms:.0f} of {sql * ms:.1f} ms"),
        "its fourth page by cursor, of the first": (deep / listed, f"{deep * ms:.0f} of {listed * ms:.0f} ms"),
        "a page while 50 programs wait, of alone": (
            crowded / alone, f"{crowded * ms:.1f} of {alone * ms:.1f} ms, {waiting} waiting",
        ),
        "bytes of weights through the web process": (moved, f"{DOWNLOADS} downloads at once"),
        "downloads counted of one by 40 ranges": (counted, ""),
    }  # fmt: skip


def _asks(client: Any, method: str, *paths: str) -> Callable[[], None]:
    """A call that asks one of ``paths`` after the other."""
    turn = itertools.cycle(paths)

    def ask() -> None:
        path = next(turn)
        answer = client.request(method, path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:200]}"

    return ask


def _medians(*asks: Callable[[], None], rounds: int = ROUNDS) -> list[float]:
    """The median seconds of each, asked in turn."""
    taken: list[list[float]] = [[] for _ in asks]
    for number in range(rounds + 5):
        for times, ask in zip(taken, asks, strict=True):
            begun = time.perf_counter()
            ask()
            if number >= 5:
                times.append(time.perf_counter() - begun)
    return [statistics.median(times) for times in taken]


def _sql_of(path: str) -> float:
    """Median seconds of the statements that a request runs, run again by themselves on one connection."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    Client(headers={"Host": "127.0.0.1"}).get(path)  # so that what is planned once is
    with CaptureQueriesContext(connection) as captured:
        assert Client(headers={"Host": "127.0.0.1"}).get(path).status_code == 200
    statements = [query["sql"] for query in captured.captured_queries]

    def run() -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement.replace("%", "%%") if "%" in statement else statement)
                cursor.fetchall()

    return _medians(run, rounds=30)[0]


def _pages_while_waiting(address: str, client: Any, made: dict[str, Any]) -> tuple[float, float, int]:
    import httpx

    from hub.tryit.models import Generation

    page = _asks(client, "GET", "/models")
    alone = _medians(page, rounds=60)[0]
    headers = {"Authorization": f"Bearer {made['token']}"}
    body = {"prompt": "cat", "width": 64, "height": 64, "steps": 1}

    def waits() -> int:
        with httpx.Client(base_url=address, headers=headers, timeout=300) as waiter:
            return waiter.post("/sdapi/v1/txt2img", json=body).status_code

    with ThreadPoolExecutor(WAITERS) as pool:
        answers = [pool.submit(waits) for _ in range(WAITERS)]
        deadline = time.monotonic() + 60
        while Generation.objects.filter(status="queued").count() < WAITERS and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        waiting = Generation.objects.filter(status="queued").count()
        crowded = _medians(page, rounds=60)[0]
        client.post("/sdapi/v1/interrupt", headers=headers)
        assert {answer.result() for answer in answers} == {409}
    return alone, crowded, waiting


def _downloads(address: str, made: dict[str, Any]) -> tuple[float, float]:
    """(bytes of bodies that the web server sent for downloads, how many one download by ranges counted for)."""
    import httpx

    from hub.catalog.models import Tally

    file = made["file"]
    Tally.objects.all().delete()
    where, moved, lock = f"/api/download/models/{file.version_id}", [0], threading.Lock()

    def download(number: int) -> None:
        with httpx.Client(base_url=address, timeout=60) as one:
            answer = one.get(where, headers={"Range": f"bytes={number}-"})
            assert answer.status_code == 307, answer.status_code
            with lock:
                moved[0] += len(answer.content)

    with ThreadPoolExecutor(DOWNLOADS) as pool:
        list(pool.map(download, range(DOWNLOADS)))
    with httpx.Client(base_url=address, headers={"User-Agent": "by ranges"}) as ranges:
        Tally.objects.all().delete()
        for number in range(40):
            ranges.get(where, headers={"Range": f"bytes={number}-{number}"})
    return moved[0], Tally.objects.filter(kind="download").count() or Tally.objects.count()


def _told(figures: dict[str, tuple[float, str]]) -> int:
    missed = 0
    for name, bar in BARS.items():
        figure, words = figures[name]
        good = figure <= bar if bar != 1 else figure == bar
        missed += not good
        print(f"{'  ' if good else '! '}{name:<44}{figure:6.2f}  bar {bar:g}   {words}")
    kept = PROJECT / ".weightroom" / "bench"
    kept.mkdir(parents=True, exist_ok=True)
    told = {name: {"figure": figure, "bar": BARS[name], "words": words} for name, (figure, words) in figures.items()}
    (kept / "protocols.json").write_text(json.dumps(told, indent=1))
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
