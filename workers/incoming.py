"""An uploaded object, fetched, digested while it arrives, and inspected; always an answer, never silence."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import redis
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from workers import inspection, rules, s3, settings, valkey
from workers.digests import Digests, digests_of_path
from workers.inspection import Report
from workers.messages import Converted, Failed, Finding, Inspected, InspectModel, Verdict, converted_key
from workers.news import InspectionNews, Watch

log = logging.getLogger(__name__)

FETCH_TRIES = 3
FETCH_PAUSE_SECONDS = 1.0
# A message whose worker died this often (out of memory, killed) is not tried again.
MAX_DELIVERIES = 3
DELIVERIES_KEY = "weightroom:inspect-deliveries:{upload_id}:{attempt}"
DELIVERIES_SECONDS = 24 * 3600
# Of the seconds that a file may take, those in which it is read; what is left is for the verdict's way to its owner.
ANSWER_SHARE = 0.95
RING_AGAIN = 2.0  # seconds


def seconds_for(size: int) -> float:
    """How long a file of ``size`` bytes may take to its verdict."""
    return max(float(settings.INSPECT_SECONDS), size / settings.INSPECT_RATE)


class TooSlow(BaseException):
    """The file took longer than `seconds_for` its size. No ``Exception``: libraries swallow or wrap those
    (botocore does)."""


def inspect_model(asked: InspectModel) -> Inspected | Failed:
    """The answer to ``asked``. Whatever goes wrong in reading the file is *unknown*, never accepted; where the store
    does not give the file, the answer is a `Failed` that may be tried again."""
    if _deliveries(asked) > MAX_DELIVERIES:
        log.error("upload %s: inspection ended its worker %s times", asked.upload_id, MAX_DELIVERIES)
        for left in _folder().glob(f"{_prefix(asked)}*"):
            left.unlink(missing_ok=True)
        return _unknown(asked, "Inspection of this file broke off several times, so it was given up.")
    path = _scratch(asked)
    seconds = seconds_for(asked.size)
    try:
        with InspectionNews(asked) as news, time_limit(ANSWER_SHARE * seconds):
            size, digests = _fetch(asked, path, news)
            report = inspection.inspect(path, asked.name, asked.size, news)
            converted = _put_converted(asked, report.converted, news) if report.converted else None
        return _inspected(asked, report, size, digests, converted)
    except TooLarge as large:
        return _without_report(asked, "refused", Finding("danger", str(large)))
    except StoreSilent as silent:
        log.warning("upload %s: %s", asked.upload_id, silent.__cause__)
        return Failed(id=asked.upload_id, attempt=asked.attempt, code=silent.code, sentence=str(silent), retry=True)
    except TooSlow:
        log.exception("upload %s: inspection took too long", asked.upload_id)
        return _unknown(asked, f"Inspection was given up after {seconds:,.0f} seconds.")
    except MemoryError:
        log.exception("upload %s: inspection ran out of memory", asked.upload_id)
        return _unknown(asked, "Inspection ran out of memory, so this file is not offered.")
    except Exception:
        log.exception("upload %s: inspection broke", asked.upload_id)
        return _unknown(asked, "Inspection broke on this file, so it is not offered. The operators can see why.")
    finally:
        path.unlink(missing_ok=True)
        inspection.converted_path(path).unlink(missing_ok=True)
        _delivered(asked)


class TooLarge(Exception):
    """The object is larger than this worker takes."""


class StoreSilent(Exception):
    """The bytes could not be had: the store, or the disk for them, is at fault and not the file."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def _scratch(asked: InspectModel) -> Path:
    """A new file for the object's bytes; a message that comes twice at once must not share one. What killed workers
    left behind is removed."""
    folder = _folder()
    too_old = time.time() - 2 * seconds_for(settings.MAX_FILE_BYTES)
    for left in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if left.stat().st_mtime < too_old:
                left.unlink()
    handle, name = tempfile.mkstemp(prefix=_prefix(asked), dir=folder)
    os.close(handle)
    return Path(name)


def _fetch(asked: InspectModel, path: Path, watch: Watch) -> tuple[int, dict[str, str]]:
    """The object's size and digests, its bytes at ``path``. Raises `StoreSilent` after `FETCH_TRIES`."""
    for tries_left in reversed(range(FETCH_TRIES)):
        try:
            return _fetch_once(asked, path, watch)
        except (ClientError, BotoCoreError, OSError) as error:
            if not tries_left:
                raise _silent(error) from error
            time.sleep(FETCH_PAUSE_SECONDS * (FETCH_TRIES - tries_left))
    raise AssertionError("unreachable")


