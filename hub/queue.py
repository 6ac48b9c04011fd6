"""`send`: the one door to the workers. It opens on commit; and news of running jobs, read from the cache."""

import time

import msgspec
import redis
from django.conf import settings
from django.db import transaction

from hub.celery import app
from workers import messages
from workers.messages import GENERATE, INSPECT, Generate, InspectModel, Progress

TASKS = {InspectModel: ("workers.inspect_model", INSPECT), Generate: ("workers.generate", GENERATE)}
_client: redis.Redis | None = None


def cache() -> redis.Redis:
    global _client
    if _client is None:
        _client = redis.Redis.from_url(settings.BROKER_URL)
    return _client


def send(message: InspectModel | Generate, *, then: str) -> None:
    """Hand ``message`` to a worker once the transaction commits; its answer arrives at the hub's task ``then``."""
    task, queue = TASKS[type(message)]
    payload = messages.pack(message)
    transaction.on_commit(lambda: app.send_task(task, args=[payload, then], queue=queue, ignore_result=True))


def progress(job_id: str) -> Progress | None:
    """The last news of a running job; None where there is none (not begun, long silent, cache restarted)."""
    stored = cache().get(messages.progress_key(job_id))
    return msgspec.json.decode(stored, type=Progress) if stored else None


def cancel(job_id: str) -> None:
    """Ask the worker that draws ``job_id`` to stop before its next step."""
    cache().set(messages.cancel_key(job_id), int(time.time()), ex=3600)


def waiting(queue: str) -> int:
    """How many messages no worker has taken yet."""
    return int(cache().llen(queue))


def workers_alive(queue: str) -> int:
    pattern = messages.WORKER_ALIVE.format(queue=queue, host="*")
    return sum(1 for _ in cache().scan_iter(pattern))
