"""The one place that knows buckets and keys: presign, list, complete, promote, delete. No weights pass here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

import boto3
import urllib3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from django.conf import settings

from workers.messages import Trace, blob_key, held_key, picture_key, small_picture_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Of copies within the store. boto3's own parts of 8 MiB are hundreds of questions for a checkpoint.
COPYING = TransferConfig(
    multipart_threshold=64 * settings.MIB, multipart_chunksize=32 * settings.MIB, max_concurrency=10
)
INCOMING = "incoming/"  # where uploads lie until they are inspected; never served


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


def content_disposition(filename: str, *, plain: bool = False) -> str:
    """``attachment`` with an ASCII name and its UTF-8 form (RFC 6266, RFC 5987); without that where ``plain``."""
    ascii_name = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename)
    said = f'attachment; filename="{ascii_name}"'
    return said if plain else f"{said}; filename*=UTF-8''{quote(filename, safe='')}"


def download_url(sha256: str, filename: str, *, plain: bool = False, aside: bool = False) -> str:
    """A short-lived URL of a stored file, with its name; ``plain``: in ASCII alone, as some clients need it; ``aside``:
    of one that was put aside."""
    return signer().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": settings.S3_BUCKET,
            "Key": held_key(sha256) if aside else blob_key(sha256),
            "ResponseContentDisposition": content_disposition(filename, plain=plain),
            "ResponseContentType": "application/octet-stream",
        },
        ExpiresIn=settings.DOWNLOAD_URL_SECONDS,
    )


def blob_exists(sha256: str) -> bool:
    return object_size(blob_key(sha256)) is not None


def object_size(key: str) -> int | None:
    """How many bytes the object holds; None: there is none."""
    try:
        return int(client().head_object(Bucket=settings.S3_BUCKET, Key=key)["ContentLength"])
    except ClientError as error:
        if _status(error) == 404:
            return None
        raise


def promote(incoming: str, sha256: str) -> None:
    """Copy an inspected object to its place by digest, server side. Repeating is harmless.

    The incoming object stays until `drop`, so that a crash between the copy and the database's commit loses nothing.
    """
    if not blob_exists(sha256):
        _copy(incoming, blob_key(sha256))


def _copy(key: str, to: str) -> None:
    """Within the store; several parts at once, as a large file has to be in its place within a minute."""
    client().copy({"Bucket": settings.S3_BUCKET, "Key": key}, settings.S3_BUCKET, to, Config=COPYING)


def put_aside(sha256: str) -> None:
    """Copy a stored file to where no address that was given out leads to. Repeating is harmless; `place_empty` is what
    makes the old addresses dead."""
    if object_size(held_key(sha256)) is None and blob_exists(sha256):
        _copy(blob_key(sha256), held_key(sha256))


def put_back(sha256: str) -> None:
    """Copy a file that was put aside to its place by digest. Repeating is harmless."""
    if not blob_exists(sha256) and object_size(held_key(sha256)) is not None:
        _copy(held_key(sha256), blob_key(sha256))


def place_empty(sha256: str, *, aside: bool) -> None:
    """Delete the copy that has no further use: the one in the file's place (``aside`` False), or the one put aside.
    Raises `ValueError` rather than delete the only one."""
    gone, kept = (held_key(sha256), blob_key(sha256)) if aside else (blob_key(sha256), held_key(sha256))
    if object_size(gone) is None:
        return
    if object_size(kept) is None:
        raise ValueError(f"{gone} is the only copy.")
    client().delete_object(Bucket=settings.S3_BUCKET, Key=gone)


def drop(incoming: str) -> None:
    """Delete an incoming object; none there is fine. Only ``incoming/`` can be dropped: blobs are counted elsewhere."""
    if not incoming.startswith(INCOMING):
        raise ValueError(f"{incoming} is not an incoming object.")
    client().delete_object(Bucket=settings.S3_BUCKET, Key=incoming)


def small_put(sha256: str, content: bytes) -> None:
    """Keep a small file (a README, a configuration) in its place by digest; it came inside a call's own body."""
    if not blob_exists(sha256):
        client().put_object(
            Bucket=settings.S3_BUCKET, Key=blob_key(sha256), Body=content, ContentType="application/octet-stream"
        )


