"""The workers' client of the object store: they read weights and write pictures with it, no more."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING

import boto3
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session
from botocore.response import StreamingBody
from botocore.utils import get_environ_proxies

from workers import settings
from workers.once import once

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# One stream of a store is slow (80 to 300 MB/s). Two fill what hashing takes where the store is near, and each more
# costs it; where a quarter of the time is spent waiting, one more is asked for, up to six, in 48 MiB of memory.
PARALLEL, MOST_PARALLEL = 2, 6
WAITING_SHARE = 0.25
RANGE_BYTES = 8 * 1024**2
PIECE_BYTES = 1024**2
RANGE_TRIES = 4
RANGE_PAUSE_SECONDS = 0.5
URL_SECONDS = 12 * 3600  # a signed address outlives the slowest reading
CONNECT_SECONDS, READ_SECONDS = 5, 30


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
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            # Trailing checksums are AWS's own; other stores refuse them.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=2 * MOST_PARALLEL,
        ),
    )


@once
def _http() -> URLLib3Session:
    """The client's own way to the store, without what it does around each question."""
    return URLLib3Session(
        verify=os.environ.get("AWS_CA_BUNDLE") or True,  # type: ignore[arg-type]
        proxies=get_environ_proxies(settings.S3_ENDPOINT),
        timeout=(CONNECT_SECONDS, READ_SECONDS),  # type: ignore[arg-type]
        max_pool_connections=2 * MOST_PARALLEL,
    )


def stream(bucket: str, key: str, size: int, etag: str) -> Iterator[bytes]:
    """The ``size`` bytes of one object in order, `PARALLEL` ranges of `RANGE_BYTES` fetched ahead, or more if it helps.

    They are handed on in pieces of `PIECE_BYTES` as they arrive, so that hashing begins with the first of them.
    etag: the object's, so that every range is of the same object. Raises botocore's errors, and `OSError` where a
    range comes short.
    """
    # Signed once: to sign every question and to read its answer as the API has it is work beside the hashing.
    url = client().generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=URL_SECONDS)
    starts = iter(range(0, size, RANGE_BYTES))
    stop = threading.Event()

    def fetch(start: int, pieces: SimpleQueue[bytes | BaseException]) -> None:
        end = min(start + RANGE_BYTES, size)
        for tries_left in reversed(range(RANGE_TRIES)):
            if stop.is_set():
                return
            try:
                for piece in _range(url, start, end, etag):
                    pieces.put(piece)
                    start += len(piece)
                    if stop.is_set():
                        return
                return
            except (BotoCoreError, OSError) as error:
                if not tries_left:
                    pieces.put(error)
                    return
                stop.wait(RANGE_PAUSE_SECONDS)
            except BaseException as error:
                pieces.put(error)
                return

    with ThreadPoolExecutor(MOST_PARALLEL, thread_name_prefix="fetch") as pool:
        ahead: deque[SimpleQueue[bytes | BaseException]] = deque()

        def ask(most: int) -> None:
            while len(ahead) < most and (start := next(starts, None)) is not None:
                ahead.append(SimpleQueue())
                pool.submit(fetch, start, ahead[-1])

        try:
            most, began, waited = PARALLEL, time.perf_counter(), 0.0
            ask(most)
            for start in range(0, size, RANGE_BYTES):
                left = min(RANGE_BYTES, size - start)
                while left:
                    asked = time.perf_counter()
                    piece = ahead[0].get()
                    waited += time.perf_counter() - asked
                    if isinstance(piece, BaseException):
                        raise piece
                    left -= len(piece)
                    if not left:  # its thread has the next range while the caller takes the last piece
                        ahead.popleft()
                        if waited > WAITING_SHARE * (time.perf_counter() - began) and start:
                            most = min(most + 1, MOST_PARALLEL)
                        began, waited = time.perf_counter(), 0.0
                        ask(most)
                    yield piece
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _range(url: str, start: int, end: int, etag: str) -> Iterator[bytes]:
    """The bytes ``start`` to before ``end``, in pieces. Raises `OSError` where fewer come: those before are good."""
    asked = AWSRequest("GET", url, {"Range": f"bytes={start}-{end - 1}", "If-Match": etag}, stream_output=True)
    answer = _http().send(asked.prepare())
    body = StreamingBody(answer.raw, None)  # type: ignore[arg-type]
    if answer.status_code in (429, *range(500, 600)):
        body.close()
        raise OSError(f"the store answered {answer.status_code}")
    if answer.status_code != 206:
        told = {"Code": str(answer.status_code), "Message": body.read(200).decode(errors="replace")}
        body.close()
        raise ClientError({"Error": told, "ResponseMetadata": {"HTTPStatusCode": answer.status_code}}, "GetObject")  # type: ignore[typeddict-item]
    while start < end:
        piece = body.read(min(PIECE_BYTES, end - start))
        if not piece:
            body.close()
            raise OSError(f"the store sent {end - start} bytes too few")
        start += len(piece)
        yield piece
    body.read()  # nothing is left; its end gives the connection back
