"""What it costs to read an upload from the object store, asked for by `infra.bench.inspection`.

The store is the one of the wheel, on this machine: it takes its share of the cores, as no store elsewhere would. Both
sides are measured in turn, so that other work on the machine hits them alike.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

from workers import s3, settings
from workers.digests import digests_of, digests_of_path

ROUNDS = 5
BAR = 1.25
Figure = tuple[str, float, float, bool]


@contextmanager
def store() -> Iterator[None]:
    """An object store of its own, and the workers' settings pointed at it."""
    from hub import embedded

    before = dict(os.environ)
    os.environ.update(BROKER_URL="none", DATABASE_URL="none")  # neither is needed, so neither is started
    os.environ.pop("S3_ENDPOINT", None)
    with tempfile.TemporaryDirectory() as folder:
        servers = embedded.start(Path(folder))
        try:
            told = servers.environment
            settings.S3_ENDPOINT = told["S3_ENDPOINT"]
            settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY = told["WORKER_S3_ACCESS_KEY"], told["WORKER_S3_SECRET_KEY"]
            os.environ.update({name: told[name] for name in ("S3_ACCESS_KEY", "S3_SECRET_KEY")})
            yield
        finally:
            servers.stop()
            os.environ.clear()
            os.environ.update(before)


def figures(path: Path) -> list[Figure]:
    """Six digests of the file at ``path`` and of the same bytes in the store: how much longer the second takes."""
    with store():
        hub = boto3.client(
            "s3",
            endpoint_url=settings.S3_ENDPOINT,
            region_name=settings.S3_REGION,
            aws_access_key_id=os.environ["S3_ACCESS_KEY"],
            aws_secret_access_key=os.environ["S3_SECRET_KEY"],
        )
        hub.upload_file(str(path), settings.S3_BUCKET, "incoming/bench")
        head = hub.head_object(Bucket=settings.S3_BUCKET, Key="incoming/bench")
        size, etag = head["ContentLength"], head["ETag"]

        def from_store() -> dict[str, str]:
            return digests_of(s3.stream(settings.S3_BUCKET, "incoming/bench", size, etag), size)

        if from_store() != digests_of_path(path):
            return [("store_to_local_seconds", 0, BAR, False)]
        local, remote = float("inf"), float("inf")
        for _ in range(ROUNDS):
            local = min(local, _seconds(lambda: digests_of_path(path)))
            remote = min(remote, _seconds(from_store))
    ratio = remote / local
    return [("store_to_local_seconds", round(ratio, 3), BAR, ratio <= BAR)]


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
