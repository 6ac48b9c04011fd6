"""The workers' client of the object store: they read weights and write pictures with it, no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from workers import ranges, settings
from workers.once import once

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

URL_SECONDS = 12 * 3600  # a signed address outlives the slowest reading


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
            connect_timeout=ranges.CONNECT_SECONDS,
            read_timeout=ranges.READ_SECONDS,
            # Trailing checksums are AWS's own; other stores refuse them.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def stream(bucket: str, key: str, size: int, etag: str) -> Iterator[memoryview]:
    """The ``size`` bytes of one object in order, as `ranges.read` gives them: in pieces, hashed while more come.

    etag: the object's, so that all of it is of the same object. Raises botocore's errors, and `OSError`.
    """
    # Signed once: to sign every question and to read its answer as the API has it is work beside the hashing.
    url = client().generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=URL_SECONDS)
    return ranges.read(url, size, etag)