def _fetch_once(asked: InspectModel, path: Path, watch: Watch) -> tuple[int, dict[str, str]]:
    head = s3.client().head_object(Bucket=settings.S3_BUCKET, Key=asked.key)
    size = head["ContentLength"]
    if size > settings.MAX_FILE_BYTES:
        raise TooLarge(f"The file has {size:,} bytes; this hub takes up to {settings.MAX_FILE_BYTES:,}.")
    with path.open("wb") as file, Digests(size) as digests:
        for chunk in s3.stream(settings.S3_BUCKET, asked.key, size, head["ETag"]):
            digests.feed(chunk)
            file.write(chunk)
            watch("fetching", done=file.tell(), total=size)
        watch("digests")
        return size, digests.finish()


def _silent(error: Exception) -> StoreSilent:
    if isinstance(error, ClientError) and error.response["ResponseMetadata"].get("HTTPStatusCode") == 404:
        return StoreSilent("object-missing", "The uploaded file is not in the object store.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return StoreSilent("disk-full", "The inspectors' disk is full, so the file could not be read yet.")
    return StoreSilent("store-down", "The object store does not answer, so the file could not be read yet.")


def _put_converted(asked: InspectModel, path: Path, watch: Watch) -> Converted:
    """The safetensors of a pickle, put beside the original, which stays as it is. Raises `StoreSilent`."""
    watch("conversion", what="storing")
    digests = digests_of_path(path)
    key = converted_key(_plain(asked.upload_id), asked.attempt)
    try:
        s3.client().upload_file(str(path), settings.S3_BUCKET, key)
    except (ClientError, BotoCoreError, S3UploadFailedError, OSError) as error:
        raise StoreSilent("store-down", "The object store did not take the converted file yet.") from error
    return Converted(key=key, sha256=digests["sha256"], size=path.stat().st_size, digests=digests)


def _inspected(
    asked: InspectModel, report: Report, size: int, digests: dict[str, str], converted: Converted | None
) -> Inspected:
    if report.sshs and not converted:
        digests = digests | {"sshs": report.sshs}
    return Inspected(
        upload_id=asked.upload_id,
        attempt=asked.attempt,
        verdict=report.verdict,
        findings=report.findings,
        digests=digests,
        size=size,
        kind=report.kind,
        base_family=report.base_family,
        base_variant=report.base_variant,
        format=report.format,
        precision=report.precision,
        metadata=report.metadata,
        trigger_words=report.trigger_words,
        summary=report.summary,
        rules=rules.current(),
        tier=report.tier,
        scans=report.scans,
        converted=converted,
    )


def _unknown(asked: InspectModel, sentence: str) -> Inspected:
    return _without_report(asked, "unknown", Finding("warning", sentence))


def _without_report(asked: InspectModel, verdict: Verdict, finding: Finding) -> Inspected:
    return Inspected(
        upload_id=asked.upload_id,
        attempt=asked.attempt,
        verdict=verdict,
        findings=(finding,),
        rules=rules.current(),
    )


def _deliveries(asked: InspectModel) -> int:
    """How often this message came and was not answered: a worker that is killed outright leaves no other trace.
    1 where nobody knows."""
    try:
        count = int(valkey.cache().incr(_deliveries_key(asked)))
        valkey.cache().expire(_deliveries_key(asked), DELIVERIES_SECONDS)
    except redis.RedisError as error:
        log.warning("cannot count deliveries: %s", error)
        return 1
    return count


def _delivered(asked: InspectModel) -> None:
    try:
        valkey.cache().delete(_deliveries_key(asked))
    except redis.RedisError as error:
        log.warning("cannot forget deliveries: %s", error)


def _deliveries_key(asked: InspectModel) -> str:
    return DELIVERIES_KEY.format(upload_id=asked.upload_id, attempt=asked.attempt)


def _folder() -> Path:
    folder = settings.CACHE_DIR / "inspect"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _prefix(asked: InspectModel) -> str:
    """How this message's files begin; the id came over the wire, so only harmless letters of it are used."""
    return f"{_plain(asked.upload_id)}.{asked.attempt}."


def _plain(id: str) -> str:
    return "".join(letter for letter in id if letter.isalnum() or letter == "-")[:64]


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TooSlow` inside the block after ``seconds``. Signals reach the main thread only; elsewhere there is no
    limit, and Celery's own must do."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    over = False

    def ring(number: int, frame: FrameType | None) -> None:
        if not over:
            raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    # It rings again: an exception in a destructor, or where a weak reference is told of one, is lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, RING_AGAIN)
    try:
        try:
            yield
        finally:
            over = True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
