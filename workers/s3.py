"""The workers' client of the object store: they read weights and write pictures with it, no more."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from workers import settings
from workers.once import once

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# One stream of a store is slow (80 to 300 MB/s); four together fill what hashing takes, in 32 MiB of memory.
PARALLEL = 4
RANGE_BYTES = 8 * 1024**2
RANGE_TRIES = 3
RANGE_PAUSE_SECONDS = 0.5


@once
def client() -> S3Client:
    """Talks to the store. Safe to share among threads. The settings are `hub.storage`'s, the credentials are not."""
    return boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT,
        region_name=settings.S3_REGION,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"max_attempts": 4, "mode": "standard"},
            connect_timeout=5,
            read_timeout=30,
            # Trailing checksums are AWS's own; other stores refuse them.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=2 * PARALLEL,
        ),
    )


def stream(bucket: str, key: str, size: int, etag: str) -> Iterator[bytes]:
    """The ``size`` bytes of one object in order, `PARALLEL` ranges of `RANGE_BYTES` fetched ahead.

    etag: the object's, so that every range is of the same object. Raises botocore's errors, and `OSError` where a
    range comes short.
    """
    starts = iter(range(0, size, RANGE_BYTES))
    stop = threading.Event()

    def fetch(start: int) -> bytes:
        for tries_left in reversed(range(RANGE_TRIES)):
            if stop.is_set():
                break
            try:
                return _range(bucket, key, start, min(start + RANGE_BYTES, size), etag)
            except (BotoCoreError, OSError):
                # botocore tries again until an answer begins, not when it breaks off half-way.
                if not tries_left:
                    raise
                stop.wait(RANGE_PAUSE_SECONDS)
        return b""

    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="fetch") as pool:
        ahead: deque[Future[bytes]] = deque(
            pool.submit(fetch, start) for _, start in zip(range(PARALLEL), starts, strict=False)
        )
        try:
            while ahead:
                data = ahead.popleft().result()
                if (start := next(starts, None)) is not None:
                    ahead.append(pool.submit(fetch, start))
                yield data
        finally:
            stop.set()
            for waiting in ahead:
                waiting.cancel()


def _range(bucket: str, key: str, start: int, end: int, etag: str) -> bytes:
    answer = client().get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}", IfMatch=etag)
    data = answer["Body"].read()
    if len(data) != end - start:
        raise OSError(f"the store sent {len(data)} bytes of {end - start}")
    return data
