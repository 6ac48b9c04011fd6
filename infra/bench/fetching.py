"""What it costs to read an upload from the object store, asked for by `infra.bench.inspection`.

The store is the one of the wheel, on this machine, and what it takes is not the worker's work: a store elsewhere takes
none of the worker's cores. So with two cores the store gets one and the worker the other, for the local file too. What
comes of it where both share the cores is told beside it. Both sides are measured in turn, so that other work on the
machine hits them alike.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from workers import s3, settings
from workers.digests import digests_of, digests_of_path

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROUNDS = 5
BAR = 1.25
Figure = tuple[str, float, float | None, bool]


@contextmanager
def store() -> Iterator[int]:
    """An object store of its own, and the workers' settings pointed at it; its process."""
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
            yield servers.processes.running["store"].pid
        finally:
            servers.stop()
            os.environ.clear()
            os.environ.update(before)


def figures(path: Path) -> list[Figure]:
    """Six digests of the file at ``path`` and of the same bytes in the store: how much longer the second takes."""
    with store() as process:
        hub = _hub()
        hub.upload_file(str(path), settings.S3_BUCKET, "incoming/bench")
        head = hub.head_object(Bucket=settings.S3_BUCKET, Key="incoming/bench")
        size, etag = head["ContentLength"], head["ETag"]

        def from_store() -> dict[str, str]:
            return digests_of(s3.stream(settings.S3_BUCKET, "incoming/bench", size, etag), size)

        if from_store() != digests_of_path(path):
            return [("store_to_local_seconds", 0, BAR, False)]
        shared = _ratio(path, from_store)
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) == 1:
            return [("store_to_local_seconds", shared, BAR, shared <= BAR)]
        try:
            _pin(process, {cores[-1]})
            os.sched_setaffinity(0, cores[:-1])
            apart = _ratio(path, from_store)
        finally:
            os.sched_setaffinity(0, cores)
    found: list[Figure] = [("store_to_local_seconds", apart, BAR, apart <= BAR)]
    return [*found, ("store_to_local_seconds_on_shared_cores", shared, None, True)]


def _ratio(path: Path, from_store: Callable[[], object]) -> float:
    local, remote = float("inf"), float("inf")
    for _ in range(ROUNDS):
        local = min(local, _seconds(lambda: digests_of_path(path)))
        remote = min(remote, _seconds(from_store))
    print(f"  local {local:.3f} s, from the store {remote:.3f} s", file=sys.stderr)
    return round(remote / local, 3)


def _pin(process: int, cores: set[int]) -> None:
    """Keep every thread of ``process``, and those that they will start, on these cores."""
    for thread in os.listdir(f"/proc/{process}/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), cores)


def peak_growth(path: Path) -> float:
    """MiB that reading ``path`` from the store and digesting it adds to a process that has all of it imported and has
    read a small file before: what grows with a file, if anything does."""
    with store():
        hub = _hub()
        hub.put_object(Bucket=settings.S3_BUCKET, Key="incoming/small", Body=os.urandom(100_000))
        hub.upload_file(str(path), settings.S3_BUCKET, "incoming/bench")
        command = [sys.executable, "-c", _GROWTH.format(keys=["incoming/small", "incoming/bench"])]
        told = {"S3_ENDPOINT": settings.S3_ENDPOINT, "WORKER_S3_ACCESS_KEY": settings.S3_ACCESS_KEY}
        told |= {"WORKER_S3_SECRET_KEY": settings.S3_SECRET_KEY, "BROKER_URL": ""}
        said = subprocess.run(command, env=os.environ | told, check=True, capture_output=True, text=True, cwd=PROJECT)
    return float(said.stdout)


PROJECT = Path(__file__).resolve().parents[2]
_GROWTH = """
import resource
from workers import incoming, s3, settings
from workers.digests import digests_of
peaks = []
for key in {keys!r}:
    head = s3.client().head_object(Bucket=settings.S3_BUCKET, Key=key)
    digests_of(s3.stream(settings.S3_BUCKET, key, head["ContentLength"], head["ETag"]), head["ContentLength"])
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(peaks[1] - peaks[0])
"""


def _hub() -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT,
        region_name=settings.S3_REGION,
        aws_access_key_id=os.environ["S3_ACCESS_KEY"],
        aws_secret_access_key=os.environ["S3_SECRET_KEY"],
    )


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
