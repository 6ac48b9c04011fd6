"""`send`: the one door to the workers. It opens on commit; and news of running jobs, read from the cache."""

import base64
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import redis
from django.conf import settings
from django.db import transaction

from hub.celery import app
from workers import messages
from workers.fetch_messages import FETCH, FetchFile, Fetching, ListShelf, LookUp, Measure, attempt_key
from workers.messages import (
    GENERATE,
    HEADER,
    INSPECT,
    INSPECT_LARGE,
    AssembleFile,
    Embed,
    Generate,
    InspectImage,
    Inspecting,
    InspectModel,
    MakeLayout,
    Progress,
    ReadHeader,
    Sandbox,
    Score,
    Shrink,
    Trace,
)

TASKS = {
    InspectModel: ("workers.inspect_model", INSPECT),
    AssembleFile: ("workers.assemble_file", INSPECT),
    ReadHeader: ("workers.read_header", HEADER),
    InspectImage: ("workers.inspect_image", HEADER),
    MakeLayout: ("workers.make_layout", GENERATE),
    Generate: ("workers.generate", GENERATE),
    Shrink: ("workers.shrink", HEADER),
    Trace: ("workers.trace", HEADER),
    Score: ("workers.score", HEADER),
    Embed: ("workers.embed", HEADER),
    LookUp: ("workers.look_up", FETCH),
    ListShelf: ("workers.list_shelf", FETCH),
    Measure: ("workers.measure", FETCH),
    FetchFile: ("workers.fetch_file", FETCH),
}
# Celery on Redis keeps one list per priority step and a worker pops from the first that holds something, so a
# person's picture overtakes every waiting preview without a second queue that workers would have to know.
PRIORITIES = (0, 3, 6, 9)  # kombu's own steps
_SEPARATOR = "\x06\x16"  # between a queue's name and its priority, in kombu's keys
LONG = 4  # pictures: a worker's own line that is as long is left alone, and whoever is free opens the base too
TRIES = 5  # at moving messages while workers take from the same line
NEWS_SECONDS = 120  # how long news is kept, as the workers keep theirs
_client: redis.Redis | None = None


def cache() -> redis.Redis:
    global _client
    if _client is None:
        _client = redis.Redis.from_url(settings.BROKER_URL)
    return _client


def send(
    message: InspectModel
    | ReadHeader
    | AssembleFile
    | InspectImage
    | MakeLayout
    | Generate
    | Shrink
    | Trace
    | Score
    | Embed
    | LookUp
    | ListShelf
    | Measure
    | FetchFile,
    *,
    then: str = "",
    priority: int = 0,
) -> None:
    """Hand ``message`` to a worker once the transaction commits; its answer, if it has one, arrives at the hub's task
    ``then``.

    priority: 0 is served first, then 3, 6, 9 (`PRIORITIES`); within one, first come, first served.
    """
    task, line = TASKS[type(message)]
    payload = msgspec.to_builtins(message)

    def hand_over() -> None:
        queue, urgency = line, priority
        if isinstance(message, Generate):
            queue = _line_for(message)
        elif isinstance(message, InspectModel | AssembleFile):
            queue, step = inspection_line(message.size)
            urgency = max(step, priority)
        app.send_task(task, args=[payload, then], queue=queue, priority=urgency, ignore_result=True)

    transaction.on_commit(hand_over)


def inspection_line(size: int) -> tuple[str, int]:
    """The line in which a file of ``size`` bytes is inspected, and its priority there: the smaller ones go first.

    Large files have a line of their own, which some inspectors do not take from, so that nobody waits with a small file
    for all inspectors to be done with large ones. Where no worker takes from it, every file goes to the one line.
    """
    larges = size / settings.INSPECT_LARGE_BYTES
    step = next((step for step, most in zip(PRIORITIES, (1 / 16, 1, 2), strict=False) if larges <= most), PRIORITIES[2])
    return INSPECT_LARGE if larges > 1 and workers_alive(INSPECT_LARGE) else INSPECT, step


