"""Files by digest: fetched once into a cache that anyone may delete, and pictures put where the hub finds them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from workers import s3, settings
from workers.errors import Refusal
from workers.messages import blob_key, picture_key

_SHA256 = re.compile(r"[0-9a-f]{64}")


def fetch(sha256: str, watch: Callable[[], None] = lambda: None) -> Path:
    """Where the file with this digest lies on this machine, fetched from the store if need be.

    What comes is hashed on the way, so that a file in the cache is the file that was asked for. Workers that want the
    same file wait for the one that fetches it. watch: called now and then; what it raises ends the fetch.
    Raises ``Refusal`` where the file is gone, is not what it should be, or the store does not answer.
    """
    if not _SHA256.fullmatch(sha256):
        raise Refusal("file-unknown", "A file is named by a SHA-256 that is none.")
    path = _folder() / sha256[:2] / sha256
    path.parent.mkdir(exist_ok=True)
    if not _used(path):
        with _alone(sha256):
            if not _used(path):
                _fetch(sha256, path, watch)
                _make_room(path)
    return path


def put_picture(png: bytes) -> str:
    """Store a drawn PNG under its SHA-256, which is returned. Repeating is harmless. Raises ``Refusal``."""
    sha256 = hashlib.sha256(png).hexdigest()
    try:
        s3.client().put_object(
            Bucket=settings.S3_PICTURES_BUCKET, Key=picture_key(sha256), Body=png, ContentType="image/png"
        )
    except (ClientError, BotoCoreError) as error:
        raise Refusal(
            "store-down", "The picture was drawn, and the object store did not take it.", retry=True
        ) from error
    return sha256


def picture(sha256: str) -> bytes:
    """The PNG of a picture, by its SHA-256. Raises ``Refusal`` where it is gone, or the store does not answer."""
    if not _SHA256.fullmatch(sha256):
        raise Refusal("file-unknown", "A picture is named by a SHA-256 that is none.")
    try:
        answer = s3.client().get_object(Bucket=settings.S3_PICTURES_BUCKET, Key=picture_key(sha256))
        return answer["Body"].read()
    except (ClientError, BotoCoreError, OSError) as error:
        refusal = _refusal(sha256, error)
        if refusal.code == "file-gone":
            raise Refusal("picture-gone", f"The picture {sha256[:12]} that this is drawn by is gone.") from error
        raise refusal from error


def _folder() -> Path:
    folder = settings.CACHE_DIR / "blobs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _used(path: Path) -> bool:
    """Whether the file is there; it counts as used now."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _alone(sha256: str) -> Iterator[None]:
    """One worker of this machine at a time; a lock dies with the process that holds it."""
    folder = settings.CACHE_DIR / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / sha256).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(sha256: str, path: Path, watch: Callable[[], None]) -> None:
    handle, name = tempfile.mkstemp(prefix=".arriving-", dir=path.parent)
    arriving = Path(name)
    try:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as file:
            head = s3.client().head_object(Bucket=settings.S3_BUCKET, Key=blob_key(sha256))
            for data in s3.stream(settings.S3_BUCKET, blob_key(sha256), head["ContentLength"], head["ETag"]):
                watch()
                digest.update(data)
                file.write(data)
        if digest.hexdigest() != sha256:
            raise Refusal("file-damaged", f"The stored file {sha256[:12]} is not what its digest says.")
        arriving.replace(path)
    except (ClientError, BotoCoreError, OSError) as error:
        raise _refusal(sha256, error) from error
    finally:
        arriving.unlink(missing_ok=True)


def _refusal(sha256: str, error: Exception) -> Refusal:
    if isinstance(error, ClientError) and error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
        return Refusal("file-gone", f"The file {sha256[:12]} is not in the store any more.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Refusal("disk-full", "The worker's disk is full.", retry=True)
    return Refusal("store-down", "The object store does not answer.", retry=True)


def _make_room(keep: Path) -> None:
    """Delete the files used longest ago until the cache is within its bound, ``keep`` excepted.

    A file that another worker has open stays readable to it: only its name goes.
    """
    known = []
    for path in _folder().glob("??/*"):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            known.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in known)
    for _, size, path in sorted(known):
        if total <= settings.CACHE_BYTES:
            return
        if path != keep:
            path.unlink(missing_ok=True)
            total -= size