# Uploads in parts


@dataclass(frozen=True)
class Part:
    """A part as the store has it; ``etag`` without its quotes, ``sent`` to the second."""

    number: int
    etag: str
    size: int
    sent: datetime


class NoSuchMultipart(Exception):
    """The store knows no open multipart upload of that id: it was completed, aborted, or is lost."""


class PartsRefused(Exception):
    """The store does not accept this list of parts."""


def multipart_start(key: str) -> str:
    """Begin an upload in parts to ``key``; the store's own id of it."""
    made = client().create_multipart_upload(Bucket=settings.S3_BUCKET, Key=key, ContentType="application/octet-stream")
    return made["UploadId"]


def part_url(
    key: str, multipart: str, number: int, size: int, *, seconds: int | None = None, inside: bool = False
) -> str:
    """A URL that takes part ``number`` by PUT, of exactly ``size`` bytes (the length is signed), for an hour or so.

    seconds: how long where a client takes all URLs at once and cannot ask again. inside: for a worker, who reaches
    the store where the hub does.
    """
    return (client() if inside else signer()).generate_presigned_url(
        "upload_part",
        Params={
            "Bucket": settings.S3_BUCKET,
            "Key": key,
            "UploadId": multipart,
            "PartNumber": number,
            "ContentLength": size,
        },
        ExpiresIn=seconds or settings.PART_URL_SECONDS,
    )


def object_url(key: str, size: int) -> str:
    """A URL that takes a small object by PUT, of exactly ``size`` bytes; only where being written twice is harmless."""
    return signer().generate_presigned_url(
        "put_object",
        Params={"Bucket": settings.S3_BUCKET, "Key": key, "ContentLength": size},
        ExpiresIn=settings.PART_URL_SECONDS,
    )


def incoming_url(key: str, filename: str) -> str:
    """A short-lived URL of an incoming object, for its owner alone."""
    return signer().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": settings.S3_BUCKET,
            "Key": key,
            "ResponseContentDisposition": content_disposition(filename),
            "ResponseContentType": "application/octet-stream",
        },
        ExpiresIn=settings.DOWNLOAD_URL_SECONDS,
    )


def parts(key: str, multipart: str) -> list[Part]:
    """Every part that the store has, all pages, in order of numbers. Raises `NoSuchMultipart`.

    SeaweedFS lists each sending of a part; AWS the last one only.
    """
    pages = client().get_paginator("list_parts").paginate(Bucket=settings.S3_BUCKET, Key=key, UploadId=multipart)
    try:
        return [
            Part(part["PartNumber"], part["ETag"].strip('"'), part["Size"], part["LastModified"])
            for page in pages
            for part in page.get("Parts", [])
        ]
    except ClientError as error:
        if _status(error) == 404:
            raise NoSuchMultipart(multipart) from error
        raise


def part_put(key: str, multipart: str, data: bytes, *, number: int = 1) -> None:
    """Send a part of what came inside a call's own body; a small object has no other."""
    client().upload_part(Bucket=settings.S3_BUCKET, Key=key, UploadId=multipart, PartNumber=number, Body=data)


def multipart_complete(key: str, multipart: str, parts: list[Part]) -> None:
    """Make one object of the parts. Raises `NoSuchMultipart`, `PartsRefused`; anything else is ambiguous: look."""
    listed = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
    try:
        client().complete_multipart_upload(
            Bucket=settings.S3_BUCKET,
            Key=key,
            UploadId=multipart,
            MultipartUpload={"Parts": listed},  # type: ignore[typeddict-item]
        )
    except ClientError as error:
        if _status(error) == 404:
            raise NoSuchMultipart(multipart) from error
        if error.response["Error"].get("Code") in {"InvalidPart", "InvalidPartOrder", "EntityTooSmall"}:
            raise PartsRefused(error.response["Error"].get("Message", "")) from error
        raise


def multipart_abort(key: str, multipart: str) -> None:
    """Forget the parts. One that is gone already is fine."""
    try:
        client().abort_multipart_upload(Bucket=settings.S3_BUCKET, Key=key, UploadId=multipart)
    except ClientError as error:
        if _status(error) != 404:
            raise