def _line_for(message: Generate) -> str:
    """The line of a worker that has the picture's base open, the shortest such; everybody's where nobody has, where
    theirs are long, or where only one draws. A later attempt goes to everybody: its worker may be gone."""
    hosts = _drawing()
    if message.attempt > 1 or len(hosts) < 2:
        return GENERATE
    lines = [(waiting(messages.own_queue(host)), host) for host, held in hosts.items() if message.recipe.base in held]
    length, host = min(lines, default=(LONG, ""))
    return messages.own_queue(host) if length < LONG else GENERATE


def _drawing() -> dict[str, tuple[str, ...]]:
    """The living workers that draw, each with the bases that it has open."""
    start = messages.WORKER_HOLDS.format(host="")
    keys = sorted(cache().scan_iter(messages.WORKER_HOLDS.format(host="*")))
    stored = cache().mget(keys) if keys else []
    return {
        key.decode().removeprefix(start): msgspec.json.decode(held, type=tuple[str, ...])
        for key, held in zip(keys, stored, strict=True)  # type: ignore[arg-type]
        if held
    }


def meaning(text: str) -> str:
    """The vector of a query that a worker has read, base64; empty where none has."""
    stored = cache().get(messages.meaning_key(text))
    return stored.decode() if isinstance(stored, bytes) else ""


def progress(job_id: str) -> Progress | None:
    """The last news of a running job; None where there is none (not begun, long silent, cache restarted)."""
    stored = cache().get(messages.progress_key(job_id))
    return msgspec.json.decode(stored, type=Progress) if stored else None


def progress_of(job_ids: Sequence[str]) -> dict[str, Progress]:
    """The last news of each of these jobs that has any, in one question."""
    if not job_ids:
        return {}
    stored = cache().mget([messages.progress_key(job_id) for job_id in job_ids])
    found = zip(job_ids, stored, strict=True)  # type: ignore[arg-type]
    return {job_id: msgspec.json.decode(news, type=Progress) for job_id, news in found if news}


def inspecting(upload_id: str) -> Inspecting | None:
    """The last news of a running inspection; None where there is none (in line, long silent, cache restarted)."""
    stored = cache().get(messages.progress_key(upload_id))
    return msgspec.json.decode(stored, type=Inspecting) if stored else None


def fetching_of(ids: Sequence[str]) -> dict[str, Fetching]:
    """The last news of each of these fetches that has any, in one question."""
    if not ids:
        return {}
    stored = cache().mget([messages.progress_key(id) for id in ids])
    found = zip(ids, stored, strict=True)  # type: ignore[arg-type]
    return {id: msgspec.json.decode(news, type=Fetching) for id, news in found if news}


def fetch_counts(id: str, attempt: int) -> None:
    """Let the workers know which attempt at a fetch counts from now on; -1: nobody wants it any more. A cache that does
    not answer costs work done twice, no more."""
    with contextlib.suppress(redis.RedisError):
        cache().set(attempt_key(id), attempt, ex=24 * 3600)


def say(news: Inspecting) -> None:
    """Tell of what the hub itself does with an inspected file; a cache that does not answer costs the news only."""
    with contextlib.suppress(redis.RedisError):
        stamped = msgspec.structs.replace(news, at=time.time())
        cache().set(messages.progress_key(news.upload_id), msgspec.json.encode(stamped), ex=NEWS_SECONDS)


def sandboxes() -> dict[str, Sandbox]:
    """Behind which walls each living inspector converts pickles, by its name, as its self-test found at its start."""
    found = {}
    start = messages.SANDBOX_STATE.format(host="")
    for key in sorted(cache().scan_iter(messages.SANDBOX_STATE.format(host="*"))):
        if stored := cache().get(key):
            found[key.decode().removeprefix(start)] = msgspec.json.decode(stored, type=Sandbox)
    return found


def cancel(job_id: str) -> None:
    """Ask the worker that draws ``job_id`` to stop before its next step."""
    # Kept for longer than a message may lie in the broker before it is given out again (an hour).
    cache().set(messages.cancel_key(job_id), int(time.time()), ex=24 * 3600)


def waiting(queue: str, *, up_to: int = PRIORITIES[-1]) -> int:
    """How many messages of a priority ``up_to`` or more urgent no worker has taken yet; of the drawing workers' own
    lines too, as long as they live."""
    steps = [step for step in PRIORITIES if step <= up_to]
    lines = [queue, *(messages.own_queue(host) for host in _drawing())] if queue == GENERATE else [queue]
    return sum(int(cache().llen(f"{line}{_SEPARATOR}{step}" if step else line)) for line in lines for step in steps)


