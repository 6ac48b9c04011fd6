"""The one place that knows buckets and keys: presign, list, complete, promote, delete. The hub never reads a file's bytes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from django.conf import settings

from workers.messages import blob_key, picture_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def _client(endpoint: str) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
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
        ),
    )


@cache
def client() -> S3Client:
    """Talks to the store from here."""
    return _client(settings.S3_ENDPOINT)


@cache
def signer() -> S3Client:
    """Signs URLs that browsers use: same keys, the address that they see."""
    return _client(settings.S3_PUBLIC_ENDPOINT)


def content_disposition(filename: str) -> str:
    """``attachment`` with an ASCII name and its UTF-8 form (RFC 6266, RFC 5987)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def download_url(sha256: str, filename: str) -> str:
    """A short-lived URL of a stored file, with its name."""
    return signer().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": settings.S3_BUCKET,
            "Key": blob_key(sha256),
            "ResponseContentDisposition": content_disposition(filename),
            "ResponseContentType": "application/octet-stream",
        },
        ExpiresIn=settings.DOWNLOAD_URL_SECONDS,
    )


def blob_exists(sha256: str) -> bool:
    try:
        client().head_object(Bucket=settings.S3_BUCKET, Key=blob_key(sha256))
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            return False
        raise
    return True


def promote(incoming: str, sha256: str) -> None:
    """Copy an inspected object to its place by digest (server side), then drop it from incoming. Repeating is harmless."""
    if not blob_exists(sha256):
        # boto3's managed copy switches to parts where one request may not carry it (5 GB).
        client().copy({"Bucket": settings.S3_BUCKET, "Key": incoming}, settings.S3_BUCKET, blob_key(sha256))
    client().delete_object(Bucket=settings.S3_BUCKET, Key=incoming)


def picture(sha256: str) -> bytes:
    """A drawn picture's PNG; some tens of kilobytes to a few megabytes, made by our own workers."""
    return client().get_object(Bucket=settings.S3_PICTURES_BUCKET, Key=picture_key(sha256))["Body"].read()