def multiparts(prefix: str) -> Iterator[tuple[str, str, datetime]]:
    """Open uploads in parts under ``prefix``: key, the store's id, when it began."""
    pages = client().get_paginator("list_multipart_uploads").paginate(Bucket=settings.S3_BUCKET, Prefix=prefix)
    for page in pages:
        for upload in page.get("Uploads", []):
            yield upload["Key"], upload["UploadId"], upload["Initiated"]


def incoming_objects(prefix: str) -> Iterator[tuple[str, datetime]]:
    """Objects under ``prefix``: key, when it was written."""
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=settings.S3_BUCKET, Prefix=prefix)
    for page in pages:
        for found in page.get("Contents", []):
            yield found["Key"], found["LastModified"]


def _xorb_url(by: S3Client, key: str, size: int) -> str:
    return by.generate_presigned_url(
        "put_object",
        Params={"Bucket": settings.S3_BUCKET, "Key": key, "ContentLength": size},
        ExpiresIn=settings.PART_URL_SECONDS,
    )


def xorb_url(key: str, size: int) -> str:
    """A URL that takes a block of chunks by PUT, of exactly ``size`` bytes. What is written there is never served, and
    checked by its digest once it is part of a file, so that writing it again harms nobody."""
    return _xorb_url(signer(), key, size)


def layout_url(key: str) -> str:
    """A URL by which a worker puts a file that it made under ``incoming/``; for hours, since it may come late."""
    if not key.startswith(INCOMING):
        raise ValueError(f"{key} is not an incoming object.")
    return client().generate_presigned_url(
        "put_object", Params={"Bucket": settings.S3_BUCKET, "Key": key}, ExpiresIn=12 * 3600
    )


def xorb_put(key: str, body: IO[bytes], size: int) -> None:
    """Pass a block's ``size`` bytes on to the store as they come, some kilobytes at a time. Raises ``OSError``."""
    answer = _http().request(
        "PUT", _xorb_url(client(), key, size), body=body, headers={"Content-Length": str(size)}, retries=False
    )
    if answer.status != HTTPStatus.OK:
        raise OSError(f"the store answered {answer.status} to a block of chunks")


@cache
def _http() -> urllib3.PoolManager:
    return urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=60))


def xorb_drop(key: str) -> None:
    """Delete a block; none there is fine."""
    if not key.startswith("xorbs/"):
        raise ValueError(f"{key} is not a block of chunks.")
    client().delete_object(Bucket=settings.S3_BUCKET, Key=key)


def export_put(key: str, body: IO[bytes]) -> None:
    """Keep a zip of somebody's data, in parts where it is large."""
    client().upload_fileobj(body, settings.S3_BUCKET, _export(key), ExtraArgs={"ContentType": "application/zip"})


def export_url(key: str, filename: str) -> str:
    """A short-lived URL of such a zip, for its owner alone."""
    return incoming_url(_export(key), filename)


def export_drop(key: str) -> None:
    """Delete such a zip; none there is fine."""
    client().delete_object(Bucket=settings.S3_BUCKET, Key=_export(key))


def _export(key: str) -> str:
    if not key.startswith("exports/"):
        raise ValueError(f"{key} is not an export.")
    return key


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


# Pictures


def small_picture(sha256: str, width: int) -> bytes | None:
    """A smaller JPEG of a drawn picture; None where none was made yet."""
    try:
        key = small_picture_key(sha256, width)
        return client().get_object(Bucket=settings.S3_PICTURES_BUCKET, Key=key)["Body"].read()
    except ClientError as error:
        if _status(error) == 404:
            return None
        raise


def traced_picture(asked: Trace) -> bytes | None:
    """A picture as a preprocessor turned it; None where none was made yet."""
    try:
        return client().get_object(Bucket=settings.S3_PICTURES_BUCKET, Key=asked.key)["Body"].read()
    except ClientError as error:
        if _status(error) == 404:
            return None
        raise


def picture(sha256: str) -> bytes:
    """A drawn picture's PNG; some tens of kilobytes to a few megabytes, made by our own workers."""
    return client().get_object(Bucket=settings.S3_PICTURES_BUCKET, Key=picture_key(sha256))["Body"].read()