def drawn_first(first: str, own: Mapping[str, int]) -> dict[str, str] | None:
    """Bring a generation that waits before the others of its owner, so that nobody else's is drawn later for it.

    own: ids of its owner's most urgent that wait, itself among them, in the order in which they were sent, each with
    the work that it is. Returns those that moved, in their new order, each with the id whose place it has now; nothing
    where it is first already, None where it is in no line any more.
    """
    keys = [GENERATE, *(messages.own_queue(host) for host in _drawing())]
    with cache().pipeline() as pipe:
        for _ in range(TRIES):
            with contextlib.suppress(redis.WatchError):  # a worker took a message meanwhile, or one was sent
                pipe.watch(*keys)
                # Sent at a list's head and taken at its end: here the next to be drawn comes first.
                lines: dict[str, list[bytes]] = {key: pipe.lrange(key, 0, -1)[::-1] for key in keys}  # type: ignore
                if not any(_drawn_by(one) == first for line in lines.values() for one in line):
                    return None
                changed, moved = rearranged(lines, first, own)
                pipe.multi()
                for key, line in changed.items():
                    pipe.delete(key)
                    if line:
                        pipe.lpush(key, *line)
                pipe.execute()
                return moved
    return {}


def rearranged(
    lines: Mapping[str, Sequence[bytes]], first: str, own: Mapping[str, int]
) -> tuple[dict[str, list[bytes]], dict[str, str]]:
    """The lines that change, and what `drawn_first` returns.

    ``first`` takes the earliest place of its owner's from which on each of theirs is no less work than it: behind such
    a place others wait no longer than before. Each of those moves on to the next one's place. What its owner has before
    that place is less work, and steps back behind it.
    """
    at = {id: (key, n) for key, line in lines.items() for n, one in enumerate(line) if (id := _drawn_by(one)) in own}
    mine = [id for id in own if id in at]
    if first not in at or mine[0] == first:
        return {}, {}
    last = mine.index(first)
    begin = next(n for n in range(last + 1) if all(own[id] >= own[first] for id in mine[n:last]))
    smaller, larger, places = mine[:begin], mine[begin:last], mine[begin : last + 1]
    new: dict[str, list[bytes | None]] = {at[id][0]: [*lines[at[id][0]]] for id in mine[: last + 1]}
    for place, id in zip(places, [first, *larger], strict=True):
        new[at[place][0]][at[place][1]] = lines[at[id][0]][at[id][1]]
    for id in smaller:
        new[at[id][0]][at[id][1]] = None
    key, place_of_first = at[places[0]]
    new[key][place_of_first + 1 : place_of_first + 1] = [lines[at[id][0]][at[id][1]] for id in smaller]
    moved = {first: places[0]} | dict.fromkeys(smaller, places[0]) | dict(zip(larger, places[1:], strict=True))
    return {key: [one for one in line if one is not None] for key, line in new.items()}, moved


def _drawn_by(message: bytes) -> str:
    """The id of the generation that a waiting message asks for; empty where it asks for something else."""
    sent: dict[str, Any] = msgspec.json.decode(message)
    if sent["headers"].get("task") != TASKS[Generate][0]:
        return ""
    return str(msgspec.json.decode(base64.b64decode(sent["body"]))[0][0]["generation_id"])


def rules() -> str:
    """The rules by which inspectors judge now; empty where none has said so yet."""
    stored = cache().get(messages.RULES)
    return stored.decode() if isinstance(stored, bytes) else ""


def workers_alive(queue: str) -> int:
    pattern = messages.WORKER_ALIVE.format(queue=queue, host="*")
    return sum(1 for _ in cache().scan_iter(pattern))


def workers_named(queue: str) -> list[str]:
    """The names of the living workers of a queue."""
    start = messages.WORKER_ALIVE.format(queue=queue, host="")
    keys = cache().scan_iter(messages.WORKER_ALIVE.format(queue=queue, host="*"))
    return sorted(key.decode().removeprefix(start) for key in keys)
